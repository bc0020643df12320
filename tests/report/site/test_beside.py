from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

from evidence.report.site.beside import take_along
from evidence.report.site.markdown import markdown_html

NAMES = ["01-a", "a b", "50% & #1?", "naïve"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "notebooks/plot.png",
        "notebooks/img/a b.png",
        "notebooks/table.csv",
        "shared.svg",
        "notebooks/own.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path / "notebooks"


def taken(html: str, folder: Path) -> tuple[BeautifulSoup, dict[str, Path]]:
    soup = BeautifulSoup(html, "html.parser")
    return soup, take_along(soup, folder, NAMES)


@pytest.mark.parametrize(
    ("markdown", "source", "file"),
    [
        ("![x](plot.png)", "notebooks/plot.png", "notebooks/plot.png"),
        ("![x](<img/a b.png>)", "notebooks/img/a%20b.png", "notebooks/img/a b.png"),
        ("![x](img/a%20b.png)", "notebooks/img/a%20b.png", "notebooks/img/a b.png"),
        ('<img src="plot.png">', "notebooks/plot.png", "notebooks/plot.png"),
        ("![x](../shared.svg)", "notebooks/up/shared.svg", "notebooks/up/shared.svg"),
    ],
)
def test_pictures_beside_the_notebook_come_along(markdown: str, source: str, file: str, folder: Path) -> None:
    soup, files = taken(markdown_html(markdown, trusted=True), folder)
    assert soup.img is not None
    assert soup.img["src"] == source
    assert [path.read_bytes() for path in files.values()] == [b"x"]
    assert list(files) == [file]


def test_files_that_a_text_links_to_come_along_but_no_code(folder: Path) -> None:
    soup, files = taken('<a href="table.csv">t</a><a href="own.py">p</a><a href="gone.csv">g</a>', folder)
    assert [link["href"] for link in soup.find_all("a")] == ["notebooks/table.csv", "gone.csv"]
    assert "p (not in this report)" in soup.get_text()
    assert list(files) == ["notebooks/table.csv"]


@pytest.mark.parametrize("address", ["gone.ipynb", "../other/01-a.ipynb#x", "own.py"])
def test_a_link_to_what_has_no_page_leads_nowhere_and_says_so(address: str, folder: Path) -> None:
    soup, _ = taken(markdown_html(f"See [this]({address}).", trusted=True), folder)
    assert not soup.a
    assert soup.get_text().strip() == "See this (not in this report)."


@pytest.mark.parametrize(
    ("html", "said", "file"),
    [
        (
            '<video src="plot.png" controls></video>',
            "Not shown on this page: a video. plot.png",
            "notebooks/plot.png",
        ),
        ('<audio><source src="plot.png"></audio>', "a recording. plot.png", "notebooks/plot.png"),
        ('<iframe src="https://example.org/map"></iframe>', "a part. https://example.org/map", ""),
        ("<object></object>", "Not shown on this page: a part.", ""),
    ],
)
def test_films_and_sounds_of_a_text_are_linked_or_named(
    html: str, said: str, file: str, folder: Path
) -> None:
    soup, files = taken(markdown_html(f"before {html} after", trusted=True), folder)
    assert said in soup.get_text()
    assert [str(link["href"]) for link in soup.find_all("a")] == [file] * bool(file)
    assert list(files) == [file] * bool(file)
    assert not soup.find(["video", "audio", "iframe", "object"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("gone.png", "There is no picture gone.png beside the notebook."),
        ("https://example.org/a.png", "Picture shown elsewhere: https://example.org/a.png"),
        ("../../../../etc/passwd", "There is no picture"),
        ("/etc/passwd", "There is no picture"),
        ("", "This picture has no address."),
    ],
)
def test_pictures_that_cannot_come_along_are_named(source: str, said: str, folder: Path) -> None:
    soup, files = taken(f'<p>before <img src="{source}"></p>', folder)
    assert said in soup.get_text()
    assert not soup.find("img")
    assert files == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ['<a href="{0}.ipynb#x">y</a>', "[y](<{0}.ipynb#x>)"])
def test_links_between_notebooks_of_any_name(name: str, form: str, folder: Path) -> None:
    from urllib.parse import quote

    written = quote(name) if any(sign in name for sign in "#?%") else name
    soup, _ = taken(markdown_html(form.format(written), trusted=True), folder)
    assert soup.a is not None
    path, _, anchor = str(soup.a["href"]).partition("#")
    assert (unquote(path), anchor) == (f"{name}.html", "x")
    assert not set(path) & set(" ?#")


def test_a_picture_pasted_into_a_text_is_shown_or_said_to_be_missing() -> None:
    pasted = {"image.png": {"image/png": "AA\nAA"}}
    shown = markdown_html("![one](attachment:image.png)", trusted=True, attachments=pasted)
    assert 'src="data:image/png;base64,AAAA"' in shown
    resized = '<img src="attachment:image.png" width="300">'
    for text in (resized, f"before {resized} after"):
        assert '<img src="data:image/png;base64,AAAA" width="300">' in markdown_html(
            text, trusted=True, attachments=pasted
        )
    assert "is not in the notebook" in markdown_html(
        "![one](attachment:gone.png)", trusted=True, attachments=pasted
    )
