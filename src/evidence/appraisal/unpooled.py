"""What trials report beside the pooled results: in words for one result, as a table, and as a map of all questions.

Synthesis without meta-analysis (Campbell et al. 2020, BMJ 368, l6890): it says whether effects tend one way and
whether there is evidence of any, never how large they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from evidence.effects.reported.reasons import distinct_reasons
from evidence.errors import DataError, closest
from evidence.models.without_effects import EffectDirection
from evidence.results import FEW_STUDIES, sentences
from evidence.synthesis.networks import reasons_with_network
from evidence.synthesis.reports import KINDS, REPORT_KINDS, Reports, reports_on
from evidence.tables.notes import plain_notes
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import capital, counted, in_words, joined, p_value, parts_of

__all__ = ["FAVOURS", "evidence_map", "reports_counts", "reports_statement", "reports_table"]

_CHANCE = 0.05

FAVOURS = {1: "treatment", -1: "comparator", 0: "neither"}
"""What a direction favours, by its sign turned to the side of benefit."""

_COUNTED = {
    "effect": "an effect with its precision",
    "P value": "a P value or an effect on another scale",
    "direction": "a direction in words",
    "nothing usable": "nothing that can be used",
    "doubtful": "numbers that are doubtful as printed",
}


def reports_statement(review: Review, analysis: str | Analysis) -> str:
    """Say what every trial that reports on an analysis comes to, those without an effect among them.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
        The analysis or its id.

    Returns
    -------
    str
        How many trials give what; whether those without an effect point the same way as those with one; what their P
        values come to together, and whether they pile up below 0.05; each with what it does not say. Empty if no
        trial reports on the analysis.

    Raises
    ------
    DataError
        If the analysis is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.reports_statement(review, "massage-inactive-pain-short").endswith(".")
    True
    """
    reports = reports_on(review, analysis)
    if reports.trials.empty:
        return ""
    parts = (_counts, _sides, _untimed, _together, _piled)
    return sentences(*(part(reports) for part in parts))


def _counts(reports: Reports) -> str:
    counts = reports.trials["kind"].value_counts()
    alone = reports.analysis.one_group
    words_of = {**_COUNTED, "effect": "numbers that can be used"} if alone else _COUNTED
    told = [f"{counts[kind]} with {words}" for kind, words in words_of.items() if kind in counts.index]
    out = int(counts.get("left out", 0))
    trials = len(reports.trials) - out
    nouns = ("study", "studies") if alone else ("trial",)
    if not trials:
        return f"The protocol leaves out {counted(out, *nouns)} that {'reports' if out == 1 else 'report'} on this."
    text = f"{capital(counted(trials, *nouns))} {'reports' if trials == 1 else 'report'} on this: {', '.join(told)}"
    return f"{text}; the protocol leaves out {in_words(out)} more." if out else f"{text}."


def _tally(found: EffectDirection) -> str:
    points = "points" if found.positive == 1 else "point"
    sides = (
        f"{found.positive or 'none'} {points} towards the treatment",
        f"{found.negative or 'none'} towards the comparator",
    )
    text = " and ".join(sides)
    return f"{text} ({found.unclear} to neither side)" if found.unclear else text


def _lean(found: EffectDirection) -> int:
    """Side of more than half of all trials; 0 if there is none."""
    total = found.k + found.unclear
    return (2 * found.positive > total) - (2 * found.negative > total)


def _sides(reports: Reports) -> str:
    """Whether the trials without an effect point the same way as those with one."""
    told, without = reports.directions.get("with an effect"), reports.directions.get("without")
    if without is None:
        return ""
    text = f"Of the trials without a usable effect that tell a direction, {_tally(without)}"
    if told is None:
        return f"{text}; there is no trial with an effect to set beside them."
    lean = {1: "both lean the same way", 0: "the two do not lean the same way", -1: "they lean opposite ways"}
    return f"{text}; of those with one, {_tally(told)}: {lean[_same_way(reports) or 0]}."


def _beside(reports: Reports) -> str:
    """The same in a cell."""
    lean = {None: "", 1: "lean the same way", 0: "do not lean the same way", -1: "lean the opposite way"}
    return lean[_same_way(reports)]


def _same_way(reports: Reports) -> int | None:
    """Whether trials with and without an effect lean the same way: 1, 0 or, opposite ways, -1; None without both."""
    told, without = reports.directions.get("with an effect"), reports.directions.get("without")
    return None if told is None or without is None else _lean(told) * _lean(without)


def _untimed(reports: Reports) -> str:
    """Trials whose time is not stated: what they say may belong to another time."""
    rows = reports.of("nothing usable")
    rows = rows[["time not stated" in parts_of(kinds) for kinds in rows["reason_kind"]]]
    if rows.empty:
        return ""
    side = rows["direction"] * reports.benefit
    does, belongs = ("does", "it") if len(rows) == 1 else ("do", "they")
    counts = {
        "towards the treatment": side > 0,
        "towards the comparator": side < 0,
        "to neither side": side == 0,
        "of unknown direction": side.isna(),
    }
    sides = joined(f"{int(held.sum())} {words}" for words, held in counts.items() if held.any())
    return (
        f"{capital(counted(len(rows), 'trial'))} {does} not state the time, so {belongs} may belong to another "
        f"time: {sides}."
    )


def _together(reports: Reports) -> str:
    """The combined P value, where it brings in trials that have no effect."""
    combined, printed = reports.combined, reports.of("P value")
    if reports.opposed:
        return "P values that are known only as small point both ways, so that they cannot be combined."
    if combined is None or printed["direction"].dropna().empty:
        return ""
    bound = "a bound" if combined.bounds == 1 else "bounds"
    sideless = int((reports.with_p["direction"] == 0).sum())
    these = "; ".join(
        [f"{combined.bounds} of them {bound}"] * (combined.bounds > 0)
        + [f"{sideless} to neither side, counted as no difference"] * (sideless > 0)
    )
    text = (
        f"Taken together, the {combined.k} P values whose direction is told{f' ({these})' if these else ''} give "
        f"{p_value(combined.p_value)} (Stouffer's test, weighted by size)"
    )
    if combined.p_value >= _CHANCE:
        return f"{text}. That shows neither an effect nor that there is none, and opposite ones may cancel."
    side = "treatment" if combined.p_positive <= combined.p_negative else "comparator"
    return (
        f"{text}: an effect towards the {side} in at least one trial. How large it is, or whether trials agree, the "
        "test does not say, and small P values are printed more readily than large ones."
    )


def _piled(reports: Reports) -> str:
    """Whether printed P values pile up just below the limit."""
    curve = reports.curve
    if curve is None or curve.k < 3:
        return ""
    values = counted(curve.k, "exactly printed P value")
    text = f"Of {values} below .05, {curve.low or 'none'} {'lies' if curve.low == 1 else 'lie'} below .025"
    if curve.k < FEW_STUDIES:
        return f"{text}: too few to tell whether results were chosen for their P values."
    piled = "they pile up just below .05, as chosen results would"
    found = piled if curve.p_piling < _CHANCE else "they do not pile up just below .05"
    return f"{text} ({p_value(curve.p_piling)}): {found}."


def reports_counts(review: Review, analyses: Iterable[str | Analysis]) -> pd.DataFrame:
    """Count the trials that report on analyses by what they give, and by the way those without an effect point.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis

    Returns
    -------
    DataFrame
        One row for each analysis that a trial reports on, under headings for people: Result (its comparison
        where there are several), Trials (but for those left out), With an effect, P value or other scale, Direction
        in words, Nothing usable, Doubtful as printed (where there are any), Left out by the protocol; of the trials
        with a P value or in words, Towards the treatment, Towards the comparator, Neither; Those with an effect,
        whether these lean the same way; P values together. Where no analysis compares, Result, Studies, Usable
        numbers, Nothing usable, Doubtful as printed (where there are any) and Left out by the protocol.

    Raises
    ------
    DataError
        If an analysis is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.reports_counts(review, ["massage-inactive-pain-short"]).columns[:3].tolist()
    ['Result', 'Trials', 'With an effect']
    """
    rows = []
    every = [reports_on(review, name) for name in analyses]
    several = len({reports.analysis.comparison for reports in every}) > 1
    for reports in every:
        if reports.trials.empty:
            continue
        title = reports.analysis.title
        counts, without = reports.trials["kind"].value_counts(), reports.directions.get("without")
        given = [int(counts.get(kind, 0)) for kind in ("effect", "P value", "direction")]
        out = int(counts.get("left out", 0))
        combined = reports.combined
        rows.append(
            {
                "Result": title if several else capital(title.partition(": ")[2]),
                "Trials": len(reports.trials) - out,
                **dict(
                    zip(
                        ("With an effect", "P value or other scale", "Direction in words"), given, strict=True
                    )
                ),
                "Nothing usable": int(counts.get("nothing usable", 0)),
                "Doubtful as printed": int(counts.get("doubtful", 0)),
                "Left out by the protocol": out,
                "Towards the treatment": without.positive if without else 0,
                "Towards the comparator": without.negative if without else 0,
                "Neither": without.unclear if without else 0,
                "Those with an effect": _beside(reports),
                "P values together": "" if combined is None else p_value(combined.p_value),
            }
        )
    table = pd.DataFrame(rows)
    doubtful = ["Doubtful as printed"] if rows and table["Doubtful as printed"].any() else []
    if rows and not doubtful:
        table = table.drop(columns="Doubtful as printed")
    if rows and all(reports.analysis.one_group for reports in every):
        names = {"Trials": "Studies", "With an effect": "Usable numbers"}
        table = table.rename(columns=names)[
            ["Result", *names.values(), "Nothing usable", *doubtful, "Left out by the protocol"]
        ]
    return table


def reports_table(review: Review, analyses: Iterable[str | Analysis]) -> pd.DataFrame:
    """List every trial that reports on analyses, with what it gives and what it says.

    Parameters
    ----------
    review : Review
    analyses : iterable of str or Analysis

    Returns
    -------
    DataFrame
        One row for each result and trial, under headings for people: Result, Trial, Comparison, Gives, People,
        Points to, P, Why it is not pooled, As printed, Place. Where no analysis compares, Group for Comparison, and
        neither Points to nor P.

    Raises
    ------
    DataError
        If an analysis is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.reports_table(review, ["massage-inactive-pain-short"]).columns[:3].tolist()
    ['Result', 'Trial', 'Comparison']
    """
    parts, names, plain = [], list(analyses), plain_notes(review)
    for name in names:
        reports = reports_on(review, name)
        rows = reports.trials
        words = REPORT_KINDS
        if reports.analysis.one_group:
            words = words | {"effect": "numbers that can be used"}
        parts.append(
            pd.DataFrame(
                {
                    "Result": reports.analysis.title,
                    "Trial": rows["label"],
                    "Comparison": [
                        " v ".join(filter(None, pair))
                        for pair in zip(rows["arm"], rows["comparator"], strict=True)
                    ],
                    "Gives": rows["kind"].map({kind: capital(text) for kind, text in words.items()}),
                    "People": _people(review, rows),
                    "Points to": [_favours(value, reports.benefit) for value in rows["direction"]],
                    "P": rows["p"].map(_shown_p),
                    "Why it is not pooled": reasons_with_network(review, reports.analysis, rows).map(
                        lambda text: capital(plain(text))
                    ),
                    "As printed": rows["as_reported"],
                    "Place": rows["locator"],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if all(review.analysis(name).one_group for name in names):  # nothing is compared
        table = table.drop(columns=["Points to", "P"], errors="ignore").rename(
            columns={"Comparison": "Group"}
        )
    return table


def _favours(direction: float, benefit: int) -> str:
    return "not told" if math.isnan(direction) else FAVOURS[int(direction) * benefit]


def _shown_p(text: str) -> str:
    """Write a P value or bound as journals do: ``< .05``, ``.03``."""
    if not text:
        return ""
    if text[0] in "<>":
        return f"{text[0]} {text[1:].removeprefix('0')}"
    return p_value(float(text)).removeprefix("P ").removeprefix("= ")


def _people(review: Review, trials: pd.DataFrame) -> pd.Series[float]:
    """People of results, never more than the trial has: both groups of a crossover are the same people."""
    sizes = review.trials.set_index("trial_id")["n_randomised"].astype(float)
    return trials["n"].astype(float).clip(upper=trials["study"].map(sizes))


def evidence_map(review: Review, questions: Iterable[str] | None = None) -> pd.DataFrame:
    """Set out which trial bears on which question, with what.

    Parameters
    ----------
    review : Review
    questions : iterable of str, optional
        Question groups of the protocol, or entries of ``analyses`` without a group; by default all that have an
        analysis of the role "main".

    Returns
    -------
    DataFrame
        One row for each question and trial that reports on it: question (id), title, main, trial_id, label, year,
        kind (the best of `KINDS` that the trial gives on any outcome and time of the question), n (most people of a
        result of that kind, never more than the trial has), favours (1 treatment, -1 comparator, 0 neither or sides
        that differ, NaN not told), results (outcomes and times of that kind, in words), reason (why nothing better;
        "" for an effect).

    Raises
    ------
    DataError
        If a question is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.evidence_map(review).columns[:3].tolist()
    ['question', 'title', 'main']
    """
    rows = []
    for name, title, main, analyses in _questions(review, questions):
        found = []
        for analysis in analyses:
            reports = reports_on(review, analysis)
            told = (
                f"{analysis.outcome.replace('_', ' ')}, {analysis.term}"
                if analysis.term
                else analysis.outcome
            )
            found.append(
                reports.trials.assign(
                    n=_people(review, reports.trials),
                    favours=reports.trials["direction"] * reports.benefit,
                    result=told,
                )
            )
        every = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["study"])
        for study, of_trial in every.groupby("study", sort=False):
            best = min(of_trial["kind"], key=KINDS.index)
            same = of_trial[of_trial["kind"] == best]
            signs = same["favours"].dropna().unique()
            rows.append(
                {
                    "question": name,
                    "title": title,
                    "main": main,
                    "trial_id": study,
                    "label": same["label"].iloc[0],
                    "year": same["year"].iloc[0],
                    "kind": best,
                    "n": same["n"].max(),
                    "favours": math.nan if not len(signs) else float(signs[0]) if len(signs) == 1 else 0.0,
                    "results": "; ".join(dict.fromkeys(same["result"])),
                    "reason": distinct_reasons(map(str, same["reason"])),
                }
            )
    columns = [
        "question",
        "title",
        "main",
        "trial_id",
        "label",
        "year",
        "kind",
        "n",
        "favours",
        "results",
        "reason",
    ]
    return pd.DataFrame(rows, columns=columns)


def _questions(
    review: Review, asked: Iterable[str] | None
) -> Iterator[tuple[str, str, bool, tuple[Analysis, ...]]]:
    """Give id, title, whether it is a main one, and analyses of questions; by default not those taken together."""
    protocol = review.protocol
    known: dict[str, tuple[str, bool, tuple[Analysis, ...]]] = {}
    some = any(group.main for group in protocol.groups.values())
    for name, analyses in protocol.question_groups.items():
        if name:
            group = protocol.groups[name]
            known[name] = (group.title, group.main or not some, analyses)
        else:
            for one in analyses:
                title, main, others = known.get(one.spec.id, (one.comparison, not some, ()))
                known[one.spec.id] = (title, main, (*others, one))
    own = [name for name, (_, _, held) in known.items() if any(one.spec.role == "main" for one in held)]
    for name in own if asked is None else asked:
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean {near}? " if near else ""
            raise DataError(f"The protocol has no question {name}; {hint}It has {', '.join(known)}.")
        yield name, *known[name]
