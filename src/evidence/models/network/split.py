"""Direct against indirect evidence, comparison by comparison ("node splitting").

References
----------
König J, Krahn U, Binder H (2013). Stat Med 32(30), 5414-5429 (proportion of direct evidence).
Efthimiou O et al. (2019). Stat Med 38(16), 2992-3012 (SIDDE).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from evidence.errors import choose
from evidence.models.core.weighted import Floats, Model
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.graph import connected_parts
from evidence.models.network.least_squares import NetworkFit

__all__ = ["METHODS", "direct_evidence", "split_evidence"]

METHODS = {
    "back-calculation": "indirect estimate from the network estimate and the direct one",
    "SIDDE": "indirect estimate from the studies that do not compare the two treatments",
}
ALL_DIRECT = 1.0 - 1e-8
"""Share of direct evidence from which on there is no indirect evidence but rounding error."""


def direct_evidence(contrasts: Contrasts, tau2: float) -> tuple[Floats, Floats, Floats]:
    """Pool the studies that compare two treatments directly, by inverse variance with the given tau2.

    Returns
    -------
    effects, variances : ndarray, shape (t, t)
        Row minus column; NaN without a direct comparison.
    studies : ndarray, shape (t, t)
        Number of studies.
    """
    size = len(contrasts.treatments)
    weight, first, total = np.zeros((3, size, size))
    one, other = contrasts.pair_first, contrasts.pair_second
    w = 1.0 / (contrasts.pair_variance + tau2)
    # effects as differences from one study of the same pair, so that large effects do not cancel
    anchor = np.zeros((size, size))
    anchor[one, other], anchor[other, one] = contrasts.pair_effect, -contrasts.pair_effect
    for i, j, sign in ((one, other, 1.0), (other, one, -1.0)):
        np.add.at(weight, (i, j), w)
        np.add.at(first, (i, j), w * (sign * contrasts.pair_effect - anchor[i, j]))
        np.add.at(total, (i, j), 1.0)
    weight[weight == 0.0] = np.nan
    return anchor + first / weight, 1.0 / weight, total


def split_evidence(contrasts: Contrasts, fit: NetworkFit, method: str, level: float) -> pd.DataFrame:
    """Split each network estimate into its direct and its indirect part.

    Parameters
    ----------
    contrasts : Contrasts
        A connected network.
    fit : NetworkFit
        Its fit; direct and indirect estimates use the same tau2.
    method : str
        A key of `METHODS`.
    level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row a comparison, treat1 minus treat2: comparison, treat1, treat2, studies (that compare directly),
        direct_share (0 to 1), then estimate, standard error and interval of network, direct and indirect evidence
        (network, network_se, network_low, network_high, ...), and their difference (direct minus indirect) with
        difference_se, difference_low, difference_high, z and p_value. NaN where there is no such evidence.
    """
    method = choose("method", method, METHODS)
    i, j = np.triu_indices(len(contrasts.treatments), 1)
    direct, direct_variance, studies = (part[i, j] for part in direct_evidence(contrasts, fit.tau2))
    effect, variance = fit.effects[i, j], fit.variances[i, j]
    share = np.where(studies > 0, variance / direct_variance, 0.0)
    share = np.where(share > ALL_DIRECT, 1.0, share)
    if method == "back-calculation":
        rest = np.where(share < 1.0, 1.0 - share, np.nan)
        indirect = np.where(studies > 0, effect - share * direct, effect) / rest
        indirect_variance = variance / rest
    else:
        indirect, indirect_variance = _without_direct(contrasts, fit, i, j, studies)
    names = np.array(contrasts.treatments, dtype=object)
    frame = pd.DataFrame(
        {
            "comparison": [f"{a} v {b}" for a, b in zip(names[i], names[j], strict=True)],
            "treat1": names[i],
            "treat2": names[j],
            "studies": studies.astype(int),
            "direct_share": share,
        }
    )
    for label, value, square in (
        ("network", effect, variance),
        ("direct", direct, direct_variance),
        ("indirect", indirect, indirect_variance),
        ("difference", direct - indirect, direct_variance + indirect_variance),
    ):
        se = np.sqrt(square)
        half = ndtri(0.5 + 0.5 * level) * se
        frame[label], frame[f"{label}_se"] = value, se
        frame[f"{label}_low"], frame[f"{label}_high"] = value - half, value + half
    frame["z"] = frame["difference"] / frame["difference_se"]
    frame["p_value"] = 2.0 * ndtr(-frame["z"].abs())
    return frame


def _without_direct(
    contrasts: Contrasts,
    fit: NetworkFit,
    i: np.ndarray,
    j: np.ndarray,
    studies: Floats,
) -> tuple[Floats, Floats]:
    """Estimate each comparison from the studies that do not include both treatments."""
    effect, variance = fit.effects[i, j], fit.variances[i, j]
    for place in np.flatnonzero(studies > 0):
        a, b = int(i[place]), int(j[place])
        keep = [s for s, arms in enumerate(contrasts.arms) if not (a in arms and b in arms)]
        part = next(
            part
            for part in connected_parts(len(contrasts.treatments), [contrasts.arms[s] for s in keep])
            if a in part
        )
        if b not in part:
            effect[place] = variance[place] = np.nan
            continue
        rows = np.isin(contrasts.row_study, [s for s in keep if contrasts.arms[s][0] in part])
        free = [node for node in part if node != a]
        weighted = Model(
            contrasts.matrix[rows][:, free], contrasts.response[rows], contrasts.variance[rows]
        ).at(fit.tau2)
        column = free.index(b)
        effect[place], variance[place] = (
            -weighted.coefficients[column],
            weighted.covariance[column, column],
        )
    return effect, variance
