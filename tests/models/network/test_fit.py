"""Networks: brute-force least squares, equality with simpler models, invariances, extreme input, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.optimize import minimize_scalar

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.network.fit import network, network_parts
from evidence.models.pool import pool
from evidence.models.regression.fit import regress

COLUMNS = ["study", "treat1", "treat2", "effect", "se"]


def random_network(seed: int, arms: tuple[int, ...] = (2, 2, 3, 4), decades: float = 0.5) -> pd.DataFrame:
    """Connected network of 3 to 6 treatments, every contrast of every study."""
    generator = np.random.default_rng(seed)
    size = int(generator.integers(3, 7))
    rows = []
    for study in range(size + int(generator.integers(0, 8))):
        count = min(size, int(generator.choice(arms)))
        first = study % size
        others = [
            (first + 1) % size,
            *generator.permutation([i for i in range(size) if i not in (first, (first + 1) % size)]),
        ]
        chosen = [first, *others[: count - 1]]
        variance = 10.0 ** generator.uniform(-decades, decades, count)
        value = generator.normal(0.0, 1.0, count) + generator.normal(0.0, np.sqrt(variance))
        for i in range(count):
            for j in range(i):
                se = float(np.sqrt(variance[i] + variance[j]))
                rows.append((f"s{study}", f"t{chosen[i]}", f"t{chosen[j]}", value[i] - value[j], se))
    return pd.DataFrame(rows, columns=COLUMNS)


def brute(data: pd.DataFrame, method: str) -> tuple[pd.DataFrame, pd.DataFrame, float, float]:
    """Generalised least squares with the full covariance matrix of the contrasts against each study's first arm."""
    names = sorted({*data["treat1"], *data["treat2"]})
    blocks: list[tuple[Any, Any, Any]] = []
    for _, rows in data.groupby("study", sort=False):
        arms = sorted({*rows["treat1"], *rows["treat2"]})
        variance, effect = np.zeros((2, len(arms), len(arms)))
        for one, other, value, se in rows[COLUMNS[1:]].itertuples(index=False, name=None):
            i, j = arms.index(one), arms.index(other)
            variance[i, j] = variance[j, i] = se**2
            effect[i, j], effect[j, i] = value, -value
        design = np.zeros((len(arms) - 1, len(names)))
        design[:, names.index(arms[0])] = -1.0
        for i, arm in enumerate(arms[1:]):
            design[i, names.index(arm)] = 1.0
        covariance = (variance[0, 1:, None] + variance[0, None, 1:] - variance[1:, 1:]) / 2.0
        blocks.append((effect[1:, 0], covariance, design[:, 1:]))
    y, x = np.concatenate([b[0] for b in blocks]), np.vstack([b[2] for b in blocks])
    sampling = block_diag(*[b[1] for b in blocks])
    between = block_diag(*[(np.eye(len(b[0])) + 1.0) / 2.0 for b in blocks])

    def fit(tau2: float) -> tuple[Any, Any, float, Any]:
        weight = np.linalg.inv(sampling + tau2 * between)
        covariance = np.linalg.inv(x.T @ weight @ x)
        estimate = covariance @ x.T @ weight @ y
        residual = y - x @ estimate
        return estimate, covariance, float(residual @ weight @ residual), weight

    def deviance(tau2: float) -> float:
        _, covariance, q, weight = fit(tau2)
        return q - float(np.linalg.slogdet(weight)[1] + np.linalg.slogdet(covariance)[1])

    _, covariance, q, weight = fit(0.0)
    df = len(y) - len(names) + 1
    tau2 = 0.0
    if df and method == "DL":
        projection = weight - weight @ x @ covariance @ x.T @ weight
        tau2 = max(0.0, (q - df) / float(np.trace(projection @ between)))
    elif df and method == "REML":
        grid = np.append(0.0, np.geomspace(1e-4, 100.0, 120))
        best = int(np.argmin([deviance(t) for t in grid]))
        around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
        found = minimize_scalar(deviance, bounds=around, method="bounded", options={"xatol": 1e-10})
        tau2 = float(found.x) if found.fun < deviance(0.0) else 0.0
    estimate, covariance, _, _ = fit(tau2)
    step = np.vstack([np.zeros(len(names) - 1), np.eye(len(names) - 1)])
    lead = step[:, None, :] - step[None, :, :]
    return (
        pd.DataFrame(lead @ estimate, index=names, columns=names),
        pd.DataFrame(
            np.sqrt(np.einsum("ijk,kl,ijl->ij", lead, covariance, lead)), index=names, columns=names
        ),
        tau2,
        q,
    )


