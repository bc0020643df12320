"""Effects in units that people know: points of a scale, patients of a thousand, patients to treat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.appraisal.certainty.absolute_data import comparator_responses, instrument_sd, spread_words
from evidence.appraisal.certainty.absolute_formulas import (
    METHODS,
    RISKS,
    improved,
    needed_to_treat,
    probability_beyond,
    risk_with,
)
from evidence.appraisal.certainty.evidence import Evidence, gather
from evidence.errors import DataError, choose
from evidence.measures import measure_of
from evidence.results import Shown, predicts
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, interval, joined, number

__all__ = ["AbsoluteEffects", "absolute_effects", "absolute_of"]

Span = tuple[float, float, float]
"""Estimate with its lower and upper limit."""
_NONE = (math.nan, math.nan, math.nan)


@dataclass(frozen=True, repr=False)
class AbsoluteEffects(Shown):
    """Result of `absolute_effects`.

    Attributes
    ----------
    analysis : Analysis
    unit : str
        Unit of `difference`, such as "RMDQ points" or "per 1000"; "" where there is none.
    difference : (estimate, low, high)
        The effect in that unit; its sign is that of the measure.
    response : float
        Share of comparator patients who improve (for events: who have it), 0 to 1; NaN where it is not known.
    improved : (estimate, low, high)
        The same share with the intervention, in ascending order of the limits.
    gain : (estimate, low, high)
        Difference of the shares, positive where the intervention is better.
    beyond : float
        Probability that the true effect of a new trial is an important benefit.
    better : float
        Probability that it is any benefit.
    assumptions : tuple of str
        What these numbers rest on.
    own : bool
        Whether the response is that of comparator arms of this analysis, or given; else it is of other analyses.
    anyway : str
        Whose response that is: "median of 22 groups of other analyses", or the one trial; "" where it is
        given, or is a risk.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> print(ev.absolute_effects(review, "massage-inactive-pain-short").summary().splitlines()[0])
    Massage v sham, no treatment, usual care or education: pain, short term
    """

    analysis: Analysis
    unit: str
    difference: Span
    response: float
    improved: Span
    gain: Span
    beyond: float
    better: float
    assumptions: tuple[str, ...]
    own: bool = True
    anyway: str = ""

    @property
    def of_100(self) -> tuple[int, Span]:
        """Of 100 people, those who improve without and with the intervention, in whole numbers that add up.

        The share with it is the rounded one without and the rounded difference, as both are told together.
        """
        without = round(100.0 * self.response)
        first, low, high = (without + round(100.0 * (share - self.response)) for share in self.improved)
        return without, (first, low, high)

    @property
    def needed(self) -> str:
        """Number needed to treat with its interval, as text; empty where it is not known."""
        return needed_to_treat(*self.gain)

    @property
    def named(self) -> dict[str, Any]:
        """Every value by name; shares are between 0 and 1."""
        spans = {"difference": self.difference, "improved": self.improved, "gain": self.gain}
        values: dict[str, Any] = {}
        for name, span in spans.items():
            values |= dict(zip((name, f"{name}_low", f"{name}_high"), span, strict=True))
        return values | {
            "unit": self.unit,
            "response": self.response,
            "needed_to_treat": self.needed,
            "probability_important": self.beyond,
            "probability_benefit": self.better,
            "assumptions": " ".join(self.assumptions),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row: analysis and every value."""
        return pd.DataFrame([{"analysis": self.analysis.id, **self.named}])

    def summary(self) -> str:
        """Describe the effects in a few lines."""
        lines = [self.analysis.title, ""]
        if self.unit:
            digits = 0 if self.unit == "per 1000" else 1
            lines.append(f"  Difference        {interval(*self.difference, digits=digits)} {self.unit}")
        if not math.isnan(self.gain[0]):
            without, shares = self.of_100
            lines += [
                f"  Comparator        {without} of 100 patients",
                f"  Intervention      {interval(*shares, digits=0)} of 100 patients",
                f"  Needed to treat   {self.needed}",
            ]
        if not math.isnan(self.beyond):
            lines.append(
                f"  New trial, true   important benefit with probability {number(self.beyond)}, any benefit with "
                f"{number(self.better)}"
            )
        return "\n".join([*lines, "", *self.assumptions])


def absolute_effects(
    review: Review,
    analysis: str | Analysis,
    *,
    response: float | None = None,
    method: str = "normal",
    mid: float | None = None,
) -> AbsoluteEffects:
    """Express the result of an analysis in units that people know.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    response : float, optional
        Share of comparator patients who improve (for events: the comparator's risk); by default the median of the
        comparator arms.
    method : str
        How a standardised effect becomes a share of patients, a key of
        `evidence.appraisal.certainty.absolute_formulas.METHODS`.
    mid : float, optional
        Important difference in place of the protocol's.

    Returns
    -------
    AbsoluteEffects

    Raises
    ------
    DataError
        If the analysis or method is unknown, the response is not strictly between 0 and 1, or the protocol's
        `present_as` cannot be used.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> effects = ev.absolute_effects(review, "massage-inactive-pain-short")
    >>> effects.unit
    'points of 0 to 100'
    """
    return absolute_of(review, gather(review, analysis, mid), response=response, method=method)


