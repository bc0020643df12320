"""What a reviewer would warn of stands in the note of a network."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

import evidence as ev


def four_arms(odd: float) -> pd.DataFrame:
    """One study of four arms whose contrasts add up; the standard error of the last is multiplied by `odd`."""
    position = dict(zip("abcd", (0.0, 0.2, 0.5, 0.1), strict=True))
    rows = [("s", x, y, position[x] - position[y], 0.2) for x, y in combinations("abcd", 2)]
    rows[-1] = (*rows[-1][:4], 0.2 * odd)
    return pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se"])


def test_standard_errors_that_fit_no_variances_of_four_arms_are_told() -> None:
    assert "fit no variances of its arms" in ev.network(four_arms(1.3)).note
    assert "fit no variances" not in ev.network(four_arms(1.0)).note
    # What rounding does to standard errors is not worth a word.
    assert "fit no variances" not in ev.network(four_arms(1.02)).note


def test_hksj_narrower_than_equal_effects_is_told_with_two_studies_too() -> None:
    two = ev.pool([0.30, 0.31], [0.04, 0.04], ci="HKSJ")
    four = ev.pool([0.30, 0.31, 0.30, 0.31], [0.04] * 4, ci="HKSJ")
    for fit in (two, four):
        assert "HKSJ-adhoc" in fit.note
        assert fit.ci_high - fit.ci_low < 2 * 1.96 * (0.04 / fit.k) ** 0.5
    assert "HKSJ-adhoc" not in ev.pool([0.1, 0.9, 0.3], [0.04] * 3, ci="HKSJ").note
