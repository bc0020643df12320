"""How did the evidence grow? Pool the first study, the first two, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.columns import beside, numbers, numeric_text
from evidence.errors import DataError, ModelError, must_be
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.models.multilevel.covariance import groups_of
from evidence.models.pool_many import QUANTITIES, PooledMany, pool_many
from evidence.models.pooled import Pooled
from evidence.models.refit import (
    FITS,
    Fit,
    Refits,
    choose_coefficient,
    estimate_of,
    refit,
    refit_each,
    refuse_counts,
)
from evidence.models.regression.robust import Robust
from evidence.results import Shown, number, table_text

__all__ = [
    "Cumulative",
    "LeaveOneOut",
    "clusters_of",
    "cumulative",
    "deleted_scale",
    "drop_each",
    "leave_one_out",
    "need",
    "pool_subsets",
    "study_order",
]


def need(fit: Fit, least: int, what: str) -> None:
    """Raise ModelError unless the fit has at least `least` studies."""
    if len(fit.labels) < least:
        raise ModelError(
            f"{what} needs at least {least} studies; there are {len(fit.labels)}: {', '.join(fit.labels)}."
        )


def pool_subsets(fit: Pooled, present: NDArray[np.bool_]) -> PooledMany:
    """Pool each subset of the studies of a fit, with its method, interval and level.

    Parameters
    ----------
    fit : Pooled
    present : ndarray of bool, shape (n, k)
        One row a subset, with at least one study each.
    """
    refuse_counts(fit)
    if fit.given_weights is None and not fit.tau2_given:
        return pool_many(
            np.where(present, fit.effect, np.nan),
            np.where(present, fit.variance, np.nan),
            method=fit.method,
            ci=fit.ci,
            level=fit.level,
            prediction=fit.prediction,
        )
    fits = [refit(fit, row) for row in present]
    arrays = {name: np.array([getattr(one, name) for one in fits], dtype=np.float64) for name in QUANTITIES}
    return PooledMany(
        **arrays,
        method=fit.method,
        ci=fit.ci,
        level=fit.level,
        prediction=fit.prediction,
        effect=np.where(present, fit.effect, np.nan),
        variance=np.where(present, fit.variance, np.nan),
        given_weights=None if fit.given_weights is None else np.where(present, fit.given_weights, np.nan),
    )


def drop_each(fit: Pooled) -> PooledMany:
    """Pool k times, each time without one study."""
    return pool_subsets(fit, ~np.eye(fit.k, dtype=bool))


def deleted_scale(fit: Pooled, deleted: PooledMany) -> Floats:
    """Factor by which HKSJ scales the variance of the mean when a study is deleted; 1 for other intervals."""
    if fit.ci not in ("HKSJ", "HKSJ-adhoc"):
        return np.ones(fit.k)
    spread = fit.variance + deleted.tau2[:, None]
    weight = 1.0 / spread if fit.given_weights is None else fit.given_weights + 0.0 * spread
    np.fill_diagonal(weight, 0.0)
    share = weight / weight.sum(axis=1, keepdims=True)
    return np.square(deleted.se) / (np.square(share) * spread).sum(axis=1)


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Shown):
    """Result of `leave_one_out`: the fit of all studies and, in the order of its studies, the fits without one."""

    fit: Fit
    deleted: PooledMany | Refits
    coefficient: str | None = None
    """Which coefficient of a model with moderators the estimates are."""
    omitted: tuple[str, ...] = ()
    """What each fit leaves out: a study, or a cluster."""
    groups: NDArray[np.intp] | None = None
    """Place in `omitted` of each effect's cluster, shape (k,); None if studies are left out."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which effects each fit holds, shape (fits, k)."""
        groups = np.arange(len(self.fit.labels)) if self.groups is None else self.groups
        return groups != np.arange(len(self.omitted))[:, None]

    @property
    def note(self) -> str:
        """Name the studies without which the interval changes sides of zero, or that the model cannot do without."""
        whole = estimate_of(self.fit, self.coefficient)
        covers = whole.ci_low <= 0.0 <= whole.ci_high
        turned = ((self.deleted.ci_low <= 0.0) & (self.deleted.ci_high >= 0.0)) != covers
        failed = np.isnan(self.deleted.estimate)
        notes = []
        # For a proportion, a rate or a mean zero is no boundary.
        null = measure_of(getattr(self.fit, "measure", "")).of not in ("mean", "proportion", "rate")
        if null and (names := self._names(turned & ~failed)):
            notes.append(
                f"The interval {'no longer includes' if covers else 'includes'} zero without: {names}."
            )
        if names := self._names(failed):
            notes.append(f"The model cannot be fitted without: {names}.")
        return " ".join(notes)

    def _names(self, chosen: NDArray[np.bool_]) -> str:
        return ", ".join(label for label, take in zip(self.omitted, chosen, strict=True) if take)

    def to_frame(self) -> pd.DataFrame:
        """One row a left-out study: omitted, estimate, se, ci_low, ci_high, p_value, tau2, i2, q, q_p and so on."""
        frame = self.deleted.to_frame()
        frame.insert(0, "omitted", list(self.omitted))
        return frame

    def summary(self) -> str:
        """Describe the fits as a text table."""
        columns = ["omitted", "estimate", "ci_low", "ci_high", "p_value", "tau2", "i2", "q"]
        whole = estimate_of(self.fit, self.coefficient)
        of = "" if self.coefficient is None else f", coefficient {self.coefficient}"
        clusters = "" if self.groups is None else f" in {len(self.omitted)} clusters"
        kind = "out" if self.groups is None else "cluster-out"
        heading = (
            f"Leave-one-{kind} (k = {len(self.fit.labels)}{clusters}{of}); all studies: {number(whole.estimate)} "
            f"({number(whole.ci_low)} to {number(whole.ci_high)})"
        )
        return table_text(heading, self.to_frame()[columns].dropna(axis=1, how="all"), self.note)


