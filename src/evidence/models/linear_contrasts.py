"""Linear contrasts of the coefficients of a model, tested together: adjusted P values and simultaneous intervals.

The single-step adjustment rests on the distribution of the largest of several correlated statistics. A multivariate
normal or t vector is a direction, uniform on the sphere, times a length whose distribution is known (chi, or the root
of a multiple of F). Given the direction, the probability that the length takes a statistic beyond a bound is
exact; what is left is a mean over directions, the same points each time, whatever the rank of the contrasts.

References
----------
Deak I (1980). Numer Math 35(4), 369-380 (probabilities by directions).
Hothorn T, Bretz F, Westfall P (2008). Biom J 50(3), 346-363.
Holm S (1979). Scand J Stat 6(2), 65-70.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import chdtrc, fdtrc, ndtri

from evidence.errors import DataError, choose, must_be
from evidence.measures import check_level
from evidence.models.core.coefficients import joint_test, quantile, two_sided
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.results import Shown, frame_text, number, p_clause

__all__ = ["ADJUSTMENTS", "LargestStatistic", "LinearContrasts", "linear_contrasts"]

ADJUSTMENTS = {
    "single-step": "by the joint distribution of the statistics",
    "holm": "Holm's step-down; intervals by Bonferroni",
    "bonferroni": "Bonferroni",
    "none": "each contrast by itself",
}
POINTS = 2**14
"""Directions to take the mean over."""
TABLE = 2**12
RANK_TOLERANCE = 1e-10


class LargestStatistic:
    """Distribution of the largest absolute value of correlated normal or t statistics.

    Parameters
    ----------
    correlation : ndarray, shape (m, m)
        May be singular.
    df : float
        Degrees of freedom; infinite for the normal distribution.
    """

    def __init__(self, correlation: Floats, df: float) -> None:
        values, vectors = np.linalg.eigh(correlation)
        kept = values > RANK_TOLERANCE * values[-1]
        self.rank, self.df = int(kept.sum()), df
        root = vectors[:, kept] * np.sqrt(values[kept])
        self._reach = abs(_directions(self.rank) @ root.T)
        self._size = len(root)

    def exceeds(self, bound: float) -> float:
        """Probability that a statistic lies beyond the bound on either side."""
        if np.isnan(bound):
            return np.nan
        if bound <= 0.0:
            return 1.0
        if self.rank <= 2:
            beyond = self._length_beyond(bound, self._reach)
        else:  # the directions are known less exactly than a table of the lengths
            reach = np.linspace(0.0, 1.0, TABLE)
            beyond = np.interp(self._reach, reach, self._length_beyond(bound, reach))
        # The mean number of statistics beyond is known, so what directions get wrong of it corrects the rest.
        one, count, any_beyond = float(two_sided(bound, self.df)), beyond.sum(axis=1), beyond.max(axis=1)
        spread = count - count.mean()
        slope = float(spread @ any_beyond / max(spread @ spread, np.finfo(float).tiny))
        return min(max(float(any_beyond.mean() + slope * (self._size * one - count.mean())), one), 1.0)

    def _length_beyond(self, bound: float, reach: Floats) -> Floats:
        """Probability that the length takes a statistic beyond the bound, by its reach in a direction."""
        with np.errstate(divide="ignore"):
            square = np.square(bound / reach)
        return (
            chdtrc(self.rank, square) if np.isinf(self.df) else fdtrc(self.rank, self.df, square / self.rank)
        )

    def bound(self, level: float) -> float:
        """Bound within which all statistics lie with the given probability."""
        low = float(quantile(self.df, level))
        high = float(quantile(self.df, 1.0 - (1.0 - level) / self._size))
        if not self.exceeds(low) > 1.0 - level > self.exceeds(high):
            return low if self.exceeds(low) <= 1.0 - level else high
        return float(brentq(lambda q: self.exceeds(q) - (1.0 - level), low, high, xtol=1e-9))


def _directions(rank: int) -> Floats:
    """Points spread evenly over a half of the sphere (rank 1 and 2), or over all of it by a Sobol sequence."""
    if rank == 1:
        return np.ones((1, 1))
    if rank == 2:
        angle = (np.arange(POINTS) + 0.5) * np.pi / POINTS
        return np.column_stack([np.cos(angle), np.sin(angle)])
    from scipy.stats import qmc  # slow to import, so only when needed

    uniform = qmc.Sobol(rank, scramble=True, seed=1).random(POINTS)
    normal = ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    return normal / np.sqrt(np.square(normal).sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False, repr=False)
class LinearContrasts(Shown):
    """Result of `linear_contrasts`.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> ev.linear_contrasts(fit, [[1, 20], [1, 40]]).to_frame()["estimate"].round(3).tolist()
    [-0.331, -0.913]
    """

    table: pd.DataFrame
    """One row a contrast: estimate, se, ci_low, ci_high (simultaneous), statistic, p_value, p_adjusted."""
    weights: pd.DataFrame
    """Weights of the coefficients, one row a contrast."""
    covariance: pd.DataFrame
    """Covariance matrix of the contrasts."""
    null: float
    adjust: str
    level: float
    """Level at which all intervals hold together; with "none" each by itself."""
    df: float
    """Degrees of freedom; infinite for the normal distribution, NaN where each contrast has its own in `table`."""
    critical: float
    """Number of standard errors between an estimate and the limits of its interval; NaN as `df`."""
    statistic: float
    """Test that all contrasts are `null` together: Wald chi-squared, or F with finite df."""
    statistic_df: int
    """Number of contrasts that do not follow from the others."""
    p_value: float
    """P value of that test."""
    df_error: float = np.inf
    """Its second degrees of freedom; infinite for chi-squared."""

    @property
    def note(self) -> str:
        """Say what the intervals are where they are not of the kind of the P values."""
        if self.adjust != "holm" or len(self.table) < 2:
            return ""
        return "Holm's method gives no intervals: they are by Bonferroni, and may include a value that it rejects."

    def to_frame(self) -> pd.DataFrame:
        """One row a contrast, as `table`."""
        return self.table.copy()

    def summary(self) -> str:
        """Describe the contrasts as text."""
        kind = "z" if np.isinf(self.df) else "t" if np.isnan(self.df) else f"t, df = {self.df:g}"
        errors = "" if not np.isnan(self.df) else f" and {self.df_error:.3g}"
        together = "" if self.adjust == "none" else "simultaneous "
        lines = [
            f"Linear contrasts ({kind}; adjustment {self.adjust}; {100 * self.level:g}% {together}intervals)",
            "",
            frame_text(self.table),
            "",
            f"  All together {number(self.statistic)}, df = {self.statistic_df}{errors}, {p_clause(self.p_value)}",
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)


def linear_contrasts(
    fit: Regression | Multilevel | Robust,
    contrasts: Any = None,
    *,
    adjust: str | None = None,
    null: float = 0.0,
    level: float | None = None,
) -> LinearContrasts:
    """Test linear contrasts of the coefficients of a model, with adjustment for their number.

    Parameters
    ----------
    fit : Regression, Multilevel or Robust
    contrasts : str, mapping, DataFrame or array-like, optional
        By default each coefficient but the intercept. The name of a factor in the formula stands for all pairwise
        differences of its levels. A mapping has for each contrast, by its name, the weights of the coefficients: a
        mapping by their names (others are zero) or p numbers. In a DataFrame a row is a contrast and the columns
        are coefficients; an array has shape (m, p), or (p,) for one contrast.
    adjust : str, optional
        "single-step" (joint normal or t distribution of all statistics, as of Tukey and of Dunnett), "holm",
        "bonferroni" or "none". Intervals hold for all contrasts together, except with "none". Single-step values
        are exact to about 5e-4; of contrasts that span two dimensions to 1e-8. By default "single-step", for robust
        inference "holm": there each contrast has degrees of freedom of its own (Satterthwaite), and the statistics
        no known joint distribution.
    null : float
        Value that is tested.
    level : float, optional
        Level of the intervals, between 0 and 1; by default the fit's.

    Returns
    -------
    LinearContrasts
        NaN where a standard error is zero.

    Raises
    ------
    DataError
        If a coefficient or a factor is not in the model, weights are not finite numbers or all zero, or an option is
        unknown.

    References
    ----------
    Hothorn T, Bretz F, Westfall P (2008). Biom J 50(3), 346-363.
    Tipton E, Pustejovsky JE (2015). J Educ Behav Stat 40(6), 604-634 (robust inference).

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> print(ev.linear_contrasts(fit, [[1, 20], [1, 40]]).summary().splitlines()[0])
    Linear contrasts (t, df = 11; adjustment single-step; 95% simultaneous intervals)
    """
    must_be(fit, (Regression, Multilevel, Robust), "linear_contrasts()")
    model = fit.fit if isinstance(fit, Robust) else fit
    if isinstance(model, Pooled):
        raise DataError(
            "linear_contrasts() needs coefficients; of one pooled mean there is nothing to compare. Groups can be "
            'compared after regress("effect ~ group - 1", ...).'
        )
    robust = isinstance(fit, Robust)
    adjust = ("holm" if robust else "single-step") if adjust is None else adjust
    adjust = choose("adjustment", adjust, ADJUSTMENTS, {"mvt": "single-step", "tukey": "single-step"})
    level = fit.level if level is None else level
    check_level(level)
    if not np.isfinite(null):
        raise DataError(f"null must be a finite number; got {null!r}.")
    if robust and adjust == "single-step":
        raise DataError(
            "adjust='single-step' needs one number of degrees of freedom for all contrasts, which robust inference "
            "does not have; choose 'holm' or 'bonferroni'."
        )
    weights = _weights(model, contrasts)
    matrix = weights.to_numpy()
    of_coefficients = fit.covariance.to_numpy()
    estimate, covariance = matrix @ fit.estimate, matrix @ of_coefficients @ matrix.T
    variance = np.diagonal(covariance)
    se = np.sqrt(np.where(variance > 0.0, variance, 0.0))
    divisor = np.where(se > 0.0, se, np.nan)
    statistic = (estimate - null) / divisor
    size = len(matrix)
    df = (
        np.array([fit.wald(row[None], np.zeros(1)).df_error for row in matrix])
        if isinstance(fit, Robust)
        else fit.df
    )
    p_value = two_sided(statistic, df)
    critical = quantile(df, 1.0 - (1.0 - level) / (1 if adjust == "none" else size))
    if adjust == "single-step" and size > 1 and (se > 0.0).all():
        largest = LargestStatistic(covariance / np.outer(se, se), float(df))
        critical = largest.bound(level)
        adjusted = np.array([largest.exceeds(abs(value)) for value in statistic])
    elif adjust == "single-step" and size > 1:
        critical, adjusted = np.nan, np.full(size, np.nan)
    else:
        adjusted = _adjusted(p_value, adjust)
    half = critical * se
    together = _together(fit, matrix, estimate - null, covariance)
    index = weights.index
    own = {"df": df} if robust else {}
    return LinearContrasts(
        table=pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "statistic": statistic,
                **own,
                "p_value": p_value,
                "p_adjusted": adjusted,
            },
            index=index,
        ),
        weights=weights,
        covariance=pd.DataFrame(covariance, index=index, columns=index),
        null=float(null),
        adjust=adjust,
        level=level,
        df=np.nan if robust else float(df),
        critical=np.nan if robust else float(critical),
        statistic=together[0],
        statistic_df=together[1],
        p_value=together[2],
        df_error=together[3],
    )


def _adjusted(p_value: Floats, adjust: str) -> Floats:
    size = p_value.size
    if adjust == "bonferroni":
        return np.minimum(size * p_value, 1.0)
    if adjust != "holm":
        return p_value.copy()
    order = np.argsort(p_value)
    steps = np.maximum.accumulate(p_value[order] * np.arange(size, 0, -1))
    out = np.empty(size)
    out[order] = np.minimum(steps, 1.0)
    return out


def _together(
    fit: Any, matrix: Floats, difference: Floats, covariance: Floats
) -> tuple[float, int, float, float]:
    """Joint test; contrasts that follow from earlier ones are not counted twice. NaN if they contradict these."""
    scaled = matrix / np.sqrt(np.square(matrix).sum(axis=1, keepdims=True))
    kept: list[int] = []
    for i in range(len(matrix)):
        if np.linalg.matrix_rank(scaled[[*kept, i]], tol=1e-9) > len(kept):
            kept.append(i)
    values = difference[kept]
    follow = np.linalg.lstsq(matrix[kept].T, matrix.T, rcond=None)[0].T @ values
    if not np.allclose(follow, difference, rtol=1e-7, atol=1e-9 * (1.0 + np.abs(difference).max())):
        return np.nan, len(kept), np.nan, np.nan
    if isinstance(fit, Robust):
        test = fit.wald(matrix[kept], values)
        return test.statistic, test.df, test.p_value, test.df_error
    statistic, p_value = joint_test(values, covariance[np.ix_(kept, kept)], fit.df)
    return float(statistic), len(kept), float(p_value), float(fit.df)


def _weights(fit: Regression | Multilevel, contrasts: Any) -> pd.DataFrame:
    """Weights of the coefficients in each contrast, checked: one row a contrast, one column a coefficient."""
    names = list(fit.names)
    if contrasts is None:
        chosen = [name for name in names if name != "Intercept"] or names
        frame = pd.DataFrame(np.eye(len(names)), index=names, columns=names).loc[chosen]
    elif isinstance(contrasts, str):
        frame = _pairwise(fit, contrasts)
    elif isinstance(contrasts, pd.DataFrame):
        frame = contrasts
    elif isinstance(contrasts, Mapping):
        frame = pd.DataFrame([_named(names, key, row) for key, row in contrasts.items()], columns=names)
        frame.index = pd.Index([str(key) for key in contrasts])
    else:
        rows = _numbers(contrasts)
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise DataError(
                f"contrasts need one weight for each of {len(names)} coefficients ({', '.join(names)}); the array "
                f"has shape {rows.shape}."
            )
        frame = pd.DataFrame(rows, columns=names)
        frame.index = pd.Index([_written(row, names) for row in rows])
    unknown = [str(name) for name in frame.columns if name not in names]
    if unknown:
        raise DataError(f"the model has no coefficient {unknown[0]!r}; it has {', '.join(names)}.")
    index = pd.Index([str(name) for name in frame.index], name="contrast")
    if not len(index) or index.has_duplicates:
        what = f"two contrasts are called {index[index.duplicated()][0]!r}" if len(index) else "no contrast"
        raise DataError(f"{what}; give each a name of its own.")
    values = _numbers(frame.reindex(columns=names, fill_value=0.0))
    bad = ~np.isfinite(values).all(axis=1) | ~values.any(axis=1)
    if bad.any():
        raise DataError(
            f"contrast {index[int(bad.argmax())]!r}: weights must be finite numbers, not all of them zero."
        )
    return pd.DataFrame(values, index=index, columns=names)


def _named(names: list[str], key: Any, row: Any) -> Floats:
    """One contrast of a mapping."""
    if isinstance(row, pd.Series):
        row = row.to_dict()
    if isinstance(row, Mapping):
        unknown = [str(name) for name in row if name not in names]
        if unknown:
            raise DataError(
                f"contrast {key!r}: the model has no coefficient {unknown[0]!r}; it has {', '.join(names)}."
            )
        row = [row.get(name, 0.0) for name in names]
    values = _numbers(row)
    if values.shape != (1, len(names)):
        raise DataError(f"contrast {key!r} needs one weight for each of {', '.join(names)}.")
    return values[0]


def _numbers(values: Any) -> Floats:
    try:
        return np.atleast_2d(np.asarray(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise DataError(f"weights of contrasts must be numbers: {error}.") from error


def _written(row: Floats, names: list[str]) -> str:
    """Write a contrast as a sum, such as "b - a" or "0.5 a + 0.5 b"."""
    text = ""
    for weight, name in zip(row, names, strict=True):
        if weight != 0.0:
            sign = ("-" if weight < 0.0 else "") if not text else (" - " if weight < 0.0 else " + ")
            text += sign + ("" if abs(weight) == 1.0 else f"{abs(weight):g} ") + name
    return text


def _pairwise(fit: Regression | Multilevel, factor: str) -> pd.DataFrame:
    """All differences between two levels of a factor."""
    names = list(fit.names)
    columns = fit.design.terms.get(factor)
    encoded = {str(key.expr if hasattr(key, "expr") else key): one for key, one in _encodings(fit).items()}
    if columns is None or factor not in encoded:
        known = [term for term in fit.design.terms if term in encoded]
        raise DataError(
            f"the model has no factor {factor!r}"
            + (
                f"; it has {', '.join(known)}."
                if known
                else "; name coefficients with their weights instead."
            )
        )
    if any(set(term.split(":")) >= {factor} for term in fit.design.terms if term != factor):
        raise DataError(
            f"{factor} interacts with another moderator, so its differences depend on it; give weights instead."
        )
    levels = [str(level) for level in encoded[factor].levels]
    coded = {names[j].rpartition("[")[2].rstrip("]"): j for j in columns}
    rows = np.zeros((len(levels), len(names)))
    for place, level in enumerate(levels):
        column = coded.get(level, coded.get(f"T.{level}"))
        if column is not None:
            rows[place, column] = 1.0
    if len(columns) < len(levels) - 1 or (rows.any(axis=1).sum() != len(columns)):
        raise DataError(
            f"the levels of {factor} are not coded as differences from one of them; give weights instead."
        )
    pairs = list(combinations(range(len(levels)), 2))
    index = [f"{levels[b]} - {levels[a]}" for a, b in pairs]
    return pd.DataFrame([rows[b] - rows[a] for a, b in pairs], index=index, columns=names)


def _encodings(fit: Regression | Multilevel) -> dict[Any, Any]:
    return dict(fit.design.spec.factor_contrasts)
