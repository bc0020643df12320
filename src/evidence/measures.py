"""What an effect measure is, and what estimators and intervals are called: the one place that knows.

Every module that has to know whether a measure is a ratio, how it reads on its natural scale, with how many
decimals it is told, or what a method is called asks here.

References
----------
Miller JJ (1978). Am Stat 32(4), 138 (inverse of the double arcsine transformation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from evidence.errors import DataError, choose

__all__ = [
    "ESTIMATORS",
    "INTERVALS",
    "LARGEST_LOG",
    "MEASURES",
    "PAIR_MEASURES",
    "PREDICTIONS",
    "REVIEW_MEASURES",
    "Measure",
    "Named",
    "ReviewMeasure",
    "check_level",
    "choose_interval",
    "choose_measure",
    "choose_method",
    "choose_prediction",
    "find_measure",
    "measure_of",
]

LARGEST_LOG = math.log(math.nextafter(math.inf, 0.0))
"""Beyond it the ratio of a logarithm is no number of the computer."""


class Transform(NamedTuple):
    """How an effect is analysed, and the way back.

    ``back(value, size)`` takes the number of people, or the time at risk, of whom a double arcsine or a double square
    root is; without it (NaN) the limit of large samples. NaN stays NaN.
    """

    name: str
    back: Callable[[float, float], float]
    forward: Callable[[float], float]


def _exp(value: float, _: float = math.nan) -> float:
    return math.inf if value > LARGEST_LOG else math.exp(value)


def _expit(value: float, _: float = math.nan) -> float:
    return 1.0 / (1.0 + _exp(-value))


def _sine(value: float, _: float = math.nan) -> float:
    return math.sin(min(max(value, 0.0), math.pi / 2.0)) ** 2


def _double_sine(value: float, size: float) -> float:
    if math.isnan(size) or math.isnan(value):
        return _sine(value)
    lowest = (
        math.asin(math.sqrt(1.0 / (size + 1.0))) / 2.0
    )  # of no event; what lies beyond is no share of `size`
    if not lowest < value < math.pi / 2.0 - lowest:
        return float(value > math.pi / 4.0)
    sine = math.sin(2.0 * value)
    inner = 1.0 - (sine + (sine - 1.0 / sine) / size) ** 2
    return 0.5 * (1.0 - math.copysign(math.sqrt(max(inner, 0.0)), math.cos(2.0 * value)))


def _square(value: float, _: float = math.nan) -> float:
    return max(value, 0.0) ** 2


def _double_square(value: float, size: float) -> float:
    if math.isnan(size) or math.isnan(value):
        return _square(value)
    lowest = 0.5 / math.sqrt(size)
    return 0.0 if value <= lowest else (value - 1.0 / (4.0 * size * value)) ** 2


def _arcsine(value: float) -> float:
    return math.asin(math.sqrt(value))


IDENTITY = Transform("identity", lambda value, _: float(value), float)
LOG = Transform("log", _exp, math.log)
LOGIT = Transform("logit", _expit, lambda value: math.log(value / (1.0 - value)))
ARCSINE = Transform("arcsine", _sine, _arcsine)
DOUBLE_ARCSINE = Transform("double arcsine", _double_sine, _arcsine)
FISHER_Z = Transform("Fisher's z", lambda value, _: math.tanh(value), math.atanh)
ROOT = Transform("square root", _square, math.sqrt)
DOUBLE_ROOT = Transform("double square root", _double_square, math.sqrt)


@dataclass(frozen=True, slots=True)
class Measure:
    """An effect measure.

    Attributes
    ----------
    code : str
        As in `evidence.effect_size` and in tables: ``RR``.
    name : str
        What it is on its natural scale: ``Risk ratio``.
    title : str
        What is analysed: ``log risk ratio``.
    of : str
        What it is made from: ``means`` or ``events`` of two groups, ``rates``, ``times`` to an event, ``changes`` of
        one group, one ``mean``, ``proportion``, ``rate`` or ``correlation``.
    transform : Transform
        How it is analysed.
    in_units : bool
        Whether it is in units of the outcome, so that its size says how many decimals suit it.
    digits : int
        Decimals in a sentence, on the natural scale; of a proportion, of percent.
    also : tuple of str
        Other names that people give it.
    """

    code: str
    name: str
    title: str
    of: str = ""
    transform: Transform = IDENTITY
    in_units: bool = False
    digits: int = 2
    also: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether it compares events of two groups: how many, how often, how soon."""
        return self.of in ("events", "rates", "times")

    @property
    def one_group(self) -> bool:
        """Whether it takes one group, measured once: then nothing is compared, and nobody is favoured."""
        return self.of in ("mean", "proportion", "rate", "correlation")

    @property
    def keeps_small(self) -> bool:
        """Whether a small value keeps two significant digits: a ratio, a rate or a proportion, however near to 0."""
        return self.ratio or self.of in ("rate", "proportion")

    @property
    def has_null(self) -> bool:
        """Whether zero on the scale of the analysis means none: not so for a mean, a proportion or a rate."""
        return not self.one_group or self.of == "correlation"

    @property
    def difference_of_means(self) -> bool:
        """Whether it is a difference of the means of two groups, in units or standard deviations."""
        return self.of == "means" and self.transform is IDENTITY

    @property
    def ratio(self) -> bool:
        """Whether it is a ratio of two groups, analysed as its logarithm and shown as a ratio."""
        return self.transform is LOG and (self.counted or self.of == "means")

    @property
    def heading(self) -> str:
        """Name of the scale on which figures show it: ratios as ratios, all others as analysed."""
        return (
            self.name if self.ratio or self.transform is IDENTITY else self.title[0].upper() + self.title[1:]
        )

    def natural(self, value: Any, size: Any = math.nan) -> Any:
        """Take analysed effects back to the natural scale: a log ratio to a ratio, a logit to a share.

        Parameters
        ----------
        value : float or array-like
        size : float or array-like
            For double arcsines and double square roots of one study: people, or time at risk. For a pooled result
            their harmonic mean is usual, with the reserve of Schwarzer et al. (2019), Res Synth Methods 10(3),
            476-483.

        Returns
        -------
        float or ndarray
            Where no value can lie there, the nearest that can; infinite where a ratio is too large.
        """
        if isinstance(value, int | float):
            return self.transform.back(value, size)
        import numpy as np

        values, sizes = np.broadcast_arrays(np.asarray(value, dtype=float), size)
        pairs = zip(values.ravel().tolist(), sizes.ravel().tolist(), strict=True)
        return np.array([self.transform.back(*pair) for pair in pairs]).reshape(values.shape)

    @property
    def sign(self) -> str:
        """What stands after a value that is told to people: ``%`` after a proportion."""
        return "%" if self.of == "proportion" else ""

    def told(self, value: float) -> float:
        """Take an analysed effect to the number that people are told: as `natural`, a proportion in percent."""
        return (100.0 if self.sign else 1.0) * float(self.natural(value))

    def analysed(self, value: float) -> float:
        """Take a value of the natural scale to that of the analysis: a ratio to its logarithm."""
        return self.transform.forward(value)


