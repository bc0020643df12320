"""Trim and fill: how many studies would make the funnel symmetrical, and what the mean would then be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.diagnostics.small_study.line import fit_line, line_tau2
from evidence.diagnostics.subsets import need
from evidence.errors import DataError, ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, number, p_text, sentences

__all__ = ["TrimAndFill", "trim_and_fill"]


@dataclass(frozen=True, eq=False, repr=False)
class TrimAndFill(Shown):
    """Result of `trim_and_fill`."""

    fit: Pooled
    """The fit as given."""
    filled: Pooled
    """The fit with the filled studies; they come last."""
    side: str
    """Side on which studies are missing: "left" or "right"."""
    estimator: str
    missing: int
    """Number of missing studies."""
    missing_se: float
    """Its standard error; NaN where the large-sample variance is negative."""
    missing_p: float
    """P value of the hypothesis that none is missing, for R0; NaN for the other estimators."""
    note: str = ""

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Which studies of the filled fit are filled ones, shape (k + missing,)."""
        return np.arange(self.filled.k) >= self.fit.k

    def to_frame(self) -> pd.DataFrame:
        """The frame of the filled fit, with a column `filled`."""
        return self.filled.to_frame().assign(filled=self.is_filled)

    def summary(self) -> str:
        """Describe the number of missing studies and both estimates."""
        p = "" if np.isnan(self.missing_p) else f", P {p_text(self.missing_p)}"
        rows = [
            f"  {name:<10}  {number(one.estimate)} ({number(one.ci_low)} to {number(one.ci_high)}), "
            f"tau2 {number(one.tau2)}, k = {one.k}"
            for name, one in (("As given", self.fit), ("Filled", self.filled))
        ]
        studies = "1 study" if self.missing == 1 else f"{self.missing} studies"
        head = f"Trim and fill ({self.estimator}): {studies} missing on the {self.side}"
        lines = [f"{head} (SE {number(self.missing_se)}{p})", "", *rows]
        return "\n".join([*lines, "", self.note] if self.note else lines)


@takes("Pooled")
def trim_and_fill(fit: Pooled, side: str | None = None, estimator: str = "L0") -> TrimAndFill:
    """Estimate the number of missing studies, fill them in and pool again.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies, by any method; its method and interval serve for trimming and for the
        filled fit.
    side : str, optional
        Side on which studies are missing, "left" or "right". By default the side away from the slope of the
        effects on their standard errors (a meta-regression by the method of the fit).
    estimator : str
        "L0", "R0" or "Q0".

    Returns
    -------
    TrimAndFill

    Raises
    ------
    DataError
        If an option is unknown.
    ModelError
        With one study; if the side is to be found and there are fewer than three studies or the variances do
        not vary; or if Q0 is not defined.

    References
    ----------
    Duval S, Tweedie R (2000). J Am Stat Assoc 95(449), 89-98, and Biometrics 56(2), 455-463.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> filled = ev.trim_and_fill(fit)
    >>> filled.missing, filled.side
    (1, 'right')
    """
    if side not in (None, "left", "right"):
        raise DataError(f"unknown side {side!r}; choose 'left' or 'right', or leave it out.")
    if estimator not in ("L0", "R0", "Q0"):
        raise DataError(f"unknown estimator {estimator!r}; choose 'L0', 'R0' or 'Q0'.")
    need(fit, 2, "trim and fill")
    side = _side(fit) if side is None else side
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * fit.effect, kind="stable")
    effect, variance = sign * fit.effect[order], fit.variance[order]
    k, missing, seen = fit.k, 0, list[int]()
    cycle = ""
    while missing not in seen:
        seen.append(missing)
        centre = _pool(fit, effect, variance, order, k - missing).estimate
        raw = _estimate(effect - centre, estimator)
        missing = max(0, int(np.round(raw)))
    if missing != seen[-1]:
        rivals = seen[seen.index(missing) :]
        cycle = f"The iterations alternate between {', '.join(map(str, sorted(rivals)))}; the largest number is used."
        missing = max(rivals)
        before = rivals[rivals.index(missing) - 1]
        centre = _pool(fit, effect, variance, order, k - before).estimate
        raw = _estimate(effect - centre, estimator)
    filled = fit
    if missing:
        trimmed = order[k - missing :]
        weights = fit.given_weights
        filled = pool(
            np.append(fit.effect, sign * (2.0 * centre - effect[k - missing :])),
            np.append(fit.variance, fit.variance[trimmed]),
            method=fit.method,
            ci=fit.ci,
            level=fit.level,
            prediction=fit.prediction,
            labels=[*fit.labels, *(f"Filled {i}" for i in range(1, missing + 1))],
            weights=None if weights is None else np.append(weights, weights[trimmed]),
            tau2=fit.tau2 if fit.tau2_given else None,
        )
    return TrimAndFill(
        fit,
        filled,
        side,
        estimator,
        missing,
        _standard_error(raw, k, estimator),
        0.5 ** (missing + 1) if estimator == "R0" else np.nan,
        sentences(few_studies(k), cycle),
    )


