"""Studies left out of a forest table in the browser: the numbers of the library, to the printed digit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.figures.forest_table import IN_BROWSER, style_sheet
from evidence.report.site.clean import clean_html
from evidence.report.site.shell import ASSETS, FOREST, page
from evidence.wording import number

if TYPE_CHECKING:
    from tests.browser.conftest import Watched

EFFECT, VARIANCE = [-0.9, -0.2, 0.1, -0.5, -0.41], [0.04, 0.09, 0.02, 0.3, 0.011]


def write(folder: Path, table: ev.ForestTable) -> Path:
    """Write a page with a table as a report does."""
    templates = Path(ev.__file__).parent / "report/site/templates"
    for name in ASSETS:
        shutil.copy(templates / name, folder / name)
    (folder / FOREST).write_text(style_sheet(), "utf-8")
    (folder / "search-index.js").write_text("")
    body = f'<div class="scroll">{clean_html(table.html)}</div>'
    path = folder / "page.html"
    path.write_text(page("Page", body, active="page"), "utf-8")
    return path


def shown(fit: Any) -> str:
    low, high = number(fit.ci_low), number(fit.ci_high)
    return f"{number(fit.estimate)} ({low} to {high})"


@pytest.mark.parametrize("method", IN_BROWSER)
def test_the_browser_pools_as_the_library_does(watched: Watched, tmp_path: Path, method: str) -> None:
    opened = watched.open(write(tmp_path, ev.forest_table(ev.pool(EFFECT, VARIANCE))))
    random = np.random.default_rng(5)
    for k in (1, 2, 3, 5, 9, 20):
        effect, variance = random.normal(0, 0.5, k), random.uniform(0.01, 0.4, k)
        for ci in ("z", "t", "HKSJ", "HKSJ-adhoc"):
            fit = ev.pool(effect, variance, method=method, ci=ci, level=0.9, prediction="HTS")
            model = {"method": method, "ci": ci, "level": 0.9, "prediction": "HTS"}
            found = opened.evaluate(
                "([y, v, model]) => evidencePooling.pool(y, v, model)",
                [effect.tolist(), variance.tolist(), model],
            )
            for name in ("estimate", "se", "ci_low", "ci_high", "tau2", "i2", "q", "q_p", "p_value"):
                assert found[name] == pytest.approx(getattr(fit, name), rel=2e-6, abs=2e-8), (name, k, ci)
            if found["prediction_low"] is None:
                assert np.isnan(fit.prediction_low)
            else:
                assert found["prediction_low"] == pytest.approx(fit.prediction_low, rel=2e-6, abs=2e-8)
            np.testing.assert_allclose(found["weights"], fit.weights, rtol=2e-6)


def test_numbers_are_written_as_the_library_writes_them(watched: Watched, tmp_path: Path) -> None:
    opened = watched.open(write(tmp_path, ev.forest_table(ev.pool(EFFECT, VARIANCE))))
    values = [0.125, -0.125, 0.375, 2.5, -2.5, 12.25, 0.004, -0.004, 1e-9, 123456.75, 0.0, 0.615, 1.005]
    for digits in (0, 1, 2, 3):
        found = opened.evaluate(
            "([values, digits]) => values.map((one) => evidencePooling.number(one, digits))", [values, digits]
        )
        assert found == [number(one, digits) for one in values]


def test_each_study_left_out_gives_leave_one_out(watched: Watched, tmp_path: Path) -> None:
    fit = ev.pool(EFFECT, VARIANCE, labels=list("ABCDE"), measure="SMD")
    opened = watched.open(write(tmp_path, ev.forest_table(fit)))
    left = ev.leave_one_out(fit).to_frame()
    start = opened.inner_text("tbody")
    for i, label in enumerate("ABCDE"):
        box = opened.get_by_label(f"Take {label} in", exact=True)
        box.focus()
        opened.keyboard.press("Space")
        assert opened.inner_text(".pooled-result") == shown(left.iloc[i])
        assert f"I² = {number(left['i2'].iloc[i], 0)}%" in opened.inner_text(".pooled-heterogeneity")
        assert f"Without {label}: SMD {shown(left.iloc[i])}" in opened.inner_text("[role=status]")
        opened.keyboard.press("Space")
    assert opened.inner_text("tbody") == start
    for label in "AD":
        opened.get_by_label(f"Take {label} in", exact=True).uncheck()
    rest = ev.pool([EFFECT[i] for i in (1, 2, 4)], [VARIANCE[i] for i in (1, 2, 4)])
    assert opened.inner_text(".pooled-result") == shown(rest)
    opened.get_by_role("button", name="Take all studies in again").click()
    assert opened.inner_text(".pooled-result") == shown(fit)
    assert watched.faults == []


def test_other_models_leave_out_one_at_a_time(watched: Watched, tmp_path: Path) -> None:
    counts: dict[str, Any] = {"a": [4, 9, 12], "b": [96, 81, 88], "c": [11, 10, 20], "d": [89, 80, 80]}
    fit = ev.mantel_haenszel(**counts, measure="OR", labels=["A", "B", "C"])
    opened = watched.open(write(tmp_path, ev.forest_table(fit)))
    left = ev.leave_one_out(fit).to_frame()[["estimate", "ci_low", "ci_high"]].apply(np.exp)
    for i, label in enumerate("ABC"):
        opened.get_by_label(f"Take {label} in", exact=True).uncheck()
        assert opened.inner_text(".pooled-result") == shown(left.iloc[i])
        assert opened.locator("tr.gone.study").count() == 1


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_it_fits_the_screen_and_stays_a_table(
    watched: Watched, tmp_path: Path, review: ev.Review, width: int
) -> None:
    done = next(done for name in review.analyses if (done := ev.synthesise(review, name)).fit)
    opened = watched.open(write(tmp_path, ev.forest_table(done, review=review)))
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    if width == 390:
        region = opened.locator(".scroll").first
        assert region.evaluate("one => one.scrollWidth - one.clientWidth") <= 1
        assert opened.locator(".forest-box").first.bounding_box()["height"] >= 24  # type: ignore[index]
    assert opened.locator("tr.study").count() == done.k
    opened.emulate_media(media="print")
    assert not opened.locator(".forest-box").first.is_visible()
    assert opened.locator("tr.pooled .pooled-result").is_visible()