_SMD = "Standardised mean difference"
_CHANGE = "Standardised mean change"
_ALL = (
    Measure("MD", "Mean difference", "mean difference", "means", in_units=True, digits=1),
    Measure("SMD", _SMD, "standardised mean difference", "means", also=("Hedges' g", "Cohen's d", "g", "d")),
    Measure("SMDH", _SMD, "standardised mean difference, unequal variances", "means"),
    Measure("SMD1", _SMD, "standardised mean difference, in SDs of group 2", "means", also=("Glass' delta",)),
    Measure("SMD1H", _SMD, "standardised mean difference, in SDs of group 2, unequal variances", "means"),
    Measure("ROM", "Ratio of means", "log ratio of means", "means", LOG, also=("Response ratio",)),
    Measure("VR", "Variability ratio", "log variability ratio", "means", LOG),
    Measure("CVR", "Ratio of coefficients of variation", "log ratio of coefficients of variation", "means", LOG),
    Measure("MC", "Mean change", "mean change", "changes", in_units=True, digits=1),
    Measure("SMCC", _CHANGE, "mean change in SDs of the change", "changes"),
    Measure("SMCR", _CHANGE, "mean change in SDs of the first measurement", "changes"),
    Measure("SMCRP", _CHANGE, "mean change in pooled SDs of both measurements", "changes"),
    Measure("RR", "Risk ratio", "log risk ratio", "events", LOG, also=("Relative risk",)),
    Measure("OR", "Odds ratio", "log odds ratio", "events", LOG),
    Measure("PETO", "Odds ratio (Peto)", "Peto log odds ratio", "events", LOG, also=("Peto odds ratio",)),
    Measure("RD", "Risk difference", "risk difference", "events", also=("Absolute risk reduction", "ARR")),
    Measure("AS", "Arcsine risk difference", "arcsine risk difference", "events", also=("Arcsine difference",)),
    Measure("HR", "Hazard ratio", "log hazard ratio", "times", LOG),
    Measure("IRR", "Rate ratio", "log rate ratio", "rates", LOG, also=("Incidence rate ratio",)),
    Measure("IRD", "Rate difference", "rate difference", "rates", in_units=True, also=("Incidence rate difference",)),
    Measure("IRSD", "Difference of root rates", "difference of root rates", "rates", in_units=True),
    Measure("PR", "Proportion", "proportion", "proportion", digits=1, also=("Prevalence",)),
    Measure("PLN", "Proportion", "log proportion", "proportion", LOG, digits=1),
    Measure("PLO", "Proportion", "logit of a proportion", "proportion", LOGIT, digits=1, also=("Logit proportion",)),
    Measure("PAS", "Proportion", "arcsine proportion", "proportion", ARCSINE, digits=1),
    Measure("PFT", "Proportion", "double arcsine proportion", "proportion", DOUBLE_ARCSINE, digits=1,
            also=("Freeman-Tukey",)),
    Measure("IR", "Rate", "rate", "rate", in_units=True, also=("Incidence rate",)),
    Measure("IRLN", "Rate", "log rate", "rate", LOG, in_units=True),
    Measure("IRS", "Rate", "root rate", "rate", ROOT, in_units=True),
    Measure("IRFT", "Rate", "double root rate", "rate", DOUBLE_ROOT, in_units=True),
    Measure("MN", "Mean", "mean", "mean", in_units=True),
    Measure("MNLN", "Mean", "log mean", "mean", LOG, in_units=True),
    Measure("COR", "Correlation", "correlation", "correlation", also=("Pearson correlation", "r")),
    Measure("ZCOR", "Correlation", "correlation (Fisher's z)", "correlation", FISHER_Z, also=("Fisher's z",)),
)  # fmt: skip
MEASURES = {one.code: one for one in _ALL}
ReviewMeasure = Literal[
    "MD", "SMD", "ROM", "RR", "OR", "RD", "HR", "IRR",
    "PR", "PLN", "PLO", "PAS", "IR", "IRLN", "IRS", "MN", "MNLN", "COR", "ZCOR",
]  # fmt: skip
REVIEW_MEASURES = get_args(ReviewMeasure)
"""Measures in which a review pools outcomes; not PFT and IRFT, whose way back depends on the sizes of studies."""
PAIR_MEASURES = tuple(code for code in REVIEW_MEASURES if not MEASURES[code].one_group)
"""Those among them that compare two groups, which a review's tables can hold as an estimate."""