def _side(fit: Pooled) -> str:
    """Side on which small studies are missing: where the effects do not go as standard errors grow."""
    need(fit, 3, "finding the side of missing studies")
    x, what = np.sqrt(fit.variance), "the standard error"
    if fit.given_weights is None:
        tau2 = line_tau2(fit, x, what=what)
        line = fit_line(x, fit.effect, fit.variance, tau2, what=what)
    else:
        line = fit_line(x, fit.effect, 1.0 / fit.given_weights, what=what)
    return "right" if line.slope < 0.0 else "left"


def _pool(fit: Pooled, effect: Floats, variance: Floats, order: NDArray[np.intp], count: int) -> Pooled:
    """Pool the first `count` of the sorted studies by the method of the fit."""
    weights = None if fit.given_weights is None else fit.given_weights[order][:count]
    tau2 = fit.tau2 if fit.tau2_given else None
    return pool(effect[:count], variance[:count], method=fit.method, ci="z", weights=weights, tau2=tau2)


def _estimate(deviation: Floats, estimator: str) -> float:
    """Estimate the number of missing studies from deviations from the centre; not yet rounded."""
    k = deviation.size
    rank = np.empty(k)
    rank[np.argsort(abs(deviation), kind="stable")] = np.arange(1.0, k + 1.0)
    if estimator == "R0":
        return k - float(rank[deviation <= 0.0].max(initial=0.0)) - 1.0
    total = float(rank[deviation > 0.0].sum())
    if estimator == "L0":
        return (4.0 * total - k * (k + 1.0)) / (2.0 * k - 1.0)
    under = 2.0 * k * k - 4.0 * total + 0.25
    if under <= 0.0:
        raise ModelError(
            "Q0 is not defined: nearly all large deviations lie on one side; use estimator 'L0' or 'R0'."
        )
    return k - 0.5 - float(np.sqrt(under))


def _standard_error(raw: float, k: int, estimator: str) -> float:
    """Large-sample standard error of the number of missing studies, at the estimate before rounding."""
    if estimator == "R0":
        return float(np.sqrt(2.0 * max(0.0, raw) + 2.0))
    variance = (
        k * (k + 1.0) * (2.0 * k + 1.0)
        + 10.0 * raw**3
        + 27.0 * raw**2
        + 17.0 * raw
        - 18.0 * k * raw**2
        - 18.0 * k * raw
        + 6.0 * k**2 * raw
    ) / 24.0
    error = float(np.sqrt(variance)) if variance >= 0.0 else np.nan
    if estimator == "L0":
        return 4.0 * error / (2.0 * k - 1.0)
    return 2.0 * error / float(np.sqrt((k - 0.5) ** 2 - raw * (2.0 * k - raw - 1.0)))