def leave_one_out(fit: Fit, *, coefficient: str | None = None, cluster: Any = None) -> LeaveOneOut:
    """Pool without each study, or each cluster, in turn, with the model and all options of the fit.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
        A fit of at least two studies. Of a multilevel model single effects are left out, unless `cluster` is given.
    coefficient : str, optional
        Coefficient of a model with moderators; by default the only one beside the intercept.
    cluster : array-like, shape (k,), optional
        Cluster of each effect, all of whose effects are left out together; paired by labels. By default the clusters
        of `robust`, of other fits each effect by itself.

    Returns
    -------
    LeaveOneOut
        Where the model cannot be fitted without a study, its row is NaN and the note names it.

    Raises
    ------
    DataError
        If the coefficient is not clear, or `cluster` does not fit the data.
    ModelError
        With one study, or one cluster.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.leave_one_out(fit).to_frame()["estimate"].round(3).tolist()
    [-0.707, -0.654, -0.686, -0.628, -0.764, -0.711, -0.655, -0.795, -0.741, -0.653, -0.758, -0.76, -0.778]
    """
    must_be(fit, FITS, "leave_one_out()")
    need(fit, 2, "leave-one-out")
    chosen = choose_coefficient(fit, coefficient)
    groups, names = clusters_of(fit, cluster)
    if groups is None and isinstance(fit, Pooled):
        return LeaveOneOut(fit, drop_each(fit), omitted=fit.labels)
    places = np.arange(len(fit.labels)) if groups is None else groups
    present = places != np.arange(len(names))[:, None]
    return LeaveOneOut(fit, refit_each(fit, present, chosen), chosen, names, groups)


def clusters_of(fit: Fit, cluster: Any = None) -> tuple[NDArray[np.intp] | None, tuple[str, ...]]:
    """Cluster of each effect, None if each is one by itself, and the names of what is left out.

    Raises
    ------
    DataError
        If `cluster` does not fit the data.
    ModelError
        If there is one cluster.
    """
    if cluster is None:
        return (fit.cluster, fit.cluster_names) if isinstance(fit, Robust) else (None, fit.labels)
    groups, names = groups_of(beside(fit, cluster, "cluster"), len(fit.labels), "cluster")
    if len(names) < 2:
        raise ModelError(f"all effects are in one cluster ({names[0]}); nothing is left without it.")
    return groups, tuple(names)


