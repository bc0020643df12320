"""How a network estimate comes about: direct evidence, path lengths, parallelism; and data for a funnel plot.

References
----------
König J, Krahn U, Binder H (2013). Stat Med 32(30), 5414-5429.
Chaimani A, Salanti G (2012). Res Synth Methods 3(2), 161-176 (comparison-adjusted funnel plot).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.graph import distances
from evidence.models.network.least_squares import NetworkFit
from evidence.models.network.split import direct_evidence

__all__ = ["funnel_data", "path_measures"]


def path_measures(contrasts: Contrasts, fit: NetworkFit) -> pd.DataFrame:
    """Measures of each network estimate.

    Parameters
    ----------
    contrasts : Contrasts
        A connected network.
    fit : NetworkFit

    Returns
    -------
    DataFrame
        Index comparison; columns: studies (that compare directly), direct_share (0 to 1: variance of the network
        estimate over that of the direct one), shortest_path (fewest direct comparisons in a row), mean_path (mean
        number of designs that the evidence passes; beyond two be careful), parallelism (one over the largest share
        of a design: how many independent ways there are at least) and parallelism_studies (the same by study).
    """
    size = len(contrasts.treatments)
    i, j = np.triu_indices(size, 1)
    _, direct_variance, studies = (part[i, j] for part in direct_evidence(contrasts, fit.tau2))
    share = np.where(studies > 0, np.minimum(fit.variances[i, j] / direct_variance, 1.0), 0.0)
    through_study, through_design = _evidence_flow(contrasts, fit)
    names = contrasts.treatments
    return pd.DataFrame(
        {
            "studies": studies.astype(int),
            "direct_share": share,
            "shortest_path": distances(direct_evidence(contrasts, 0.0)[2] > 0)[i, j].astype(int),
            "mean_path": through_design.sum(axis=1),
            "parallelism": 1.0 / through_design.max(axis=1),
            "parallelism_studies": 1.0 / through_study.max(axis=1),
        },
        index=pd.Index([f"{names[a]} v {names[b]}" for a, b in zip(i, j, strict=True)], name="comparison"),
    )


def funnel_data(contrasts: Contrasts, tau2: float, order: Sequence[str]) -> pd.DataFrame:
    """Effects of studies less the pooled direct effect of their comparison, for a funnel plot.

    Parameters
    ----------
    contrasts : Contrasts
    tau2 : float
    order : sequence of str
        All treatments, from the one that small studies might disfavour (placebo, older) to the one they might favour:
        every effect is that of the later treatment minus the earlier. The plot means nothing without such an order.

    Returns
    -------
    DataFrame
        study, comparison ("later v earlier"), effect, se, pooled, adjusted (effect - pooled).
    """
    if sorted(order) != list(contrasts.treatments):
        raise DataError(
            f"order must name every treatment once: {', '.join(contrasts.treatments)}; got {', '.join(order)}."
        )
    rank = np.array([list(order).index(name) for name in contrasts.treatments])
    later_first = rank[contrasts.pair_first] > rank[contrasts.pair_second]
    later = np.where(later_first, contrasts.pair_first, contrasts.pair_second)
    earlier = np.where(later_first, contrasts.pair_second, contrasts.pair_first)
    effect = np.where(later_first, contrasts.pair_effect, -contrasts.pair_effect)
    pooled = direct_evidence(contrasts, tau2)[0][later, earlier]
    names = contrasts.treatments
    return pd.DataFrame(
        {
            "study": [contrasts.studies[s] for s in contrasts.pair_study],
            "comparison": [f"{names[a]} v {names[b]}" for a, b in zip(later, earlier, strict=True)],
            "effect": effect,
            "se": np.sqrt(contrasts.pair_variance),
            "pooled": pooled,
            "adjusted": effect - pooled,
        }
    )


def _evidence_flow(contrasts: Contrasts, fit: NetworkFit) -> tuple[Floats, Floats]:
    """Absolute flow of each estimate through each study and each design: half the sum over its arms."""
    coefficient = (
        fit.pairs @ (contrasts.matrix @ fit.transform @ fit.root).T / (contrasts.variance + fit.tau2)
    )
    starts = np.flatnonzero(np.diff(contrasts.row_study, prepend=-1))
    by_study = np.add.reduceat(coefficient[:, :, None] * contrasts.matrix, starts, axis=1)
    number = {arms: place for place, arms in enumerate(dict.fromkeys(contrasts.arms))}
    by_design = np.zeros((len(coefficient), len(number), len(contrasts.treatments)))
    for study, arms in enumerate(contrasts.arms):
        by_design[:, number[arms]] += by_study[:, study]
    return 0.5 * np.abs(by_study).sum(axis=2), 0.5 * np.abs(by_design).sum(axis=2)