networks = st.builds(random_network, st.integers(0, 10**6))


@settings(max_examples=25)
@given(networks, st.sampled_from(["REML", "DL", "EE"]))
def test_equals_generalised_least_squares(data: pd.DataFrame, method: str) -> None:
    net = network(data=data, method=method)
    effects, se, tau2, q = brute(data, method)
    assert net.tau2 == pytest.approx(tau2, rel=1e-4, abs=1e-5)
    assert net.q == pytest.approx(q, rel=1e-9, abs=1e-10)
    loose = 1e-4 if method == "REML" else 1e-9  # the brute maximum is found to six digits
    np.testing.assert_allclose(
        net.effects, effects.loc[net.effects.index, net.effects.columns], rtol=loose, atol=loose
    )
    np.testing.assert_allclose(net.se, se, rtol=loose, atol=loose)


@settings(max_examples=20)
@given(networks, st.sampled_from(["REML", "DL"]), st.integers(0, 1000))
def test_order_and_direction_of_contrasts_do_not_matter(data: pd.DataFrame, method: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    shuffled = data.iloc[generator.permutation(len(data))].copy()
    turn = generator.random(len(data)) < 0.5
    first = shuffled["treat1"].where(~turn, shuffled["treat2"])
    shuffled["treat2"] = shuffled["treat2"].where(~turn, shuffled["treat1"])
    shuffled["treat1"] = first
    shuffled["effect"] = np.where(turn, -shuffled["effect"], shuffled["effect"])
    one, two = network(data=data, method=method), network(data=shuffled, method=method)
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-8, abs=1e-11)
    np.testing.assert_allclose(two.effects, one.effects, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(two.se, one.se, rtol=1e-8)
    assert two.q == pytest.approx(one.q, rel=1e-9, abs=1e-11)


@settings(max_examples=15)
@given(networks, st.integers(0, 1000))
def test_names_and_reference_only_reexpress(data: pd.DataFrame, seed: int) -> None:
    net = network(data=data)
    names = list(net.treatments)
    new = dict(
        zip(names, np.random.default_rng(seed).permutation([f"x{i}" for i in range(len(names))]), strict=True)
    )
    renamed = network(data=data.assign(treat1=data["treat1"].map(new), treat2=data["treat2"].map(new)))
    back = renamed.effects.rename(
        index={v: k for k, v in new.items()}, columns={v: k for k, v in new.items()}
    )
    np.testing.assert_allclose(back.loc[names, names], net.effects, rtol=1e-8, atol=1e-10)
    for reference in names:
        relative = network(data=data, reference=reference).relative_to()
        np.testing.assert_allclose(relative["estimate"], net.effects[reference].drop(reference), atol=1e-12)
        np.testing.assert_allclose(relative["se"], net.se[reference].drop(reference), rtol=1e-12)
    table = net.effects.to_numpy()
    assert table[0, 1] + table[1, 2] == pytest.approx(table[0, 2], abs=1e-12)


@settings(max_examples=15)
@given(networks, st.sampled_from(["REML", "DL"]), st.sampled_from([1e-6, 0.1, 3.0, 1e7]))
def test_rescaling(data: pd.DataFrame, method: str, factor: float) -> None:
    one = network(data=data, method=method)
    two = network(data=data.assign(effect=data["effect"] * factor, se=data["se"] * factor), method=method)
    assert two.tau2 == pytest.approx(one.tau2 * factor**2, rel=1e-7)
    np.testing.assert_allclose(two.effects / factor, one.effects, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(two.p_scores()[one.p_scores().index], one.p_scores(), atol=1e-7)
    assert two.q == pytest.approx(one.q, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("method", ["REML", "DL", "EE"])
def test_two_arm_network_equals_regression_on_indicators(method: str) -> None:
    data = random_network(3, arms=(2,))
    net = network(data=data, method=method)
    names = list(net.treatments)
    for name in names[1:]:
        data[name] = (data["treat1"] == name).astype(float) - (data["treat2"] == name)
    data["variance"] = data["se"] ** 2
    fit = regress("effect ~ 0 + " + " + ".join(names[1:]), data, method=method, ci="z", labels="study")
    ours = net.relative_to(names[0])
    np.testing.assert_allclose(ours["estimate"], fit.coefficients["estimate"], rtol=1e-7)
    np.testing.assert_allclose(ours["ci_high"], fit.coefficients["ci_high"], rtol=1e-7)
    assert net.tau2 == pytest.approx(fit.tau2, rel=1e-7, abs=1e-12)
    assert (net.q, net.q_df, net.q_p) == pytest.approx((fit.qe, fit.qe_df, fit.qe_p))
    if method == "REML":
        np.testing.assert_allclose(net.tau2_interval, [fit.tau2_low, fit.tau2_high], rtol=1e-6)


@pytest.mark.parametrize("method", ["REML", "DL", "EE"])
def test_one_comparison_equals_pooling(method: str) -> None:
    effect, se = np.array([0.3, 0.9, -0.2, 0.5, 1.4]), np.array([0.2, 0.3, 0.25, 0.1, 0.4])
    net = network([f"s{i}" for i in range(5)], ["b"] * 5, ["a"] * 5, effect, se, reference="a", method=method)
    fit = pool(effect, se**2, method=method, ci="z")
    row = net.relative_to().loc["b"]
    assert [row["estimate"], row["se"], row["ci_low"], row["ci_high"], row["p_value"]] == pytest.approx(
        [fit.estimate, fit.se, fit.ci_low, fit.ci_high, fit.p_value], rel=1e-8
    )
    assert (net.tau2, net.q, net.q_p) == pytest.approx((fit.tau2, fit.q, fit.q_p), rel=1e-8)
    if method != "EE":
        expected = fit.prediction_low, fit.prediction_high
        assert (row["prediction_low"], row["prediction_high"]) == pytest.approx(expected, rel=1e-8)


def test_tree_has_closed_form() -> None:
    net = network(["s1", "s2"], ["a", "b"], ["b", "c"], [1.0, 2.0], [0.3, 0.4], reference="c")
    assert net.effects.loc["a", "c"] == pytest.approx(3.0)
    assert net.se.loc["a", "c"] == pytest.approx(0.5)
    assert net.q_df == 0
    assert np.isnan(net.i2)
    assert "cannot be judged" in net.note
    assert net.decomposition().df_between == 0
    assert net.prediction_low.isna().loc["a", "c"]
    assert list(net.contributions().loc["a v c"]) == pytest.approx([50.0, 50.0])


def test_star_of_contrasts_equals_all_contrasts_if_the_shared_variance_is_known() -> None:
    variance = {"a": 0.04, "b": 0.05, "c": 0.02, "d": 0.1}
    value = {"a": 0.0, "b": 0.4, "c": -0.3, "d": 1.0}
    full = [
        ("s", x, y, value[x] - value[y], np.sqrt(variance[x] + variance[y]))
        for x in "abcd"
        for y in "abcd"
        if x < y
    ]
    other = ("s2", "b", "c", 0.2, 0.3)
    whole = network(data=pd.DataFrame([*full, other], columns=COLUMNS))
    star = pd.DataFrame([*(row for row in full if "b" in row[1:3]), other], columns=COLUMNS)
    for known in ({"s": 0.05}, np.array([0.05, np.nan, 0.05, np.nan])):
        net = network(data=star, arm_variance=known)
        np.testing.assert_allclose(net.effects, whole.effects, atol=1e-12)
        np.testing.assert_allclose(net.se, whole.se, rtol=1e-10)
    # sizes recover it when the standard deviation is common to all arms: variance 2 / n
    sized = star.assign(
        n1=[2.0 / variance[x] for x in star["treat1"]], n2=[2.0 / variance[x] for x in star["treat2"]]
    )
    net = network(data=sized, n1="n1", n2="n2")
    np.testing.assert_allclose(net.se, whole.se, rtol=1e-10)
    assert "computed from the sizes" in net.note


def test_named_rules_for_the_shared_arm() -> None:
    data = pd.DataFrame([("s", "a", "c", 1.0, 0.4), ("s", "b", "c", 2.0, 0.4)], columns=COLUMNS)
    equal = network(data=data)
    assert equal.se.loc["a", "b"] == pytest.approx(0.4)
    assert "rule 'equal'" in equal.note
    assert network(data=data, shared_arm_rule=0.0).se.loc["a", "b"] == pytest.approx(0.4 * np.sqrt(2.0))
    skew = data.assign(se=[0.1, 1.0])
    assert "half of the smallest" in network(data=skew).note
    with pytest.raises(DataError, match=r"^s: the contrasts share the arm c"):
        network(data=data, shared_arm_rule="refuse")
    with pytest.raises(DataError, match=r"^s: the variance of the shared arm 'c'"):
        network(data=data, arm_variance={"s": 0.2})


def row(*values: Any) -> pd.DataFrame:
    return pd.DataFrame([values], columns=COLUMNS)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (row("bad", "a", "a", 0.1, 0.2), r"^bad: it compares 'a' with itself"),
        (row("bad", "a", "b", np.nan, 0.2), r"^bad \(a v b\): the effect is nan"),
        (row("bad", "a", "b", 0.1, 0.0), r"^bad \(a v b\): the standard error is 0"),
        (row("bad", "a", "b", 0.1, -1.0), r"^bad \(a v b\): the standard error is -1"),
        (row("bad", "a", "b", 0.1, np.inf), r"^bad \(a v b\): the standard error is inf"),
        (row("bad", "a", "b", 0.1, 1e40), r"^bad \(a v b\): the variance"),
        (row("bad", "a", None, 0.1, 0.2), r"^bad: study, treat1 and treat2 must be named"),
        (pd.concat([row("bad", "a", "b", 0.1, 0.2)] * 2), r"^bad: two rows compare a with b"),
        (
            pd.concat([row("bad", "a", "b", 0.1, 0.2), row("bad", "c", "d", 0.1, 0.2)]),
            r"^bad: .* missing: a with c; a with d; b with c; b with d",
        ),
        (
            pd.concat(
                [row("bad", x, y, e, 0.5) for x, y, e in [("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", 1.5)]]
            ),
            r"^bad: the contrasts do not add up: a minus b is 1, b minus c is 1, together 2, but a minus c is 1.5",
        ),
        (
            pd.concat(
                [row("bad", x, y, 0.0, s) for x, y, s in [("a", "b", 0.1), ("b", "c", 0.1), ("a", "c", 1.5)]]
            ),
            r"^bad: no correlation between the contrasts agrees with their standard errors",
        ),
    ],
)
def test_wrong_input_names_the_study(extra: pd.DataFrame, message: str) -> None:
    good = pd.DataFrame([("s1", "a", "b", 0.1, 0.2), ("s2", "b", "c", 0.1, 0.2)], columns=COLUMNS)
    with pytest.raises(DataError, match=message):
        network(data=pd.concat([good, extra]))


def test_wrong_options() -> None:
    data = random_network(1)
    for options, message in (
        ({"reference": "zz"}, "the reference 'zz' is not in the network"),
        ({"method": "PM"}, "unknown method 'PM'"),
        ({"level": 1.0}, "level must lie"),
        ({"prediction": "q"}, "unknown prediction"),
        ({"tau2": -1.0}, "tau2 as given"),
        ({"shared_arm_rule": "guess"}, "unknown shared_arm_rule"),
        ({"arm_variance": {"nobody": 0.1}}, "not in the network: 'nobody'"),
        ({"effect": "missing"}, "no column 'missing' for effect"),
        ({"se": [0.1]}, "give one of each a contrast"),
    ):
        with pytest.raises(DataError, match=message):
            network(data=data, **options)
    with pytest.raises(DataError, match="no data were given"):
        network("study", "treat1", "treat2", "effect", "se")
    with pytest.raises(DataError, match="there is no contrast"):
        network([], [], [], [], [])
    with pytest.raises(DataError, match="'zz' is not in the network"):
        network(data=data).relative_to("zz")


def test_slightly_rounded_contrasts_are_adjusted_and_noted() -> None:
    data = pd.concat(
        [row("s", x, y, e, 0.5) for x, y, e in [("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", 2.01)]]
    )
    net = network(data=data)
    assert net.effects.loc["a", "c"] == pytest.approx(2.01 - 0.01 / 3.0)
    assert "s: its contrasts differ slightly from adding up" in net.note


def test_parts_of_a_disconnected_network() -> None:
    data = pd.DataFrame(
        [("s1", "a", "b", 0.1, 0.2), ("s2", "c", "d", 0.3, 0.2), ("s3", "d", "e", 0.1, 0.2)], columns=COLUMNS
    )
    with pytest.raises(ModelError, match=r"falls into 2 parts .*: \(1\) c, d, e; \(2\) a, b\."):
        network(data=data)
    parts = network_parts(data=data)
    assert [network(data=part).treatments for part in parts] == [("c", "d", "e"), ("a", "b")]


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 4.0, 12.0]), st.sampled_from([1e-8, 1.0, 1e8]))
def test_extreme_input_gives_finite_numbers_or_an_error(seed: int, decades: float, scale: float) -> None:
    data = random_network(seed, decades=decades)
    data["effect"] *= scale
    data["se"] *= scale
    try:
        net = network(data=data)
    except EvidenceError:
        return
    for table in (net.effects, net.se, net.effects_common, net.se_common, net.ci_low, net.p_scores()):
        assert np.isfinite(table.to_numpy()).all()
    assert np.isfinite([net.tau2, net.q]).all()
    assert net.summary()


