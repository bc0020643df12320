"""Pool within subgroups, with separate or common between-study variance, and test whether the subgroups differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from evidence.columns import as_frame, beside, check_missing, left_out_note, shown, texts
from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.core.given import Given, given
from evidence.models.core.heterogeneity import q_and_trace
from evidence.models.core.likelihood import log_likelihood, narrow, score, tau2_grid
from evidence.models.core.studies import Floats, Studies, arrange, dispersion
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.refit import Fit, choose_coefficient, estimate_of, refit
from evidence.results import Shown, frame_text, number, p_text, sentences, span

__all__ = ["Subgroups", "subgroups"]


@dataclass(frozen=True, eq=False, repr=False)
class Subgroups(Shown):
    """Result of `subgroups`.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> by_allocation = ev.subgroups(pd.concat([effects, bcg["alloc"]], axis=1), by="alloc")
    >>> list(by_allocation.groups)
    ['random', 'alternate', 'systematic']
    """

    by: str
    groups: dict[str, Any]
    """The fit of each subgroup, in order of appearance; of the class of the fit given, or `Pooled`."""
    rows: dict[str, np.ndarray]
    """Places of each subgroup's studies among the rows of the data, from 0."""
    common_tau2: bool
    q_between: float
    """Heterogeneity between the subgroups' estimates (chi-squared)."""
    df: int
    p_value: float
    tau2: float = nan
    """The common between-study variance; NaN if each subgroup has its own."""
    tau2_low: float = nan
    """Q-profile interval of the common between-study variance; both limits zero if the set is empty."""
    tau2_high: float = nan
    coefficient: str | None = None
    """Which coefficient of a model with moderators is compared."""
    left_out: tuple[str, ...] = ()
    """Studies left out because their subgroup, effect or variance is missing."""

    @property
    def note(self) -> str:
        """What a reader should know, in plain sentences; empty if there is nothing."""
        notes = [left_out_note(self.left_out, f"{self.by}, effect or variance")]
        if len(self.groups) == 1:
            notes.append(f"There is one subgroup, {next(iter(self.groups))!r}: nothing is compared.")
        return sentences(*notes)

    def to_frame(self) -> pd.DataFrame:
        """One row a subgroup."""
        rows = [
            {self.by: group} | estimate_of(fit, self.coefficient)._asdict()
            for group, fit in self.groups.items()
        ]
        return pd.DataFrame(rows).drop(columns="note").dropna(axis=1, how="all")

    def summary(self) -> str:
        """Describe the subgroups as a text table, with the test for differences."""
        tau2 = "common" if self.common_tau2 else "separate"
        common = ""
        if not np.isnan(self.tau2):
            common = f"\n\nCommon tau2 = {number(self.tau2)} ({span(self.tau2_low, self.tau2_high)})"
        table = frame_text(self.to_frame(), index=False)
        q = f"Q = {number(self.q_between)}, df = {self.df}, P {p_text(self.p_value)}"
        test = f"Test for subgroup differences: {q}"
        heading = f"Subgroups by {self.by}"
        if "tau2" in self.to_frame():
            heading += f" ({tau2} tau2)"
        note = f"\n\n{self.note}" if self.note else ""
        return f"{heading}\n\n{table}{common}\n\n{test}{note}"


