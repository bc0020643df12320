from __future__ import annotations

import matplotlib.patches as shapes
import pandas as pd
import pytest

from evidence.appraisal.risk_of_bias import RiskOfBias, bias_sensitivity, risk_of_bias
from evidence.errors import DataError
from evidence.figures import bias_sensitivity as draw_sensitivity
from evidence.figures import bias_summary, traffic_light
from evidence.tables.bias_tools import COCHRANE_2011, ROB_2


def made_up(k, tool=COCHRANE_2011, weight=float("nan")):
    """Judgements on k trials; trial i has the level i modulo 4 everywhere."""
    levels = (*tool.levels, "not judged")
    rows = [
        {
            "trial_id": f"t{i}",
            "label": f"Author-Name {i} (a long label of a trial)",
            "weight": weight,
            "judged": i % 2,
        }
        | dict.fromkeys([*tool.domains, "overall"], levels[i % 4])
        for i in range(k)
    ]
    return RiskOfBias(None, tool, pd.DataFrame(rows))


@pytest.mark.parametrize("k", [1, 30, 31])
@pytest.mark.parametrize("tool", [COCHRANE_2011, ROB_2])
def test_nothing_covers_or_leaves(faults, k, tool):
    bias = made_up(k, tool, 100 / k)
    assert faults(traffic_light(bias, title="Risk of bias")) == []
    assert faults(bias_summary(bias, title="Risk of bias")) == []


def test_each_judgement_is_a_disc_with_its_sign(texts):
    bias = made_up(4)
    figure = traffic_light(bias)
    cells = len(COCHRANE_2011.domains) + 1
    # One disc for each judgement, and one in the key.
    assert len(figure.axes[0].patches) == 3 * (cells + 1)
    drawn = texts(figure)
    assert all(drawn.count(sign) == cells + 1 for sign in "+?−")
    assert {"low risk", "unclear", "high risk", "not judged", "D7", "All"} <= set(drawn)
    assert list(figure.numbers["overall"]) == ["low", "unclear", "high", "not judged"]
    assert "Allocation concealment 1 low, 1 unclear, 1 high, 1 not judged" in figure.alt_text


def test_pages_hold_all_trials_once():
    bias = made_up(25)
    pages = [traffic_light(bias, page=place, per_page=10).numbers for place in (1, 2, 3)]
    assert [len(page) for page in pages] == [10, 10, 5]
    pd.testing.assert_frame_equal(pd.concat(pages, ignore_index=True), traffic_light(bias).numbers)
    with pytest.raises(DataError, match="no page 4: 25 trials make 3"):
        traffic_light(bias, page=4, per_page=10)


def test_bars_are_as_long_as_their_shares(review):
    bias = risk_of_bias(review, "manual-inactive-pain-short")
    figure = bias_summary(bias)
    filled = [one for one in figure.axes[0].patches if isinstance(one, shapes.Rectangle) and one.get_fill()]
    shares = bias.shares()
    drawn = shares[shares["weight"] > 0]
    scale = filled[0].get_width() / drawn["weight"].iloc[0]
    assert [one.get_width() / scale for one in filled[: len(drawn)]] == pytest.approx(list(drawn["weight"]))
    assert figure.numbers["shown"].equals(shares["weight"].rename("shown"))
    plain = bias_summary(bias, weighted=False)
    assert plain.numbers["shown"].equals(shares["percent"].rename("shown"))
    assert "percent of the trials" in plain.alt_text
    high = shares[(shares["domain"] == "overall") & (shares["judgement"] == "high")]["weight"].item()
    assert f"high {high:.0f}%" in figure.alt_text


def test_weights_that_are_not_there_are_refused():
    with pytest.raises(DataError, match="no weights"):
        bias_summary(made_up(3), weighted=True)
    for draw in (traffic_light, bias_summary):
        with pytest.raises(DataError, match="no trial"):
            draw(RiskOfBias(None, COCHRANE_2011, made_up(1).trials.head(0)))


def test_sensitivity_shows_every_pooled_analysis(review, faults, texts):
    results = [bias_sensitivity(review, name) for name in review.analyses]
    figure = draw_sensitivity(results, title="Risk of bias")
    assert faults(figure) == []
    pooled = [one for one in results if one.fits["all trials"] is not None]
    assert list(figure.numbers["analysis"].unique()) != []
    assert set(figure.numbers["analysis"]) == {one.analysis.id for one in pooled}
    one = pooled[0]
    drawn = figure.numbers[figure.numbers["analysis"] == one.analysis.id]
    assert list(drawn["estimate"].dropna()) == pytest.approx(
        [fit.estimate for fit in one.fits.values() if fit is not None]
    )
    every = " ".join(texts(figure))
    # More responders are better: the sides of that panel are turned.
    assert every.count("← favours comparator") == len(
        {one.measure for one in pooled if one.better == "higher"}
    )


def test_sensitivity_refuses_what_was_not_pooled(review):
    empty = bias_sensitivity(review, "massage-inactive-pain-long")
    with pytest.raises(DataError, match="none of the analyses has a pooled result"):
        draw_sensitivity(empty)