def test_precise_comparison_far_from_the_first_treatment_keeps_its_variance() -> None:
    net = network(
        ["s1", "s2", "s3"], ["a", "b", "c"], ["b", "c", "b"], [3.0, 1.0, -1.0], [1e6, 1e-6, 1e-6], method="EE"
    )
    assert net.se["c"]["b"] == pytest.approx(1e-6 / np.sqrt(2.0), rel=1e-9)
    assert net.se["b"]["a"] == pytest.approx(1e6, rel=1e-9)
    assert net.contributions().loc["b v c"].to_dict() == pytest.approx({"a v b": 0.0, "b v c": 100.0})


def test_texts_and_tables() -> None:
    net = network(random_network(5))
    assert net.summary().startswith("Network meta-analysis, random effects, tau2 by REML")
    assert repr(net) == net.summary()
    assert net._repr_html_().startswith("<pre>")
    assert net.to_frame().equals(net.relative_to())
    assert (net.ci_low.to_numpy() <= net.ci_high.to_numpy()).all()
    assert np.nanmax(net.prediction_high - net.ci_high) >= 0.0
    table = net.league_table(list(net.treatments[::-1]), exponentiate=True)
    assert list(table.index) == list(net.treatments[::-1])
    first, second = net.treatments[::-1][:2]
    assert str(table.loc[second, first]).startswith(f"{np.exp(net.effects[second][first]):.2f} (")
    assert network(random_network(5), tau2=0.3).tau2 == 0.3
    data = net.funnel(net.treatments)
    assert data["adjusted"].to_numpy() == pytest.approx((data["effect"] - data["pooled"]).to_numpy())
    with pytest.raises(DataError, match="order must name every treatment once"):
        net.funnel(net.treatments[:2])
