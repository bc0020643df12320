"""Finding one's way: contents that follow, pages before and after, the list of trials, search, tables that fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import evidence as ev
from evidence.report.site.clean import clean_html
from evidence.report.site.search import Section, index_script
from evidence.report.site.shell import LOOK_UP, PageEntry, page
from evidence.report.site.trace import write_trials

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.browser.conftest import Watched

ENTRIES = [
    PageEntry("index", "The answer"),
    PageEntry("one", "One", "Questions"),
    PageEntry("trials", "Trials", LOOK_UP),
]
WIDE = "".join(f"<th scope='col'>Column number {i}</th>" for i in range(14))
ROW = "<tr><th scope='row'>Name</th>" + "".join(f"<td>reasonably{i}</td>" for i in range(13)) + "</tr>"
SECTIONS = (
    Section("Methods", "Variation between trials", "one.html", "The variance τ² says how much effects vary."),
    Section("Harms", "Harms", "harms.html", "Little is known about harm."),
    Section("Other", "Taught", "other.html", "Nothing about it."),
)


def write_page(folder: Path, body: str, name: str = "one") -> Path:
    templates = Path(ev.__file__).parent / "report/site/templates"
    for asset in ("site.css", "site.js"):
        (folder / asset).write_bytes((templates / asset).read_bytes())
    (folder / "search-index.js").write_text(index_script(SECTIONS), "utf-8")
    path = folder / f"{name}.html"
    path.write_text(page("Page", body, active=name, site="Site", entries=ENTRIES), "utf-8")
    return path


@pytest.fixture
def trials(watched: Watched, review: ev.Review, site_of_trials: Path) -> Page:
    return watched.open(site_of_trials / "trials.html")


@pytest.fixture(scope="module")
def site_of_trials(review: ev.Review, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trials")
    write_page(folder, "<p>One.</p>")
    write_trials(review, folder, title="Site", entries=ENTRIES)
    return folder


def column(opened: Page, place: int) -> list[str]:
    texts = opened.locator("#all-trials tbody tr").evaluate_all(
        f"rows => rows.filter((row) => !row.hidden).map((row) => row.cells[{place}].textContent)"
    )
    return [str(text).replace(",", "") if place in (1, 3) else str(text) for text in texts]


def test_trials_are_sorted_both_ways_and_unknown_values_stand_last(trials: Page) -> None:
    for place, name in ((1, "Year"), (3, "People")):
        button = trials.get_by_role("button", name=name, exact=True)
        button.focus()
        trials.keyboard.press("Enter")
        known = [float(text) for text in column(trials, place) if text]
        assert known == sorted(known)
        assert column(trials, place)[: len(known)].count("") == 0
        assert trials.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        button.click()
        assert [float(text) for text in column(trials, place) if text] == sorted(known, reverse=True)
        assert column(trials, place)[: len(known)].count("") == 0


def test_trials_are_filtered_and_the_address_remembers(trials: Page, review: ev.Review) -> None:
    total = review.protocol.count_trials(review.trials["trial_id"])
    assert trials.inner_text("#count") == f"All {total} trials."
    assert f"{total} trials" not in trials.inner_text("#all-trials caption")  # said once
    titles = json.loads(str(trials.get_attribute("#all-trials", "data-questions")))
    trials.select_option("#filter-question", label=titles[0])
    trials.select_option("#filter-risk", "high")
    trials.fill("#filter-people", "50")
    trials.fill("#filter-from", "2010")
    trials.fill("#filter-words", "MASSAGE")
    years, people = column(trials, 1), column(trials, 3)
    assert 0 < len(years) < total
    assert all(int(year) >= 2010 for year in years)
    assert all(int(size) >= 50 for size in people)
    assert set(column(trials, 4)) == {"high"}
    assert trials.inner_text("#count") == f"{len(years)} of {total} trials."
    again = trials.context.new_page()
    again.goto(trials.url)
    assert column(again, 0) == column(trials, 0)
    again.close()


def test_without_a_script_the_list_is_whole(browser: object, site_of_trials: Path, review: ev.Review) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    opened = context.new_page()
    opened.goto((site_of_trials / "trials.html").as_uri())
    assert opened.locator("#all-trials tbody tr:visible").count() == review.protocol.count_trials(
        review.trials["trial_id"]
    )
    assert not opened.locator("#filter").is_visible()
    context.close()


def test_pages_of_trials_lead_to_those_before_and_after(
    watched: Watched, site_of_trials: Path, review: ev.Review
) -> None:
    first, second = review.trials["label"].iloc[:2]
    opened = watched.open(site_of_trials / "trials" / f"{review.trials['trial_id'].iloc[0]}.html")
    opened.click("a[rel=next]")
    assert opened.inner_text("h1") == second
    opened.click("a[rel=prev]")
    assert opened.inner_text("h1") == first
    assert opened.locator(".pages a").all_inner_texts() == ["The answer", "Trials"]


def test_contents_follow_the_reading(watched: Watched, tmp_path: Path) -> None:
    body = "".join(
        f'<h2 id="a{i}">Part {i}</h2><h3 id="b{i}">Detail {i}</h3><div style="height: 60rem">x</div>'
        for i in range(5)
    )
    opened = watched.open(write_page(tmp_path, body))
    opened.set_viewport_size({"width": 1440, "height": 800})
    opened.evaluate("document.getElementById('b3').scrollIntoView()")
    opened.wait_for_selector(".toc a[aria-current]:text('Detail 3')")
    assert opened.locator(".toc .level3:visible").all_inner_texts() == ["Detail 3"]
    assert opened.locator(".toc .level2:visible").count() == 5
    assert opened.get_attribute("a[rel=next]", "href") == "trials.html"
    assert opened.get_attribute("a[rel=prev]", "href") == "index.html"


@pytest.mark.parametrize(
    ("query", "found"), [("tau", "Variation between trials"), ("safe", "Harms"), ("τ²", "Variation")]
)
def test_the_search_knows_synonyms(watched: Watched, tmp_path: Path, query: str, found: str) -> None:
    opened = watched.open(write_page(tmp_path, "<p>One.</p>"))
    opened.fill("#search", query)
    opened.wait_for_selector("#found strong")
    assert found in opened.locator("#found strong").first.inner_text()
    assert "Taught" not in opened.inner_text("#found")
    assert watched.faults == []


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_wide_tables_fold_and_are_not_clipped(watched: Watched, tmp_path: Path, width: int) -> None:
    table = f"<table><caption>Wide</caption><thead><tr>{WIDE}</tr></thead><tbody>{ROW * 3}</tbody></table>"
    body = f'<div class="scroll" tabindex="0" role="region" aria-label="Wide">{table}</div>'
    opened = watched.open(write_page(tmp_path, body))
    opened.set_viewport_size({"width": width, "height": 900})
    opened.wait_for_timeout(100)
    region = opened.locator(".scroll")
    assert region.evaluate("one => one.scrollWidth - one.clientWidth") <= 1
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.get_by_role("rowheader", name="Name").count() == 3
    assert opened.get_by_role("cell").count() == 39
    opened.emulate_media(media="print")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert (
        opened.locator("table.folds td")
        .first.evaluate("one => getComputedStyle(one, '::before').content")
        .startswith('"Column number 1')
    )
    high = opened.locator("td").first.evaluate("one => one.getBoundingClientRect().height")
    assert high < 40  # a word stands on one line


@pytest.mark.parametrize(("width", "folds"), [(390, 1), (1440, 0)])
def test_columns_of_long_texts_stack_before_two_words_stand_on_a_line(
    watched: Watched, tmp_path: Path, width: int, folds: int
) -> None:
    names = ("claim", "verdict", "certainty", "why")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    cells = "".join(f"<td{' class=long' * (name in ('claim', 'why'))}>{'word ' * 20}</td>" for name in names)
    table = f"<table><thead><tr>{head}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"
    body = f'<div class="scroll" tabindex="0" role="region" aria-label="Long">{table}</div>'
    opened = watched.open(write_page(tmp_path, body))
    opened.set_viewport_size({"width": width, "height": 900})
    opened.wait_for_timeout(100)
    assert opened.locator("table.folds").count() == folds


@pytest.mark.parametrize("width", [390, 1440])
def test_the_evidence_map_is_filtered(
    watched: Watched, tmp_path: Path, review: ev.Review, width: int
) -> None:
    table = ev.figures.map_table(ev.evidence_map(review), kinds=ev.REPORT_KINDS)
    body = f'<div class="scroll" tabindex="0" role="region" aria-label="Map">{clean_html(table.html)}</div>'
    path = write_page(tmp_path, body)
    (tmp_path / "map.js").write_bytes(
        (Path(ev.__file__).parent / "report/site/templates/map.js").read_bytes()
    )
    opened = watched.open(path)
    opened.set_viewport_size({"width": width, "height": 900})
    total = len(table.numbers)
    assert opened.inner_text(".map-said") == f"{total} of {total} marks."
    kind = next(iter(ev.REPORT_KINDS.values()))
    opened.get_by_label(kind, exact=True).focus()
    opened.keyboard.press("Space")
    left = int((table.numbers["kind"] != next(iter(ev.REPORT_KINDS))).sum())
    assert opened.inner_text(".map-said") == f"{left} of {total} marks."
    assert opened.locator("tbody .mark:visible").count() == left
    opened.get_by_label("Trial", exact=True).fill(str(table.numbers["label"].iloc[0]))
    assert opened.locator("tbody .mark:visible").count() <= left
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.wait_for_timeout(50)
    assert opened.locator(".scroll").evaluate("one => one.scrollWidth - one.clientWidth") <= 1
    assert watched.faults == []
