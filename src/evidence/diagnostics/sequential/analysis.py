"""Is the evidence enough? A cumulative meta-analysis against the information that it needs."""

from __future__ import annotations

from math import isfinite, nan
from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import study_numbers
from evidence.diagnostics.sequential.boundaries import CLOSEST, drift, planned_boundaries
from evidence.diagnostics.sequential.result import Sequential
from evidence.diagnostics.subsets import cumulative, study_order
from evidence.errors import DataError, ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

__all__ = ["diversity", "sequential"]


@takes("Pooled")
def diversity(fit: Pooled) -> float:
    """Share of the variance of a pooled estimate that heterogeneity adds (D2).

    Parameters
    ----------
    fit : Pooled
        Random effects; equal effects have none.

    Returns
    -------
    float
        1 - v_F / v_R, 0 to 1: v_R = 1 / sum of 1 / (variance + tau2), v_F the same without tau2.

    References
    ----------
    Wetterslev J, Thorlund K, Brok J, Gluud C (2009). BMC Med Res Methodol 9, 86.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> f"{ev.diversity(fit):.2f}"
    '0.95'
    """
    return float(1.0 - (1.0 / (fit.variance + fit.tau2)).sum() / (1.0 / fit.variance).sum())


@takes("Pooled")
def sequential(
    fit: Pooled,
    order: Any = None,
    *,
    delta: float,
    alpha: float = 0.05,
    power: float = 0.9,
    heterogeneity: str | float = "diversity",
    n: Any = None,
    better: str = "lower",
    measure: str = "",
) -> Sequential:
    """Set a cumulative meta-analysis against monitoring boundaries and the information that it needs.

    Information is the sum of the reciprocal variances of the studies. Without heterogeneity
    (z_(1 - alpha/2) + z_power)^2 / delta^2 of it is required; with the diversity D2, that over 1 - D2. The boundaries
    spend the errors as O'Brien and Fleming's do (`sequential_boundaries`).

    Parameters
    ----------
    fit : Pooled
        Its effects are pooled anew by its method, with the normal distribution.
    order : array-like, shape (k,), optional
        Values by which studies came, ascending, such as years; studies with equal values come together. By default
        each study is a look, in the order of the fit.
    delta : float
        The effect not to be missed, on the scale of the effects (log for ratios); its sign does not matter.
    alpha, power : float
        Two-sided type I error, 0 to 1, and power, 0.5 to 1.
    heterogeneity : "diversity", "none" or float
        Correct by the diversity of all studies, not at all, or by a given diversity from 0 to below 1.
    n : array-like, shape (k,), optional
        Patients of each study.
    better : "lower" or "higher"
        Effects of which side are a benefit.
    measure : str
        Code of the measure, such as "RR", for figures.

    Returns
    -------
    Sequential

    Raises
    ------
    DataError
        If an option is out of range, or `order` or `n` do not have one value a study.
    ModelError
        If the diversity is 1, to rounding.

    References
    ----------
    Wetterslev J, Thorlund K, Brok J, Gluud C (2008). J Clin Epidemiol 61(1), 64-75: trial sequential analysis.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> monitored = ev.sequential(fit, delta=0.4)
    >>> print(monitored.summary().splitlines()[0])
    Sequential analysis: alpha 0.05 (two-sided), power 0.9, effect 0.4, diversity 95%; 13 looks
    """
    _check_plan(delta, alpha, power, better)
    plain = pool(
        fit.effect,
        fit.variance,
        method=fit.method,
        ci="z",
        level=1.0 - alpha,
        labels=list(fit.labels),
        weights=fit.given_weights,
        tau2=fit.tau2 if fit.tau2_given else None,
    )
    steps = cumulative(plain, study_order(fit, order).to_list())
    place = study_order(fit, order).argsort(kind="stable").to_numpy()
    share = diversity(plain) if heterogeneity == "diversity" else _given(heterogeneity)
    if share == 1.0:
        raise ModelError(
            "heterogeneity is so large against the variances of the studies that their diversity is 1, and no amount "
            "of information would do; give heterogeneity='none' or a diversity below 1."
        )
    required = np.square(drift(alpha, power) / delta) / (1.0 - share)
    information = np.cumsum(1.0 / plain.variance[place])
    people = np.cumsum(_people(n, fit)[place])
    last = _last_of_each_look(steps.order, information / required)
    fraction = information[last] / required
    boundary, futility = planned_boundaries(fraction, alpha, power)
    z = steps.fits.statistic[last]
    side = {-1.0: "benefit" if better == "lower" else "harm", 1.0: "harm" if better == "lower" else "benefit"}
    starts = [0, *(last[:-1] + 1)]
    looks = pd.DataFrame(
        {
            "order": [steps.order[i] for i in last],
            "added": [
                "; ".join(dict.fromkeys(steps.labels[i : j + 1])) for i, j in zip(starts, last, strict=True)
            ],
            "k": last + 1,
            "n": people[last],
            "information": information[last],
            "fraction": fraction,
            "estimate": steps.fits.estimate[last],
            "se": steps.fits.se[last],
            "z": z,
            "boundary": boundary,
            "futility": np.where(futility > 0.0, futility, nan),
            "crossed": [
                side[float(np.sign(one))] if abs(one) >= high else "futility" if abs(one) < low else ""
                for one, high, low in zip(z, boundary, futility, strict=True)
            ],
        }
    )
    return Sequential(plain, fit, looks, alpha, power, abs(delta), share, float(required), better, measure)


def _check_plan(delta: float, alpha: float, power: float, better: str) -> None:
    if not isfinite(delta) or delta == 0.0:
        raise DataError(f"delta is {delta}; give the smallest effect that matters, not 0.")
    if not 0.0 < alpha < 1.0 or not 0.5 < power < 1.0:
        raise DataError(
            f"alpha is {alpha} and power {power}; alpha lies between 0 and 1, power between 0.5 and 1."
        )
    if better not in ("lower", "higher"):
        raise DataError(f"better is {better!r}; choose 'lower' or 'higher'.")


def _given(heterogeneity: Any) -> float:
    """Diversity that is given, or none."""
    if heterogeneity == "none":
        return 0.0
    if isinstance(heterogeneity, str) or not 0.0 <= heterogeneity < 1.0:
        raise DataError(
            f"heterogeneity is {heterogeneity!r}; use 'diversity', 'none' or a diversity from 0 to below 1."
        )
    return float(heterogeneity)


def _people(n: Any, fit: Pooled) -> Floats:
    n = fit.n if n is None else n
    return np.full(fit.k, nan) if n is None else study_numbers(fit, n, "n")


def _last_of_each_look(order: tuple[Any, ...], fraction: Floats) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Places of the studies that end a look: the last of each value, if it adds enough to be one."""
    last: list[int] = []
    for i in range(len(order)):
        if i + 1 < len(order) and order[i + 1] == order[i]:
            continue
        if last and fraction[i] - fraction[last[-1]] < 2.0 * CLOSEST:
            last.pop()
        last.append(i)
    return np.array(last)
