from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.figures import direct_indirect, league, network_forest, rankogram
from evidence.models.network.fit import network
from evidence.models.network.ranking import RANK_WARNING
from evidence.models.network.result import Network


def fitted(size: int, studies: int, method: str = "REML") -> Network:
    """A network of two-arm studies: a star, and random pairs."""
    random = np.random.default_rng(size)
    names = ["usual_care", "manual_therapy+exercise+other active"] + [
        f"treatment_{i}" for i in range(2, size)
    ]
    pairs = [(i, 0) for i in range(1, size)]
    while len(pairs) < studies:
        one, other = random.choice(size, 2, replace=False)
        pairs.append((int(one), int(other)))
    se = random.uniform(0.1, 0.4, studies)
    position = random.normal(0, 0.5, size)
    effect = [position[i] - position[j] for i, j in pairs] + 1.3 * se * random.standard_normal(studies)
    first, second = ([names[pair[side]] for pair in pairs] for side in (0, 1))
    return network([f"s{i}" for i in range(studies)], first, second, effect, se, method=method)


SMALL, LARGE = fitted(6, 16), fitted(22, 70)


@pytest.mark.parametrize("net", [SMALL, LARGE], ids=["6", "22"])
def test_nothing_covers_or_leaves(faults, net):
    assert faults(network_forest(net, title="Against usual care")) == []
    assert faults(network_forest(net, reference="manual_therapy+exercise+other active")) == []
    assert faults(league(net, title="All against all", notes=["A note."])) == []
    assert faults(rankogram(net, draws=1000, title="Ranks")) == []
    assert faults(rankogram(net, draws=1000, cumulative=True)) == []
    assert faults(direct_indirect(net.split(), title="Direct and indirect")) == []


def test_underscores_are_spaces(texts):
    figures = [
        network_forest(SMALL),
        league(SMALL),
        rankogram(SMALL, draws=100),
        direct_indirect(SMALL.split()),
    ]
    for figure in figures:
        assert "_" not in " ".join(texts(figure)) + figure.alt_text
        assert "manual therapy + exercise" in figure.alt_text


def test_forest_carries_the_estimates():
    figure = network_forest(SMALL, reference="treatment_3", sort="label")
    expected = SMALL.relative_to("treatment_3").reset_index()
    found = figure.numbers
    assert set(found.reference) == {"treatment_3"}
    for name in (
        "treatment",
        "estimate",
        "ci_low",
        "ci_high",
        "prediction_low",
        "prediction_high",
        "studies",
    ):
        assert found[name].tolist() == expected[name].tolist()
    assert "Effect, v treatment 3" in figure.alt_text


def test_forest_sorts_and_leaves_out_predictions(texts):
    assert network_forest(SMALL).numbers.estimate.is_monotonic_increasing
    assert network_forest(SMALL, sort="studies").numbers.studies.is_monotonic_decreasing
    assert not any("prediction" in text for text in texts(network_forest(SMALL, show_prediction=False)))
    common = network_forest(fitted(6, 16, method="EE"))
    assert not any("prediction" in text or "τ²" in text for text in texts(common))
    with pytest.raises(DataError, match="sort='weight'"):
        network_forest(SMALL, sort="weight")
    with pytest.raises(DataError, match="'tea' is not in the network"):
        network_forest(SMALL, reference="tea")


def test_only_some_treatments_are_shown_and_the_others_named(texts):
    shown = ["treatment_4", "treatment_2"]
    figure = network_forest(SMALL, reference="treatment_3", treatments=shown)
    whole = network_forest(SMALL, reference="treatment_3").numbers.set_index("treatment")
    assert set(figure.numbers.treatment) == set(shown)
    for one in figure.numbers.to_dict("records"):
        assert one["estimate"] == pytest.approx(whole.estimate[one["treatment"]])
    others = [name for name in SMALL.treatments if name not in (*shown, "treatment_3")]
    said = " ".join(texts(figure))
    assert "In the network and not shown:" in said
    assert all(name.replace("_", " ") in said for name in others if "+" not in name)
    table = league(SMALL, treatments=[*shown, "treatment_3"])
    assert len(table.numbers) == 3
    assert set(table.numbers.treatment) | set(table.numbers.against) == {*shown, "treatment_3"}
    with pytest.raises(DataError, match="'tea' is not in the network"):
        network_forest(SMALL, treatments=["tea"])
    with pytest.raises(DataError, match="treatments holds 1; give at least 2"):
        league(SMALL, treatments=["treatment_2"])


def test_direct_estimates_of_few_studies_are_left_out():
    split = SMALL.split().set_index(["treat1", "treat2"])
    few = {frozenset(pair) for pair in split.index[split["studies"] < 2].tolist()}
    numbers = league(SMALL, least_direct=2).numbers
    whole = league(SMALL).numbers
    for one, other in zip(numbers.to_dict("records"), whole.to_dict("records"), strict=True):
        left_out = frozenset((one["treatment"], one["against"])) in few
        assert one["direct"] == pytest.approx(np.nan if left_out else other["direct"], nan_ok=True)
        assert one["estimate"] == other["estimate"]
    assert few


