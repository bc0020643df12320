"""What a page refers to beside its notebook: pictures and files to take along, other notebooks to link to."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from evidence.report.site.markdown import page_address
from evidence.report.site.outputs import ELSEWHERE, notice

__all__ = ["FOLDER", "take_along"]

FOLDER = "notebooks"
"""Folder of the report that holds the executed notebooks, so that what they refer to stands beside them there too."""

CODE = {".ipynb", ".py"}
MEDIA = {"video": "video", "audio": "recording", **dict.fromkeys(("iframe", "object", "embed"), "part")}
"""What a page does not play or fetch."""


def take_along(soup: BeautifulSoup, folder: Path | None, names: Collection[str]) -> dict[str, Path]:
    """Let links and pictures of a page lead somewhere in the report, in place.

    Parameters
    ----------
    soup : BeautifulSoup
        The page.
    folder : Path, optional
        Folder of the notebook; without one, pictures and files stay as they are.
    names : collection of str
        The notebooks that have a page.

    Returns
    -------
    dict
        The files to copy, by their paths in the report.
    """
    files: dict[str, Path] = {}
    for link in soup.find_all("a", href=True):
        address = str(link["href"])
        if (page := page_address(address, names)) != address:
            link["href"] = page
        elif folder and (found := _found(address, folder)) and found[1].suffix.lower() not in CODE:
            link["href"], files[found[0]] = quote(found[0]), found[1]
        elif _is_code(address):
            link.append(" (not in this report)")
            link.unwrap()
    for part in soup.find_all(list(MEDIA)):
        if not part.decomposed:
            _take_media(soup, part, folder, files)
    for picture in soup.find_all("img"):
        address = str(picture.get("src", ""))
        if address.startswith("data:") or (picture.find_parent("figure", id=True) and not _is_text(picture)):
            continue
        if ELSEWHERE.match(address):
            _replace(picture, notice("Picture shown elsewhere:", address))
        elif folder and (found := _found(address, folder)):
            picture["src"], files[found[0]] = quote(found[0]), found[1]
        elif folder:
            said = f"There is no picture {unquote(address)} beside the notebook."
            _replace(picture, notice(said if address else "This picture has no address."))
    return files


def _is_code(address: str) -> bool:
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc and PurePosixPath(parts.path).suffix.lower() in CODE


def _take_media(soup: BeautifulSoup, part: Tag, folder: Path | None, files: dict[str, Path]) -> None:
    """Put a remark in the place of a film or sound, with a link to it if it lies beside the notebook."""
    sources = [str(one.get("src") or one.get("data") or "") for one in (part, *part.find_all("source"))]
    source = next(filter(None, sources), "")
    said = _replace(part, notice(f"Not shown on this page: a {MEDIA[part.name]}.", source))
    if folder and (found := _found(source, folder)):
        files[found[0]] = found[1]
        link = soup.new_tag("a", href=quote(found[0]))
        if said.code:
            said.code.wrap(link)


def _is_text(picture: Tag) -> bool:
    return picture.find_parent(class_="text") is not None


def _found(address: str, folder: Path) -> tuple[str, Path] | None:
    """Return the path in the report and the file of an address, if it lies in the folder or the one that holds it."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    wanted = PurePosixPath(posixpath.normpath(unquote(parts.path)))
    path = Path(folder, wanted)
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve().parent):
        return None
    if any(part.startswith(".") and part != ".." for part in wanted.parts):
        return None
    inside = PurePosixPath(*("up" if part == ".." else part for part in wanted.parts))
    return f"{FOLDER}/{inside}", path


def _replace(picture: Tag, html: str) -> Tag:
    shown = BeautifulSoup(html, "html.parser").p
    assert shown is not None
    shown.name = "span"  # a picture may stand within a paragraph
    picture.replace_with(shown)
    return shown
