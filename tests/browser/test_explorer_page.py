"""The explorer shows the library's own numbers, for every choice a reader makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.report.site.explorer import INTERVALS, METHODS, write_explorer
from evidence.report.site.shell import PageEntry
from evidence.report.site.trace import write_trials

if TYPE_CHECKING:
    from tests.browser.conftest import Watched
    from tests.conftest import SmallReview


def numbers(text: str) -> list[float]:
    return [
        float(part.replace("\u2212", "-")) for part in re.findall(r"[\u2212]?\d+\.\d+|[\u2212]?\d+", text)
    ]


def wanted(fit: ev.Pooled, measure: str) -> list[float]:
    scale = np.exp if measure in ("RR", "OR") else np.asarray
    return [float(scale(value)) for value in (fit.estimate, fit.ci_low, fit.ci_high)]


def choose(page: Any, **choices: str) -> None:
    for key, value in choices.items():
        page.select_option(f"#choose-{key}", value)


def test_it_opens_with_the_result_of_the_protocol(watched: Watched, report: Path, review: ev.Review) -> None:
    page = watched.open(report / "explorer.html")
    done = next(done for name in review.analyses if (done := ev.synthesise(review, name)).fit)
    assert done.fit is not None
    shown = numbers(page.inner_text("#answer strong"))
    digits = 1 if done.measure == "MD" else 2
    np.testing.assert_allclose(
        [shown[0], *shown[2:]], wanted(done.fit, done.measure), atol=0.51 * 10**-digits
    )
    assert page.locator("#plot svg").get_attribute("aria-label")


def test_its_numbers_are_the_librarys_whatever_is_chosen(
    watched: Watched, report: Path, review: ev.Review
) -> None:
    page = watched.open(report / "explorer.html")
    random = np.random.default_rng(11)
    fitted = [done for name in review.analyses if (done := ev.synthesise(review, name)).fit]
    for done in random.choice(np.array(fitted, dtype=object), 6, replace=False):
        method, interval = str(random.choice(list(METHODS))), str(random.choice(list(INTERVALS)))
        comparison = done.analysis.title.rpartition(": ")[0]
        choose(
            page,
            comparison=comparison,
            outcome=done.analysis.outcome.replace("_", " "),
            window=done.analysis.title.rpartition(", ")[2],
            method=method,
            interval=interval,
        )
        effects = done.effects
        left = int(random.integers(len(effects)))
        if effects["trial_id"].nunique() > review.protocol.model.minimum_studies:  # fewer are not combined
            page.click(f"#leave-{left}")
            effects = effects.drop(index=left)
        fit = ev.pool(effects["effect"], effects["variance"], method=method, ci=interval)
        shown = numbers(page.inner_text("#answer strong"))
        digits = 1 if done.measure == "MD" else 2
        np.testing.assert_allclose([shown[0], *shown[2:]], wanted(fit, done.measure), atol=0.51 * 10**-digits)
    assert watched.faults == []


def test_exclusions_leave_out_the_flagged_and_the_address_remembers(
    watched: Watched, report: Path, review: ev.Review
) -> None:
    page = watched.open(report / "explorer.html", "#a=manual-inactive-disability-short")
    page.check("#without-high-risk")
    effects = review.effects("manual-inactive-disability-short")
    kept = effects[effects["risk_of_bias"] != "high"]
    assert 2 <= len(kept) < len(effects)
    fit = ev.pool(
        kept["effect"],
        kept["variance"],
        method=review.protocol.model.method,
        ci=review.protocol.model.interval,
    )
    shown = numbers(page.inner_text("#answer strong"))
    np.testing.assert_allclose([shown[0], *shown[2:]], wanted(fit, "SMD"), atol=0.0051)
    assert page.locator("#studies tr.gone").count() == len(effects) - len(kept)
    text = page.inner_text("#answer")
    page.reload()
    assert page.inner_text("#answer") == text
    assert page.is_checked("#without-high-risk")


def test_rows_lead_to_how_their_effects_were_worked_out(watched: Watched, report: Path) -> None:
    page = watched.open(report / "explorer.html")
    link = page.locator("#studies a").first
    name = link.inner_text()
    link.click()
    page.wait_for_load_state()
    assert page.inner_text("h1") == name
    assert page.locator("ol.steps li").count() > 0


@pytest.mark.parametrize(
    "evil", ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", '"><svg onload=alert(3)>']
)
def test_a_script_in_the_name_of_a_study_does_not_run(
    watched: Watched, filled: SmallReview, tmp_path: Path, evil: str
) -> None:
    filled.rows["trials"][0] |= {"label": evil, "citation": evil, "notes": evil}
    filled.rows["arms"][0] |= {"label": evil}
    review, entries = filled.read(), [PageEntry("explorer", "Explore"), PageEntry("trials", "Trials")]
    templates = Path(ev.__file__).parent / "report/site/templates"
    for name in ("site.css", "site.js"):
        (tmp_path / name).write_bytes((templates / name).read_bytes())
    (tmp_path / "search-index.js").write_text("")
    write_explorer(review, tmp_path, title=evil, entries=entries, traces="trials")
    write_trials(review, tmp_path, title=evil, entries=entries)
    for name in ("explorer.html", "trials.html", "trials/ava.html"):
        page = watched.open(tmp_path / name)
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
        assert evil in page.inner_text("main")
    assert watched.faults == []
