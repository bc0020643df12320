"""Tables as a page prints them: each cell written for a reader, with the numbers behind them in all their digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from evidence.appraisal.certainty.absolute import absolute_effects
from evidence.appraisal.certainty.evidence import names_difference
from evidence.appraisal.certainty.grade import SYMBOLS
from evidence.appraisal.certainty.tables import certainty_by_difference, certainty_rules
from evidence.appraisal.effect_words import outcome_words
from evidence.appraisal.networks.findings import NetworkFinding
from evidence.appraisal.sequential import sequential_analysis
from evidence.appraisal.statements import Finding, finding
from evidence.errors import EvidenceError
from evidence.measures import NEW_TRIAL
from evidence.results import Shown, table_text
from evidence.synthesis.networks import network_takes, reasons_with_network
from evidence.synthesis.sensitivity import sensitivity
from evidence.synthesis.synthesis import synthesise
from evidence.tables.notes import plain_notes
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import capital, joined, number

__all__ = [
    "PageTable",
    "certainty_reasons",
    "certainty_rules_text",
    "conclusions_explained",
    "differences_statement",
    "differences_table",
    "guidelines_table",
    "network_table",
    "patients_table",
    "points_statement",
    "results_table",
    "sensitivity_table",
    "sequential_table",
    "unused_results",
]


@dataclass(frozen=True, eq=False, repr=False)
class PageTable(Shown):
    """A table for a page.

    Attributes
    ----------
    shown : DataFrame
        What is printed: texts under headings for people.
    numbers : DataFrame
        The same rows with every number in all its digits.
    legend : str
        What words in it mean that do not explain themselves; to stand in its caption.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> table = ev.results_table(review, ["massage-inactive-pain-short"])
    >>> table.shown.columns[:3].tolist()
    ['Question', 'Result', 'True effect in a new trial']
    """

    shown: pd.DataFrame
    numbers: pd.DataFrame
    legend: str = ""
    most_rows: ClassVar[None] = None

    def to_frame(self) -> pd.DataFrame:
        """The numbers."""
        return self.numbers

    def summary(self) -> str:
        """The printed table as text."""
        return table_text("", self.shown)


def results_table(review: Review, analyses: Iterable[str | Analysis] | None = None) -> PageTable:
    """Set out what analyses found, as a page prints it.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis, optional
        By default every analysis of the protocol.

    Returns
    -------
    PageTable
        One row for each analysis. Printed: question, result with its interval, the true effect in a new trial,
        trials, people, certainty, what was reported without usable numbers. A result that was not combined says so.

    Raises
    ------
    DataError
        If an analysis is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.results_table(review, ["massage-inactive-pain-short"]).numbers.columns[:4].tolist()
    ['analysis', 'outcome', 'term', 'statement']
    """
    names = list(review.analyses) if analyses is None else list(analyses)
    found = [finding(review, name) for name in names]
    shown = pd.DataFrame(
        {
            "Question": [one.analysis.title for one in found],
            "Result": [_result(one, indirect=network_takes(review, one.analysis)) for one in found],
            capital(NEW_TRIAL): [_predicted(one) for one in found],
            "Comparisons": [one.k for one in found],
            "Trials": [one.trials for one in found],
            "People": [one.people for one in found],
            "Certainty": [_certainty(one) for one in found],
            "Trials without usable numbers": [
                f"{one.reported} ({one.untimed} of unknown time)" if one.untimed else one.reported
                for one in found
            ],
        }
    )
    return PageTable(shown, pd.concat([one.to_frame() for one in found], ignore_index=True))


NOT_KNOWN = "Not known: no difference between the trials was found, and few cannot rule one out"
"""Stands for the true effect in a new trial where `evidence.results.predicts` says no."""


def _predicted(one: Finding) -> str:
    alike = one.fit is not None and math.isfinite(one.fit.prediction_low) and not one.predicted
    return NOT_KNOWN if alike else capital(one.predicted)


def _certainty(one: Finding) -> str:
    if one.level:
        return f"{SYMBOLS[one.level]} {one.level}"
    return "" if one.fit is None else "not rated"


def _result(one: Finding, *, indirect: bool = False) -> str:
    if one.fit is not None:
        return capital(one.amount)
    if one.k:
        return "Shown and not combined"
    if not one.reported:
        return capital(one.lacking)
    return f"No usable numbers{' but in the network of treatments' if indirect else ''}"


def network_table(findings: Iterable[NetworkFinding]) -> PageTable:
    """Set out what networks found of one treatment against another.

    Parameters
    ----------
    findings : iterable of NetworkFinding

    Returns
    -------
    PageTable
        One row for each. Printed: outcome, comparison, result with its interval, the trials that compare the two, how
        much of the evidence is direct, of how many people one trial would tell as much, trials and people that
        contribute, certainty. A result that is not told says so.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.network_findings(review, "pain", "short", reference="usual care")
    >>> ev.network_table(found.against()).shown.columns[:3].tolist()
    ['Outcome', 'Comparison', 'Result']
    """
    found = list(findings)
    told = [one.fit is not None for one in found]
    shown = pd.DataFrame(
        {
            "Outcome": [capital(", ".join(filter(None, [one.names[1], one.analysis.term]))) for one in found],
            "Comparison": [one.analysis.comparison for one in found],
            "Result": [
                _result(one)
                if one.fit is not None or one.direct
                else "Not told: too few trials connect the two"
                for one in found
            ],
            "Trials that compare the two": ["; ".join(one.direct) or "None" for one in found],
            "Evidence": [
                capital(one.directness) if good or one.direct else ""
                for one, good in zip(found, told, strict=True)
            ],
            "Worth one trial of": [
                f"{one.worth:,.0f} people" if good and not math.isnan(one.worth) else ""
                for one, good in zip(found, told, strict=True)
            ],
            "Trials in the network that contribute": [one.k for one in found],
            "People in these": [one.people for one in found],
            "Certainty": [f"{SYMBOLS[one.level]} {one.level}" if one.level else "" for one in found],
        }
    )
    frames = [one.to_frame() for one in found]
    return PageTable(shown, pd.concat(frames, ignore_index=True) if frames else shown)


def sensitivity_table(review: Review, findings: Iterable[Finding]) -> PageTable:
    """Set combined results beside what other trials, or results that may be missing, would make of them.

    Parameters
    ----------
    review : Review
    findings : iterable of Finding

    Returns
    -------
    PageTable
        For each combined result that itself, then what `evidence.sensitivity` gives.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> table = ev.sensitivity_table(review, [ev.finding(review, "massage-inactive-pain-short")])
    >>> table.shown.columns[:3].tolist()
    ['Result', 'What is different', 'Trials']
    """
    rows, frames = [], []
    for one in findings:
        if one.fit is None:
            continue
        frame = sensitivity(review, one.analysis)
        frames.append(frame)
        for row in frame.to_dict("records"):
            combined = not math.isnan(row["estimate"])
            same = row["kind"] == "other trials" and row["k"] == one.k and row["difference"] == 0.0
            amount = (
                f"{one.words.change(row['estimate'])} ({one.words.within(row['ci_low'], row['ci_high'])})"
                if combined
                else "Nothing to combine"
            )
            rows.append(
                {
                    "Result": one.analysis.title,
                    "What is different": capital(row["title"]),
                    "Trials": row["trials"],
                    "Amount": "The same trials" if same else capital(amount),
                    "Remark": "" if same or row["kind"] == "main" else capital(row["note"]),
                }
            )
    shown = pd.DataFrame(rows, columns=["Result", "What is different", "Trials", "Amount", "Remark"])
    return PageTable(shown, pd.concat(frames, ignore_index=True) if frames else shown)


def certainty_reasons(findings: Sequence[Finding]) -> PageTable:
    """Say what each domain made of the certainty of combined results: how many levels it took, and why that many.

    A domain that took none is told, too: how near it came to a limit is part of the judgement.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.certainty_reasons([ev.finding(review, "massage-inactive-pain-short")]).shown.columns.tolist()
    ['Result', 'Domain', 'Levels', 'Why']
    """
    rows = [
        {
            "Result": one.analysis.title,
            "Domain": capital(domain.name),
            "Levels": "not rated" if domain.not_rated else domain.downgrade,
            "Why": domain.reason,
        }
        for one in findings
        if one.fit is not None
        for domain in one.certainty.domains
    ]
    shown = pd.DataFrame(rows, columns=["Result", "Domain", "Levels", "Why"])
    frames = [one.certainty.to_frame() for one in findings if one.fit is not None]
    return PageTable(shown, pd.concat(frames, ignore_index=True) if frames else shown)


def unused_results(review: Review, analyses: Iterable[str | Analysis]) -> PageTable:
    """List what trials report for analyses without usable numbers, with the reason.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis

    Returns
    -------
    PageTable
        Printed: trial, comparison, for which results, and why it is not used. One row for each trial, comparison and
        reason.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.unused_results(review, ["massage-inactive-pain-short"]).shown.columns[:3].tolist()
    ['Trial', 'Comparison', 'For']
    """
    every = []
    for name in analyses:
        result = synthesise(review, name)
        outcome = ", ".join(filter(None, [result.analysis.title.partition(": ")[2]]))
        reported = result.reported.assign(result=outcome)
        every.append(reported.assign(reason=reasons_with_network(review, result.analysis, reported)))
    rest = pd.concat(every, ignore_index=True) if every else pd.DataFrame()
    keys = ["label", "arm", "comparator", "reason"]
    if rest.empty:
        return PageTable(pd.DataFrame(columns=["Trial", "Comparison", "For", "Why it is not used"]), rest)
    grouped = (
        rest.groupby(keys, sort=False)["result"]
        .agg(lambda texts: "; ".join(dict.fromkeys(texts)))
        .reset_index()
    )
    grouped = grouped.sort_values("label", kind="stable", ignore_index=True)
    shown = pd.DataFrame(
        {
            "Trial": grouped["label"],
            "Comparison": [
                " v ".join(filter(None, pair))
                for pair in zip(grouped["arm"], grouped["comparator"], strict=True)
            ],
            "For": grouped["result"].map(capital),
            "Why it is not used": grouped["reason"].astype(str).map(plain_notes(review)).map(capital),
        }
    )
    return PageTable(shown, rest)


def patients_table(review: Review, findings: Sequence[Finding]) -> PageTable:
    """Say what combined results mean for people: how many of 100 improve, and how many to treat for one more.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.patients_table(review, [ev.finding(review, "massage-inactive-pain-short")]).shown.columns[
    ...     :3
    ... ].tolist()
    ['Result', 'Improve with the comparator', 'Improve with the treatment']
    """
    told = [(one, absolute_effects(review, one.analysis)) for one in findings if one.fit is not None]
    known = [(one, made) for one, made in told if not math.isnan(made.gain[0])]
    shown = pd.DataFrame(
        {
            "Result": [one.analysis.title for one, _ in known],
            "Improve with the comparator": [
                f"{made.of_100[0]} of 100{f' ({made.anyway})' if made.anyway else ''}" for _, made in known
            ],
            "Improve with the treatment": ["{} ({} to {})".format(*made.of_100[1]) for _, made in known],
            "People to treat for one more to improve": [capital(made.needed) for _, made in known],
            f"Chance that the {NEW_TRIAL} is a benefit that matters": [
                NOT_KNOWN if math.isnan(made.beyond) else f"{100 * made.beyond:.0f}%" for _, made in known
            ],
            "Certainty": [f"{SYMBOLS[one.level]} {one.level}" for one, _ in known],
        }
    )
    frames = [made.to_frame() for _, made in known]
    return PageTable(shown, pd.concat(frames, ignore_index=True) if frames else shown)


_SEQUENTIAL = (
    *(
        "Result",
        "Trials",
        "Information, of what is required",
        "People required",
        "z (normal distribution)",
        "Boundary",
    ),
    "Conclusion",
)


_OPEN, _UNLIKELY, _NOT_SHOWN = "Open", "A difference that matters is unlikely", "A difference is not shown"
_SHOWN, _NO_CHANCE = "A difference is shown", "Beyond what chance alone gives"
_CONCLUSIONS = {
    _OPEN: "neither shown nor refuted",
    _SHOWN: "z is beyond its boundary, and “no difference” lies outside the interval",
    _NO_CHANCE: "the same at very low certainty, where something other than the treatment may have made it",
    _UNLIKELY: "z is so near zero that more trials would hardly show one",
    _NOT_SHOWN: "the same, but the interval still allows for one",
}
"""What each conclusion of a sequential analysis begins with, and what it means."""


def conclusions_explained(shown: pd.DataFrame) -> str:
    """Say what the conclusions in a table of `sequential_table` mean, those that are in it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> table = ev.sequential_table(review, [ev.finding(review, "massage-inactive-pain-short")])
    >>> conclusions_explained(table.shown).count(":")
    1
    """
    held = [one for one in _CONCLUSIONS if shown["Conclusion"].str.startswith(one).any()]
    means = dict(_CONCLUSIONS)
    if _SHOWN not in held:  # what is "the same" needs what it is the same as
        means[_NO_CHANCE] = (
            f"{means[_SHOWN]}; at very low certainty something other than the treatment may have made it"
        )
    if _UNLIKELY not in held:
        means[_NOT_SHOWN] = f"{means[_UNLIKELY]}, but the interval still allows for one"
    return " ".join(f"{one}: {means[one]}." for one in held)


def _conclusion(one: Finding, crossed: str) -> str:
    """What the last look says, in the words of the statement on the interval of the result itself."""
    assert one.fit is not None
    allows = f"the interval of the result also allows for {one.leaves_open}" if one.leaves_open else ""
    if crossed == "futility":
        return f"{_NOT_SHOWN}; {allows}" if allows else _UNLIKELY
    if crossed == "open" or one.fit.ci_low <= 0.0 <= one.fit.ci_high:
        return _OPEN
    shown = _NO_CHANCE if one.level == "very low" else _SHOWN
    return f"{shown}, in favour of the {'treatment' if crossed == 'benefit' else 'comparator'}"


def _boundary(last: pd.Series[Any], crossed: str) -> str:
    """The boundary that decides: that of an effect, or that within which one of the planned size is unlikely."""
    if crossed == "futility":
        return f"{number(last['futility'])}; z lies within that of futility"
    return number(last["boundary"]) if math.isfinite(last["boundary"]) else "too early for one"


def sequential_table(review: Review, findings: Sequence[Finding]) -> PageTable:
    """Say whether the evidence is enough for a firm conclusion, for each combined result.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.sequential_table(review, [ev.finding(review, "massage-inactive-pain-short")]).shown.columns[
    ...     :3
    ... ].tolist()
    ['Result', 'Trials', 'Information, of what is required']
    """
    rows, frames = [], []
    for one in findings:
        if one.fit is None:
            continue
        try:
            found = sequential_analysis(review, one.analysis)
        except EvidenceError:  # no effect is planned that it should not miss
            continue
        last = found.looks.iloc[-1]
        rows.append(
            {
                "Result": one.analysis.title,
                "Trials": one.trials,
                "Information, of what is required": f"{100 * found.fraction:.0f}%",
                "People required": f"{found.required_n:,.0f}"
                if math.isfinite(found.required_n)
                else "not known",
                "z (normal distribution)": number(last["z"]),
                "Boundary": _boundary(last, found.conclusion),
                "Conclusion": _conclusion(one, found.conclusion),
            }
        )
        frames.append(found.looks.assign(analysis=one.analysis.id))
    shown = pd.DataFrame(rows, columns=list(_SEQUENTIAL))
    numbers = pd.concat(frames, ignore_index=True) if frames else shown
    return PageTable(shown, numbers, conclusions_explained(shown) if rows else "")


def certainty_rules_text(review: Review) -> str:
    """The rule of each domain of the certainty as a list in Markdown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.certainty_rules_text(review).startswith("-")
    True
    """
    rules = certainty_rules(review)
    known = rules[rules["rule"] != ""].drop_duplicates("domain")
    return "\n".join(f"- **{capital(row['domain'])}.** {row['rule']}" for row in known.to_dict("records"))


def differences_table(review: Review) -> PageTable:
    """Say how size and certainty of combined results change over the protocol's range of important differences.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> ev.differences_table(review).shown.columns.tolist()
    []
    """
    rows, frames = [], []
    for name, analysis in review.analyses.items():
        if analysis.outcome not in review.protocol.certainty.mid_range:
            continue
        one = finding(review, name)
        if one.fit is None:
            continue
        varied = certainty_by_difference(review, name)
        frames.append(varied)
        spans = []
        for (level, size), part in varied.groupby(["level", "size"], sort=False):
            low, high = part["important_difference"].min(), part["important_difference"].max()
            spans.append(f"{low:.3g}{f' to {high:.3g}' if high > low else ''}: {size}, {level} certainty")
        rows.append({"Result": analysis.title, "Important difference: size and certainty": "; ".join(spans)})
    return PageTable(pd.DataFrame(rows), pd.concat(frames, ignore_index=True) if frames else pd.DataFrame())


def differences_statement(review: Review) -> str:
    """Name the smallest differences that matter with their units, and what is taken where none is declared.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.differences_statement(ev.read_review("data")).partition(" and")[0]
    'Smallest differences that matter: pain 10 points of 100'
    """
    rules = review.protocol.certainty
    told, general, none = list[str](), list[str](), list[str]()
    for name, one in review.protocol.outcomes.items():
        words, title = outcome_words(review, name, one.measure), review.protocol.outcome_title(name)
        if (least := one.minimal_important_difference) is None:
            (general if names_difference(review, name, one.measure) else none).append(title)
        elif one.measure == "SMD":
            own = f" ({words.important})" if words.factor != 1.0 else ""
            told.append(f"{title} {least:g} SD{own}")
        else:
            told.append(f"{title} {least:g} {words.unit}")
    least_of_all = f"{rules.standard_difference:g} SD or a ratio of {rules.ratio:g}"
    shared = f"for {joined(general)} {least_of_all}" if general else ""
    declared = "; ".join(filter(None, [joined(told), shared]))
    declared = f"Smallest differences that matter: {declared}." if declared else ""
    rest = f"None is declared for {joined(none)}: their certainty is rated with {least_of_all}."
    return " ".join(filter(None, [declared, rest if none else ""]))


def points_statement(review: Review) -> str:
    """Say of each outcome that is told in points of an instrument how many of them a standard deviation is.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.points_statement(ev.read_review("data")).partition(":")[0]
    'A standardised difference is turned into points of a familiar scale'
    """
    protocol = review.protocol
    told = [
        f"for {protocol.outcome_title(name)} {said}"
        for name, one in protocol.outcomes.items()
        if (said := outcome_words(review, name, one.measure).yardstick)
    ]
    if not told:
        return "Standardised differences are told in standard deviations."
    return f"A standardised difference is turned into points of a familiar scale: {'; '.join(told)}."


def guidelines_table(review: Review) -> pd.DataFrame:
    """List what guidelines recommend, with the page on which it was read.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.guidelines_table(ev.read_review("data")).columns.tolist()
    ['body', 'year', 'recommendation', 'strength', 'certainty', 'source']
    """
    columns = ["body", "year", "recommendation", "strength", "certainty", "source_url"]
    return review.guidelines[columns].rename(columns={"source_url": "source"}).reset_index(drop=True)
