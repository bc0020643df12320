"""The forest plot as a table: what it says, that it is safe, and what it hands to the page."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence.effects.reported.reasons import ArmId
from evidence.errors import DataError
from evidence.report.site.clean import clean_html

EFFECT, VARIANCE = [-0.9, -0.2, 0.1, -0.5], [0.04, 0.09, 0.02, 0.3]
COUNTS: dict[str, Any] = {"a": [4, 9, 12], "b": [96, 81, 88], "c": [11, 10, 20], "d": [89, 80, 80]}


def read(table: ev.ForestTable) -> tuple[BeautifulSoup, dict[str, Any]]:
    soup = BeautifulSoup(clean_html(table.html), "html.parser")
    assert soup.table is not None
    return soup, json.loads(str(soup.table["data-forest"]))


def test_every_study_has_a_row_with_its_numbers_and_its_drawing() -> None:
    fit = ev.pool(EFFECT, VARIANCE, labels=list("ABCD"), measure="SMD")
    soup, data = read(ev.forest_table(fit, certainty="low"))
    rows = soup.select("tr.study")
    assert [row.select_one(".name").get_text() for row in rows] == list("ABCD")  # type: ignore[union-attr]
    assert rows[0].select_one(".result").get_text() == "−0.90 (−1.29 to −0.51)"  # type: ignore[union-attr]
    assert all(row.select_one("td.plot svg rect.mark") for row in rows)
    pooled = soup.select_one(".pooled-result")
    assert pooled is not None
    assert pooled.get_text() == f"{fit.estimate:.2f} ({fit.ci_low:.2f} to {fit.ci_high:.2f})".replace(
        "-", "−"
    )
    assert "Certainty: low." in soup.tfoot.get_text()  # type: ignore[union-attr]
    assert (data["effect"], data["variance"], data["model"]["method"]) == (EFFECT, VARIANCE, "REML")


def test_a_model_that_pages_do_not_compute_brings_each_fit_with_one_study_left_out() -> None:
    fit = ev.mantel_haenszel(**COUNTS, measure="OR", labels=["A", "B", "C"])
    _, data = read(ev.forest_table(fit))
    assert "model" not in data
    left = ev.leave_one_out(fit).to_frame()
    np.testing.assert_allclose([one["estimate"] for one in data["left"]], left["estimate"], rtol=1e-12)
    np.testing.assert_allclose([one["ci_low"] for one in data["left"]], left["ci_low"], rtol=1e-12)
    assert data["left"][0]["weights"][0] is None
    assert sum(data["left"][0]["weights"][1:]) == pytest.approx(100)


def test_events_stand_beside_the_studies_and_sums_below() -> None:
    fit = ev.mantel_haenszel(**COUNTS, measure="RR", labels=["A", "B", "C"])
    soup, _ = read(ev.forest_table(fit, groups=("Drug", "Placebo")))
    heads = [head.get_text() for head in soup.select("thead th")]
    assert heads[:3] == ["Study", "Drug events/n", "Placebo events/n"]
    assert [cell.get_text(" ", strip=True) for cell in soup.select("tr.pooled td.number")][:2] == [
        "Drug events/n 25/290",
        "Placebo events/n 41/290",
    ]


def test_proportions_are_left_out_on_the_scale_that_is_shown() -> None:
    counts = pd.DataFrame({"events": [3, 8, 20], "n": [30, 40, 90]}, index=["A", "B", "C"])
    es, others = (ev.effect_size("PFT", events="events", n="n", data=some) for some in (counts, counts[1:]))
    fit = ev.pool(es)
    _, data = read(ev.forest_table(fit))
    rest = ev.pool(others).on()
    assert data["left"][0]["estimate"] == pytest.approx(rest.estimate)


def test_nothing_in_a_label_can_run() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    table = pd.DataFrame(
        {
            "effect": EFFECT,
            "variance": VARIANCE,
            "label": [evil, "B", "C", "D"],
            "arm": evil,
            "comparator": "x",
            "derivation": evil,
        }
    )
    fit = ev.pool(table["effect"], table["variance"])
    soup, _ = read(ev.forest_table(fit, data=table, certainty=evil, notes=[evil]))
    assert not soup.select("script, img")
    assert evil in soup.get_text()


def test_cleaning_keeps_shapes_and_drops_what_runs_or_fetches() -> None:
    kept = clean_html(
        '<svg onload="x()"><rect x="1%" fill="url(http://a.b)" style="x" onclick="y()"/>'
        '<use href="http://a.b/c.svg#d"/><foreignObject><p>text</p></foreignObject><animate/></svg>'
    )
    assert '<rect x="1%"' in kept
    for gone in ("onload", "onclick", "url(", "href", "use", "foreignObject", "animate", "style"):
        assert gone not in kept


def test_a_synthesis_brings_what_its_review_knows(review: ev.Review) -> None:
    done = next(
        done for name in review.analyses if (done := ev.synthesise(review, name)).fit and done.measure == "MD"
    )
    table = ev.forest_table(done, review=review)
    soup, data = read(table)
    assert table.title == done.analysis.title
    assert len(soup.select("tr.study")) == done.k
    level = ev.grade(review, done.analysis).level
    assert level in soup.select_one("tfoot summary").get_text()  # type: ignore[union-attr]
    assert soup.select_one("rect.mid") is not None
    assert data["minimum"] == review.protocol.model_of(done.analysis).minimum_studies
    derived = [html.unescape(one.get_text()) for one in soup.select(".derivation")]
    arms = review.arms.set_index(["trial_id", "arm_id"])["label"]
    named = 0
    for text, row in zip(derived, done.effects.to_dict("records"), strict=True):
        for step in row["derivation"].parts:
            for arm in (part for part in step.parts if isinstance(part, ArmId)):
                named += 1
                assert arms[row["trial_id"], arm].casefold() in text.casefold()
    assert named


def test_what_cannot_be_shown_is_refused(review: ev.Review) -> None:
    bare = next(done for name in review.analyses if (done := ev.synthesise(review, name)).fit is None)
    with pytest.raises(DataError, match="no pooled result"):
        ev.forest_table(bare)
    model = ev.regress(
        "effect ~ x",
        pd.DataFrame({"effect": EFFECT, "variance": VARIANCE, "x": [1, 2, 3, 4]}),
        variance="variance",
    )
    with pytest.raises(DataError, match="moderators"):
        ev.forest_table(model)


def test_an_axis_that_shows_nothing_is_refused() -> None:
    fit = ev.pool(EFFECT, VARIANCE)
    for draw in (ev.figures.forest, ev.forest_table):
        with pytest.raises(DataError, match=r"shows nothing: the estimates run from −0\.90 to 0\.10"):
            draw(fit, xlim=(5, 9))


def test_a_prediction_interval_that_is_the_confidence_interval_is_not_shown() -> None:
    same, apart = (ev.pool([0.1, 0.2, end, 0.15], [0.05, 0.04, 0.06, 0.05], ci="t") for end in (0.2, 2.5))
    assert not read(ev.forest_table(same))[0].select(".prediction")
    assert len(read(ev.forest_table(apart))[0].select("tr.prediction")) == 1


def test_a_letter_means_one_domain_in_every_plot_of_a_review_and_strata_carry_their_trial(
    review: ev.Review,
) -> None:
    tool = ev.risk_of_bias(review).tool
    letters = dict(zip([*tool.domains.values(), "Overall"], "ABCDEFGH", strict=True))
    shown = set()
    for name in ("manual-usual-pain-short", "manual-usual-disability-short", "manual-active-pain-short"):
        text = ev.forest_table(ev.synthesise(review, name), review=review).text
        named = re.search(r"Risk of bias: [^.]*\. ([^.]*)\.", text)
        assert named is not None
        held = {one[2:]: one[0] for one in named[1].split("; ")}
        assert held == {domain: letters[domain] for domain in held}
        shown.add(tuple(held))
    assert len(shown) > 1  # not every plot has every domain
    result = ev.synthesise(review, "manual-active-pain-short")
    page = BeautifulSoup(ev.forest_table(result, review=review).html, "html.parser")
    [row, *_] = [row for row in page.select("tr.study") if "Dougherty 2014" in row.get_text()]
    assert "some concerns" in row.get_text()  # of the whole trial: incomplete outcome data


def test_people_in_fractions_are_explained_and_sums_are_whole() -> None:
    data = pd.DataFrame(
        {
            "label": list("abc"),
            "effect": [1.0, 2.0, 3.0],
            "variance": [1.0, 1.0, 1.0],
            "n_arm": [30, 40, 50],
            "n_comparator": [33.5, 33.3, 20.0],
        }
    )
    fit = ev.pool("effect", "variance", data=data, labels="label")
    table = ev.forest_table(fit, data=data)
    assert "33.5" in table.html
    assert "Fractions of people: a group is divided among the comparisons that share it." in table.html
    [*_, total] = BeautifulSoup(table.html, "html.parser").select("tr.pooled td.number")[:2]
    assert total.get_text(strip=True).endswith("87")
    whole = data.assign(n_comparator=[33, 33, 20])
    assert "Fractions of people" not in ev.forest_table(fit, data=whole).html
