"""Influence and small-study regression of models with levels, moderators or robust errors.

References come from validation/model_influence.R: metafor and clubSandwich on public data sets.
"""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "model_influence.json").read_text())


def frame_of(case: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(REFERENCE["data"][case["data"]])


def fit_case(case: dict[str, Any]) -> Any:
    data = frame_of(case)
    if case["model"] == "regress":
        return ev.regress(case["formula"], data, variance="vi", method=case["method"], ci=case["ci"])
    fit = ev.multilevel(case["formula"], "vi", levels=case["levels"], data=data)
    return ev.robust(fit, data[case["cluster"]]) if case["model"] == "robust" else fit


def compute(case: dict[str, Any]) -> dict[str, Any]:
    """Our values by the names of the reference."""
    fit, data, found = fit_case(case), frame_of(case), None
    cluster = data[case["cluster"]] if case["model"] == "multilevel" else None
    if case["kind"] == "influence":
        found = ev.influence(fit, cluster=cluster)
    elif case["kind"] == "leave_one_out":
        found = ev.leave_one_out(fit, coefficient=fit.names[-1], cluster=cluster)
        assert found.omitted == tuple(str(value) for value in sorted(set(data[case["cluster"]])))
        found = found.deleted
    else:
        found = ev.egger(fit, case["predictor"])
        assert found.model == case["model"]
        assert np.isnan(found.limit) == (case["formula"] != "yi ~ 1")
    return {name: np.asarray(getattr(found, name), dtype=float) for name in case["values"]}


def cases(kind: str) -> Any:
    found = [case for case in REFERENCE["cases"] if case["kind"] == kind]
    assert found
    return pytest.mark.parametrize(
        "case",
        found,
        ids=lambda c: "-".join(str(c.get(x, "")) for x in ("data", "formula", "model", "method", "ci")),
    )


@cases("influence")
def test_influence_agrees(case: dict[str, Any]) -> None:
    # metafor stops its search for several variances a little early
    rtol = 1e-5 if case["model"] == "regress" else 2e-3
    for name, ours in compute(case).items():
        expected = np.reshape(np.array(case["values"][name], dtype=float), ours.shape)
        np.testing.assert_allclose(
            ours, expected, rtol=rtol, atol=1e-5 * np.abs(expected).max(), err_msg=name
        )


@cases("leave_one_out")
def test_leaving_clusters_out_agrees(case: dict[str, Any]) -> None:
    for name, ours in compute(case).items():
        np.testing.assert_allclose(ours, case["values"][name], rtol=2e-3, atol=1e-6, err_msg=name)


@cases("egger")
def test_small_study_regression_agrees(case: dict[str, Any]) -> None:
    for name, ours in compute(case).items():
        assert ours == pytest.approx(case["values"][name], rel=1e-3, abs=1e-6), name


def table(seed: int = 5, k: int = 18) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "effect": rng.normal(0.3, 0.3, k),
            "variance": rng.uniform(0.01, 0.2, k),
            "x": rng.normal(size=k),
            "study": np.resize(list("abcdef"), k),
            "row": [f"row {i}" for i in range(k)],
        }
    )


@pytest.mark.parametrize("method", ["REML", "DL", "EE"])
@pytest.mark.parametrize("ci", ["z", "t", "HKSJ", "HKSJ-adhoc"])
def test_clusters_of_one_study_give_the_influence_of_studies(ci: str, method: str) -> None:
    data = table()
    fit = ev.pool("effect", "variance", data=data, labels="row", ci=ci, method=method)
    single, grouped = ev.influence(fit), ev.influence(fit, cluster=data["row"])
    order = np.argsort(grouped.omitted)
    assert [grouped.omitted[i] for i in order] == sorted(fit.labels)
    place = [grouped.omitted.index(label) for label in fit.labels]
    np.testing.assert_allclose(grouped.cook[place], single.cook)
    np.testing.assert_allclose(grouped.dfbetas["mean"].to_numpy()[place], single.dfbetas)
    np.testing.assert_allclose(grouped.covariance_ratio[place], single.covariance_ratio)
    np.testing.assert_allclose(grouped.studentised, single.studentised)
    np.testing.assert_allclose(grouped.hat, single.hat)


