"""What other choices of results would give, and what if results were missing because of how they came out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from evidence.diagnostics.selection.fit import SelectionModel, selection_model
from evidence.effects.choosing.candidates import suited
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.question import admits, pairs
from evidence.errors import ModelError
from evidence.models.pooled import Pooled
from evidence.results import FEW_STUDIES, sentences
from evidence.synthesis.rule import count_trials, rule_of
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, joined, number

__all__ = [
    "BAYES",
    "DOUBTFUL",
    "FINAL_SCORES",
    "MAIN",
    "NOTHING_SHOWN",
    "ONE_EACH",
    "SELECTED",
    "Alternative",
    "alternatives",
    "scores_and_changes",
    "sensitivity",
]

MAIN = "main analysis"
BAYES = "with a published distribution of the heterogeneity (Bayes)"
ONE_EACH = "with one average effect a trial"
DOUBTFUL = "with results that are doubtful as printed"
FINAL_SCORES = "with final scores alone, without changes from baseline"
NOTHING_SHOWN = "if the trials that report without usable numbers had shown no difference"
SELECTED = "if results that are not significant had been reported less often"


@dataclass(frozen=True, eq=False)
class Alternative:
    """A result that another choice, or a supposition about what is missing, would give.

    Attributes
    ----------
    kind : str
        "few trials" (a Bayesian result of the same trials), "one per trial" (the comparisons of a trial averaged),
        "doubtful" (results marked ``CHECK:`` too), "other trials" (a sensitivity analysis of the protocol), "final
        scores" (a standardised difference without the comparisons of changes from baseline), "missing
        results" (the bound), "selection" (a selection model).
    title : str
        What is different, in words.
    effects : DataFrame
        The comparisons, with columns study, effect, variance and n.
    estimate, ci_low, ci_high : float
        On the scale of the analysis (log for ratios); NaN where nothing is combined.
    note : str
    """

    kind: Literal[
        "few trials",
        "one per trial",
        "doubtful",
        "other trials",
        "final scores",
        "missing results",
        "selection",
    ]
    title: str
    effects: pd.DataFrame
    estimate: float
    ci_low: float
    ci_high: float
    note: str = ""


def _alternative(kind: Any, title: str, effects: pd.DataFrame, fit: Any, note: str) -> Alternative:
    names = ("estimate", "ci_low", "ci_high")
    low_to_high: Any = {name: math.nan if fit is None else float(getattr(fit, name)) for name in names}
    return Alternative(kind, title, effects, **low_to_high, note=note)


def alternatives(review: Review, main: Synthesis) -> Iterator[Alternative]:
    """Give what stands beside a result: Bayes of few trials, sensitivity analyses, the bound, the selection model.

    Each where it can be. The Bayesian result takes the spread between trials from a published distribution. Where
    trials have several comparisons, these stand as one average each, so that what the groups of a trial have in
    common is not counted as agreement of trials. Results that are doubtful as printed take part where they are
    preferred to others of their trial, or its only ones. A standardised difference that takes final scores and
    changes from baseline together is also given without the changes. For the bound, each trial that reports the
    outcome and has no usable numbers joins with no difference at all, at the precision that the other trials have for
    their size. It is no estimate: it shows how much the result could owe to what is missing. The selection model lets
    results that are not significant (two-sided P above 0.05, or on the other side) be seen less often than others
    (Vevea and Hedges 1995); it takes ten comparisons or more. What one group has knows neither.

    Parameters
    ----------
    review : Review
    main : Synthesis

    References
    ----------
    Vevea JL, Hedges LV (1995). Psychometrika 60(3), 419-435.
    """
    rule = rule_of(review.protocol, main.analysis, main.measure)
    if main.bayes is not None:
        note = f"credible interval; distribution of the heterogeneity: {main.bayes.tau_prior.source}"
        yield _alternative("few trials", BAYES, main.effects, main.bayes, note)
    own = Choices.of(review, {}, analysis=main.analysis)
    if own.multi_arm != "average" and main.effects["trial_id"].duplicated().any():
        other = synthesise(review, main.analysis, multi_arm="average")
        yield _alternative("one per trial", ONE_EACH, other.effects, other.fit, other.note)
    if not own.doubtful and _has_doubtful(review, main, own):
        other = synthesise(review, main.analysis, doubtful=True)
        new = ~other.effects["result_ids"].isin(main.effects["result_ids"])
        if new.any():
            title = f"{DOUBTFUL} ({joined(dict.fromkeys(other.effects['label'][new]))})"
            yield _alternative("doubtful", title, other.effects, other.fit, other.note)
    for entry in review.protocol.sensitivity:
        choices = entry.model_dump(exclude={"title"}, exclude_none=True)
        if Choices.of(review, choices, analysis=main.analysis) == own:
            continue  # the analysis chooses so itself
        other = synthesise(review, main.analysis, **choices)
        yield _alternative("other trials", entry.title, other.effects, other.fit, other.note)
    if scores_and_changes(main):
        # A trial gives one of the two, so that no group is shared across them.
        part = main.effects[main.effects["statistic"] == "post"].reset_index(drop=True)
        fit, hindrance = rule.combine(part)
        yield _alternative("final scores", FINAL_SCORES, part, fit, hindrance)
    if main.analysis.one_group:  # there is no such thing as no difference, and no side to be selected for
        return
    effects = _with_nothing_shown(review, main)
    if effects is not None:
        fit, hindrance = rule.combine(effects)
        added = counted(len(effects) - len(main.effects), "trial")
        note = hindrance or f"{added} added without a difference"
        yield _alternative("missing results", NOTHING_SHOWN, effects, fit, note)
    if main.fit is not None and main.fit.k >= FEW_STUDIES:
        model, note = _selected(main.fit)
        if model is not None and rule.leaves_scale(model.ci_low, model.ci_high):
            model, note = None, "the interval leaves the scale, so it says nothing"
        yield _alternative("selection", SELECTED, main.effects, model, note)


def _has_doubtful(review: Review, main: Synthesis, own: Choices) -> bool:
    """Whether a result was refused because it is doubtful as printed."""
    one = main.analysis
    asked = {(pair.trial_id, pair.arm_id, pair.comparator_arm_id) for pair in pairs(review, one)}
    found = suited(review, one.outcome, one.window, main.measure, own)
    return any(
        (row.trial_id, row.arm_id, row.comparator_arm_id) in asked and admits(review, one, row)
        for row, reason in ((each.contrast, each.reason) for each in found)
        if reason is not None and reason.kind == "doubtful"
    )


def scores_and_changes(main: Synthesis) -> str:
    """Say how many comparisons of final scores and of changes from baseline a standardised difference takes together.

    Their standard deviations are different yardsticks, so that the Cochrane Handbook (chapter 10.5.2) advises against
    it; differences in the units of a scale may be combined. Empty where there are not both.
    """
    if main.fit is None or main.measure != "SMD" or "statistic" not in main.effects:
        return ""
    kinds = main.effects["statistic"]
    scores, changes = int((kinds == "post").sum()), int((kinds == "change").sum())
    if not scores or not changes:
        return ""
    verb = "is" if scores == 1 else "are"
    return f"{counted(scores, 'comparison')} {verb} of final scores, {changes} of changes from baseline."


def _selected(fit: Pooled) -> tuple[SelectionModel | None, str]:
    try:
        model = selection_model(fit)
    except ModelError as error:
        return None, str(error)
    chance = number(float(model.delta[1]), 2)
    seen = f"Results that are not significant are seen {chance} times as often as others."
    return model, sentences(seen, model.note)


def sensitivity(review: Review, analysis: str | Analysis) -> pd.DataFrame:
    """Set the result of an analysis beside those of `alternatives`.

    Parameters
    ----------
    review : Review
        Its protocol lists the sensitivity analyses under ``sensitivity``.
    analysis : str or Analysis

    Returns
    -------
    DataFrame
        One row each: analysis, kind ("main" or that of the `Alternative`), title, k, trials, n (patients; NaN if one
        is not known), estimate, ci_low, ci_high (on the scale of the analysis, log for ratios; NaN where nothing is
        combined), difference (of the estimate from the main one) and note.

    Raises
    ------
    DataError
        If the analysis is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.sensitivity(review, "massage-inactive-pain-short").columns[:4].tolist()
    ['analysis', 'kind', 'title', 'k']
    """
    main = synthesise(review, analysis)
    own: Any = _alternative("main", MAIN, main.effects, main.fit, main.note)
    rows = [
        {
            "analysis": main.analysis.id,
            "kind": one.kind,
            "title": one.title,
            "k": len(one.effects),
            "trials": count_trials(one.effects),
            "n": float(one.effects["n"].sum(skipna=False)),
            "estimate": one.estimate,
            "ci_low": one.ci_low,
            "ci_high": one.ci_high,
            "note": one.note,
        }
        for one in (own, *alternatives(review, main))
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["estimate"] - frame["estimate"].iloc[0])


def _with_nothing_shown(review: Review, main: Synthesis) -> pd.DataFrame | None:
    """Add the trials that report without usable numbers, without a difference; None if there are none to add."""
    effects = review.effects(main.analysis) if main.fit is None else main.effects
    known = effects.dropna(subset=["n"])
    lost = main.missing.drop_duplicates("study")
    if known.empty or lost.empty:
        return None
    sizes = lost["trial_id"].map(review.trials.set_index("trial_id")["n_randomised"]).astype(float)
    sizes = sizes.fillna(float(sizes.median()) if sizes.notna().any() else float(known["n"].median()))
    # What one patient brings: variance times size is about constant among trials of one outcome.
    unit = float(np.median(known["variance"] * known["n"]))
    added = lost[["study", "trial_id", "label"]].assign(effect=0.0, variance=unit / sizes, n=sizes)
    columns = ["study", "trial_id", "label", "effect", "variance", "n"]
    return pd.concat([effects[columns], added], ignore_index=True)