def subgroups(
    data: Any,
    by: Any,
    *,
    effect: str = "effect",
    variance: str | None = None,
    labels: str = "label",
    common_tau2: bool = False,
    coefficient: str | None = None,
    se: str | None = None,
    missing: str = "refuse",
    **options: Any,
) -> Subgroups:
    """Pool within each subgroup and test for differences between subgroups.

    Parameters
    ----------
    data : DataFrame, or a fit
        One row a study (pandas, polars or alike); or a fit by `pool`, `mantel_haenszel`, `peto`, `glmm`, `regress` or
        `multilevel`, whose model and options are then those of every subgroup.
    by : str, or array-like, shape (k,)
        Column that names each study's subgroup; for a fit one name a study, paired by label if it has labels.
        Values that look the same, such as 1 and "1", are the same subgroup.
    effect, variance, labels : str
        Columns with effects, sampling variances (by default "variance") and study labels; a missing label column is
        ignored.
    common_tau2 : bool
        Use one between-study variance in all subgroups: the residual tau2 of the mixed model with the subgroup as a
        factor, by the same estimator. It is advisable when some subgroups have few studies.
    coefficient : str, optional
        Coefficient to compare, of a fit with moderators; by default the only one beside the intercept.
    se : str, optional
        Column with standard errors, in place of `variance`.
    missing : {"refuse", "omit"}
        What is done with a study whose subgroup, effect or variance is missing: refuse, or leave it out and say so in
        the note.
    **options
        Options of `pool`; a fit has its own.

    Returns
    -------
    Subgroups
        The test compares the subgroups' estimates by Cochran's Q with their model-based variances, 1 / sum of
        weights; with a common tau2 it equals the omnibus test of the mixed model. The option `ci` changes the
        subgroups' own intervals, not this test. Estimates of other models are compared with the variances that
        these give.

    Raises
    ------
    DataError
        If a column is missing, a study has no subgroup, or `pool` rejects a study (the message names the subgroup);
        if an option does not suit the fit.
    ModelError
        If a common tau2 is asked for and no subgroup has two studies, or the model cannot be fitted to a subgroup.

    References
    ----------
    Borenstein M et al. (2009). Introduction to Meta-Analysis, chapter 19. Wiley.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> by_allocation = ev.subgroups(pd.concat([effects, bcg["alloc"]], axis=1), by="alloc")
    >>> f"P = {by_allocation.p_value:.2f}"
    'P = 0.39'
    """
    if isinstance(data, Fit):
        own = {"effect": effect != "effect", "variance": variance, "se": se, "missing": missing != "refuse"}
        if superfluous := [*(name for name, value in own.items() if value), *options]:
            raise DataError(f"a fit has its own options; leave out {', '.join(superfluous)}.")
        return _subgroups_of(data, by, common_tau2, coefficient)
    if coefficient is not None:
        raise DataError("coefficient belongs to a fit with moderators; give the fit in place of the data.")
    check_missing(missing)
    data = as_frame(data)
    if se is None and variance is None:
        variance, se = (
            (None, "se") if "variance" not in data.columns and "se" in data.columns else ("variance", None)
        )
    for column in (by, effect, *(one for one in (variance, se) if one is not None)):
        if column not in data.columns:
            raise DataError(
                f"there is no column {column!r}; the data have {', '.join(map(str, data.columns))}."
            )
    if len(data) == 0:
        raise DataError("there is no study to pool; the data have no row.")
    names = np.array(texts(data[by], by), dtype=object)
    if missing == "refuse" and (names == "").any():
        row = data.index[names == ""][0]
        raise DataError(f"row {row}: {by!r} is missing; give every study a subgroup.")
    measure = options.pop("measure", None)
    read = given(
        effect,
        variance,
        se=se,
        data=data,
        labels=labels if labels in data.columns else None,
        missing=missing,
        measure=data.attrs.get("measure") if measure is None else measure,
        n=options.pop("n", None),
        weights=options.pop("weights", None),
    )
    kept = np.ones(len(data), dtype=bool) if read.origin is None else read.origin.kept
    every = read.labels if read.origin is None else read.origin.labels
    use = kept & (names != "")
    if not use.any():
        raise DataError("there is no study to pool: every one lacks its subgroup, effect or variance.")
    rows = {str(name): np.flatnonzero((names == name) & use) for name in dict.fromkeys(names[use])}
    places = np.cumsum(kept) - 1
    groups = {name: _pool_group(name, places[at], data.index[at], read, options) for name, at in rows.items()}
    method, tau2 = options.get("method", "REML"), None
    if common_tau2 and method != "EE":
        tau2 = _common_tau2(list(groups.values()), method)
        groups = {
            name: _pool_group(name, places[at], data.index[at], read, options | {"tau2": tau2})
            for name, at in rows.items()
        }
    found = _compare(by, groups, rows, common_tau2, tau2)
    left_out = tuple(label for label, keep in zip(every, use, strict=True) if not keep)
    return replace(found, left_out=left_out)


