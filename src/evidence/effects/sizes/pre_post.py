"""Two groups, each measured before and after: the difference of their changes in standard deviations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evidence.effects.sizes.arguments import columns
from evidence.effects.sizes.continuous import gamma_correction, pooled_sd
from evidence.errors import DataError

__all__ = ["pre_post_smd"]


@np.errstate(all="ignore")  # what is not finite is reported
def pre_post_smd(
    pre1: ArrayLike,
    post1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    pre2: ArrayLike,
    post2: ArrayLike,
    sd2: ArrayLike,
    n2: ArrayLike,
    r1: ArrayLike,
    r2: ArrayLike | None = None,
    *,
    sd: str = "pooled",
    correct: bool = True,
) -> pd.DataFrame:
    """Standardised mean difference of the changes in two groups measured before and after treatment.

    Parameters
    ----------
    pre1, post1, pre2, post2 : array-like or float
        Mean before and after, in the treated group (1) and in the control group (2).
    sd1, sd2 : array-like or float
        Standard deviations of the measurements before treatment, above 0.
    n1, n2 : array-like or float
        Sizes of the groups, at least 2.
    r1, r2 : array-like or float
        Correlation of the two measurements in each group, -1 to 1; that of group 1 for both if `r2` is not given.
    sd : {"pooled", "separate"}
        The difference of the changes over the SD before treatment pooled over both groups (d_ppc2 of [1]_), or the
        change of each group over its own SD, and the difference of these (d_ppc1 [1]_ [2]_).
    correct : bool
        Exact small-sample correction.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect``, (post1 - pre1) - (post2 - pre2) in standard deviations, and ``variance``, in large
        samples: with pooled SD, 2 (1 - r1) / n1 + 2 (1 - r2) / n2 + effect^2 / (2 (n1 + n2)).

    Raises
    ------
    DataError
        If a value is out of range; the message names row and value.

    References
    ----------
    .. [1] Morris (2008), Organ Res Methods 11(2), 364-386.
    .. [2] Becker (1988), Br J Math Stat Psychol 41(2), 257-278.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.pre_post_smd(24.0, 18.5, 5.2, 30, 23.7, 22.1, 5.6, 31, 0.6).round(4)
       effect  variance
    0 -0.7121    0.0566
    """
    if sd not in ("pooled", "separate"):
        raise DataError(f'sd must be "pooled" or "separate", not {sd!r}.')
    table = columns(
        pre1=pre1, post1=post1, sd1=sd1, n1=n1, pre2=pre2, post2=post2, sd2=sd2, n2=n2, r1=r1,
        r2=r1 if r2 is None else r2,
    )  # fmt: skip
    for group in ("1", "2"):
        table.refuse(table["sd" + group] <= 0, "sd" + group, "above 0")
        table.refuse(table["n" + group] < 2, "n" + group, "at least 2")
        table.refuse(np.abs(table["r" + group]) > 1, "r" + group, "between -1 and 1")
    size1, size2 = table["n1"], table["n2"]
    change1, change2 = table["post1"] - table["pre1"], table["post2"] - table["pre2"]
    sampling = 2 * (1 - table["r1"]) / size1 + 2 * (1 - table["r2"]) / size2
    if sd == "pooled":
        effect = (change1 - change2) / pooled_sd(table["sd1"], size1, table["sd2"], size2)
        effect = effect * (gamma_correction(size1 + size2 - 2) if correct else 1.0)
        variance = sampling + effect**2 / (2 * (size1 + size2))
    else:
        one = change1 / table["sd1"] * (gamma_correction(size1 - 1) if correct else 1.0)
        two = change2 / table["sd2"] * (gamma_correction(size2 - 1) if correct else 1.0)
        effect, variance = one - two, sampling + one**2 / (2 * size1) + two**2 / (2 * size2)
    return table.frame(effect, variance, "the standardised difference of the changes or its variance")
