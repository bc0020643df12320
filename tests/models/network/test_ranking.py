"""Ranking: closed forms and agreement of drawing with integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from evidence.errors import DataError
from evidence.models.network.fit import network
from evidence.models.network.ranking import RANK_WARNING

NET = network(["s1", "s2", "s3"], ["a", "b", "a"], ["b", "c", "c"], [-0.5, -0.2, -0.6], [0.2, 0.3, 0.4])


def test_p_scores_are_mean_certainties() -> None:
    effects, se = NET.effects, NET.se
    better = [ndtr(-effects["b"]["a"] / se["b"]["a"]), ndtr(-effects["c"]["a"] / se["c"]["a"])]
    scores = NET.p_scores("desirable")
    assert scores["a"] == pytest.approx(np.mean(better))
    assert list(scores.index) == ["a", "b", "c"]
    assert scores.mean() == pytest.approx(0.5)
    np.testing.assert_allclose(NET.p_scores("undesirable")[["a", "b", "c"]], 1.0 - scores[["a", "b", "c"]])
    assert NET.sucra().equals(scores.rename("sucra"))


def test_rankogram() -> None:
    ranking = NET.rankogram("desirable", draws=200_000)
    table = ranking.probabilities
    np.testing.assert_allclose(table.sum(axis=0), 1.0)
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    cumulative = table.cumsum(axis=1).iloc[:, :-1].mean(axis=1)
    np.testing.assert_allclose(cumulative, ranking.sucra, atol=5 * ranking.monte_carlo_error)
    np.testing.assert_allclose(
        table.to_numpy() @ [1.0, 2.0, 3.0], ranking.mean_rank, atol=10 * ranking.monte_carlo_error
    )
    assert ranking.probabilities.equals(NET.rankogram("desirable", draws=200_000).probabilities)
    other = NET.rankogram("undesirable", draws=200_000)
    np.testing.assert_allclose(other.probabilities.to_numpy()[:, ::-1], table, atol=0.01)
    assert RANK_WARNING in ranking.summary()
    assert ranking._repr_html_().startswith("<pre>")
    assert ranking.to_frame().index[0] == "a"


def test_two_treatments_have_closed_form() -> None:
    net = network(["s"], ["a"], ["b"], [-0.3], [0.3])
    chance = net.rankogram(draws=400_000).probabilities.loc["a", 1]
    assert chance == pytest.approx(ndtr(1.0), abs=0.005)


def test_messages() -> None:
    with pytest.raises(DataError, match="small_values must be"):
        NET.p_scores("good")
    with pytest.raises(DataError, match="draws must be at least 2"):
        NET.rankogram(draws=1)
