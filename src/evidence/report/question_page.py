"""What the page of a question shows, result by result; each function is one call of a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from evidence.appraisal.harms import HARMS, harms_accounted, harms_statement, harms_table
from evidence.appraisal.page_tables import (
    PageTable,
    certainty_reasons,
    patients_table,
    sensitivity_table,
    sequential_table,
)
from evidence.appraisal.questions import QuestionAnswer
from evidence.appraisal.sequential import sequential_analysis
from evidence.appraisal.statements import Finding, compared_with
from evidence.appraisal.unpooled import reports_counts, reports_statement, reports_table
from evidence.errors import EvidenceError
from evidence.measures import measure_of
from evidence.report.publish import publish_figure, publish_table
from evidence.results import FEW_STUDIES, sentences
from evidence.synthesis.published import beside_published
from evidence.synthesis.reports import REPORT_KINDS, reports_on
from evidence.synthesis.sensitivity import scores_and_changes
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review
from evidence.wording import capital, joined

__all__ = ["publish_choices", "publish_doubts", "publish_published", "publish_reports", "publish_results"]

OPEN = 12
"""How many comparisons the open forest plots of a page hold, the first apart; further ones are a click away."""
SHOWN = 6
"""How many rows a table of counts has at most where it is open."""
_FOREST = "Each square is a trial with its interval, the diamond their weighted average."
_SIGNS = " Negative differences mean less with the treatment, ratios above 1 more."
SIDES = ("favours treatment", "favours comparator")


def publish_results(review: Review, answer: QuestionAnswer) -> None:
    """Show each combined result of a question: its forest plot and, folded, its trials by size and by year.

    The forest plot of the first is open, and those of others as long as the page stays short. Where nothing was
    combined, one sentence says so.

    Parameters
    ----------
    review : Review
    answer : QuestionAnswer
        As `answer_question` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_results(review, ev.answer_question(review, "massage-usual", deep=False))
    <IPython...
    """
    from IPython.display import Markdown, display

    several = len({one.analysis.spec.id for one in answer.findings}) > 1
    combined = [one for one in answer.findings if one.fit is not None]
    if not combined:
        display(Markdown("Nothing was combined for this question, so no certainty was rated."))
        return
    sides = "" if answer.lead.analysis.one_group else _SIGNS
    display(Markdown(f"## The trials behind each combined result\n\n{_FOREST}{sides}"))
    rows = 0
    for one in combined:
        rows += one.k
        name = one.analysis.title if several else capital(one.analysis.title.partition(": ")[2])
        display(Markdown(f"### {name}"))
        if not one.analysis.one_group:
            said = f"Compared with {compared_with(review, one.effects)}."
            display(Markdown(sentences(said, scores_and_changes(synthesise(review, one.analysis)))))
        _forest(review, one, folded=rows > OPEN and one is not combined[0])
        _small_trials(review, one)
        _sequence(review, one)


def _sides(one: Finding) -> tuple[str, str] | None:
    """What lies on the two sides of no difference; None where nothing is compared."""
    if one.analysis.one_group:
        return None
    return SIDES if one.words.benefit < 0 else (SIDES[1], SIDES[0])


def _forest(review: Review, one: Finding, *, folded: bool) -> None:
    from evidence.figures.forest_table import forest_table

    result = synthesise(review, one.analysis)
    if result.fit is None:
        return
    # Why the certainty is not higher stands in a table of its own.
    lowered = joined(domain.name for domain in one.certainty.domains if domain.downgrade)
    level = f"{one.certainty.symbols} {one.certainty.level}{f' because of {lowered}' * bool(lowered)}"
    mid = one.words.mid
    table = forest_table(
        result,
        review=review,
        certainty=level if one.certainty.level else None,
        important=None if math.isnan(mid) else float(measure_of(one.words.measure).natural(mid)),
        favours=_sides(one),
    )
    each = "group" if one.analysis.one_group else "comparison"
    caption = f"{one.analysis.title}: each {each}, and all together."
    publish_table(table, f"forest-{one.analysis.id}", caption=caption, folded=folded)


def _small_trials(review: Review, one: Finding) -> None:
    """A funnel plot, where there are enough comparisons for it to say anything."""
    from evidence import figures

    # Small studies have no side to lie on where nothing is compared.
    if one.fit is None or one.k < FEW_STUDIES or one.analysis.one_group:
        return
    figure = figures.funnel(one.fit, favours=_sides(one), title=one.analysis.title)
    caption = f"Are small trials different? Funnel plot. {one.analysis.title}."
    publish_figure(figure, f"funnel-{one.analysis.id}", caption=caption, folded=True)


def _sequence(review: Review, one: Finding) -> None:
    """The result as the trials came in, where an effect is planned that should not be missed."""
    from evidence import figures

    try:
        found = sequential_analysis(review, one.analysis)
        figure = figures.sequential(found, title=one.analysis.title)
    except EvidenceError:
        return
    caption = f"Is the evidence enough? All trials up to each year. {one.analysis.title}."
    publish_figure(figure, f"sequential-{one.analysis.id}", caption=caption, folded=True)


_DOUBTS: tuple[tuple[str, Callable[[Review, Sequence[Finding]], PageTable], str, str], ...] = (
    (
        "certainty",
        lambda _, findings: certainty_reasons(findings),
        "## Why the certainty is not higher\n\nEvidence from randomised trials starts at high certainty and loses"
        " a level, or two, for each serious doubt; what cannot be rated says why.",
        "Each domain of certainty for each combined result: the levels that it took, and the numbers that decided.",
    ),
    (
        "patients",
        patients_table,
        "",
        "What the combined results would mean for people, if the averages hold. Numbers to treat are rounded up.",
    ),
    (
        "sequential",
        sequential_table,
        "## Is the evidence enough?\n\nWhoever combines after each new trial and looks each time will sooner or "
        "later find a difference by chance. A sequential analysis takes this into account: it asks how much "
        "information it takes to find an effect that matters, and sets a boundary for each look. A boundary "
        "guards against chance, not against bias.",
        "Each combined result for which a difference that matters is declared on its scale, at its last look; z and "
        "boundary: normal distribution.",
    ),
    (
        "sensitivity",
        sensitivity_table,
        "## What if results are missing for a reason?\n\nResults that please are printed with more numbers than "
        "those that do not. The table sets each combined result beside what other trials would make of it, and "
        "beside two suppositions: that the trials without usable numbers showed no difference at all (a bound, "
        "not an estimate), and, where ten comparisons or more allow it, that results which are not significant "
        "were printed less often (a selection model).",
        "Each combined result, and what it would be with other trials or if results were missing because of what "
        "they showed.",
    ),
)
"""Name, table, heading with what it says, and caption of what stands only where it has something to show."""


def publish_doubts(review: Review, answer: QuestionAnswer) -> None:
    """Show why combined results are not more certain, what they mean for people, and what chance and gaps do to them.

    A section with nothing to show is left out.

    Parameters
    ----------
    review : Review
    answer : QuestionAnswer
        As `answer_question` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_doubts(review, ev.answer_question(review, "massage-usual", deep=False))
    <IPython...
    """
    from IPython.display import Markdown, display

    for name, make, said, caption in _DOUBTS:
        table = make(review, answer.findings)
        if not table.shown.empty:
            if said:
                display(Markdown(said))
            told = sentences(caption, table.legend)
            publish_table(table, f"{name}-{answer.question.id}", caption=told, folded=True)


_CHOICES = (
    "## Other choices of method\n\nA meta-analysis is a chain of decisions that could be taken otherwise. Here the "
    "first combined result is worked out again along every combination of the options that the protocol calls "
    "defensible. All have the same weight, which is a convention: that nine of ten ways agree does not mean that the "
    "answer is right nine times in ten."
)


def publish_choices(answer: QuestionAnswer) -> None:
    """Show how the first combined result of a question, if any, fares along every path of defensible choices.

    Parameters
    ----------
    answer : QuestionAnswer
        As `answer_question` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_choices(ev.answer_question(review, "massage-usual"))
    <IPython...
    """
    from IPython.display import Markdown, display

    from evidence import figures

    many, name = answer.multiverse, answer.lead.analysis.id
    if many is None:
        return
    display(Markdown(_CHOICES))
    figure = figures.specification_curve(many, favours=_sides(answer.lead), title=many.analysis.title)
    caption = "Every way to analyse these trials, from the one most in favour of the treatment to the least."
    publish_figure(figure, f"specification-{name}", caption=caption, folded=True)
    figure = figures.choice_importance(many, title=many.analysis.title)
    caption = "How much each choice moves the result."
    publish_figure(figure, f"importance-{name}", caption=caption, folded=True)


def publish_published(review: Review, answer: QuestionAnswer) -> None:
    """Show the pooled results of published reviews beside those of a question, where the protocol names any.

    Parameters
    ----------
    review : Review
    answer : QuestionAnswer
        As `answer_question` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_published(review, ev.answer_question(review, "massage-usual", deep=False))
    <IPython...
    """
    from IPython.display import Markdown, display

    from evidence import figures

    own = {one.analysis.id for one in answer.findings}
    entries = tuple(entry for entry in review.protocol.published if own & set(entry.analyses))
    protocol = review.protocol.model_copy(update={"published": entries})
    beside = beside_published(replace(review, protocol=protocol)) if entries else pd.DataFrame()
    if beside.empty:
        display(Markdown("The protocol names no published result that answers this very question."))
        return
    # Certainty was rated on the scale of the question.
    rated = {(one.analysis.title, one.words.measure): one.level for one in answer.findings}
    levels = [rated.get(key, "") for key in zip(beside["comparison"], beside["measure"], strict=True)]
    beside["certainty"] = beside["certainty"].where(beside["kind"] != "this review", levels)
    drawn = beside[beside["estimate"].notna()].copy()
    own_too = (drawn["kind"] == "this review").any()
    drawn["panel"] = drawn["measure"].map(lambda code: measure_of(code).name)
    figure = figures.comparison(
        drawn,
        panel="panel",
        digits=2,
        favours=_sides(answer.lead) and SIDES,
        title="This review beside published ones" if own_too else "Published results",
    )
    name = answer.question.id
    caption = "Combined results of this review (filled) beside published ones (open), with their intervals."
    if not own_too:
        caption = "Combined results of published reviews, with their intervals; this review has none."
    subject = answer.lead.analysis.spec.role == "reproduction"  # then this is what the page is about
    publish_figure(figure, f"published-{name}", caption=caption, folded=not subject)
    headings = {
        "group": "question",
        "label": "result of",
        "measure": "measure",
        "estimate": "estimate",
        "ci_low": "from",
        "ci_high": "to",
        "k": "comparisons",
        "n": "people",
        "certainty": "certainty",
        "comparison": "comparison",
        "population": "population",
        "note": "remark",
    }
    shown = beside[list(headings)].rename(columns=headings)
    caption = "The same in numbers, with intervals (from, to) and the comparison in the words of each source."
    whole = {"comparisons": 0, "people": 0}
    publish_table(shown, f"published-{name}-table", caption=caption, decimals=whole, folded=True)


def publish_reports(review: Review, answer: QuestionAnswer) -> None:
    """Name every trial that reports on a question, and say whether those without an effect point the same way.

    Parameters
    ----------
    review : Review
    answer : QuestionAnswer
        As `answer_question` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_reports(review, ev.answer_question(review, "massage-usual", deep=False))
    <IPython...
    """
    from IPython.display import Markdown, display

    from evidence import figures

    name, told = answer.question.id, []
    counts = reports_counts(review, answer.question.analyses)
    if counts.empty:
        display(Markdown("No trial reports on this question."))
        return
    lead = answer.lead.analysis
    if said := reports_statement(review, lead):
        display(Markdown(f"**{lead.title}.** {said}"))
    for one in answer.findings:
        reports = reports_on(review, one.analysis)
        rows = reports.of("effect", "P value", "direction")
        sign = rows["direction"] * reports.benefit
        told.append(
            rows.assign(direction=sign, kind=rows["kind"].map(REPORT_KINDS), question=one.analysis.title)
        )
    alone = all(one.one_group for one in answer.question.analyses)
    caption = (
        "Trials that report on each result, by what they give, and which way those with a P value or words alone "
        "point. P values together: Stouffer's test of all trials that have one and tell its direction, "
        "weighted by size; neither side counts as no difference."
    )
    if alone:
        caption = "Studies that report on each result, by what they give."
    publish_table(counts, f"reports-{name}-counts", caption=caption, folded=len(counts) > SHOWN)
    every = pd.concat(told, ignore_index=True)
    every = every[every["direction"].notna()]
    if len(every):
        sides = ("favours comparator", "no direction", "favours treatment")
        caption = "Which way each trial points, with or without a usable effect; not how large effects are."
        figure = figures.harvest(every, kind="kind", sides=sides)
        publish_figure(figure, f"directions-{name}", caption=caption, folded=True)
    _albatross(review, answer)
    points = "" if alone else " which way it points,"
    caption = f"Every trial that reports on this question: what it gives,{points} why it is not pooled."
    table = reports_table(review, answer.question.analyses)
    publish_table(table, f"reports-{name}", caption=caption, decimals={"People": 0}, folded=True)
    if name == HARMS:
        display(Markdown(" ".join(filter(None, [harms_statement(review), harms_accounted(review)]))))
        caption = "What each trial reports about harm, in its own words."
        publish_table(harms_table(review), "harms-in-words", caption=caption, decimals={"Randomised": 0})


def _albatross(review: Review, answer: QuestionAnswer) -> None:
    """The P values of the first result against the sizes of its trials, where a trial without an effect has one."""
    from evidence import figures

    analysis = answer.lead.analysis
    reports = reports_on(review, analysis)
    rows = reports.with_p
    if len(rows) < 3 or not (rows["kind"] == "P value").any() or not (rows["direction"] != 0).any():
        return
    figure = figures.albatross(
        rows["p"].tolist(),
        rows["n"].tolist(),
        (rows["direction"] * reports.benefit).tolist(),
        labels=rows["label"].tolist(),
        group=rows["kind"].map(REPORT_KINDS).tolist(),
        sides=("favours comparator", "favours treatment"),
        title=analysis.title,
    )
    caption = (
        f"P values against the sizes of trials, those without a usable effect among the others. {analysis.title}. "
        "The lines show which size of effect would give such a P value; they measure no trial."
    )
    publish_figure(figure, f"albatross-{answer.question.id}", caption=caption, folded=True)
