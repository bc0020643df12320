"""The summary of findings: what was found for each question, in numbers and words, and how certain it is."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from typing import Any

import pandas as pd

from evidence.appraisal.certainty.absolute import absolute_of
from evidence.appraisal.certainty.domains import RULES
from evidence.appraisal.certainty.evidence import gather
from evidence.appraisal.certainty.grade import rate
from evidence.appraisal.statements import finding_of
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["summary_of_findings"]


def summary_of_findings(
    review: Review,
    analyses: Iterable[str | Analysis] | None = None,
    *,
    mid: float | None = None,
    response: float | None = None,
    method: str = "normal",
) -> pd.DataFrame:
    """Set out the findings of a review, one row for each analysis.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis, optional
        By default every analysis of the protocol.
    mid, response, method
        As for `absolute_effects`.

    Returns
    -------
    DataFrame
        Columns: analysis, population, intervention, comparison, outcome, window; measure, k, trials, n; effect,
        ci_low, ci_high, prediction_low, prediction_high (ratios as ratios); important_difference (likewise), size;
        difference, difference_low, difference_high with their unit (points of a scale, or patients per 1000);
        probability_important, probability_benefit (that the true effect in a new trial is one); response (share of
        comparator patients who improve, or their risk), improved, improved_low, improved_high (the same with the
        intervention), gain, gain_low, gain_high (difference, positive where the intervention is better),
        needed_to_treat (text); certainty, symbols, one column of levels lost for each domain; statement; footnotes
        (why the certainty is not high) and assumptions (of the absolute effects). NaN or empty where nothing is
        known.

    Raises
    ------
    DataError
        If an analysis or option is unknown or out of range.

    References
    ----------
    Guyatt GH et al. (2013). GRADE guidelines 12 and 13. J Clin Epidemiol 66, 158-183.
    Santesso N et al. (2020). GRADE guidelines 26. J Clin Epidemiol 119, 126-135.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.summary_of_findings(review, ["massage-inactive-pain-short"]).columns[:3].tolist()
    ['analysis', 'population', 'intervention']
    """
    names = list(review.analyses) if analyses is None else list(analyses)
    return pd.DataFrame(
        [_row(review, name, mid=mid, response=response, method=method) for name in names], columns=_COLUMNS
    )


_COLUMNS = [
    *(
        "analysis",
        "population",
        "intervention",
        "comparison",
        "outcome",
        "window",
        "measure",
        "k",
        "trials",
        "n",
    ),
    *("effect", "ci_low", "ci_high", "prediction_low", "prediction_high", "important_difference", "size"),
    *(
        "difference",
        "difference_low",
        "difference_high",
        "unit",
        "probability_important",
        "probability_benefit",
    ),
    *(
        "response",
        "improved",
        "improved_low",
        "improved_high",
        "gain",
        "gain_low",
        "gain_high",
        "needed_to_treat",
    ),
    *("certainty", "symbols", *RULES, "statement", "footnotes", "assumptions"),
]


def _row(
    review: Review, name: str | Analysis, *, mid: float | None, response: float | None, method: str
) -> dict[str, Any]:
    protocol = review.protocol
    evidence = gather(review, name, mid)
    certainty = rate(evidence)
    absolute = absolute_of(review, evidence, response=response, method=method)
    found = finding_of(review, evidence, certainty)
    fit, question = evidence.fit, evidence.analysis
    values = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
    effect = dict.fromkeys(("effect", *values[1:]), nan)
    if fit is not None:
        effect = {
            name: evidence.show(getattr(fit, value)) for name, value in zip(effect, values, strict=True)
        }
    if found.fit is None and found.k == 1:  # with the interval that the trial printed
        own = found.effects.iloc[0]
        effect |= {name: evidence.show(own[name]) for name in ("effect", "ci_low", "ci_high")}
    return {
        "analysis": question.id,
        "population": str(protocol.question.get("population", "")),
        "intervention": found.names[0],
        "comparison": found.names[2],
        "outcome": found.names[1],
        "window": question.window.replace("_", " "),
        "measure": evidence.measure,
        "k": certainty.k,
        "trials": evidence.trials,
        "n": float(evidence.effects["n"].sum()),
        **effect,
        "important_difference": evidence.show(evidence.mid),
        "size": found.size,
        **absolute.named,
        "certainty": certainty.level,
        "symbols": certainty.symbols,
        **{domain.name: nan if domain.not_rated else domain.downgrade for domain in certainty.domains},
        "statement": found.sentence,
        "footnotes": " ".join(certainty.reasons),
    }
