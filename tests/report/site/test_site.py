"""The site as a whole, from notebooks that are written here with their outputs: no kernel runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import nbformat.v4 as nb
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence.report import FOLDER_VARIABLE
from evidence.report.publish import publish_figure, publish_table
from evidence.report.site.site import write_site
from evidence.tables.review import Review

if TYPE_CHECKING:
    from tests.conftest import SmallReview

ATTACK = "<script>alert(1)</script>"
TITLE = "A review of <this> & that"
MADE: list[Path] = []


def executed(name: str, *cells: Any) -> Any:
    notebook = nb.new_notebook(cells=list(cells))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return SimpleNamespace(
        job=SimpleNamespace(name=name, title=""), notebook=notebook, started=datetime.now(UTC), seconds=1.0
    )


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, filled: SmallReview) -> Path:
    """A site of two notebooks and a review of two trials, made once."""
    if not MADE:
        MADE.append(make(tmp_path_factory.mktemp("site"), filled.read()))
    return MADE[0]


def make(folder: Path, review: Review) -> Path:
    """Write a site with a forest plot, a funnel plot and a hostile table."""
    bundles: list[dict[str, Any]] = []
    rng = np.random.default_rng(1)
    fit = ev.pool(rng.normal(-0.4, 0.3, 12), rng.uniform(0.02, 0.2, 12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        patch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
        publish_figure(ev.figures.forest(fit), "forest-all", caption="All studies")
        publish_figure(ev.figures.funnel(fit), "funnel-all", caption="Funnel")
        hostile = pd.DataFrame({"study": [ATTACK, "B"], "doi": ["10.1000/abc", "none"], "g": [0.123, -1.5]})
        publish_table(hostile, "hostile", caption=f"Table {ATTACK}")
    outputs = [nb.new_output("display_data", data=bundle) for bundle in bundles]
    (folder / "manifest.json").write_text("{}", "utf-8")
    first = executed(
        "01-first",
        nb.new_markdown_cell(
            "# The *first* page\n\nSays what I² is, see [next](02-next.ipynb#part).\n\n### Skips a level"
        ),
        nb.new_code_cell("level = 0.95", metadata={"tags": ["parameters"]}),
        nb.new_code_cell("show()", outputs=outputs),
    )
    second = executed("02-next", nb.new_markdown_cell("# Next\n\nMore.\n\n# Part\n\n## Part\n\n$\\tau^2$"))
    write_site(folder, [first, second], TITLE, review=review)
    return folder


def pages(site: Path) -> dict[str, BeautifulSoup]:
    return {
        path.relative_to(site).as_posix(): BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
    }


@pytest.fixture
def soups(site: Path) -> dict[str, BeautifulSoup]:
    return pages(site)


def test_the_pages_of_the_site(soups: dict[str, BeautifulSoup]) -> None:
    own = {name for name in soups if "/" not in name}
    assert own == {
        "01-first.html",
        "02-next.html",
        "explorer.html",
        "figures-and-tables.html",
        "glossary.html",
        "index.html",
        "trials.html",
    }
    navigation = [a["href"] for a in soups["index.html"].select("nav.pages a")]
    assert navigation[:3] == ["index.html", "01-first.html", "02-next.html"]
    assert set(navigation) == own
    for name in own:
        assert [a["href"] for a in soups[name].select("nav.pages [aria-current=page]")] == [name]


def test_every_page_has_one_title_and_headings_in_order(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        levels = [int(heading.name[1]) for heading in soup.find_all(re.compile(r"^h[1-6]$"))]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        assert all(after <= before + 1 for before, after in pairwise(levels)), name


def test_anchors_are_unique_and_everything_that_is_linked_is_there(
    site: Path, soups: dict[str, BeautifulSoup]
) -> None:
    anchors = {name: [str(tag["id"]) for tag in soup.find_all(id=True)] for name, soup in soups.items()}
    for name, soup in soups.items():
        assert len(set(anchors[name])) == len(anchors[name]), name
        for tag in soup.find_all(["a", "img", "script", "link"]):
            target = str(tag.get("href") or tag.get("src") or "")
            if not target or target.startswith(("data:", "https://", "http://")):
                continue
            path, _, anchor = target.partition("#")
            linked = ((site / name).parent / unquote(path)).resolve() if path else site / name
            assert linked.is_file(), (name, target)
            if anchor:
                assert (
                    unquote(anchor)
                    in anchors[linked.relative_to(site.resolve()).as_posix() if path else name]
                ), target
        for tag in soup.select("[aria-labelledby], [aria-describedby], [aria-controls]"):
            for key in ("aria-labelledby", "aria-describedby", "aria-controls"):
                assert set(str(tag.get(key, "")).split()) <= set(anchors[name]), (name, key)


def test_nothing_is_loaded_from_elsewhere(site: Path, soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        assert soup.select_one("meta[http-equiv=Content-Security-Policy]"), name
        for tag in soup.select("[src], link[href]"):
            assert "//" not in str(tag.get("src") or tag.get("href")), name
        assert not [script for script in soup.find_all("script") if not script.get("src")], name
    style = (site / "site.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in (site / "site.js").read_text("utf-8")


def test_figures_and_tables_can_be_read_without_seeing_them(soups: dict[str, BeautifulSoup]) -> None:
    first = soups["01-first.html"]
    images = first.find_all("img")
    assert [str(image["alt"]).split(" of ")[0] for image in images] == ["Forest plot", "Funnel plot"]
    assert len(first.select("details.guide")) == 2
    for soup in soups.values():
        assert all(image.get("alt") for image in soup.find_all("img"))
        assert all(th.get("scope") for th in soup.find_all("th"))
    for table in first.find_all("table"):
        assert table.caption is not None
        assert table.find_parent(class_="scroll") is not None


def test_texts_from_data_do_not_become_elements(site: Path, soups: dict[str, BeautifulSoup]) -> None:
    for name in ("01-first.html", "figures-and-tables.html"):
        assert "<script>alert" not in (site / name).read_text("utf-8")
        assert ATTACK in soups[name].get_text()
    assert ATTACK in (site / "search-index.js").read_text("utf-8")
    assert [a["href"] for a in soups["01-first.html"].select('a[href*="doi.org"]')] == [
        "https://doi.org/10.1000/abc"
    ]


def test_the_first_page_answers_and_leads_on(soups: dict[str, BeautifulSoup]) -> None:
    index = soups["index.html"]
    assert index.h1 is not None
    assert index.h1.get_text() == TITLE
    assert len(index.select(".status dd")) >= 3
    assert [card["id"] for card in index.select(".card")] == [
        "question-singing",
        "question-added",
        "question-alone",
    ]
    assert len(index.select(".lede")) == 1
    assert [a["href"] for a in index.select(".cards li > a")] == ["01-first.html", "02-next.html"]
    assert index.select(".card .bar")


def test_without_a_review_there_are_the_notebooks_alone(tmp_path: Path) -> None:
    write_site(tmp_path, [executed("01-a", nb.new_markdown_cell("# A\n\nText."))], TITLE)
    soup = pages(tmp_path)["index.html"]
    assert [a.get_text() for a in soup.select(".cards a")] == ["A"]
    assert not soup.select(".answer")


def test_the_index_of_the_search_covers_pages_terms_and_trials(site: Path) -> None:
    script = (site / "search-index.js").read_text("utf-8")
    entries = json.loads(script.removeprefix("window.searchIndex =").strip().removesuffix(";"))
    for entry in entries:
        assert (site / entry["address"].partition("#")[0]).is_file()
    addresses = {entry["address"] for entry in entries}
    assert {
        "index.html",
        "01-first.html",
        "02-next.html#part",
        "02-next.html#part-2",
        "glossary.html",
    } <= addresses
    assert {"trials/ava.html", "trials/ben.html"} <= addresses
    assert any("All studies" in entry["text"] for entry in entries)


def test_notebooks_link_to_the_figures_instead_of_holding_them(site: Path) -> None:
    text = (site / "notebooks" / "01-first.ipynb").read_text("utf-8")
    assert "base64" not in text
    for path in re.findall(r'src=\\"([^"\\]+)', text):
        assert (site / "notebooks" / path).resolve().is_file()


def test_the_site_is_small(site: Path) -> None:
    sizes = {path.suffix: 0 for path in site.rglob("*")}
    for path in site.rglob("*"):
        sizes[path.suffix] += path.stat().st_size if path.is_file() else 0
    assert ".png" not in sizes
    assert sizes[".svg"] < 60_000
    assert (site / "site.css").stat().st_size + (site / "site.js").stat().st_size < 40_000
    assert sizes[".ipynb"] < 40_000


def test_the_same_notebooks_give_the_same_bytes(tmp_path: Path) -> None:
    done = [executed("01-a", nb.new_markdown_cell("# A\n\nA forest plot, $x$."))]
    for name in ("one", "two"):
        write_site(tmp_path / name, done, TITLE)
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_pages_are_written_without_loading_figures() -> None:
    """Loading them takes longer than writing the pages of a small report."""
    code = (
        "import evidence.report.site.site, sys; print([name for name in sys.modules if name == 'matplotlib'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
