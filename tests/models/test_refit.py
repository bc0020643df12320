"""Leave-one-out, cumulation and subgroups of every kind of fit."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.diagnostics.subsets import cumulative, leave_one_out
from evidence.errors import DataError, ModelError
from evidence.figures import qq
from evidence.models.counts.glmm import glmm
from evidence.models.counts.mantel_haenszel import mantel_haenszel
from evidence.models.counts.peto import peto
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.refit import estimate_of, refit
from evidence.models.regression.fit import regress
from evidence.models.regression.subgroups import subgroups

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "refits.json").read_text())
CASES = REFERENCE["cases"]
NAMES = ("estimate", "se", "ci_low", "ci_high", "p_value")


def fit_of(case: dict[str, Any]) -> Any:
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    options = case["options"]
    if case["model"] in ("mantel_haenszel", "peto"):
        function: Any = mantel_haenszel if case["model"] == "mantel_haenszel" else peto
        return function(*(data[name] for name in "abcd"), **options)
    if case["model"] == "regress":
        return regress("yi ~ ablat", data, variance="vi", method="DL")
    if case["model"] == "multilevel":
        return multilevel("yi", "vi", levels=["district", "school"], data=data)
    return pool(data["yi"], data["vi"], method=options["method"], level=options["level"], ci="z")


def compute(case: dict[str, Any]) -> dict[str, Any]:
    """Our values by the names of the reference."""
    fit, data = fit_of(case), REFERENCE["data"][case["data"]]
    if case["what"] == "qq":
        numbers = qq(fit).numbers
        return {"residual": numbers["residual"], "expected": numbers["expected"]}
    if case["what"] == "leave_one_out":
        frame = leave_one_out(fit).to_frame()
    elif case["what"] == "cumulative":
        frame = cumulative(fit, data["year"]).to_frame().iloc[4:]
    else:
        result = subgroups(fit, data["group"], common_tau2=case["what"] == "common_tau2")
        if case["what"] == "common_tau2":
            return {name: getattr(result, name) for name in ("tau2", "tau2_low", "tau2_high")}
        frame = result.to_frame()
        return {name: frame[name] for name in NAMES} | {"q_between": result.q_between, "p": result.p_value}
    return {name: frame[name] for name in NAMES}


@pytest.mark.parametrize(
    "case",
    CASES,
    ids=lambda c: "-".join([c["what"], c["model"], c["data"], *map(str, c["options"].values())]),
)
def test_agrees_with_metafor(case: dict[str, Any]) -> None:
    # rma.mv stops where its likelihood hardly rises; all else is exact.
    tolerance = 2e-4 if case["model"] == "multilevel" else 1e-7
    found = compute(case)
    for name, expected in case["values"].items():
        theirs = np.array(expected, dtype=float)
        np.testing.assert_allclose(found[name], theirs, rtol=tolerance, atol=1e-9, err_msg=name)


TABLE: dict[str, Any] = {
    "a": [4, 6, 3, 62, 33, 18, 8, 0],
    "b": [119, 300, 228, 13536, 5036, 1361, 2537, 10],
    "c": [11, 29, 11, 48, 47, 32, 10, 0],
    "d": [128, 274, 209, 12619, 5761, 1079, 619, 12],
    "labels": list("ABCDEFGH"),
}
STUDIES = pd.DataFrame(
    {
        "effect": [0.1, -0.4, 0.3, 0.25, -0.1, 0.6, 0.05, 0.2],
        "variance": [0.02, 0.05, 0.04, 0.03, 0.02, 0.08, 0.05, 0.04],
        "dose": [1.0, 2.0, 3.0, 5.0, 4.0, 8.0, 2.5, 6.0],
        "lab": list("ppqqrrss"),
        "label": list("ABCDEFGH"),
    }
)


@cache
def fits() -> dict[str, Any]:
    return {
        "pool": pool(STUDIES["effect"], STUDIES["variance"], labels=TABLE["labels"], method="DL", ci="t"),
        "given tau2": pool(STUDIES["effect"], STUDIES["variance"], labels=TABLE["labels"], tau2=0.05),
        "mantel_haenszel": mantel_haenszel(**TABLE, measure="RD", add=0.5, to="all", level=0.9),
        "peto": peto(**TABLE, level=0.9),
        "glmm": glmm(**TABLE, model="CM.AL"),
        "rates": glmm(measure="IRLN", events=TABLE["a"], time=TABLE["b"], labels=TABLE["labels"]),
        "regress": regress("effect ~ dose", STUDIES, ci="HKSJ-adhoc", method="PM"),
        "multilevel": multilevel("effect", "variance", levels=["lab"], data=STUDIES, labels="label", test="z"),
        "outcomes": multilevel(
            "effect", "variance", levels=["lab"], data=STUDIES.assign(out=list("xyxyxyxy")), outcome="out",
            structure="CS", labels="label",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(fits()))
def test_refit_to_all_studies_is_the_fit(name: str) -> None:
    fit = fits()[name]
    again = refit(fit, np.arange(8))
    assert type(again) is type(fit)
    assert again.labels == fit.labels
    np.testing.assert_allclose(estimate_of(again)[:-1], estimate_of(fit)[:-1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", list(fits()))
def test_order_of_the_rows_makes_no_difference(name: str) -> None:
    fit = fits()[name]
    rows = np.array([7, 2, 0, 5, 3, 1, 6, 4])
    again = refit(fit, rows)
    assert again.labels == tuple(fit.labels[i] for i in rows)
    np.testing.assert_allclose(estimate_of(again)[:-1], estimate_of(fit)[:-1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", list(fits()))
def test_every_study_has_a_row_in_each_result(name: str) -> None:
    fit = fits()[name]
    assert leave_one_out(fit).to_frame()["omitted"].tolist() == list("ABCDEFGH")
    steps = cumulative(fit, pd.Series(range(8), index=list("HGFEDCBA")))
    assert steps.labels == tuple("HGFEDCBA")
    chosen = leave_one_out(fit).coefficient
    last, whole = steps.to_frame().iloc[-1], estimate_of(fit, chosen)
    assert last["estimate"] == pytest.approx(whole.estimate, rel=1e-5)
    found = subgroups(fit, list("ppqqppqq"))
    assert sum(len(group.labels) for group in found.groups.values()) == 8
    assert found.rows["q"].tolist() == [2, 3, 6, 7]
    for result in (leave_one_out(fit), steps, found):
        assert "nan" not in result.summary()


def test_what_cannot_be_fitted_is_named() -> None:
    step = cumulative(fits()["glmm"], [2, 3, 4, 5, 6, 7, 8, 1])
    assert np.isnan(step.fits.estimate[0])
    assert step.note == "The model cannot be fitted up to: H."
    assert "no study has both events" in step.to_frame()["note"][0]
    early = cumulative(fits()["regress"])
    assert early.note == "The model cannot be fitted up to: A."
    last = regress("effect ~ far", STUDIES.assign(far=[0, 0, 0, 0, 0, 0, 0, 1.0]))
    assert "The model cannot be fitted without: H." in leave_one_out(last).note
    with pytest.raises(ModelError, match="subgroup 'p': no effect of outcome 'y' is left"):
        subgroups(fits()["outcomes"], list("pqpqpqpq"))


def test_coefficient_must_be_clear() -> None:
    fit = regress("effect ~ dose + lab", STUDIES)
    with pytest.raises(DataError, match=r"several coefficients; name one: Intercept, dose"):
        leave_one_out(fit)
    assert leave_one_out(fit, coefficient="dose").coefficient == "dose"
    with pytest.raises(DataError, match="no coefficient 'age'"):
        cumulative(fit, coefficient="age")
    with pytest.raises(DataError, match="estimates one effect"):
        leave_one_out(fits()["peto"], coefficient="dose")
    slope = regress("effect ~ dose", STUDIES)
    found = subgroups(slope, list("pppqqqpq"))
    assert found.coefficient == "dose"
    table = slope.coefficients.loc["dose"]
    assert leave_one_out(slope).coefficient == "dose"
    assert estimate_of(slope, "dose").estimate == pytest.approx(table["estimate"])


def test_subgroups_of_a_fit_are_those_of_its_data() -> None:
    by_data = subgroups(STUDIES, "lab", method="DL", ci="t", common_tau2=True)
    fit = pool(STUDIES["effect"], STUDIES["variance"], method="DL", ci="t", labels=STUDIES["label"])
    by_fit = subgroups(fit, STUDIES["lab"], common_tau2=True)
    pd.testing.assert_frame_equal(by_fit.to_frame(), by_data.to_frame())
    assert (by_fit.q_between, by_fit.tau2_high) == (by_data.q_between, by_data.tau2_high)
    shuffled = pd.Series(STUDIES["lab"].to_numpy(), index=STUDIES["label"]).iloc[::-1]
    assert subgroups(fit, shuffled).groups["p"].labels == ("A", "B")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"by": list("ppqqppq")}, "by has 7 values for 8 studies"),
        ({"by": [*"ppqqppq", None]}, "H: the subgroup is missing"),
        ({"by": list("ppqqppqq"), "method": "DL"}, "a fit has its own options; leave out method"),
        ({"by": list("ppqqppqq"), "common_tau2": True}, "common_tau2 is for fits by pool"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        subgroups(fits()["peto"], **given)
