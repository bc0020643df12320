"""One rule for what callers give: labels pair, every row in is a row out or named, and results last."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import evidence as ev
from evidence.columns import align, factor, numbers
from evidence.results import Shown

K = 12
RNG = np.random.default_rng(7)
TABLE = pd.DataFrame(
    {
        "effect": RNG.normal(0.2, 0.4, K).round(3),
        "variance": RNG.uniform(0.02, 0.2, K).round(4),
        "a": RNG.integers(2, 20, K),
        "b": RNG.integers(20, 60, K),
        "c": RNG.integers(2, 20, K),
        "d": RNG.integers(20, 60, K),
        "n": RNG.integers(40, 400, K),
        "year": 1990 + RNG.permutation(K),
        "weeks": RNG.uniform(1, 12, K).round(1),
        "kind": np.array(["x", "y"])[RNG.integers(0, 2, K)],
        "district": np.arange(K) // 4,
        "school": np.arange(K) // 2,
    },
    index=[f"S{i:02d}" for i in range(K)],
)
TABLE["se"] = np.sqrt(TABLE["variance"])
CELLS = ("a", "b", "c", "d")


def fitted(t: pd.DataFrame) -> ev.Pooled:
    return ev.pool(t["effect"], t["variance"])


Given = Callable[[str], Any]
CALLS: dict[str, tuple[tuple[str, ...], Callable[[Given], Any]]] = {
    "pool": (("effect", "variance"), lambda g: ev.pool(g("effect"), g("variance"))),
    "pool, se": (("effect", "se"), lambda g: ev.pool(g("effect"), se=g("se"))),
    "pool, weights": (
        ("effect", "variance", "n"),
        lambda g: ev.pool(g("effect"), g("variance"), method="GENQ", weights=g("n")),
    ),
    "bayes": (("effect", "variance"), lambda g: ev.bayes(g("effect"), g("variance"))),
    "gosh": (
        ("effect", "variance"),
        lambda g: ev.gosh(g("effect"), g("variance"), subsets=300, progress=False),
    ),
    "mantel_haenszel": (CELLS, lambda g: ev.mantel_haenszel(*map(g, CELLS))),
    "peto": (CELLS, lambda g: ev.peto(*map(g, CELLS))),
    "glmm": (CELLS, lambda g: ev.glmm(*map(g, CELLS), model="CM.AL")),
    "harbord": (CELLS, lambda g: ev.harbord(*map(g, CELLS))),
    "peters": (CELLS, lambda g: ev.peters(*map(g, CELLS))),
    "regress": (("variance",), lambda g: ev.regress("effect ~ weeks + kind", TABLE, variance=g("variance"))),
    "multilevel": (
        ("effect", "variance", "district", "school"),
        lambda g: ev.multilevel(g("effect"), g("variance"), levels=[g("district"), g("school")]),
    ),
    "multilevel, crossed": (
        ("effect", "variance", "school"),
        lambda g: ev.multilevel(g("effect"), g("variance"), levels=[g("district")], crossed=[g("school")]),
    ),
    "multilevel, times": (
        ("effect", "variance", "school", "weeks"),
        lambda g: ev.multilevel(
            g("effect"), g("variance"), levels=[g("school")], outcome=g("weeks"), structure="CAR"
        ),
    ),
    "location_scale": (
        ("variance",),
        lambda g: ev.location_scale("I(4 * effect) ~ 1", "~ weeks", TABLE, variance=g("variance")),
    ),
    "robust": (("school",), lambda g: ev.robust(fitted(TABLE), g("school"))),
    "egger": (("n",), lambda g: ev.egger(fitted(TABLE), "ninv", n=g("n"))),
    "debray": (("a", "c"), lambda g: ev.debray(fitted(TABLE), g("a"), g("c"))),
    "cumulative": (("year",), lambda g: ev.cumulative(fitted(TABLE), order=g("year"))),
    "subgroups": (("kind",), lambda g: ev.subgroups(fitted(TABLE), g("kind"))),
    "sequential": (("year",), lambda g: ev.sequential(fitted(TABLE), g("year"), delta=0.2)),
    "influence": (("school",), lambda g: ev.influence(fitted(TABLE), cluster=g("school"))),
    "leave_one_out": (("school",), lambda g: ev.leave_one_out(fitted(TABLE), cluster=g("school"))),
    "on": (("n",), lambda g: fitted(TABLE.assign(effect=TABLE["weeks"])).on("IRFT", n=g("n"))),
    "glmm, rates": (("a", "weeks"), lambda g: ev.glmm(measure="IRLN", events=g("a"), time=g("weeks"))),
    "combine_p": (("variance", "sign"), lambda g: ev.combine_p(g("variance"), g("sign"))),
    "albatross": (
        ("variance", "n", "sign"),
        lambda g: ev.figures.albatross(g("variance"), g("n"), g("sign")).numbers,
    ),
    "contrasts_from_arms": (
        ("trial", "arm", "a", "n"),
        lambda g: ev.contrasts_from_arms(g("trial"), g("arm"), events=g("a"), n=g("n"), measure="OR"),
    ),
    "network_counts": (
        ("trial", "arm", "a", "n"),
        lambda g: ev.network_counts(g("trial"), g("arm"), g("a"), g("n")),
    ),
    "covariance_matrix": (
        ("variance", "school"),
        lambda g: pd.DataFrame(ev.covariance_matrix(g("variance"), g("school"), 0.5)),
    ),
    "network": (
        ("study", "treat1", "treat2", "effect", "se"),
        lambda g: ev.network(g("study"), g("treat1"), g("treat2"), g("effect"), g("se")),
    ),
}
NETWORK = TABLE.assign(
    study=list(TABLE.index),
    trial=np.arange(K) // 2,
    arm=np.array(["p", "q", "q", "r"])[np.arange(K) % 4],
    sign=np.where(np.arange(K) % 3, 1, -1),
    treat1=np.array(["p", "q", "r"])[np.arange(K) % 3],
    treat2=np.array(["q", "r", "s"])[np.arange(K) % 3],
)


def numbers_of(result: Any) -> pd.DataFrame:
    frame = result if isinstance(result, pd.DataFrame) else result.to_frame()
    return frame.select_dtypes("number").reset_index(drop=True)


@pytest.mark.parametrize("name", CALLS)
def test_permuted_labels_never_change_a_result(name: str) -> None:
    needed, call = CALLS[name]
    expected = numbers_of(call(lambda one: NETWORK[one]))
    moved = needed[-1]
    shuffled = NETWORK[moved].sample(frac=1.0, random_state=3)
    assert list(shuffled.index) != list(NETWORK.index)
    found = numbers_of(call(lambda one: shuffled if one == moved else NETWORK[one]))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_other_labels_are_named(name: str) -> None:
    needed, call = CALLS[name]
    if len(needed) == 1 and name == "regress":
        needed = ("effect", "variance")
    other = NETWORK[needed[-1]].rename({"S03": "S99"})
    with pytest.raises(ev.DataError, match="S99"):
        call(lambda one: other if one == needed[-1] else NETWORK[one])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", ["list", "tuple", "polars", "nullable", "default index"])
def test_any_kind_of_column_gives_the_same(name: str, kind: str) -> None:
    make: dict[str, Callable[[pd.Series], Any]] = {
        "list": list,
        "tuple": tuple,
        "polars": lambda one: pl.Series(one.to_list()),
        "nullable": lambda one: one.convert_dtypes(),
        "default index": lambda one: one.reset_index(drop=True),
    }
    call = CALLS[name][1]
    expected = numbers_of(call(lambda one: NETWORK[one]))
    pd.testing.assert_frame_equal(
        numbers_of(call(lambda one: make[kind](NETWORK[one]))), expected, rtol=1e-12
    )


def test_the_example_of_the_fault() -> None:
    effect = pd.Series([-0.9, 0.1, 0.2], index=["A", "B", "C"])
    variance = pd.Series([0.5, 0.3, 0.01], index=["C", "B", "A"])
    assert ev.pool(effect, variance, ci="z", method="EE").estimate == pytest.approx(-0.8475, abs=1e-4)


def test_labels_that_stand_twice_pair_only_in_one_order() -> None:
    once = pd.Series([1.0, 2.0, 3.0], index=["a", "a", "b"])
    assert align({"x": once, "y": once})[0]["y"] is once
    with pytest.raises(ev.DataError, match="'a' more than once"):
        align({"x": once, "y": once.iloc[::-1]})


def test_labels_given_beside_arrays_name_the_rows() -> None:
    variance = pd.Series([0.5, 0.3, 0.01], index=["C", "B", "A"])
    fit = ev.pool([-0.9, 0.1, 0.2], variance, labels=["A", "B", "C"], ci="z", method="EE")
    assert fit.estimate == pytest.approx(-0.8475, abs=1e-4)


def test_tables_are_paired_by_both_sides() -> None:
    effect = pd.DataFrame(RNG.normal(size=(3, 4)), index=list("xyz"), columns=list("abcd"))
    variance = effect.abs() + 0.1
    turned = variance.loc[list("zxy"), list("dbca")]
    expected = ev.pool_many(effect, variance).to_frame()
    pd.testing.assert_frame_equal(ev.pool_many(effect, turned).to_frame(), expected)
    matrix = pd.DataFrame(np.diag(TABLE["variance"]), index=TABLE.index, columns=TABLE.index)
    order = TABLE.sample(frac=1.0, random_state=1).index
    one = ev.multilevel(TABLE["effect"], matrix, levels=[TABLE["district"]])
    two = ev.multilevel(TABLE["effect"], matrix.loc[order, order], levels=[TABLE["district"]])
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())


@pytest.mark.parametrize(
    "call", ["pool", "bayes", "gosh", "multilevel", "regress", "subgroups", "network", "mh"]
)
def test_every_row_in_is_a_row_out_or_named(call: str) -> None:
    data = NETWORK.reset_index(names="label")
    data.loc[2, "effect"], data.loc[5, "variance"], data.loc[5, "se"] = np.nan, np.nan, np.nan
    data["a"] = data["a"].astype(float)
    data.loc[2, "a"] = np.nan
    calls: dict[str, Callable[[str], Any]] = {
        "pool": lambda m: ev.pool("effect", "variance", data=data, labels="label", missing=m),
        "bayes": lambda m: ev.bayes("effect", "variance", data=data, labels="label", missing=m),
        "gosh": lambda m: ev.gosh(
            "effect", "variance", data=data, labels="label", missing=m, subsets=50, progress=False
        ),
        "multilevel": lambda m: ev.multilevel(
            "effect", "variance", levels=["school"], data=data, labels="label", missing=m
        ),
        "regress": lambda m: ev.regress("effect ~ weeks", data, missing=m),
        "subgroups": lambda m: ev.subgroups(data, "kind", missing=m),
        "network": lambda m: ev.network(data=data, missing=m),
        "mh": lambda m: ev.mantel_haenszel(*CELLS, data=data, labels="label", missing=m),
    }
    with pytest.raises(ev.DataError, match=r"S02|S05"):
        calls[call]("refuse")
    result = calls[call]("omit")
    text = result.summary() + " ".join(getattr(getattr(result, "contrasts", None), "notes", ()))
    assert "left out" in text
    assert "S02" in text
    assert ("S05" in text) == (call != "mh")
    with pytest.raises(ev.DataError, match="missing='drop'"):
        calls[call]("drop")


def test_effects_left_out_by_their_measure_are_counted() -> None:
    es = ev.effect_size(
        "OR", a=[0, 3, 5], b=[9, 9, 9], c=[0, 2, 2], d=[9, 9, 9], drop00=True, labels=list("xyz")
    )
    with pytest.raises(ev.DataError, match="x: the effect is nan"):
        ev.pool(es)
    fit = ev.pool(es, missing="omit")
    assert (fit.k, fit.left_out) == (2, ("x",))
    assert "1 row left out, effect or variance missing: x." in fit.note


def test_groups_that_look_the_same_are_one() -> None:
    data = pd.DataFrame({"effect": [0.1, 0.2, 0.3, 0.4, 0.5], "variance": 0.1, "g": [1, "1", 2, 2, "2"]})
    assert [fit.k for fit in ev.subgroups(data, "g").groups.values()] == [2, 3]
    codes, names = factor([1, "1", " 1", 2, None], "g")
    assert codes.tolist() == [0, 0, 0, 1, -1]
    assert names == ["1", "2"]


def test_components_have_no_order() -> None:
    one = pd.DataFrame(
        {
            "study": ["s1", "s2", "s3", "s4"],
            "treat1": ["a", "b", "a+b", "b + a"],
            "treat2": ["none"] * 4,
            "effect": [1.0, 2.0, 3.5, 3.0],
            "se": [0.5] * 4,
        }
    )
    two = one.replace("b + a", "a+b")
    expected = ev.components(two, inactive="none", method="EE").to_frame()
    pd.testing.assert_frame_equal(ev.components(one, inactive="none", method="EE").to_frame(), expected)
    found = ev.components(ev.network(data=one, method="EE"), inactive="none")
    pd.testing.assert_frame_equal(found.to_frame(), expected)


def test_a_factor_with_one_level_is_refused() -> None:
    for values in ("only", pd.Categorical(["only"] * K)):
        with pytest.raises(ev.DataError, match="'only' in every study"):
            ev.regress("effect ~ flag", TABLE.assign(flag=values))


def test_text_that_holds_numbers_is_read_with_a_warning() -> None:
    with pytest.warns(ev.DataWarning, match="effect: 2 of 3 values are text"):
        fit = ev.pool(["0.1", "\u22120.2", 0.3], [0.1, 0.1, 0.1], method="EE")
    assert fit.estimate == pytest.approx(0.2 / 3)
    with pytest.warns(ev.DataWarning, match="weeks"):
        text = ev.regress("effect ~ weeks", TABLE.assign(weeks=TABLE["weeks"].astype(str)))
    assert text.coefficients.equals(ev.regress("effect ~ weeks", TABLE).coefficients)
    with pytest.raises(ev.DataError, match="'0,3'"):
        numbers(["0.1", "0,3"], "effect")


def test_frames_of_others_are_read() -> None:
    table = TABLE.reset_index(names="label")
    frame = pl.DataFrame({name: table[name].to_list() for name in table.columns})
    for call in (
        lambda data: ev.pool("effect", "variance", data=data, labels="label"),
        lambda data: ev.regress("effect ~ weeks + kind", data),
        lambda data: ev.subgroups(data, "kind"),
        lambda data: ev.multilevel("effect", "variance", levels=["district", "school"], data=data),
    ):
        assert call(frame).summary() == call(table).summary()
    with pytest.raises(ev.DataError, match="lazy"):
        ev.regress("effect ~ weeks", frame.lazy())
    with pytest.raises(ev.DataError, match="not int"):
        ev.regress("effect ~ weeks", 3)


def test_variance_or_standard_error() -> None:
    assert ev.pool(TABLE["effect"], se=TABLE["se"]).estimate == pytest.approx(fitted(TABLE).estimate)
    for call in (ev.pool, ev.bayes, ev.gosh):
        with pytest.raises(ev.DataError, match="both given"):
            call(TABLE["effect"], TABLE["variance"], se=TABLE["se"])
        with pytest.raises(ev.DataError, match=r"se=\.\.\."):
            call(TABLE["effect"])
    with pytest.raises(ev.DataError, match="both given"):
        ev.regress("effect ~ weeks", TABLE, variance="variance", se="se")
    one, two = ev.subgroups(TABLE, "kind"), ev.subgroups(TABLE, "kind", se="se")
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())


def test_three_lines_from_data_to_figure() -> None:
    table = TABLE.reset_index(names="author")
    es = ev.effect_size("odds ratio", a="a", b="b", c="c", d="d", data=table, labels="author")
    fit = ev.pool(es)
    figure = ev.figures.forest(fit)
    assert (fit.measure, fit.labels) == ("OR", tuple(table["author"]))
    assert fit.n is not None
    assert fit.n.tolist() == table[list(CELLS)].sum(axis=1).tolist()
    assert fit.reported is not None
    assert list(fit.reported.columns) == ["events1", "n1", "events2", "n2"]
    assert len(figure.numbers) > K
    line = next(line for line in fit.summary().splitlines() if "Odds ratio" in line)
    assert f"{np.exp(fit.estimate):.4f}" in line
    assert f"{np.exp(fit.ci_low):.4f} to {np.exp(fit.ci_high):.4f}" in line
    assert ev.egger(fit, "ninv").k == K


def results() -> dict[str, Any]:
    """One result of each public function that gives one."""
    fit = fitted(TABLE)
    net = ev.network(data=NETWORK)
    nested = ev.multilevel("effect", "variance", levels=["district", "school"], data=TABLE)
    regression = ev.regress("effect ~ weeks", TABLE)
    combined = NETWORK.replace({"treat1": {"r": "p+q"}, "treat2": {"r": "q+p"}})
    return {
        "pool": fit,
        "pool, reported": ev.pool(ev.effect_size("OR", a="a", b="b", c="c", d="d", data=TABLE)),
        "pool_many": ev.pool_many([TABLE["effect"].to_list()] * 2, [TABLE["variance"].to_list()] * 2),
        "regress": regression,
        "location_scale": ev.location_scale("I(4 * effect) ~ 1", "~ weeks", TABLE),
        "multilevel": nested,
        "multilevel, crossed": ev.multilevel(
            "effect", "variance", crossed=["district", "school"], data=TABLE
        ),
        "robust": ev.robust(fit, TABLE["school"]),
        "robust, regression": ev.robust(regression, TABLE["school"]),
        "permutation_test": ev.permutation_test(regression),
        "subgroups": ev.subgroups(TABLE, "kind"),
        "bayes": ev.bayes(TABLE["effect"], TABLE["variance"]),
        "bayes, priors": ev.bayes(
            TABLE["effect"],
            TABLE["variance"],
            tau_prior=ev.priors.half_normal(0.5),
            effect_prior=ev.priors.normal(0, 1),
        ),
        "gosh": ev.gosh(TABLE["effect"], TABLE["variance"], subsets=50, progress=False),
        "mantel_haenszel": CALLS["mantel_haenszel"][1](lambda one: TABLE[one]),
        "peto": CALLS["peto"][1](lambda one: TABLE[one]),
        "glmm": CALLS["glmm"][1](lambda one: TABLE[one]),
        "network": net,
        "rankogram": net.rankogram(draws=100),
        "decomposition": net.decomposition(),
        "net_heat": ev.network(data=NETWORK.assign(treat2=np.resize(list("qrpqss"), K))).net_heat(),
        "network_counts": CALLS["network_counts"][1](lambda one: NETWORK[one]),
        "bayes_network": ev.bayes_network(net, tau_prior=ev.priors.half_normal(0.5)),
        "components": ev.components(combined),
        "network_regression": ev.network_regression(
            net, dict(zip(NETWORK["study"], NETWORK["weeks"], strict=True))
        ),
        **{
            function.__name__: function(fit)
            for function in (
                *(ev.egger, ev.begg, ev.trim_and_fill, ev.pet_peese, ev.limit_meta, ev.failsafe_n, ev.baujat),
                *(
                    ev.excess_significance,
                    ev.leave_one_out,
                    ev.influence,
                    ev.cumulative,
                    ev.radial,
                    ev.doi_plot,
                ),
                *(ev.blup, ev.profile_tau2, ev.selection_model),
            )
        },
        "influence, regression": ev.influence(regression),
        "selection_model, regression": ev.selection_model(regression),
        "on": fit.on("analysis"),
        "cross_validate": ev.cross_validate(regression),
        "regress_many": ev.regress_many("~ weeks", TABLE, [TABLE["effect"]], [TABLE["variance"]]),
        "compare_fits": ev.compare_fits(fit, ev.pool(fit.effect, fit.variance, method="EE")),
        "linear_contrasts": ev.linear_contrasts(regression),
        "pool_grid": ev.pool_grid([TABLE["effect"]], [TABLE["variance"]], methods=["DL"], intervals=["z"]),
        "gosh_summary": ev.gosh_summary(TABLE["effect"], TABLE["variance"], subsets=50),
        "bootstrap": ev.bootstrap(fit, repetitions=10),
        "batch_summary": ev.batch_summary(ev.batch(TABLE.assign(review="r"), by=["review"])),
        "combine_p": ev.combine_p(TABLE["variance"]),
        "effect_direction": ev.effect_direction(NETWORK["sign"]),
        "p_curve": ev.p_curve(TABLE["variance"]),
        "sequential": ev.sequential(fit, delta=0.2),
        "recover": ev.recover(estimate=TABLE["effect"], se=TABLE["se"]),
    }


RESULTS = results()


def test_every_class_of_result_is_looked_at() -> None:
    def below(one: type[Any]) -> Iterator[type[Any]]:
        yield one
        for other in one.__subclasses__():
            yield from below(other)

    floors = ("evidence.models.", "evidence.diagnostics.")
    # those with subclasses exist for others to be made of
    classes = {one for one in below(Shown) if one.__module__.startswith(floors) and not one.__subclasses__()}
    seen = {type(result) for result in RESULTS.values()}
    assert {one.__name__ for one in classes - seen} == set()


def arrays_of(value: Any) -> list[np.ndarray]:
    """Find the arrays that a result keeps and shows by its public attributes; others are made anew each time."""
    found = []
    for name in (name for name in dir(value) if not name.startswith("_")):
        one = getattr(value, name)
        if isinstance(one, np.ndarray) and getattr(value, name) is one:
            found.append(one)
    return found


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_pickles_and_refuses_writing(name: str) -> None:
    result = RESULTS[name]
    again = pickle.loads(pickle.dumps(result))
    assert again.summary() == result.summary() if hasattr(result, "summary") else True
    for one in (result, again):
        for array in arrays_of(one):
            assert not array.flags.writeable
        if hasattr(one, "__dataclass_fields__"):
            field = next(iter(one.__dataclass_fields__))
            with pytest.raises(AttributeError):
                setattr(one, field, None)


def test_no_result_warns_of_text() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(TABLE)
