"""A report as one HTML file that needs nothing beside it: to send, to keep, to print."""

from __future__ import annotations

import base64
import mimetypes
import posixpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.element import Stylesheet

from evidence.errors import DataError
from evidence.files import draft
from evidence.report.manifest import is_ours
from evidence.report.site.shell import FOREST

__all__ = ["write_one_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# What a page only needs while it is one of many.
_PARTS_OF_A_SITE = "nav, button, form, script, dialog, .downloads, .tools"


def write_one_page(report: Path, path: Path) -> Path:
    """Join the pages of a report, with their figures, into one file.

    Parameters
    ----------
    report : Path
        Folder of the report.
    path : Path
        The file to write; its folder exists.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the folder holds no report.
    """
    if not is_ours(report):
        raise DataError(f"{report} holds no report; make one first with: evidence report")
    first = _parsed(report / "index.html")
    names = _pages(report, first)
    out = BeautifulSoup("<!DOCTYPE html><html lang='en'><head></head><body></body></html>", "html.parser")
    assert out.head is not None
    assert out.body is not None
    title = first.title.get_text() if first.title else ""
    for name, attributes in (
        ("meta", {"charset": "utf-8"}),
        ("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
    ):
        out.head.append(out.new_tag(name, attrs=attributes))
    out.head.append(_tag(out, "title", title))
    sheets = [*(str(sheet["href"]) for sheet in first.select("link[rel=stylesheet]")), FOREST]
    for sheet in dict.fromkeys(name for name in sheets if (report / name).exists()):
        style = out.new_tag("style")
        style.append(Stylesheet((report / sheet).read_text("utf-8")))
        out.head.append(style)
    out.body["class"] = "one-file"
    main = out.new_tag("main", id="main")
    out.body.append(main)
    titles = {}
    for name in names:
        section, titles[name] = _section(report, name, names)
        main.append(section)
    heading = main.find("h2")
    if isinstance(heading, Tag):
        heading.name = "h1"  # that of the first page, so that the document has one
        heading.insert_after(_contents(out, titles))
    with draft(path) as beside:
        beside.write_text(str(out) + "\n", "utf-8", newline="\n")
    return path


def _parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def _pages(report: Path, first: BeautifulSoup) -> list[str]:
    """Return the pages that the navigation lists, the first before the others, without those that scripts fill."""
    links = [unquote(str(link["href"])) for link in first.select("nav a[href]")]
    files = (link for link in links if link.endswith(".html") and (report / link).is_file())
    listed = [name for name in files if not _parsed(report / name).select("main noscript")]
    return list(dict.fromkeys(["index.html", *listed]))


def _section(report: Path, name: str, names: list[str]) -> tuple[Tag, str]:
    """Return the text of a page as a section, with everything that it showed inside, and its title."""
    main = _parsed(report / name).find("main")
    if not isinstance(main, Tag):
        raise DataError(f"{report / name} has no main part; make the report anew with: evidence report")
    for part in main.select(_PARTS_OF_A_SITE):
        part.decompose()
    folder = posixpath.dirname(name)
    main.name = "section"
    main.attrs = {"id": _mark(name, "")}
    for tag in main.find_all(True):
        if tag.name in ("h1", "h2", "h3", "h4", "h5"):
            tag.name = f"h{int(tag.name[1]) + 1}"
        for key in ("id", "for", "aria-labelledby", "aria-describedby", "aria-controls"):
            if value := tag.get(key):
                tag[key] = " ".join(_mark(name, part) for part in str(value).split())
        if tag.name == "img":
            tag["src"] = _embedded(report, folder, str(tag.get("src", "")))
        elif tag.name == "a":
            _relink(tag, folder, name, names)
    heading = main.find("h2")
    return main, heading.get_text() if heading else name


def _mark(page: str, anchor: str) -> str:
    """Return the id that an anchor of a page has in the one file."""
    stem = page.removesuffix(".html").replace("/", "-")
    return f"{stem}--{anchor}" if anchor else stem


def _relink(tag: Tag, folder: str, page: str, names: list[str]) -> None:
    """Turn a link to another page into one inside the file; take off a link to a file that is not in it."""
    address = urlsplit(str(tag.get("href", "")))
    if address.scheme or address.netloc:
        return
    target = posixpath.normpath(posixpath.join(folder, unquote(address.path))) if address.path else page
    if target in names:
        tag["href"] = "#" + _mark(target, address.fragment)
    else:
        tag.unwrap()


def _embedded(report: Path, folder: str, source: str) -> str:
    """Return an image as part of the text."""
    if source.startswith("data:"):
        return source
    path = report / posixpath.normpath(posixpath.join(folder, unquote(urlsplit(source).path)))
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _contents(out: BeautifulSoup, titles: dict[str, str]) -> Tag:
    """Return a list of the pages, with links to their sections."""
    listed = out.new_tag("ul")
    for name, title in titles.items():
        if name != "index.html":
            link = _tag(out, "a", title)
            link["href"] = "#" + _mark(name, "")
            entry = out.new_tag("li")
            entry.append(link)
            listed.append(entry)
    return listed


def _tag(out: BeautifulSoup, name: str, text: str) -> Tag:
    tag = out.new_tag(name)
    tag.string = text
    return tag