def absolute_of(
    review: Review, evidence: Evidence, *, response: float | None = None, method: str = "normal"
) -> AbsoluteEffects:
    """As `absolute_effects`, for a body of evidence that is at hand."""
    if response is not None and not 0.0 < response < 1.0:
        raise DataError(
            f"the share of comparator patients who improve is {response:g}; give one between 0 and 1."
        )
    method = choose("method", method, METHODS)
    fit, outcome = evidence.fit, review.protocol.outcomes[evidence.analysis.outcome]
    if fit is None or evidence.analysis.one_group:  # what one group has is absolute as it is
        return AbsoluteEffects(evidence.analysis, "", _NONE, math.nan, _NONE, _NONE, math.nan, math.nan, ())
    effect: Span = (fit.estimate, fit.ci_low, fit.ci_high)
    beyond = better = math.nan
    if predicts(fit) and outcome.better == "higher":
        beyond = probability_beyond(fit, evidence.mid)
        better = probability_beyond(fit, 0.0)
    elif predicts(fit):
        beyond = 1.0 - probability_beyond(fit, -evidence.mid)
        better = 1.0 - probability_beyond(fit, 0.0)
    sign = 1.0 if outcome.better == "higher" else -1.0
    notes: tuple[str, ...] = ()
    own, anyway = True, ""
    if evidence.measure in RISKS:
        share, source = evidence.risk, "the median of the comparator arms"
        if response is not None:
            share, source = response, "given"
        with_it = _span(risk_with(effect, share, evidence.measure).tolist())
        gain = _span([sign * (risk - share) for risk in with_it])
        unit = "" if math.isnan(share) else "per 1000"
        difference = _span([1000.0 * (risk - share) for risk in with_it])
        if unit:
            notes = (f"Comparator's risk {number(100.0 * share, 0)}%: {source}.",)
    elif not measure_of(evidence.measure).difference_of_means:  # no risk and no score is known beside it
        unit, difference, share, with_it, gain = "", _NONE, math.nan, _NONE, _NONE
    else:
        unit, difference, notes = _in_points(review, evidence, effect)
        share, own, anyway, more = _response(review, evidence, response)
        benefit = [sign * value / evidence.sd for value in effect]
        with_it, gain = _NONE, _NONE
        if not math.isnan(share + evidence.sd):
            with_it = _span(improved(benefit, share, method=method).tolist())
            gain = _span([value - share for value in with_it])
            notes += (*more, f"Shares who improve: {METHODS[method]}.")
    return AbsoluteEffects(
        evidence.analysis, unit, difference, share, with_it, gain, beyond, better, notes, own, anyway
    )


def _span(values: list[float]) -> Span:
    """Estimate with its limits in ascending order."""
    estimate, *limits = values
    low, high = sorted(limits)
    return estimate, low, high


def _in_points(review: Review, evidence: Evidence, effect: Span) -> tuple[str, Span, tuple[str, ...]]:
    """Effect in points of a scale: of the common one, or of the instrument that the protocol presents."""
    outcome = review.protocol.outcomes[evidence.analysis.outcome]
    if evidence.measure == "MD":
        unit = str(evidence.effects["unit"].iloc[0])
        known = not math.isnan(evidence.sd)
        note = f"SD of the scores {number(evidence.sd, 1)}: the median implied by the comparisons' standard errors."
        return unit, effect, (note,) if known else ()
    shown = outcome.present_as
    if shown is None:
        return "standard deviations", effect, ()
    place = f"review.yaml, outcomes.{evidence.analysis.outcome}.present_as"
    if "instrument" not in shown:
        raise DataError(f"{place}: name the instrument")
    instrument, given = str(shown["instrument"]), shown.get("sd", "from data")
    if given == "from data":
        sd, _ = instrument_sd(review, instrument)
    elif isinstance(given, int | float) and given > 0:
        sd = float(given)
    else:
        raise DataError(f"{place}: sd is '{given}'; give a positive number or: from data")
    if math.isnan(sd):
        return "standard deviations", effect, (f"No SD of {instrument} is reported.",)
    note = f"{spread_words(review, outcome)}."
    if "minimal_important_change" in shown:
        note += f" The least change that matters to one patient: {shown['minimal_important_change']} points."
    return f"{instrument} points", (effect[0] * sd, effect[1] * sd, effect[2] * sd), (note,)


def _response(
    review: Review, evidence: Evidence, given: float | None
) -> tuple[float, bool, str, tuple[str, ...]]:
    """Share of comparator patients who improve, whether it is of this analysis, and whose it is, twice."""
    outcome = evidence.rules.response_outcome
    if given is not None:
        return given, True, "", (f"Comparator patients who improve, {number(100.0 * given, 0)}%: given.",)
    if outcome is None:
        return math.nan, True, "", ()
    arms = comparator_responses(review, evidence.analysis, outcome)
    if arms.empty:
        return math.nan, True, "", ()
    share = float(arms["risk"].median())
    own = bool(arms["own"].all())
    if len(arms) == 1:
        labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
        anyway = f"{labels[arms['trial_id'].iloc[0]]}{'' if own else ', another analysis'}"
    else:
        anyway = f"median of {len(arms)} groups{'' if own else ' of other analyses'}"
    measured = [name.replace(">=", "≥") for name in dict.fromkeys(arms["instrument"])]
    if len(measured) < 3:  # what counts as improved
        anyway += f": {joined(measured, 'or')}"
    whose = "of this analysis" if own else "of other analyses, as none of its own reports it"
    note = (
        f"Comparator patients who improve, {number(100.0 * share, 0)}%: the median of "
        f"{counted(len(arms), 'comparator arm')} {whose}."
    )
    return share, own, anyway, (note,)
