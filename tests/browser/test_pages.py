"""The report as its readers meet it, page by page, in a real browser."""

from __future__ import annotations

import itertools
import re
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bs4 import BeautifulSoup, Tag

if TYPE_CHECKING:
    from tests.browser.conftest import Watched

WIDTHS = (360, 768, 1440)
TRIALS_LOOKED_AT = 4
FIRST_ROWS = """() => { for (const body of document.querySelectorAll('tbody'))
    for (const row of [...body.rows].slice(8)) row.remove(); }"""
"""Rows of a table are alike: the first show a checker all there is to see, in a fraction of the time."""


def pages(report: Path) -> list[Path]:
    """All pages but those of trials, which share one template; of them the largest, the smallest and two between."""
    trials = sorted((report / "trials").glob("*.html"), key=lambda path: path.stat().st_size)
    step = max(1, (len(trials) - 1) // (TRIALS_LOOKED_AT - 1))
    return [*sorted(report.glob("*.html")), *trials[::step][:TRIALS_LOOKED_AT], *trials[-1:]]


def test_no_page_reports_an_error_or_asks_for_anything_from_elsewhere(watched: Watched, report: Path) -> None:
    for path in pages(report):
        watched.open(path)
        assert watched.faults == [], path.name
    assert [address for address in watched.addresses if not address.startswith(("file:", "data:"))] == []


def test_every_link_and_image_of_every_page_resolves(report: Path) -> None:
    parsed = {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in sorted(report.rglob("*.html"))
    }
    ids = {path: {str(tag["id"]) for tag in soup.select("[id]")} for path, soup in parsed.items()}
    broken = []
    for path, soup in parsed.items():
        for tag in soup.select("a[href], img[src], script[src], link[href]"):
            address = urllib.parse.urlsplit(str(tag.get("href") or tag.get("src")))
            if address.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
            if not target.exists():
                broken.append(f"{path.name}: {address.geturl()}")
                continue
            # The explorer keeps its state behind the mark, so no place in the page needs to have that name.
            known = ids.get(target, set()) if target.name != "explorer.html" else {address.fragment}
            if address.fragment and target in ids and urllib.parse.unquote(address.fragment) not in known:
                broken.append(f"{path.name}: {address.geturl()}")
    assert broken == []


def test_every_image_can_be_seen_and_is_described(watched: Watched, report: Path) -> None:
    for path in pages(report):
        page = watched.open(path)
        images: list[dict[str, Any]] = page.evaluate(
            """async () => Promise.all([...document.images].map(async image => {
                image.loading = 'eager'; await image.decode().catch(() => null);
                return {source: image.src.slice(-60), width: image.naturalWidth, alt: image.alt}; }))"""
        )
        for image in images:
            assert image["width"] > 0, (path.name, image["source"])
            assert len(image["alt"]) > 20, (path.name, image["source"])


def test_each_page_has_one_title_and_headings_in_order(watched: Watched, report: Path) -> None:
    for path in pages(report):
        page = watched.open(path)
        levels: list[int] = page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])"
        )
        assert levels.count(1) == 1, path.name
        assert levels[0] == 1, path.name
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), (path.name, levels)
        assert page.title(), path.name


