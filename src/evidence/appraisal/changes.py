"""What would change a result: leaving out a trial, trials that may be biased, another comparator, other choices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from evidence.appraisal.certainty.evidence import Estimate, Evidence
from evidence.appraisal.multiverse.result import NOT_POOLED, Multiverse
from evidence.appraisal.risk_of_bias import SETS
from evidence.appraisal.statements import MOST_NAMES, Finding, against, group_words
from evidence.models.pooled import Pooled
from evidence.synthesis.rule import count_trials
from evidence.synthesis.sensitivity import Alternative, alternatives
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review
from evidence.wording import capital, counted, in_words, joined, number

__all__ = ["COLUMNS", "changes", "reading"]

COLUMNS = ("kind", "what", "k", "trials", "estimate", "ci_low", "ci_high", "reading", "changed", "sentence")

UNCLEAR = "no clear difference"


def reading(finding: Finding, fit: Estimate | Alternative) -> str:
    """What the interval of a combined result says: a benefit or harm, whether it matters, or nothing clear.

    Empty for what one group has, which is neither.
    """
    if finding.analysis.one_group:
        return ""
    if fit.ci_low <= 0 <= fit.ci_high:
        return UNCLEAR
    kind = "benefit" if finding.words.benefit * fit.estimate > 0 else "harm"
    near, far = sorted((abs(fit.ci_low), abs(fit.ci_high)))
    if math.isnan(finding.words.mid):
        return f"a {kind}"
    if near >= finding.words.mid:
        return f"a {kind} that matters"
    return f"a {kind} too small to matter" if far < finding.words.mid else f"a {kind} that may matter"


def changes(review: Review, finding: Finding, body: Evidence, many: Multiverse | None = None) -> pd.DataFrame:
    """Say what would change a combined result.

    Parameters
    ----------
    review : Review
    finding : Finding
    body : Evidence
        What it rests on.
    many : Multiverse, optional
        The result along every path of defensible choices, to be looked at, too.

    Returns
    -------
    DataFrame
        Columns: kind ("trial", "risk of bias", "comparator", "few trials", "other trials", "final scores",
        "missing results", "selection", "choices", "more trials"), what; k, trials, estimate, ci_low, ci_high (on the
        scale of the analysis; missing where nothing can be combined), reading, changed (whether the reading is
        another one) and sentence.
    """
    rows = list(_rows(review, finding, body, many)) if finding.fit is not None else [_more(finding)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _more(finding: Finding) -> dict[str, Any]:
    """What it would take to combine results at all."""
    lacking = finding.minimum - finding.trials
    if lacking <= 0:
        text = "Larger trials: together those that there are leave open every result."
    else:
        needed, title = counted(lacking, "more trial"), finding.analysis.title
        text = f"Usable numbers from {needed} would allow combining \u201c{title}\u201d."
        if finding.reported or finding.in_words:
            text += f" Without such numbers: {finding.lacking}."
    return {"kind": "more trials", "what": "", "changed": False, "sentence": text}


def _rows(
    review: Review, finding: Finding, body: Evidence, many: Multiverse | None
) -> Iterator[dict[str, Any]]:
    effects = finding.effects
    yield from _left_out(finding, body)
    for kind, held, words in (
        ("without high risk", SETS["without high risk"], "Without trials at high risk of bias"),
        ("only low risk", SETS["only low risk"], "With trials at low risk of bias alone"),
    ):
        keep = effects["risk_of_bias"].isin(held).to_numpy()
        if kind == "without high risk" and keep.all():
            continue
        yield _part(finding, body, keep, "risk of bias", words)
    groups = effects["comparator_group"].astype(str)
    if len(names := list(dict.fromkeys(groups))) > 1:
        members = review.protocol.comparator_groups
        for name in names:
            keep = (groups == name).to_numpy()
            had = against(review, effects[keep])
            apart = [one for one in names if one != name and one in members.get(name, ())]
            if len(had) <= MOST_NAMES and not apart:
                named = f"{joined(had, 'or')} alone"
            else:
                others = joined((group_words(review.protocol, one) for one in apart), "or")
                named = f"{group_words(review.protocol, name)} {f'other than {others}' if apart else 'alone'}"
            yield _part(finding, body, keep, "comparator", f"Compared with {named}")
    for other in alternatives(review, synthesise(review, finding.analysis)):
        if other.kind != "other trials" or len(other.effects) != finding.k:
            fit = None if np.isnan(other.estimate) else other
            yield _row(finding, fit, other.effects, other.kind, capital(other.title))
    if many is not None:
        yield _choices(many)


def _left_out(finding: Finding, body: Evidence) -> Iterator[dict[str, Any]]:
    """Each trial left out: those that change what the result says, or else the one that moves it most."""
    studies = finding.effects["study"].to_numpy()
    names = dict(zip(studies, finding.effects["label"], strict=True))
    if len(names) <= finding.minimum:
        text = f"Without any one of the {in_words(len(names))} trials too few would be left to combine."
        yield {"kind": "trial", "what": "", "changed": True, "sentence": text}
        return
    rows = [
        _part(finding, body, studies != name, "trial", f"Without {label}") for name, label in names.items()
    ]
    assert finding.fit is not None
    at = finding.fit.estimate
    rows.sort(key=lambda row: -abs(row["estimate"] - at) if np.isfinite(row["estimate"]) else -np.inf)
    moved = [row for row in rows if row["changed"]]
    if not moved:
        top = rows[0]
        opening = (
            "The most that leaving one study out does is this."
            if finding.analysis.one_group
            else "No single trial decides: the most that leaving one out does is this."
        )
        top["sentence"] = f"{opening} {top['sentence']}"
        yield top
    yield from moved[:3]
    if len(moved) > 3:
        text = f"So would {counted(len(moved) - 3, 'other trial')} if left out."
        yield {"kind": "trial", "what": "", "changed": True, "sentence": text}


def _part(finding: Finding, body: Evidence, keep: Any, kind: str, what: str) -> dict[str, Any]:
    part = finding.effects[keep]
    trials = count_trials(part)
    fit = body.rule.combine(part)[0] if trials >= finding.minimum else None
    return _row(finding, fit, part, kind, what)


def _row(
    finding: Finding, fit: Pooled | Alternative | None, effects: pd.DataFrame, kind: str, what: str
) -> dict[str, Any]:
    trials, words = count_trials(effects), finding.words
    row = {"kind": kind, "what": what, "k": len(effects), "trials": trials}
    if fit is None:
        left = (
            f"{in_words(trials)} of {finding.trials}" if trials < finding.trials else counted(trials, "trial")
        )
        text = (
            f"{what} nothing can be combined ({left} trials left)."
            if trials
            else f"{what}: no trial is left."
        )
        # That no trial is left says nothing about the result.
        return row | {"estimate": np.nan, "reading": "", "changed": trials > 0, "sentence": text}
    assert finding.fit is not None
    said, before = reading(finding, fit), reading(finding, finding.fit)
    n = float(effects["n"].sum())
    base = f"{finding.counted(trials)}{f', {n:,.0f} people' if n else ''}"
    told = f"{words.change(fit.estimate)} ({words.within(fit.ci_low, fit.ci_high)}; {base})"
    verdict = f"still {said}" if said == before else f"then {said}, where the combined result shows {before}"
    verdict = f"; {verdict}" if said or before else ""
    return row | {
        "estimate": fit.estimate,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "reading": said,
        "changed": said != before,
        "sentence": f"{what}: {told}{verdict}.",
    }


def _choices(many: Multiverse) -> dict[str, Any]:
    """How the result fares along every path of defensible choices."""
    shares = many.conclusions.set_index("conclusion")["share_of_pooled"].iloc[:NOT_POOLED]
    important, benefit, unclear, harm = map(float, shares)
    parts = {
        "favour the treatment": important + benefit,
        "leave it open": unclear,
        "favour the comparator": harm,
    }
    said = [f"{number(100 * share, 0)}% {words}" for words, share in parts.items() if share > 0.005]
    drawn = f", of which {len(many):,} were drawn at random" if many.total > len(many) else ""
    combined = int(many.conclusions["paths"].iloc[:NOT_POOLED].sum())
    text = (
        f"Of {many.total:,} ways to analyse these trials that can be defended{drawn}, {combined:,} give a combined "
        f"result: {joined(said)}"
    )
    if len(many.importance):
        text += f"; what moves the result most is {_choice(str(many.importance['choice'].iloc[0]))}"
    own = str(many.default["conclusion"])
    agree = float(shares.get(own, 0.0))
    return {"kind": "choices", "what": "", "changed": agree < 0.95, "sentence": f"{text}."}


_NAMES = {
    "measure": "the scale on which it is measured",
    "shared arms": "how groups that are compared twice are counted",
    "scores first": "whether final scores or changes go first",
    "time": "the time of measurement",
    "instrument": "the questionnaire that goes first",
    "indirect results": "whether trials of other patients take part",
    "packages of treatments": "whether packages of many components take part",
    "missing numbers": "whether missing numbers are filled",
    "assumptions": "which assumptions are allowed",
    "restriction": "which trials are left out",
    "method": "the formula for the variation between trials",
    "interval": "the formula of the interval",
}


def _choice(name: str) -> str:
    kind, _, detail = name.partition(": ")
    return _NAMES.get(name, f"whether the doubtful result of {detail} is used" if detail else kind)