@dataclass(frozen=True, eq=False, repr=False)
class Cumulative(Shown):
    """Result of `cumulative`: fits of a growing set of studies."""

    labels: tuple[str, ...]
    """The study that each step adds, shape (k,)."""
    order: tuple[Any, ...]
    """Its value of the variable by which the studies were ordered."""
    fits: PooledMany | Refits
    """Step i holds the first i + 1 studies."""

    def to_frame(self) -> pd.DataFrame:
        """One row a step: added, order, k, estimate, se, ci_low, ci_high, p_value, tau2, i2, q and so on."""
        frame = self.fits.to_frame()
        frame.insert(0, "added", list(self.labels))
        frame.insert(1, "order", list(self.order))
        return frame

    @property
    def note(self) -> str:
        """Name the steps at which the model cannot be fitted yet; empty if there are none."""
        early = [
            label for label, failed in zip(self.labels, np.isnan(self.fits.estimate), strict=True) if failed
        ]
        return f"The model cannot be fitted up to: {', '.join(early)}." if early else ""

    def summary(self) -> str:
        """Describe the steps as a text table."""
        columns = ["added", "order", "estimate", "ci_low", "ci_high", "p_value", "tau2", "i2"]
        table = self.to_frame()[columns].dropna(axis=1, how="all")
        return table_text(f"Cumulative meta-analysis (k = {len(self.labels)})", table, self.note)


def study_order(fit: Fit, order: Any) -> pd.Series:
    """Values by which to order the studies of a fit, in its order; numbers from text, and years whole."""
    if order is None:
        return pd.Series(range(len(fit.labels)))
    values = pd.Series(beside(fit, order, "order")).reset_index(drop=True)
    if numeric_text(values):
        values = pd.Series(numbers(values, "order", labels=fit.labels))
    whole = values.dtype == float and bool((values % 1 == 0).all())
    return values.astype(int) if whole else values


def cumulative(fit: Fit, order: Any = None, *, coefficient: str | None = None) -> Cumulative:
    """Pool the studies one after the other, with the model and all options of the fit.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
    order : array-like, shape (k,), optional
        Values by which to order the studies, ascending, for example years; equal values keep the order of the
        fit; labelled values are paired by label. By default the order of the fit.
    coefficient : str, optional
        Coefficient of a model with moderators; by default the only one beside the intercept.

    Returns
    -------
    Cumulative
        Where the model cannot be fitted to the first studies, their rows are NaN and the note names them.

    Raises
    ------
    DataError
        If `order` does not have one value a study, or a value is missing or cannot be compared with the
        others; if the coefficient is not clear.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.cumulative(fit).to_frame()["estimate"].round(3).tolist()
    [-0.889, -1.325, -1.33, -1.422, -1.059, -0.988, -1.058, -0.899, -0.838, -0.894, -0.829, -0.778, -0.715]
    """
    must_be(fit, FITS, "cumulative()")
    k, chosen = len(fit.labels), choose_coefficient(fit, coefficient)
    values = study_order(fit, order)
    if values.isna().any():
        missing = fit.labels[int(np.argmax(values.isna()))]
        raise DataError(f"{missing}: the value to order by is missing; give one.")
    try:
        place = values.argsort(kind="stable").to_numpy()
    except TypeError as error:
        raise DataError(
            f"the values to order by cannot be compared: {error}; give all of one kind."
        ) from error
    present = np.empty((k, k), dtype=bool)
    present[:, place] = np.tri(k, dtype=bool)
    labels = tuple(fit.labels[i] for i in place)
    steps = pool_subsets(fit, present) if isinstance(fit, Pooled) else refit_each(fit, present, chosen)
    return Cumulative(labels, tuple(values.iloc[place]), steps)
