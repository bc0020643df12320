from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.report.site.explorer import INTERVALS, METHODS, QUANTITIES, explorer_data, write_explorer
from evidence.report.site.shell import PageEntry

if TYPE_CHECKING:
    from tests.conftest import SmallReview


@pytest.fixture(scope="module")
def data(review: ev.Review) -> dict[str, Any]:
    return explorer_data(review)


def result(
    data: dict[str, Any], one: dict[str, Any], kept: str, method: str, interval: str
) -> dict[str, float]:
    values = one["results"][kept][list(data["methods"]).index(method)][
        list(data["intervals"]).index(interval)
    ]
    return dict(zip(data["quantities"], values, strict=True))


def test_first_result_is_that_of_the_protocol(data: dict[str, Any], review: ev.Review) -> None:
    fitted = {name: done.fit for name in review.analyses if (done := ev.synthesise(review, name)).fit}
    assert [one["id"] for one in data["analyses"]] == list(fitted)
    for one in data["analyses"]:
        found = result(
            data, one, "1" * len(one["studies"]), data["default"]["method"], data["default"]["interval"]
        )
        fit = fitted[one["id"]]
        wanted = [getattr(fit, name) for name in QUANTITIES]
        np.testing.assert_allclose([found[name] for name in QUANTITIES], wanted, rtol=1e-8, atol=1e-9)


def test_every_set_method_and_interval_agrees_with_pool(data: dict[str, Any], review: ev.Review) -> None:
    chosen = np.random.default_rng(7)
    for one in data["analyses"]:
        effects = review.effects(one["id"])
        for _ in range(4):
            kept = str(chosen.choice(list(one["results"])))
            method, interval = str(chosen.choice(list(METHODS))), str(chosen.choice(list(INTERVALS)))
            rows = effects[[mark == "1" for mark in kept]]
            fit = ev.pool(rows["effect"], rows["variance"], method=method, ci=interval)
            found = result(data, one, kept, method, interval)
            for name in QUANTITIES:
                wanted = getattr(fit, name)
                if np.isfinite(wanted):
                    assert found[name] == pytest.approx(wanted, rel=1e-8, abs=1e-9), (
                        one["id"],
                        kept,
                        method,
                        name,
                    )
                else:
                    assert found[name] is None


def test_whatever_can_be_asked_for_is_there(data: dict[str, Any], review: ev.Review) -> None:
    analyses = {analysis.id: analysis for analysis in review.protocol.expand()}
    for one in data["analyses"]:
        minimum = review.protocol.model_of(analyses[one["id"]]).minimum_studies
        masks = [[flag not in study["flags"] for study in one["studies"]] for flag in data["exclusions"]]
        masks += [[i != left for i in range(len(one["studies"]))] for left in range(len(one["studies"]))]
        for mask in masks:
            # Comparisons of one trial count as one.
            trials = {study["trial"] for study, stays in zip(one["studies"], mask, strict=True) if stays}
            assert ("".join("01"[stays] for stays in mask) in one["results"]) == (len(trials) >= minimum)
    high = {trial for trial, risk in ev.overall_risk_of_bias(review.risk_of_bias).items() if risk == "high"}
    flagged = {s["trial"] for one in data["analyses"] for s in one["studies"] if "high-risk" in s["flags"]}
    pooled = {s["trial"] for one in data["analyses"] for s in one["studies"]}
    assert flagged == high & pooled
    assert flagged


def test_page_is_plain_and_its_numbers_are_a_script_beside_it(filled: SmallReview, tmp_path: Path) -> None:
    filled.rows["trials"][0]["label"] = "</script><script>alert(1)</script>"
    write_explorer(
        filled.read(),
        tmp_path,
        title="Lullabies",
        entries=[PageEntry("explorer", "Explore")],
        traces="trials",
    )
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        *("explorer.html", "explorer.js", "explorer.css", "explorer-data.js")
    }
    text = (tmp_path / "explorer.html").read_text("utf-8")
    assert "alert" not in text
    assert text.count("<h1>") == 1
    numbers = (tmp_path / "explorer-data.js").read_text("utf-8")
    held = json.loads(numbers.removeprefix("window.explorerData = ").removesuffix(";\n"))
    assert held["traces"] == "trials"
    assert held["analyses"][0]["studies"][0]["label"] == "</script><script>alert(1)</script>"
    assert "exclusions" in held


def test_a_review_without_anything_to_pool_has_an_empty_page(small: SmallReview, tmp_path: Path) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3.0, sd=2.0, n=40)
    assert explorer_data(small.read())["analyses"] == []
