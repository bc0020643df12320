"""What each direct comparison and each study contributes to each network estimate.

A network estimate is a flow of evidence from one treatment to the other along the direct comparisons: the flow
through a comparison is its coefficient in the estimate. A random walk that follows the flow visits paths with known
probabilities, and each path shares its probability equally among its comparisons (Davies et al. 2022). The sum over
paths is taken by their length, without listing them, so the result is exact and depends on no order of treatments.

References
----------
Davies AL, Papakonstantinou T, Nikolakopoulou A, Rücker G, Galla T (2022). Stat Med 41(12), 2091-2114.
Papakonstantinou T et al. (2018). F1000Research 7, 610 (from comparisons to studies).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.least_squares import NetworkFit, edge_weights

__all__ = ["contribution_table", "flows", "path_shares"]

NOISE = 1e-12
"""Flow below which there is none but rounding error."""


def contribution_table(contrasts: Contrasts, fit: NetworkFit, of: str) -> pd.DataFrame:
    """Contributions in percent: rows sum to 100.

    Parameters
    ----------
    contrasts : Contrasts
        A connected network.
    fit : NetworkFit
        Its fit.
    of : str
        "comparisons" or "studies": what the columns are.

    Returns
    -------
    DataFrame
        Rows: all comparisons ("a v b"); columns: direct comparisons, or studies.

    Raises
    ------
    ModelError
        If the weights that reproduce a multi-arm study are negative, which no flow of evidence describes.
    """
    if of not in ("comparisons", "studies"):
        raise DataError(f"contributions are of 'comparisons' or of 'studies'; got {of!r}.")
    by_study = edge_weights(contrasts, fit.tau2)
    by_study[np.abs(by_study) < NOISE * by_study.max(axis=(1, 2), keepdims=True)] = 0.0
    _refuse_negative(by_study, contrasts)
    total = by_study.sum(axis=0)
    names = contrasts.treatments
    shares = path_shares(flows(total, fit))
    i, j = np.triu_indices(len(names), 1)
    rows = pd.Index([f"{names[a]} v {names[b]}" for a, b in zip(i, j, strict=True)], name="comparison")
    both = shares + shares.swapaxes(1, 2)  # a comparison carries flow in one direction only
    if of == "comparisons":
        direct = np.flatnonzero(total[i, j] > 0.0)
        return pd.DataFrame(
            100.0 * both[:, i[direct], j[direct]], index=rows, columns=rows[direct].rename(None)
        )
    split = by_study / np.where(total > 0.0, total, 1.0)
    percent = 50.0 * np.einsum("pij,sij->ps", both, split, optimize=True)
    return pd.DataFrame(percent, index=rows, columns=pd.Index(contrasts.studies))


def flows(weights: Floats, fit: NetworkFit) -> Floats:
    """Flow of evidence along each direct comparison.

    Parameters
    ----------
    weights : ndarray, shape (t, t)
        Total weight of each direct comparison.
    fit : NetworkFit

    Returns
    -------
    ndarray, shape (t (t - 1) / 2, t, t)
        For each comparison a v b: flow from row to column on the way from a to b, not negative.
    """
    i, j = np.triu_indices(len(weights), 1)
    coefficient = fit.pairs @ fit.pairs.T * weights[i, j]
    flow = np.zeros((len(i), *weights.shape))
    flow[:, i, j] = np.where(coefficient > NOISE, coefficient, 0.0)
    flow[:, j, i] = np.where(coefficient < -NOISE, -coefficient, 0.0)
    return flow


def path_shares(flow: Floats) -> Floats:
    """Share of each comparison when every path of the random walk gives equal parts to its comparisons.

    Parameters
    ----------
    flow : ndarray, shape (m, t, t)
        From `flows`, for all comparisons of t treatments in order.

    Returns
    -------
    ndarray, shape (m, t, t)
        From row to column; the sum over both is one.
    """
    size = flow.shape[-1]
    i, j = np.triu_indices(size, 1)
    out = flow.sum(axis=2, keepdims=True)
    step = flow / np.where(out > 0.0, out, 1.0)
    walks = np.arange(len(flow))
    # probability of being at a node after l steps from the start, and of reaching the end in l steps from a node
    after, until = np.zeros((2, len(flow), size, size))
    after[walks, i, 0] = 1.0
    until[walks, j, 0] = 1.0
    for length in range(1, size):
        after[:, :, length] = (step.swapaxes(1, 2) @ after[:, :, length - 1, None])[..., 0]
        until[:, :, length] = (step @ until[:, :, length - 1, None])[..., 0]
    lengths = 1.0 / (np.arange(size)[:, None] + np.arange(size)[None, :] + 1.0)
    shares = step * (after @ lengths @ until.swapaxes(1, 2))
    return shares / shares.sum(axis=(1, 2), keepdims=True)


def _refuse_negative(by_study: Floats, contrasts: Contrasts) -> None:
    negative = by_study.min(axis=(1, 2)) < 0.0
    if negative.any():
        study = int(np.argmax(negative))
        raise ModelError(
            f"{contrasts.studies[study]}: the standard errors of its contrasts imply a negative weight for one of "
            "them, so contributions are not defined; check the standard errors against the arms."
        )