def test_permuted_and_labelled_clusters_change_nothing() -> None:
    data = table().set_index("row")
    fit = ev.multilevel("effect ~ x", "variance", levels=["study"], data=data)
    one = ev.influence(fit, cluster=data["study"])
    other = ev.influence(fit, cluster=data["study"].sample(frac=1.0, random_state=1))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert one.omitted == tuple("abcdef")
    assert (one.sizes == 3).all()
    with pytest.raises(ev.DataError, match="cluster"):
        ev.influence(fit, cluster=list("abc"))
    with pytest.raises(ev.ModelError, match="one cluster"):
        ev.leave_one_out(fit, cluster=["s"] * len(data))


def test_what_the_model_cannot_do_without_is_named() -> None:
    data = table(k=12).assign(x=[1.0, 1.0] + [0.0] * 10, study=list("aabbccddeeff"))
    fit = ev.regress("effect ~ x", data, labels="row")
    found = ev.influence(fit, cluster=data["study"])
    assert found.failed == ("a",)
    assert np.isnan(found.cook[0])
    assert np.isfinite(found.cook[1:]).all()
    assert "cannot be fitted without: a" in found.note
    left = ev.leave_one_out(fit, cluster=data["study"])
    assert "cannot be fitted without: a" in left.note


def test_an_outlying_cluster_is_flagged() -> None:
    data = table()
    data.loc[data["study"] == "c", "effect"] += 4.0
    fit = ev.robust(ev.multilevel("effect", "variance", levels=["study"], data=data), data["study"])
    found = ev.influence(fit)
    assert found.influential.tolist() == [name == "c" for name in found.omitted]
    assert found.outlying_p[2] < 1e-4
    assert "Influential: c." in found.note
    assert pickle.loads(pickle.dumps(found)).note == found.note


def test_dfbetas_beyond_one_alone_flag_an_effect() -> None:
    # Values of influence() of metafor 3.8.1, which flags the first effect and no other.
    data = pd.DataFrame({"effect": [0.3, -0.4, -0.1, -0.2, 0.3, 0.0], "x": range(6)})
    data["variance"] = [0.21, 0.12, 0.15, 0.38, 0.15, 0.25]
    found = ev.influence(ev.regress("effect ~ x", data, variance="variance", method="EE", ci="z"))
    np.testing.assert_allclose(found.dfbetas.iloc[0], [1.1025, -0.8973], atol=1e-4)
    assert found.cook.max() < 1.386  # median of chi-squared with 2 df
    assert found.influential.tolist() == [True] + [False] * 5


def test_a_fit_without_error_has_no_influence_and_no_warning() -> None:
    fit = ev.robust(ev.pool([0.5] * 5, [0.1, 0.2, 0.1, 0.3, 0.2]), list("ababc"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ev.influence(fit)
    assert np.isnan(found.dfbetas.to_numpy()).all()


def test_robust_fits_can_be_left_out_cumulated_and_drawn() -> None:
    data = table()
    fit = ev.robust(ev.pool("effect", "variance", data=data, labels="row"), data["study"])
    left = ev.leave_one_out(fit)
    without = data[data["study"] != "b"]
    again = ev.robust(ev.pool("effect", "variance", data=without), without["study"])
    assert left.deleted.estimate[1] == pytest.approx(again.coefficients.iloc[0]["estimate"])
    assert left.deleted.ci_low[1] == pytest.approx(again.coefficients.iloc[0]["ci_low"])
    assert ev.cumulative(fit).fits.estimate[-1] == pytest.approx(fit.coefficients.iloc[0]["estimate"])
    figure = ev.figures.leave_one_out(fit)
    assert list(figure.numbers["label"]) == [*"abcdef", "All studies"]
    assert figure.numbers["k"].tolist() == [15.0] * 6 + [18.0]
    with pytest.raises(ev.DataError, match="sorted by"):
        ev.figures.leave_one_out(fit, sort="weight")


def test_the_title_of_eggers_test_says_which_model() -> None:
    data = table()
    fit = ev.multilevel("effect", "variance", levels=["study"], data=data)
    titles = [
        ev.egger(ev.pool("effect", "variance", data=data)).title,
        ev.egger(ev.pool("effect", "variance", data=data), model="lm").title,
        ev.egger(fit).title,
        ev.egger(ev.robust(fit, data["study"])).title,
    ]
    assert titles == [
        "Egger's test by mixed-effects meta-regression",
        "Egger's test by weighted regression, as Egger et al. proposed it",
        "Egger's test by a multilevel model",
        "Egger's test by a model with cluster-robust errors",
    ]
    with pytest.raises(ev.DataError, match="model='lm'"):
        ev.egger(fit, model="lm")
    with pytest.raises(ev.ModelError, match="does not vary"):
        ev.egger(ev.multilevel("effect", "variance", levels=["study"], data=data.assign(variance=0.1)))
