"""Tables about certainty: the thresholds of the rules, all analyses, and what other assumptions would give."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.appraisal.certainty.absolute import absolute_of
from evidence.appraisal.certainty.absolute_formulas import METHODS
from evidence.appraisal.certainty.domains import RULES
from evidence.appraisal.certainty.evidence import gather, important_difference
from evidence.appraisal.certainty.grade import grade, rate
from evidence.appraisal.statements import finding_of
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.tables.protocol.certainty import THRESHOLDS
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import Listed

__all__ = ["certainty_by_difference", "certainty_rules", "certainty_table", "improved_by_response"]


def certainty_rules(review: Review) -> pd.DataFrame:
    """List the thresholds of the rules.

    Parameters
    ----------
    review : Review

    Returns
    -------
    DataFrame
        One row a threshold: domain, rule (the domain's, in words), name (key in ``review.yaml``), meaning, value.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.certainty_rules(review).columns.tolist()
    ['domain', 'rule', 'name', 'meaning', 'value']
    """
    rules = review.protocol.certainty
    fields = type(rules).model_fields
    rows = [
        {
            "domain": domain,
            "rule": " ".join((RULES[domain].__doc__ or "").split()) if domain in RULES else "",
            "name": name,
            "meaning": fields[name].description,
            "value": getattr(rules, name),
        }
        for domain, names in THRESHOLDS.items()
        for name in names
    ]
    return pd.DataFrame(rows).astype({"value": object})  # whole numbers stay whole


def certainty_table(review: Review, analyses: Iterable[str | Analysis] | None = None) -> pd.DataFrame:
    """Rate every analysis.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis, optional
        By default every analysis of the protocol.

    Returns
    -------
    DataFrame
        One row an analysis: analysis, title, k, one column a domain (levels lost; missing without evidence),
        overridden (domains judged by a written override), level, symbols.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.certainty_table(review, ["massage-inactive-pain-short"]).columns[:3].tolist()
    ['analysis', 'title', 'k']
    """
    rows: list[dict[str, Any]] = []
    for name in review.analyses if analyses is None else analyses:
        certainty = grade(review, name)
        rows.append(
            {
                "analysis": certainty.analysis.id,
                "title": certainty.analysis.title,
                "k": certainty.k,
                **dict.fromkeys(RULES),
                **{
                    domain.name: None if domain.not_rated else domain.downgrade
                    for domain in certainty.domains
                },
                "overridden": Listed.of(domain.name for domain in certainty.domains if domain.overridden),
                "level": certainty.level,
                "symbols": certainty.symbols,
            }
        )
    columns = ["analysis", "title", "k", *RULES, "overridden", "level", "symbols"]
    overridden = pd.Series([row["overridden"] for row in rows], dtype=object)  # not made plain text
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(RULES, "Int64"))
    return frame.assign(overridden=overridden)


def certainty_by_difference(
    review: Review, analysis: str | Analysis, differences: Sequence[float] | None = None
) -> pd.DataFrame:
    """Rate an analysis for other important differences.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    differences : sequence of float, optional
        In the units of the measure (ratios for ratios). By default seven, evenly spaced over the outcome's range in
        ``certainty.mid_range``, or, where the protocol has none for its measure, from half to twice the
        important difference.

    Returns
    -------
    DataFrame
        One row a difference: analysis, important_difference, size (of the effect, against it), imprecision and
        inconsistency (levels lost), level, probability_important (that the true effect in a new trial is an important
        benefit), statement.

    Raises
    ------
    DataError
        If the analysis is unknown, or a difference is no positive number (for ratios: is 1 or less).

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.certainty_by_difference(review, "massage-inactive-pain-short", [5, 10]).columns[:4].tolist()
    ['analysis', 'important_difference', 'size', 'inconsistency']
    """
    evidence = gather(review, analysis)
    if evidence.analysis.one_group:
        raise DataError(
            f"{evidence.analysis.id} compares nothing, so there is no important difference to vary."
        )
    if differences is None:
        low, high = evidence.show(evidence.mid / 2.0), evidence.show(2.0 * evidence.mid)
        outcome = evidence.analysis.outcome
        if evidence.measure == review.protocol.outcomes[outcome].measure:  # the range is in units of this one
            low, high = review.protocol.certainty.mid_range.get(outcome, (low, high))
        if math.isnan(low):
            raise DataError(f"{evidence.analysis.id} has no important difference; give differences.")
        spaced = np.geomspace if measure_of(evidence.measure).ratio else np.linspace
        differences = [float(value) for value in spaced(low, high, 7)]
    rows = []
    for difference in differences:
        least = important_difference(review, evidence.analysis, evidence.measure, mid=difference)
        body = replace(evidence, mid=least)
        certainty, absolute = rate(body), absolute_of(review, body)
        lost = {domain.name: domain.downgrade for domain in certainty.domains}
        found = finding_of(review, body, certainty)
        rows.append(
            {
                "analysis": evidence.analysis.id,
                "important_difference": difference,
                "size": found.size,
                "inconsistency": lost.get("inconsistency"),
                "imprecision": lost.get("imprecision"),
                "level": certainty.level,
                "probability_important": absolute.beyond,
                "statement": found.sentence,
            }
        )
    return pd.DataFrame(rows)


def improved_by_response(
    review: Review,
    analysis: str | Analysis,
    responses: Sequence[float] | None = None,
    methods: Sequence[str] = tuple(METHODS),
) -> pd.DataFrame:
    """Share of patients who improve and number needed to treat, for other responses of the comparator.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    responses : sequence of float, optional
        Shares of comparator patients who improve; by default the protocol's ``response_varied``, and before them the
        share in the data where there is one.
    methods : sequence of str
        Keys of `evidence.appraisal.certainty.absolute_formulas.METHODS`. For events they make no difference, and
        one is used.

    Returns
    -------
    DataFrame
        One row a response and method: analysis, source ("data" or "varied"), response, method, improved,
        improved_low, improved_high, gain, gain_low, gain_high, needed_to_treat.

    Raises
    ------
    DataError
        If the analysis or a method is unknown, or a response is not strictly between 0 and 1.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.improved_by_response(review, "massage-inactive-pain-short", [0.3]).columns[:3].tolist()
    ['analysis', 'source', 'response']
    """
    evidence = gather(review, analysis)
    if evidence.analysis.one_group:
        raise DataError(f"{evidence.analysis.id} compares nothing, so nobody can improve more than others.")
    given: list[float | None] = [
        *(review.protocol.certainty.response_varied if responses is None else responses)
    ]
    if responses is None:
        given.insert(0, None)
    if measure_of(evidence.measure).of == "events":
        methods = methods[:1]
    columns = [
        "improved",
        "improved_low",
        "improved_high",
        "gain",
        "gain_low",
        "gain_high",
        "needed_to_treat",
    ]
    rows = []
    for response in given:
        for method in methods:
            found = absolute_of(review, evidence, response=response, method=method)
            if not math.isnan(found.response):
                rows.append(
                    {
                        "analysis": evidence.analysis.id,
                        "source": "data" if response is None else "varied",
                        "response": found.response,
                        "method": method,
                        **{name: found.named[name] for name in columns},
                    }
                )
    return pd.DataFrame(rows, columns=["analysis", "source", "response", "method", *columns])