@pytest.mark.parametrize(
    ("scheme", "rules"),
    [("light", {}), ("dark", {"runOnly": ["color-contrast"]})],  # only colours are others in the dark
)
def test_axe_finds_no_serious_violation(
    watched: Watched, report: Path, scheme: Any, rules: dict[str, Any]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    watched.page.emulate_media(color_scheme=scheme)
    found = []
    for path in pages(report):
        page = watched.open(path)
        for violation in (
            Axe().run(page, options=rules | {"resultTypes": ["violations"]}).response["violations"]
        ):
            if violation["impact"] in ("serious", "critical"):
                nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                found.append(f"{path.name}: {violation['id']} ({violation['impact']}): {nodes}")
    assert found == []


def test_texts_are_those_of_print(report: Path) -> None:
    """No column names as headings, no hyphens for minus signs, no blank before percent, no folders of a machine."""
    wrong = []
    for path in pages(report):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        main = soup.main
        assert main is not None
        wrong += [(path.name, th.get_text()) for th in main.select("thead th") if "_" in th.get_text()]
        wrong += [
            (path.name, found) for found in re.findall(r"/(?:home|root|tmp|Users)/\S+", main.get_text())
        ]
        for part in main.select(
            "pre, code, blockquote, details, math, a, h1, h2, h3, h4, .result, .note, dd"
        ):
            part.decompose()
        wrong += [
            (path.name, found) for found in re.findall(r"(?<=[\s(=])-\d\S*|\d+ %|\bnan\b", main.get_text(" "))
        ]
    assert wrong == []


def test_every_figure_says_how_to_read_it(report: Path) -> None:
    without = []
    for path in sorted(report.glob("*.html")):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        without += [
            f"{path.name}: {figure.get('id')}"
            for figure in soup.select("figure.figure")
            if not figure.select('details.guide, a[href^="#read-"]')
        ]
    assert without == []


def test_rows_of_figures_and_names_in_tables_lead_to_derivations(watched: Watched, report: Path) -> None:
    page = watched.open(report / "manual-usual.html")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    row = page.locator("a.row").first
    name = str(row.get_attribute("aria-label"))
    row.click()
    page.wait_for_load_state()
    assert name.startswith(page.inner_text("h1"))
    labels = {str(link.get_text()) for link in _links(report / "trials.html", 'th a[href^="trials/"]')}
    for path in sorted(report.glob("*.html")):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        bare = [cell.get_text() for cell in soup.select("td, th") if cell.get_text() in labels and not cell.a]
        assert bare == [], path.name


def _links(path: Path, selector: str) -> list[Tag]:
    return list(BeautifulSoup(path.read_text("utf-8"), "html.parser").select(selector))


def test_the_report_is_small_enough_to_send(report: Path) -> None:
    assert sum(path.stat().st_size for path in report.rglob("*") if path.is_file()) < 15_000_000


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(watched: Watched, report: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    wide = {}
    for path in pages(report):
        page = watched.open(path)
        over = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wide[path.name] = over
    assert wide == {}


def test_no_page_is_endless_while_details_are_folded(watched: Watched, report: Path) -> None:
    watched.page.set_viewport_size({"width": 1440, "height": 900})
    heights = {
        path.name: watched.open(path).evaluate("document.documentElement.scrollHeight")
        for path in report.glob("*.html")
    }
    assert {name: height for name, height in heights.items() if height > 8_000} == {}


def test_keyboard_reaches_text_search_and_theme(watched: Watched, report: Path) -> None:
    page = watched.open(report / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("prediction interval")
    page.wait_for_selector("#found a")
    page.keyboard.press("ArrowDown")
    target = page.evaluate("document.activeElement.href")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url == target)
    assert "prediction interval" in page.inner_text("main").lower()
    assert watched.faults == []


def test_search_says_when_nothing_is_found(watched: Watched, report: Path) -> None:
    page = watched.open(report / "index.html")
    page.fill("#search", "qqqqzzzz")
    page.wait_for_function("document.getElementById('found').innerText.length > 0")
    assert page.locator("#found a").count() == 0


def test_theme_is_remembered(watched: Watched, report: Path) -> None:
    page = watched.open(report / "index.html")
    dark = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(dark)
    seen = []
    for _ in range(3):  # as the system, light, dark
        page.click("button.theme")
        seen.append(page.evaluate(dark))
        if seen[-1] != before:
            break
    assert seen[-1] != before
    watched.open(report / "glossary.html")
    assert page.evaluate(dark) == seen[-1]


def test_code_is_folded_and_opens(watched: Watched, report: Path) -> None:
    path = next(
        path for path in pages(report) if "<details" in path.read_text("utf-8") and path.parent == report
    )
    page = watched.open(path)
    code = page.locator("details.code").first
    assert code.get_attribute("open") is None
    code.locator("summary").click()
    assert code.locator("pre").first.is_visible()


def test_print_leaves_out_what_only_a_screen_needs(watched: Watched, report: Path) -> None:
    page = watched.open(report / "index.html")
    page.emulate_media(media="print")
    for part in ("header.top", "nav.pages"):
        assert not page.locator(part).first.is_visible()
    assert page.locator("main h1").is_visible()
