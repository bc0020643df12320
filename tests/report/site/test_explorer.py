from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.appraisal.certainty.grade import SYMBOLS
from evidence.report.site.explorer import SMALL, explorer_data, said_script, write_explorer
from evidence.report.site.shell import PageEntry

if TYPE_CHECKING:
    from tests.conftest import SmallReview


@pytest.fixture(scope="module")
def data(review: ev.Review) -> dict[str, Any]:
    return explorer_data(review)


def test_studies_are_those_of_the_library(data: dict[str, Any], review: ev.Review) -> None:
    fitted = {name: done for name in review.analyses if (done := ev.synthesise(review, name)).fit}
    assert [one["id"] for one in data["analyses"]] == list(fitted)
    for one in data["analyses"]:
        effects = fitted[one["id"]].effects
        for name in ("effect", "variance"):
            np.testing.assert_array_equal([study[name] for study in one["studies"]], effects[name])
        assert len({study["key"] for study in one["studies"]}) == len(effects)
        model = review.protocol.model_of(fitted[one["id"]].analysis)
        assert (one["minimum"], one["prediction"]) == (model.minimum_studies, model.prediction)
        assert one["ratio"] == (one["measure"] in ("RR", "OR", "HR", "IRR"))
        assert "log" not in one["unit"]


def test_kinds_of_studies_are_marked(data: dict[str, Any], review: ev.Review) -> None:
    high = {trial for trial, risk in ev.overall_risk_of_bias(review.risk_of_bias).items() if risk == "high"}
    studies = [study for one in data["analyses"] for study in one["studies"]]
    flagged = {study["key"].split(".")[0] for study in studies if "high-risk" in study["flags"]}
    assert flagged == high & {study["key"].split(".")[0] for study in studies}
    assert flagged
    assert all(("small" in study["flags"]) == (study["n"] < SMALL) for study in studies)


def test_what_the_pages_say_of_a_result_stands_beside_it() -> None:
    finding = {
        "analysis": "a",
        "clause": "Songs may help",
        "numbers": "2 points",
        "level": "low",
        "important": None,
    }
    text = said_script([({"findings": [finding, finding | {"analysis": "b", "level": ""}]}, "my page")])
    said = json.loads(text.removeprefix("window.explorerSaid = ").removesuffix(";\n"))
    assert said == {
        "a": {
            "level": "low",
            "symbols": SYMBOLS["low"],
            "sentence": "Songs may help. 2 points.",
            "page": "my%20page.html",
            "mid": None,
        }
    }


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
        *("explorer.html", "explorer.js", "explorer.css", "explorer-data.js", "explorer-said.js"),
        *("pooling.js", "forest.css"),
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