class Named(NamedTuple):
    """What a method is called: briefly, in full, and by other packages."""

    name: str
    words: str
    also: tuple[str, ...] = ()


ESTIMATORS = {
    "EE": Named(
        "equal effects",
        "equal effects, no variation between studies",
        ("FE", "CE", "fixed", "common", "fixed effect"),
    ),
    "DL": Named("DerSimonian-Laird", "DerSimonian and Laird (1986)"),
    "DL2": Named(
        "two-step DerSimonian-Laird", "DerSimonian and Laird in two steps (DerSimonian and Kacker 2007)"
    ),
    "HE": Named("Hedges", "Hedges (1983; Hedges and Olkin, Cochran's ANOVA)", ("CA", "VC", "HO")),
    "HS": Named("Hunter-Schmidt", "Hunter and Schmidt (1990)", ("HM",)),
    "SJ": Named("Sidik-Jonkman", "Sidik and Jonkman (2005)"),
    "ML": Named("maximum likelihood", "maximum likelihood", ("MLE",)),
    "REML": Named("restricted maximum likelihood", "restricted maximum likelihood", ("RML", "RE", "random")),
    "EB": Named("empirical Bayes", "empirical Bayes (Morris 1983), the same equation as PM"),
    "PM": Named("Paule-Mandel", "Paule and Mandel (1982)", ("MP", "Mandel-Paule")),
    "PMM": Named("median-unbiased Paule-Mandel", "Paule and Mandel, median-unbiased (Viechtbauer 2021)"),
    "GENQ": Named("generalised Q", "method of moments with given weights (DerSimonian and Kacker 2007)"),
}
"""Estimators of the variance between studies."""

