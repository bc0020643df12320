"""Test of excess significance: whether more studies are significant than their power lets expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtr, ndtri

from evidence.errors import DataError, choose, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, number, p_clause, sentences

__all__ = ["ExcessSignificance", "excess_significance"]

ALTERNATIVES = ("two-sided", "greater", "less")
TESTS = {
    "exact": "exact distribution of the number of significant studies",
    "chi2": "chi-squared",
    "binom": "binomial with the mean power",
}


@dataclass(frozen=True, eq=False, repr=False)
class ExcessSignificance(Shown):
    """Result of `excess_significance`."""

    labels: tuple[str, ...]
    significant: NDArray[np.bool_]
    """Whether each study is significant, shape (k,)."""
    power: Floats
    """Its probability of being so, shape (k,)."""
    observed: int
    expected: float
    test: str
    statistic: float
    """Chi-squared statistic; NaN for other tests."""
    p_value: float
    """One-sided: as many significant studies, or more."""
    effect: float
    """True mean effect that the power refers to."""
    tau2: float
    alpha: float
    limit: float
    """Mean effect beyond which the test would no longer reject at `test_alpha`; NaN if it would not even at zero."""
    test_alpha: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Observed over expected number."""
        return self.observed / self.expected if self.expected > 0.0 else np.inf

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, significant, power."""
        return pd.DataFrame(
            {"label": list(self.labels), "significant": self.significant, "power": self.power}
        )

    def summary(self) -> str:
        """Describe the test in a few lines."""
        limit = "no mean effect" if math.isnan(self.limit) else f"{number(self.limit)}, the mean effect"
        lines = [
            f"Test of excess significance (k = {len(self.labels)})",
            "",
            f"  Observed     {self.observed} significant at {self.alpha:g}",
            f"  Expected     {number(self.expected)}, if the mean effect is {number(self.effect)} and tau2 "
            f"{number(self.tau2)}",
            f"  Test         {p_clause(self.p_value)} ({TESTS[self.test]})",
            f"  Limit        {limit} at which P would be {self.test_alpha:g}",
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)


@takes("Pooled")
def excess_significance(
    fit: Pooled,
    *,
    test: str = "exact",
    alternative: str = "two-sided",
    alpha: float = 0.05,
    effect: float | None = None,
    test_alpha: float = 0.1,
) -> ExcessSignificance:
    """Compare the number of significant studies with the number expected from their power.

    A study's power is its probability of significance (normal test of zero) if true effects are normal with
    the given mean and the fit's tau2, hence reported effects normal with variance + tau2.

    Parameters
    ----------
    fit : Pooled
    test : str
        "exact": distribution of the number of successes with unequal probabilities; "chi2": (O - E)^2 / E +
        (O - E)^2 / (k - E), as first proposed; "binom".
    alternative : str
        Of the studies' tests: "two-sided", "greater" or "less".
    alpha : float
        Level of the studies' tests.
    effect : float, optional
        True mean effect; the estimate of the fit by default.
    test_alpha : float
        Level of the test of excess, for the limit.

    Returns
    -------
    ExcessSignificance

    Raises
    ------
    DataError
        If an option is unknown or out of range.

    References
    ----------
    Ioannidis JPA, Trikalinos TA (2007). Clin Trials 4(3), 245-253.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> result = ev.excess_significance(fit)
    >>> result.observed
    8
    """
    test = choose("test", test, TESTS)
    alternative = choose("alternative", alternative, ALTERNATIVES)
    for name, value in (("alpha", alpha), ("test_alpha", test_alpha)):
        if not 0.0 < value < 1.0:
            raise DataError(f"{name} must lie between 0 and 1; got {value!r}.")
    mean = fit.estimate if effect is None else float(effect)
    if not np.isfinite(mean):
        raise DataError(f"effect must be finite; got {effect!r}.")
    z = fit.effect / np.sqrt(fit.variance)
    critical = -float(ndtri(0.5 * alpha if alternative == "two-sided" else alpha))
    high = z >= critical if alternative != "less" else np.zeros(fit.k, dtype=bool)
    low = z <= -critical if alternative != "greater" else np.zeros(fit.k, dtype=bool)
    significant = high | low
    observed = int(significant.sum())

    def p_value(true: float) -> float:
        return _excess(observed, _power(fit, true, critical, alternative), test)[1]

    power = _power(fit, mean, critical, alternative)
    statistic, p = _excess(observed, power, test)
    return ExcessSignificance(
        fit.labels,
        significant,
        power,
        observed,
        float(power.sum()),
        test,
        statistic,
        p,
        mean,
        fit.tau2,
        alpha,
        _limit(p_value, mean, test_alpha),
        test_alpha,
        sentences(few_studies(fit.k)),
    )


def _power(fit: Pooled, mean: float, critical: float, alternative: str) -> Floats:
    """Probability of significance of each study, shape (k,)."""
    se, total = np.sqrt(fit.variance), np.sqrt(fit.variance + fit.tau2)
    high = ndtr((mean - critical * se) / total) if alternative != "less" else 0.0
    low = ndtr((-mean - critical * se) / total) if alternative != "greater" else 0.0
    return np.minimum(high + low, 1.0)


def _excess(observed: int, power: Floats, test: str) -> tuple[float, float]:
    """Statistic (NaN but for "chi2") and P value of at least as many significant studies."""
    k, expected = power.size, float(power.sum())
    if test == "exact":
        count = np.zeros(k + 1)
        count[0] = 1.0
        for p in power:
            count[1:] = count[1:] * (1.0 - p) + count[:-1] * p
            count[0] *= 1.0 - p
        return np.nan, min(1.0, float(count[observed:].sum()))
    share = min(expected / k, 1.0)
    if test == "binom":
        return np.nan, float(bdtrc(observed - 1, k, share)) if observed else 1.0
    variance = share * (1.0 - share) * k
    if variance == 0.0:
        return np.nan, 1.0 if observed <= expected else 0.0
    z = (observed - expected) / np.sqrt(variance)
    return float(z * z), float(ndtr(-z))


def _limit(p_value: Any, mean: float, level: float) -> float:
    """Effect, on the side of the mean, at which the P value rises to the level; NaN if it is not below it at zero."""
    if p_value(0.0) >= level:
        return float("nan")
    low, high = 0.0, mean if mean else 1.0
    for _ in range(200):
        if p_value(high) >= level:
            break
        low, high = high, 2.0 * high
    else:
        return float("nan")
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if p_value(middle) >= level else (middle, high)
    return high