def _compare(
    by: str, groups: dict[str, Any], rows: dict[str, np.ndarray], common: bool, tau2: float | None
) -> Subgroups:
    """Test whether pooled results differ, and give the interval of their common tau2."""
    weight = np.array([np.sum(1.0 / (fit.variance + fit.tau2)) for fit in groups.values()])
    q_between, df, p_value = _between([fit.estimate for fit in groups.values()], weight)
    limits = (nan, nan, nan)
    if tau2 is not None:
        limits = (tau2, *_common_interval(list(groups.values())))
    return Subgroups(by, groups, rows, common, q_between, df, p_value, *limits)


def _between(estimates: list[float], weight: Floats) -> tuple[float, int, float]:
    """Cochran's Q of the subgroups' estimates, its degrees of freedom and P value."""
    estimate = np.array(estimates)
    q_between = float(weight @ np.square(estimate - weight @ estimate / weight.sum()))
    df = len(estimates) - 1
    return q_between, df, float(chdtrc(df, q_between)) if df else 1.0


def _subgroups_of(fit: Fit, by: Any, common: bool, coefficient: str | None) -> Subgroups:
    """Fit the model of a fit to each subgroup of its studies."""
    name = str(getattr(by, "name", None) or "group")
    names = [shown(value) for value in beside(fit, by, "by")]
    if "" in names:
        raise DataError(f"{fit.labels[names.index('')]}: the subgroup is missing; give every study one.")
    chosen = choose_coefficient(fit, coefficient)
    if common and not isinstance(fit, Pooled):
        raise DataError("common_tau2 is for fits by pool; the model of this fit has no tau2 to share.")
    if common and getattr(fit, "tau2_given", False):
        raise DataError("tau2 was given and is common to all subgroups already; leave common_tau2 out.")
    rows = {one: np.flatnonzero(np.array(names) == one) for one in dict.fromkeys(names)}
    groups: dict[str, Any] = {}
    for group, places in rows.items():
        try:
            groups[group] = refit(fit, places)
        except EvidenceError as error:
            raise type(error)(f"subgroup {group!r}: {error}") from error
    if isinstance(fit, Pooled):
        tau2 = None
        if common and fit.method != "EE":
            tau2 = _common_tau2(list(groups.values()), fit.method)
            groups = {one: refit(fit, places, tau2=tau2) for one, places in rows.items()}
        return _compare(name, groups, rows, common, tau2)
    found = [estimate_of(one, chosen) for one in groups.values()]
    exact = next((group for group, one in zip(groups, found, strict=True) if one.se == 0.0), None)
    if exact is not None:
        raise ModelError(
            f"subgroup {exact!r}: its effects fit the model without error, so that there is no standard error to "
            "compare it by; leave it out."
        )
    test = _between([one.estimate for one in found], np.array([1.0 / one.se**2 for one in found]))
    return Subgroups(name, groups, rows, common, *test, coefficient=chosen)


def _pool_group(name: str, at: np.ndarray, index: pd.Index, read: Given, options: dict[str, Any]) -> Pooled:
    try:
        return pool(
            pd.Series(read.effect[at], index=index),
            read.variance[at],
            labels=[read.labels[i] for i in at],
            measure=read.measure,
            n=None if read.n is None else read.n[at],
            weights=None if read.weights is None else read.weights[at],
            **options,
        )
    except DataError as error:
        raise DataError(f"subgroup {name!r}: {error}") from error


def _arranged(fits: list[Pooled]) -> tuple[Studies, Floats, Floats, Floats, int]:
    """Studies of all subgroups as a batch, their effects and variances, sizes (n, 1), and residual df."""
    k = np.array([[fit.k] for fit in fits])
    effect, variance = (np.full((len(fits), k.max()), nan) for _ in range(2))
    for row, fit in enumerate(fits):
        effect[row, : fit.k], variance[row, : fit.k] = fit.effect, fit.variance
    return arrange(effect, variance)[0], effect, variance, k, int(k.sum()) - len(fits)


