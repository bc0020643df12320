"""From relative and standardised effects to people: shares who improve, numbers needed to treat, new trials."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtr, ndtri, stdtr

from evidence.effects.sizes.convert import smd_to_or
from evidence.errors import DataError, choose
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.wording import number

__all__ = ["METHODS", "RISKS", "improved", "needed_to_treat", "probability_beyond", "risk_with"]

RISKS = ("RR", "OR", "RD", "HR")
"""Measures that tell the risk with the intervention from that without it."""
METHODS = {
    "normal": "scores are normal with equal spread, and a patient improves beyond some cut-off (Furukawa 2011)",
    "logistic": "the log odds ratio of improving is π/√3 times the standardised effect (Chinn 2000)",
    "Cox": "the log odds ratio of improving is 1.65 times the standardised effect (Cox 1970)",
}
"""How a standardised effect is turned into a share of patients who improve."""


def improved(benefit: ArrayLike, response: ArrayLike, *, method: str = "normal") -> Floats:
    """Share of patients who improve with the intervention.

    Parameters
    ----------
    benefit : array-like
        Standardised mean difference, positive where the intervention is better.
    response : array-like
        Share of comparator patients who improve, strictly between 0 and 1.
    method : str
        A key of `METHODS`. "normal" is Φ(d + Φ⁻¹(response)).

    Returns
    -------
    ndarray
        Shares between 0 and 1, of the arguments' common shape.

    Raises
    ------
    DataError
        If the method is unknown or a response is not strictly between 0 and 1.

    References
    ----------
    Furukawa TA, Leucht S (2011). PLoS ONE 6(4), e19070.
    Chinn S (2000). Stat Med 19(22), 3127-3131.
    Cox DR (1970). Analysis of Binary Data. Chapman and Hall.
    """
    d, p = np.asarray(benefit, dtype=np.float64), np.asarray(response, dtype=np.float64)
    method = choose("method", method, METHODS)
    if not ((p > 0.0) & (p < 1.0)).all():
        raise DataError(f"the share of comparator patients who improve is {p}; it must lie between 0 and 1.")
    if method == "normal":
        return np.asarray(ndtr(d + ndtri(p)))
    odds = smd_to_or(1.0, 0.0, method=method)["effect"].iloc[0]
    return np.asarray(expit(logit(p) + odds * d))


def risk_with(effect: ArrayLike, risk: ArrayLike, measure: str) -> Floats:
    """Risk with the intervention, from the comparator's risk and a relative effect or a risk difference.

    Parameters
    ----------
    effect : array-like
        On the analysis scale: log for ratios.
    risk : array-like
        Risk with the comparator, from 0 to 1.
    measure : {"RR", "OR", "RD", "HR"}
        A hazard ratio makes of the share without the event its power (Altman and Andersen 1999, BMJ 319, 1492).

    Returns
    -------
    ndarray
        Risks, kept between 0 and 1.
    """
    e, p = np.asarray(effect, dtype=np.float64), np.asarray(risk, dtype=np.float64)
    if measure == "OR":
        odds = np.exp(e)
        return np.asarray(p * odds / (1.0 - p + p * odds))
    if measure == "HR":
        return np.asarray(1.0 - (1.0 - p) ** np.exp(e))
    return np.clip(p * np.exp(e) if measure == "RR" else p + e, 0.0, 1.0)


def needed_to_treat(gain: float, low: float, high: float) -> str:
    """Write the number needed to treat of a difference in risk.

    Parameters
    ----------
    gain, low, high : float
        Difference in risk with its interval, positive where the intervention is better.

    Returns
    -------
    str
        "7 (5 to 15)" where all is benefit; "7 for one to lose (5 to 15)" where all is harm; no number where the
        interval runs from gain to loss. Whole numbers, rounded up.
    """

    def write(value: float) -> str:
        return number(math.ceil(1.0 / abs(value) - 1e-9), 0)

    if math.isnan(gain + low + high):
        return ""
    least = 1e-9
    turned = gain < 0.0
    own = "no difference" if abs(gain) < least else f"{write(gain)}{' for one to lose' if turned else ''}"
    if low < -least and high > least:
        return "no number: the interval runs from gain to loss"
    near, far = sorted((abs(low), abs(high)))
    if far < least:
        return own
    return f"{own} ({write(far)} or more)" if near < least else f"{own} ({write(far)} to {write(near)})"


def probability_beyond(fit: Pooled, threshold: float) -> float:
    """Probability that the true effect of a new study like these exceeds a threshold.

    By the distribution behind the prediction interval: t with the interval's degrees of freedom, about the estimate,
    with variance tau2 + se^2. It takes the true effects as normal, and tau2 as known.

    Parameters
    ----------
    fit : Pooled
    threshold : float
        On the analysis scale.

    Returns
    -------
    float
        NaN for equal effects, one study, or where neither effects nor estimate vary.

    References
    ----------
    Higgins JPT, Thompson SG, Spiegelhalter DJ (2009). J R Stat Soc A 172(1), 137-159.
    """
    spread = math.sqrt(fit.tau2 + fit.se**2)
    if fit.method == "EE" or fit.k < 2 or spread == 0.0:
        return math.nan
    score = (fit.estimate - threshold) / spread
    if fit.prediction == "z":
        return float(ndtr(score))
    return float(stdtr(max(fit.k - (1 if fit.prediction == "V" else 2), 1), score))
