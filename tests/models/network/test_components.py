"""Component models: closed forms, equality with networks, invariances, what can be estimated, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, ModelError
from evidence.models.network.components import components
from evidence.models.network.fit import network

COLUMNS = ["study", "treat1", "treat2", "effect", "se"]
TRUTH = {"none": 0.0, "a": 1.0, "b": 2.0, "c": -0.5}


def table(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame([(f"s{i}", *row) for i, row in enumerate(rows)], columns=COLUMNS)


def additive(seed: int, noise: float = 1.0) -> pd.DataFrame:
    """Studies of combinations whose effects are the sums of `TRUTH`."""
    generator = np.random.default_rng(seed)
    labels = ["none", "a", "b", "c", "a+b", "b+c", "a+b+c"]
    rows = []
    for study in range(12):
        one, other = (labels[study % 7], "none") if study % 7 else ("a+b", "c")
        if study > 7:
            one, other = generator.choice(labels, 2, replace=False)
        se = float(generator.uniform(0.1, 0.6))
        value = sum(TRUTH[part] for part in one.split("+")) - sum(TRUTH[part] for part in other.split("+"))
        rows.append((one, other, value + noise * float(generator.normal(0.0, se)), se))
    return table(*rows)


def test_exact_sums_are_found_and_fit_perfectly() -> None:
    model = components(additive(1, noise=0.0), inactive="none")
    assert model.effects.to_dict() == pytest.approx({"a": 1.0, "b": 2.0, "c": -0.5})
    assert model.q_additive == pytest.approx(0.0, abs=1e-20)
    assert model.tau2 == 0.0
    assert model.i2 == 0.0
    assert "boundary" in model.note
    assert model.combination("a+b+c")["estimate"] == pytest.approx(2.5)
    assert model.combination("a+none")["estimate"] == pytest.approx(1.0)
    assert model.combination("a+b", "b+c")["estimate"] == pytest.approx(1.5)


def test_closed_form_with_three_studies() -> None:
    model = components(
        table(("a", "none", 1.0, 0.5), ("b", "none", 2.0, 0.5), ("a+b", "none", 3.6, 0.5)),
        inactive="none",
        method="EE",
    )
    # the excess of 0.6 is shared equally by three equally precise studies
    assert model.effects.to_dict() == pytest.approx({"a": 1.2, "b": 2.2})
    assert model.q_additive == pytest.approx(0.6**2 / (3 * 0.25))
    assert model.q_difference == pytest.approx(model.q_additive)
    assert (model.df_additive, model.df_network, model.df_difference) == (1, 0, 1)
    assert model.combination("a+b")["se"] == pytest.approx(np.sqrt(2.0 / 3.0) * 0.5)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(["REML", "DL", "EE"]))
def test_interactions_for_every_combination_give_the_network(seed: int, method: str) -> None:
    data = additive(seed)
    net = network(data=data, method=method, reference="none")
    model = components(net, inactive="none", interactions=["a:b", "b:c", "a:b:c"])
    # four treatments with one more component than main effects: as many parameters as treatments
    assert model.df_difference == 0
    assert np.isnan(model.p_difference)
    assert model.tau2 == pytest.approx(net.tau2, rel=1e-7, abs=1e-10)
    frame = model.combinations()
    np.testing.assert_allclose(frame["estimate"], net.relative_to().loc[frame.index, "estimate"], atol=1e-7)
    np.testing.assert_allclose(frame["se"], frame["network_se"], rtol=1e-7)
    both = model.combination("a+b")["estimate"]
    assert both == pytest.approx(model.effects["a"] + model.effects["b"] + model.effects["a:b"])


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_order_names_and_scale(seed: int, other: int) -> None:
    data = additive(seed)
    model = components(data, inactive="none")
    shuffled = data.sample(frac=1.0, random_state=other)
    swap = {"a": "c", "c": "a"}
    for column in ("treat1", "treat2"):
        shuffled[column] = ["+".join(swap.get(x, x) for x in label.split("+")) for label in shuffled[column]]
    shuffled[["effect", "se"]] *= 10.0
    again = components(shuffled, inactive="none")
    assert again.tau2 == pytest.approx(100.0 * model.tau2, rel=1e-7, abs=1e-9)
    for one, two in (("a", "c"), ("b", "b"), ("c", "a")):
        assert again.effects[two] == pytest.approx(10.0 * model.effects[one], rel=1e-6, abs=1e-8)
        assert again.se[two] == pytest.approx(10.0 * model.se[one], rel=1e-6)


def test_components_connect_a_disconnected_network() -> None:
    data = table(("a", "none", 1.0, 0.2), ("a+b", "c", 2.5, 0.3), ("c", "b", -1.5, 0.2))
    with pytest.raises(ModelError, match="parts that no study connects"):
        network(data=data)
    model = components(data, inactive="none")
    assert model.estimable == ("a",)
    assert "No study connects the 2 parts" in model.note
    assert model.is_estimable("c", "b")
    assert model.combination("c", "b")["estimate"] == pytest.approx(-1.5, abs=0.5)
    assert not model.is_estimable("b")
    assert np.isnan(model.combination("b")["estimate"])


def test_words_for_what_cannot_be_estimated() -> None:
    data = table(
        ("a+b", "none", 1.0, 0.2), ("c+d", "d", 2.0, 0.2), ("e", "f", 3.0, 0.2), ("a+b", "none", 1.2, 0.3)
    )
    model = components(data, inactive="none")
    assert model.estimable == ("c",)
    assert set(model.reasons) == {"a", "b", "d", "e", "f"}
    assert "they differ in b too" in model.reasons["a"]
    assert model.reasons["d"] == "no study compares arms with and without d."
    assert "the other has f" in model.reasons["e"]
    assert model.combination("a+b")["estimate"] == pytest.approx((25.0 + 1.2 / 0.09) / (25.0 + 1.0 / 0.09))
    assert model.combination("e", "f")["estimate"] == pytest.approx(3.0)
    assert np.isnan(model.effects[["a", "b", "d", "e", "f"]]).all()
    assert "cannot be estimated" in model.summary()
    tied = components(table(("a+b", "none", 1.0, 0.2), ("b+c", "none", 1.0, 0.2)), inactive="none")
    assert "do not tell its effect from those of b and c" in tied.reasons["a"]


def test_wrong_input() -> None:
    data = additive(2)
    for options, message in (
        ({"inactive": "sugar"}, "inactive component 'sugar' is not in the network"),
        ({"interactions": ["a:z"]}, "the interaction 'a:z' must name components"),
        ({"interactions": ["a"]}, "the interaction 'a' must name components"),
        ({"interactions": ["a:b", "a:b"]}, "is given twice"),
        ({"interactions": "a:none", "inactive": None}, "no treatment holds all of them"),
        ({"sep": ""}, "sep must be"),
        ({"method": "PM"}, "unknown method"),
    ):
        with pytest.raises(DataError, match=message):
            components(data, **options)
    with pytest.raises(DataError, match="no component is called 'z'"):
        components(data, inactive="none").combination("a+z")
    with pytest.raises(DataError, match="a component occurs twice"):
        components(data.replace("a+b", "a+a"))
    with pytest.raises(DataError, match="a component has no name"):
        components(data.replace("a+b", "a+"))
    with pytest.raises(DataError, match="must be a Network or a DataFrame"):
        components([1, 2])
    with pytest.raises(DataError, match="only for contrasts in a DataFrame"):
        components(network(data=data), tolerance=0.1)
    with pytest.raises(ModelError, match="nothing can be estimated"):
        components(table(("a", "none", 1.0, 0.1)).replace("a", "b+none"), inactive="b")


def test_texts_and_given_tau2() -> None:
    net = network(data=additive(3), reference="none")
    model = components(net.contrasts, inactive="none", tau2=0.2)
    assert model.tau2 == 0.2
    assert model.summary().startswith("Additive component model, random effects, tau2 given")
    assert "Additivity: Q difference" in repr(model)
    assert model._repr_html_().startswith("<pre>")
    assert list(model.to_frame().index) == ["a", "b", "c"]
    assert components(net).inactive is None