def _q_trace(studies: Studies, tau2: Any) -> tuple[Any, Any]:
    """Residual Q and trace of P, at one between-study variance in all subgroups."""
    q, trace = q_and_trace(studies, np.broadcast_to(tau2, (len(studies.powers), np.size(tau2))))
    return q.sum(axis=0), trace.sum(axis=0)


def _common_interval(fits: list[Pooled]) -> tuple[float, float]:
    """Q-profile interval of the common between-study variance: where residual Q has its quantiles."""
    studies, _, _, _, df = _arranged(fits)
    level, above = fits[0].level, float(dispersion(studies).sum())

    def where(tail: float) -> float:
        target = float(chdtri(df, tail))
        if _q_trace(studies, 0.0)[0][0] <= target:
            return 0.0
        # Q falls below squares / tau2.
        return float(narrow(lambda t: _q_trace(studies, t)[0] >= target, 0.0, 1.001 * above / target))

    return where(0.5 - 0.5 * level), where(0.5 + 0.5 * level)


def _common_tau2(fits: list[Pooled], method: str) -> float:
    """Residual between-study variance of the model with a mean for each subgroup.

    The projection P of that model is block diagonal: Q, tr P, the score and the likelihood are sums over subgroups.
    """
    studies, effect, variance, k, df = _arranged(fits)
    if df == 0:
        raise ModelError("a common tau2 needs at least one subgroup with two studies; use common_tau2=False.")

    def q_trace(tau2: Any) -> tuple[Any, Any]:
        return _q_trace(studies, tau2)

    q, trace = q_trace(0.0)
    squares = dispersion(studies)
    if method == "DL":
        tau2 = (q - df) / trace
    elif method == "DL2":
        first = np.maximum((q - df) / trace, 0.0)
        q2, trace2 = q_trace(first)
        tau2 = first + (q2 - df) / trace2
    elif method == "HS":
        tau2 = (q - k.sum()) / np.nansum(1.0 / variance)
    elif method == "HE":
        tau2 = (squares.sum() - np.nansum((1.0 - 1.0 / k) * variance)) / df
    elif method == "SJ":
        start = np.var(effect[~np.isnan(effect)])
        tau2 = start * q_trace(start)[0] / df
    elif method in ("ML", "REML"):
        return _common_maximum(studies, squares.sum() / df, method == "REML")
    elif method in ("EB", "PM", "PMM"):
        target = chdtri(df, 0.5) if method == "PMM" else df
        above = squares.sum() / target  # Q falls below squares / tau2
        return narrow(lambda t: q_trace(t)[0] >= target, 0.0, 1.001 * above) if q[0] > target else 0.0
    else:
        raise DataError(f"no common tau2 by method {method!r}; choose another method or common_tau2=False.")
    return max(0.0, float(np.squeeze(tau2)))


def _common_maximum(studies: Studies, s2: float, restricted: bool) -> float:
    """Common tau2 at the global maximum of the likelihood, or the restricted one, of all subgroups together."""

    def everywhere(tau2: Floats) -> Floats:
        return np.broadcast_to(tau2, (len(studies.powers), np.size(tau2)))

    def rises(tau2: Floats) -> Any:
        fit, penalty = score(studies, everywhere(tau2), restricted)
        return fit.sum(axis=0) > penalty.sum(axis=0)

    smallest = studies.anchor_variance.min()
    largest = max(smallest, studies.variance[np.isfinite(studies.variance)].max())
    grid = tau2_grid(smallest, largest, s2)
    up = rises(grid)
    peaks = [0.0] + [narrow(rises, grid[i], grid[i + 1]) for i in np.flatnonzero(up[:-1] & ~up[1:])]
    height = log_likelihood(studies, everywhere(np.array(peaks)), restricted=restricted).sum(axis=0)
    return peaks[int(np.argmax(height))]
