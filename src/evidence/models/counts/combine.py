"""Pool two-by-two tables under the model of an analysis: by Mantel and Haenszel or by Peto, as RevMan does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.models.counts.mantel_haenszel import mantel_haenszel
from evidence.models.counts.peto import peto
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

__all__ = ["pool_counts"]


def pool_counts(
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    *,
    measure: str,
    counts: str,
    method: str = "EE",
    ci: str = "z",
    level: float = 0.95,
    prediction: str = "V",
    labels: Sequence[str] | None = None,
) -> Pooled:
    """Pool two-by-two tables and give the result the form that `pool` gives it.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2.
    measure : {"OR", "RR", "RD"}
    counts : {"MH", "PETO"}
        Mantel and Haenszel's estimate, with 1/2 added to tables with an empty cell for ratios; or Peto's of the odds
        ratio.
    method : str
        EE for the common effect. With any other the effects of single studies are pooled by inverse variance; DL
        takes its moment about the Mantel-Haenszel estimate (Deeks and Higgins 2010).
    ci, level, prediction, labels
        As in `pool`; for EE the interval is the normal one.

    Returns
    -------
    Pooled
        Its effects are those of the single studies; its weights, with EE, those of the estimate.

    Raises
    ------
    DataError
        If the counts or options are wrong.
    ModelError
        If the counts of all studies together do not determine the effect.

    References
    ----------
    .. [1] Deeks JJ, Higgins JPT (2010). Statistical algorithms in Review Manager 5.
    """
    if counts not in ("MH", "PETO"):
        raise DataError(f"unknown way to combine counts {counts!r}; choose 'MH' or 'PETO'.")
    if counts == "PETO" and (measure != "OR" or method != "EE"):
        raise DataError("Peto's method gives the odds ratio of equal effects: measure 'OR' and method 'EE'.")
    names = None if labels is None else list(labels)
    if counts == "PETO":
        common: Any = peto(a, b, c, d, level=level, labels=names)
        effect, variance = common.effect, common.variance
    else:
        common = mantel_haenszel(
            *(a, b, c, d),
            measure=measure,
            add=0.0 if measure == "RD" else 0.5,
            to="none" if measure == "RD" else "only0",
            variance="greenland",
            level=level,
            labels=names,
        )
        frame = effect_size(measure, a=a, b=b, c=c, d=d)
        effect, variance = frame["effect"].to_numpy(), frame["variance"].to_numpy()
    options: dict[str, Any] = {"level": level, "prediction": prediction, "labels": common.labels}
    if method != "EE":
        found = pool(effect, variance, method=method, ci=ci, **options)
        if method != "DL" or found.k < 2:
            return replace(found, counts=counts)
        q = float((np.square(effect - common.estimate) / variance).sum())
        tau2 = max(0.0, (q - found.q_df) / found.trace)
        about = pool(effect, variance, method=method, ci=ci, tau2=tau2, **options)
        return replace(about, q=q, tau2_given=False, counts=counts)
    fixed = pool(effect, variance, method="EE", ci="z", **options)
    return replace(
        fixed,
        estimate=common.estimate,
        se=common.se,
        ci_low=common.ci_low,
        ci_high=common.ci_high,
        statistic=common.statistic,
        p_value=common.p_value,
        q=float((np.square(effect - common.estimate) / variance).sum()),
        given_weights=common.weights,
        counts=counts,
    )
