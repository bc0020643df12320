"""Is the evidence enough? A cumulative meta-analysis against the information that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isinf, log, nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.credibility.cumulative import cumulative
from evidence.credibility.sequential_boundaries import CLOSEST, efficacy_boundary, futility_boundary
from evidence.credibility.show import Shown, sentences, table_text
from evidence.errors import DataError, ModelError
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.studies import Floats
from evidence.models.synthesis import synthesise
from evidence.tables.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, number

__all__ = ["Sequential", "diversity", "sequential", "sequential_analysis"]

CAVEATS = (
    "The looks were made now and not when each trial was published, and nobody stopped at a boundary. The boundaries "
    "take the Z of successive looks for a path with independent steps; with a variance between trials that is "
    "estimated anew at each look, and taken as known, this holds roughly. The required information rests on the chosen "
    "effect and on the diversity of these trials. A boundary guards against chance, not against bias."
)
FEW = 5
"""With fewer studies neither their diversity nor the standard error of their mean is known well."""


@dataclass(frozen=True, eq=False, repr=False)
class Sequential(Shown):
    """Result of `sequential`."""

    fit: Pooled
    """All studies, with an interval by the normal distribution."""
    looks: pd.DataFrame
    """One row a look: order (for example the year), added (labels of the studies), k, n (patients, NaN where one is
    not known), information (see `sequential`), fraction (of the required), estimate, se, z, boundary (for the
    absolute z), futility (NaN while there is none) and crossed ("benefit", "harm", "futility" or "")."""
    alpha: float
    power: float
    delta: float
    """The effect not to be missed, on the analysis scale, positive."""
    diversity: float
    """The diversity by which the required information was corrected, 0 to 1."""
    required: float
    """Information that is required, corrected for diversity."""
    better: str
    measure: str = ""

    @property
    def fraction(self) -> float:
        """Information at the last look, as a fraction of the required."""
        return float(self.looks["fraction"].iloc[-1])

    @property
    def required_n(self) -> float:
        """Patients for the required information if each adds as much as those so far; NaN if not known."""
        return float(self.looks["n"].iloc[-1]) / self.fraction

    @property
    def ci_low(self) -> float:
        """Lower limit of the interval that allows for all looks: estimate minus boundary times standard error."""
        return self.fit.estimate - self._reach

    @property
    def ci_high(self) -> float:
        """Upper limit of that interval; NaN where the boundary is infinite."""
        return self.fit.estimate + self._reach

    @property
    def _reach(self) -> float:
        boundary = float(self.looks["boundary"].iloc[-1])
        return boundary * self.fit.se if isfinite(boundary) else nan

    @property
    def usual(self) -> float:
        """What the absolute Z of a single look would have to reach."""
        return -float(ndtri(self.alpha / 2.0))

    @property
    def conclusion(self) -> str:
        """What the last look says: "benefit", "harm", "futility" (an effect of `delta` is unlikely) or "open"."""
        return str(self.looks["crossed"].iloc[-1]) or "open"

    @property
    def note(self) -> str:
        """The conclusion in words."""
        last, crossed = self.looks.iloc[-1], self.looks["crossed"]
        have = (
            f"At the last look ({last['order']}) there is {100 * self.fraction:.0f}% of the required information and "
            f"z = {number(last['z'], 2)}"
        )
        boundary = "out of reach so early" if isinf(last["boundary"]) else number(last["boundary"], 2)
        if self.conclusion in ("benefit", "harm"):
            since = self.looks.loc[crossed == self.conclusion, "order"].iloc[0]
            said = f"beyond the boundary for {self.conclusion} ({boundary}), which was first crossed at look {since}."
        elif self.conclusion == "futility":
            said = "within the boundary for futility: an effect of the planned size is unlikely."
        elif abs(last["z"]) > self.usual:
            said = (
                f"beyond the usual {number(self.usual, 2)} but not beyond the boundary ({boundary}): with so little "
                "information a result like this is too often chance."
            )
        else:
            said = f"which crosses no boundary (that of an effect: {boundary}): neither shown nor refuted."
        firm = self.looks.loc[crossed.isin(["benefit", "harm"]), "order"]
        moved = not firm.empty and self.conclusion in ("open", "futility")
        back = (
            f"The boundary for an effect was crossed at look {firm.iloc[0]}, and the result moved back."
            if moved
            else ""
        )
        few = (
            f"With {counted(self.fit.k, 'study', 'studies')} this is a rough guide at best."
            if self.fit.k < FEW
            else ""
        )
        return sentences(f"{have}, {said}", back, few)

    def ahead(self) -> pd.DataFrame:
        """Boundaries up to full information; if it is not reached yet, with one more look that reaches it.

        Returns
        -------
        DataFrame
            fraction, boundary (may be infinite) and futility (below zero while there is none).
        """
        fraction = self.looks["fraction"].to_numpy()
        fraction = fraction[: int(np.searchsorted(fraction, 1.0)) + 1]
        if fraction[-1] < 1.0 - CLOSEST:
            fraction = np.append(fraction, 1.0)
        boundary, futility = _boundaries(fraction, self.alpha, self.power)
        return pd.DataFrame({"fraction": fraction, "boundary": boundary, "futility": futility})

    @property
    def caveats(self) -> str:
        """What the analysis takes for granted."""
        return CAVEATS

    def to_frame(self) -> pd.DataFrame:
        """One row a look, see `looks`."""
        return self.looks

    def summary(self) -> str:
        """Describe the looks as a text table, with the plan above and the conclusion below."""
        heading = (
            f"Sequential analysis: alpha {self.alpha:g} (two-sided), power {self.power:g}, effect {self.delta:.4g}, "
            f"diversity {100 * self.diversity:.0f}%; {counted(len(self.looks), 'look')}"
        )
        return table_text(heading, self.looks, sentences(self.note, CAVEATS))


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
    """
    return float(1.0 - (1.0 / (fit.variance + fit.tau2)).sum() / (1.0 / fit.variance).sum())


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

    References
    ----------
    Wetterslev J, Thorlund K, Brok J, Gluud C (2008). J Clin Epidemiol 61(1), 64-75: trial sequential analysis.
    """
    _check_plan(delta, alpha, power, better)
    plain = pool(
        fit.effect, fit.variance, method=fit.method, ci="z", level=1.0 - alpha, labels=list(fit.labels)
    )
    steps = cumulative(plain, order)
    place = pd.Series(range(fit.k) if order is None else order).argsort(kind="stable").to_numpy()
    share = diversity(plain) if heterogeneity == "diversity" else _given(heterogeneity)
    required = np.square(_drift(alpha, power) / delta) / (1.0 - share)
    information = np.cumsum(1.0 / plain.variance[place])
    people = np.cumsum(_people(n, fit)[place])
    last = _last_of_each_look(steps.order, information / required)
    fraction = information[last] / required
    boundary, futility = _boundaries(fraction, alpha, power)
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
    return Sequential(plain, looks, alpha, power, abs(delta), share, float(required), better, measure)


def sequential_analysis(review: Review, analysis: str | Analysis, **overrides: Any) -> Sequential:
    """Run the sequential analysis that a protocol plans, trials by year of publication.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    **overrides
        ``delta`` (on the outcome's scale, a ratio as such), ``alpha``, ``power`` and ``heterogeneity`` that differ
        from the protocol's; all others go to `synthesise`.

    Returns
    -------
    Sequential

    Raises
    ------
    DataError
        If the analysis or an option is unknown, a trial has no year, or the outcome has neither a ``delta`` in the
        plan nor a minimal important difference.
    ModelError
        If nothing is pooled.
    """
    plan = review.protocol.sequential
    settings = {
        name: overrides.pop(name, getattr(plan, name)) for name in ("alpha", "power", "heterogeneity")
    }
    delta = overrides.pop("delta", None)
    result = synthesise(review, analysis, **overrides)
    outcome = review.protocol.outcomes[result.analysis.outcome]
    if result.fit is None:
        raise ModelError(f"{result.analysis.id}: {result.note}")
    if delta is None and result.measure == outcome.measure:
        delta = plan.delta.get(result.analysis.outcome, outcome.minimal_important_difference)
    if delta is None:
        raise DataError(
            f"{result.analysis.id}: no effect ({result.measure}) is planned that the analysis should not miss; give "
            f"sequential.delta.{result.analysis.outcome} in review.yaml, or delta=."
        )
    if result.measure in ("RR", "OR"):
        if delta <= 0.0:
            raise DataError(f"{result.analysis.id}: delta is {delta}; a ratio is above 0.")
        delta = log(delta)
    effects = result.effects
    return sequential(
        result.fit,
        effects["year"],
        delta=delta,
        n=effects["n"],
        better=outcome.better,
        measure=result.measure,
        **settings,
    )


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
    people = np.full(fit.k, nan) if n is None else np.asarray(n, dtype=np.float64)
    if people.shape != (fit.k,):
        raise DataError(f"n has {people.size} values for {fit.k} studies; give one a study.")
    return people


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


def _drift(alpha: float, power: float) -> float:
    """Mean of Z at full information if the effect is `delta`."""
    return float(ndtri(power) - ndtri(alpha / 2.0))


def _boundaries(fraction: Floats, alpha: float, power: float) -> tuple[Floats, Floats]:
    """Boundaries at each look; after full information, where all error is spent, that of a single look."""
    planned = int(np.searchsorted(fraction, 1.0)) + 1
    within = fraction[:planned]
    efficacy = efficacy_boundary(within, alpha)
    futility = futility_boundary(within, efficacy, _drift(alpha, power), 1.0 - power)
    rest = np.full(fraction.size - within.size, -float(ndtri(alpha / 2.0)))
    return np.concatenate([efficacy, rest]), np.concatenate([futility, rest])
