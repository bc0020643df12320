from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, to_table

import evidence as ev
from evidence.tables.agreement import batches_of, cohen_kappa


def test_kappa_by_hand() -> None:
    """Cohen's formula for 50 grants: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no."""
    first = pd.Series(["y"] * 25 + ["n"] * 25)
    second = pd.Series(["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15)
    assert cohen_kappa(first, second) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_that_of_statsmodels(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.choice(list("abcd"), 60)
    second = np.where(random.random(60) < 0.6, first, random.choice(list("abcde"), 60))
    table, _ = to_table(np.column_stack([first, second]))
    assert cohen_kappa(pd.Series(first), pd.Series(second)) == pytest.approx(
        cohens_kappa(table).kappa, rel=1e-12
    )


def test_kappa_of_one_category_is_not_defined() -> None:
    assert math.isnan(cohen_kappa(pd.Series(["a", "a"]), pd.Series(["a", "a"])))


@pytest.fixture
def compared(small: Any) -> Any:
    """Give the agreement on lines of (table, field, value of A, value of B, agreed)."""

    def compare(*lines: tuple[str, str, str, str, str]) -> pd.DataFrame:
        small.trial("ava", song="singing", quiet="silence")
        for number, (table, field, a, b, agreed) in enumerate(lines):
            small.add(
                "agreement",
                table=table,
                field=field,
                trial_id=f"t{number}",
                value_a=a,
                value_b=b,
                agreed=agreed,
            )
        return ev.agreement(small.read())

    return compare


def test_percent_and_kinds(compared: Any) -> None:
    found = compared(
        ("arms", "weeks", "2", "2", "yes"),
        ("arms", "weeks", "2", "3", "no"),
        ("arms", "components", "a+b", "b+a", "yes"),  # called equal though written differently
        ("arms", "components", "c", "d", "no"),
        ("arms", "row", "present", "absent", "no"),
    ).set_index("field")
    assert found["kind"].to_dict() == {"row": "presence", "components": "category", "weeks": "value"}
    assert found.loc["weeks", ["n", "agreed", "percent"]].tolist() == [2, 1, 50]
    assert found.loc["components", "kappa"] == pytest.approx((0.5 - 0.25) / 0.75)
    assert math.isnan(found.loc["weeks", "kappa"])
    # Four rows were found by both readers and one by one of them.
    assert found.loc["row", ["n", "agreed", "percent"]].tolist() == [5, 4, 80]


def test_third_reading_is_left_out_and_qualifiers_are_dropped(compared: Any) -> None:
    found = compared(
        ("trials", "year", "2001", "2001", "yes"),
        ("trials", "year (A v T)", "2001", "2002", "no"),
        ("trials", "year [print]", "2001", "2001", "yes"),
    )
    assert found[["field", "n", "agreed"]].to_numpy().tolist() == [["year", 2, 2]]


def test_domains_of_risk_of_bias_are_one_field(compared: Any) -> None:
    found = compared(
        ("risk_of_bias", "randomisation", "low", "low", "yes"),
        ("risk_of_bias", "blinding", "low", "high", "no"),
    )
    assert found[["field", "n", "agreed"]].to_numpy().tolist() == [["judgement", 2, 1]]


def test_the_readings_of_the_repository(review: Any) -> None:
    found = ev.agreement(review)
    assert found["n"].sum() > 2000
    assert (found["percent"] == 100 * found["agreed"] / found["n"]).all()
    categories = found[found["kind"] == "category"]
    assert categories["kappa"].between(0.6, 1).all()
    assert found["kappa"][found["kind"] != "category"].isna().all()
    assert (found["percent"][found["kind"] == "value"] > 95).all()


def test_what_was_compared_belongs_to_the_batch_that_first_read_it(review: Any) -> None:
    batch = batches_of(review)
    assert (batch.index == review.agreement.index).all()
    assert set(batch.unique()) - {""} == {
        str(name)
        for reading in review.readings.values()
        for table in reading.values()
        for name in table["batch"]
    }
    # Every value that was compared is counted in one batch.
    parts = [ev.agreement(review, batches=[name]) for name in batch.unique()]
    assert sum(part["n"][part["kind"] == "value"].sum() for part in parts) == (
        ev.agreement(review).query("kind == 'value'")["n"].sum()
    )
    # A trial whose reading began in one batch and went on in another has results of both.
    rows = review.agreement.assign(batch=batch)
    results = rows[rows["table"].isin(["arm_results", "contrast_results"])]
    assert len(results.drop_duplicates(["trial_id", "batch"])) > results["trial_id"].nunique()


def test_rows_are_looked_up_by_what_tells_them_apart(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    ids = [small.arm("ava", "song", mean=3, timepoint_weeks=weeks)["result_id"] for weeks in (10, 12, 52)]
    for table, item in [("arm_results", one) for one in ids] + [("arms", "song"), ("trials", "")]:
        small.add(
            "agreement",
            table=table,
            field="n",
            trial_id="ava",
            result_id=item,
            value_a="1",
            value_b="1",
            agreed="yes",
        )
    result = {"trial_id": "ava", "outcome": "crying", "statistic": "post"}
    one: dict[str, list[dict[str, Any]]] = {
        "trials": [{"batch": "first", "trial_id": "ava"}],
        "arms": [{"batch": "first", "trial_id": "ava", "arm_id": "song"}],
        "arm_results": [
            {"batch": "first", "instrument": "CRY", "timepoint_weeks": 10.0, **result},
            {"batch": "second", "instrument": "cry scale", "timepoint_weeks": 12.0, **result},
        ],
        "contrast_results": [],
        "risk_of_bias": [],
    }
    readings = {"a": {name: pd.DataFrame(rows) for name, rows in one.items()}}
    # Exactly; by outcome and time; by the trial's first result; an arm; the trial.
    expected = ["first", "second", "first", "first", "first"]
    assert batches_of(replace(small.read(), readings=readings)).tolist() == expected


def test_a_review_without_a_comparison(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    assert list(ev.agreement(small.read())) == ["table", "field", "kind", "n", "agreed", "percent", "kappa"]