NEW_TRIAL = "true effect in a new trial"
"""What a prediction interval is about."""

NEVER_NARROWER = "never narrower than t"
"""What sets HKSJ-adhoc apart: the factor that scales the variance is at least 1 (Roever 2015)."""

INTERVALS = {
    "HKSJ": Named(
        "Hartung-Knapp-Sidik-Jonkman",
        "Hartung, Knapp, Sidik and Jonkman",
        ("knha", "HK", "KH", "Knapp-Hartung", "Hartung-Knapp"),
    ),
    "HKSJ-adhoc": Named(
        f"Hartung-Knapp-Sidik-Jonkman, {NEVER_NARROWER}",
        f"Hartung, Knapp, Sidik and Jonkman, {NEVER_NARROWER}",
        ("adhoc", "HK-adhoc", "knha-adhoc"),
    ),
    "t": Named("t", "t distribution", ("t-dist", "Student")),
    "z": Named("normal", "normal distribution", ("normal", "Wald", "classic")),
    "KR": Named("Kenward-Roger", "Kenward and Roger (with REML only)"),
}
"""Tests and confidence intervals of the mean, or of coefficients."""

PREDICTIONS = {
    "V": Named("t, df of Q", "t distribution, degrees of freedom of Q, k - 1 (Veroniki et al. 2019)"),
    "HTS": Named(
        "t, one df less",
        "t distribution, one degree of freedom less (Higgins, Thompson and Spiegelhalter 2009)",
    ),
    "z": Named("normal", "normal distribution", ("normal", "Wald")),
}
"""Distributions of prediction intervals."""

_SYNONYMS = {
    other: code
    for options in (ESTIMATORS, INTERVALS, PREDICTIONS)
    for code, one in options.items()
    for other in (*one.also, one.name)
}
"""What other packages and people call a method, with the code that it has here."""


def choose_method(method: str, known: Collection[str] = ESTIMATORS) -> str:
    """Return the estimator that is named, in any case of letters, if it is among those known; else a DataError."""
    return choose("method", method, known, _SYNONYMS)


def choose_interval(ci: str, known: Collection[str] = INTERVALS, what: str = "ci") -> str:
    """Return the interval or test that is named, likewise."""
    return choose(what, ci, known, _SYNONYMS)


def choose_prediction(prediction: str) -> str:
    """Return the distribution of prediction intervals that is named, likewise."""
    return choose("prediction", prediction, PREDICTIONS, _SYNONYMS)


def check_level(level: float) -> None:
    """Raise DataError unless the level of intervals lies between 0 and 1, and quantiles are finite."""
    if not (level > 0.0 and 0.5 + 0.5 * level < 1.0):
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").replace("standardized", "standardised").split())


_BY_NAME: dict[str, Measure] = {}
for _one in _ALL:  # the first of several of one name is the usual one
    for _name in (_one.code, _one.name, *_one.also):
        _BY_NAME.setdefault(_folded(_name), _one)


def find_measure(name: str) -> Measure | None:
    """Find a measure by its code or one of its names, in any case; None if it has none of them."""
    return MEASURES.get(name) or _BY_NAME.get(_folded(name))


def measure_of(code: str) -> Measure:
    """Tell a measure by its code; one that is not known is shown as it is, under its own name."""
    return MEASURES.get(code) or Measure(code, code, code, in_units=True)


def choose_measure(measure: str, known: Collection[str]) -> str:
    """Return the measure that is named, by code or name, if it is among those known; else a DataError."""
    found = find_measure(measure) if isinstance(measure, str) else None
    return choose("measure", found.code if found and found.code in known else measure, known)