def test_ratios_are_shown_as_ratios():
    plain, ratios = network_forest(SMALL).numbers, network_forest(SMALL, measure_label="OR").numbers
    np.testing.assert_allclose(ratios.prediction_high, np.exp(plain.prediction_high))
    plain, ratios = league(SMALL).numbers, league(SMALL, transform="exp").numbers
    np.testing.assert_allclose(ratios.direct_low, np.exp(plain.direct_low))


@pytest.mark.parametrize("small_values", ["desirable", "undesirable"])
def test_league_carries_all_pairs_in_the_order_of_p_scores(texts, small_values):
    figure = league(SMALL, small_values=small_values)
    scores, numbers = SMALL.p_scores(small_values), figure.numbers
    assert len(numbers) == 15
    assert list(dict.fromkeys(numbers.treatment)) == list(scores.index[:-1])
    assert (numbers.p_score >= numbers.p_score_against).all()
    split = SMALL.split().set_index(["treat1", "treat2"])
    for one in numbers.to_dict("records"):
        pair = one["treatment"], one["against"]
        assert one["estimate"] == pytest.approx(SMALL.effects.loc[pair])
        assert one["estimate_high"] == pytest.approx(SMALL.ci_high.loc[pair])
        sign, row = (1, split.loc[pair]) if pair in split.index else (-1, split.loc[pair[::-1]])
        assert one["direct"] == pytest.approx(sign * row["direct"], nan_ok=True)
        assert one["direct_low"] == pytest.approx(
            row["direct_low"] if sign > 0 else -row["direct_high"], nan_ok=True
        )
    assert f"{numbers.estimate[0]:.2f}".replace("-", "−") in texts(figure)


def test_league_is_bold_where_the_interval_excludes_no_difference():
    figure = league(SMALL)
    numbers = figure.numbers
    clear = (numbers.estimate_low > 0) | (numbers.estimate_high < 0)
    direct = (numbers.direct_low > 0) | (numbers.direct_high < 0)
    bold = [text for text in figure.texts if text.get_fontweight() == "bold"]
    assert len(bold) == 2 * (clear.sum() + direct.sum())
    assert f"no difference in {clear.sum()} of 15" in figure.alt_text


def test_large_leagues_leave_intervals_to_the_numbers(texts):
    written = texts(league(LARGE))
    assert not any(" to " in text and text[-1].isdigit() for text in written)
    assert any(
        "intervals are in the table of numbers" in " ".join(written[i : i + 2]) for i in range(len(written))
    )


def test_rankogram_carries_the_probabilities_and_the_warning():
    ranking = SMALL.rankogram("undesirable", 2000, 3)
    numbers = rankogram(SMALL, small_values="undesirable", draws=2000, seed=3).numbers
    wide = numbers.pivot_table(index="treatment", columns="rank", values="probability")
    np.testing.assert_allclose(wide.loc[ranking.probabilities.index], ranking.probabilities)
    assert numbers.groupby("treatment").cumulative.max().tolist() == pytest.approx([1.0] * 6)
    assert numbers.sucra.is_monotonic_decreasing
    figure = rankogram(ranking, cumulative=True)
    pd.testing.assert_frame_equal(figure.numbers, numbers)
    assert RANK_WARNING in figure.alt_text
    heights = [bar.get_window_extent().height for bar in figure.axes[0].patches]
    assert heights == sorted(heights)


def test_direct_and_indirect_carry_the_split():
    split = SMALL.split()
    figure = direct_indirect(split)
    both = split[split.direct.notna() & split.indirect.notna()].reset_index(drop=True)
    pd.testing.assert_frame_equal(figure.numbers, both)
    assert f"of {len(both)} comparisons that have both" in figure.alt_text
    assert direct_indirect(split, sort="p_value").numbers.p_value.is_monotonic_increasing


def test_direct_and_indirect_say_what_they_leave_out(texts):
    split = SMALL.split()
    p = split.p_value.dropna()
    figure = direct_indirect(split, largest_p=float(p.median()))
    assert len(figure.numbers) == (p <= p.median()).sum()
    assert any(text.startswith(f"Not shown: {(p > p.median()).sum()} with P above") for text in texts(figure))
    with pytest.raises(DataError, match="the smallest is"):
        direct_indirect(split, largest_p=float(p.min()) / 2)
    with pytest.raises(DataError, match="both direct and indirect"):
        direct_indirect(split[split.direct.isna()])
    with pytest.raises(DataError, match="sort='name'"):
        direct_indirect(split, sort="name")
