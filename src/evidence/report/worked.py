"""Single effects worked step by step, for a page that explains how an effect follows from what a trial prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.effects.sizes.effect_size import effect_size
from evidence.effects.sizes.recover import recover
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.report.site.trace import derivation_steps, effect_words
from evidence.tables.review import Review
from evidence.wording import number

__all__ = ["WorkedEffect", "quoted", "recovery", "worked_effect"]


def _result(review: Review, result_id: str) -> pd.Series:
    for table in (review.arm_results, review.contrast_results):
        if (found := table["result_id"] == result_id).any():
            return table[found].iloc[0]
    raise DataError(f"the review has no result '{result_id}'.")


def quoted(review: Review, *result_ids: str) -> str:
    """Say in Markdown what the sources of results print, and where.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.quoted(review, review.contrast_results["result_id"].iloc[0]).startswith("> ")
    True
    """
    rows = [_result(review, result_id) for result_id in result_ids]
    return "\n\n".join(
        f"> {row['as_reported']}\n>\n> [{row['locator']}]({row['source_url']}), row {row.name} of the table"
        for row in rows
    )


def recovery(review: Review, result_id: str) -> str:
    """List in Markdown the steps from a reported difference to its standard error.

    Parameters
    ----------
    review : Review
    result_id : str
        A row of ``contrast_results``: a difference with its interval, or a P value, whose difference is that of the
        means of the two arms; the degrees of freedom are then those of the numbers randomised.

    Raises
    ------
    DataError
        If the review has no such result.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> told = review.contrast_results.dropna(subset=["estimate", "ci_low", "ci_high", "ci_level"])
    >>> ev.recovery(review, told["result_id"].iloc[0]).startswith("- ")
    True
    """
    row, first = _result(review, result_id), list[str]()
    if not math.isnan(row["ci_low"]):
        interval = {name: row[name] for name in ("estimate", "ci_low", "ci_high")}
        found = recover(**interval, level=row["ci_level"] / 100)
    else:
        same = ["trial_id", "outcome", "instrument", "timepoint_weeks"]
        of_arms = review.arm_results[(review.arm_results[same] == row[same]).all(axis=1)].set_index("arm_id")
        arms = review.arms[review.arms["trial_id"] == row["trial_id"]].set_index("arm_id")
        pair = [row["arm_id"], row["comparator_arm_id"]]
        mean, other = of_arms.loc[pair, "mean"]
        sizes = arms.loc[pair, "n_randomised"]
        found = recover(estimate=mean - other, p_value=row["p_value"], df=sizes.sum() - 2)
        scale = f"a scale from {row['scale_min']:g} to {row['scale_max']:g}"
        first = [f"MD = {mean:g} - {other:g} = {found.estimate:.2f} on {scale}"]
    return "\n".join(f"- {step}" for step in (*first, *found.steps))


@dataclass(frozen=True, eq=False)
class WorkedEffect:
    """One effect of an analysis with what it follows from."""

    review: Review
    effect: pd.Series
    """The row of `Review.effects`."""

    @property
    def words(self) -> str:
        """The effect with its interval, as the measure is shown."""
        level = self.review.protocol.model.level
        return effect_words(self.effect, measure_of(self.effect["measure"]), level)

    @property
    def steps(self) -> str:
        """The steps from the printed numbers to the effect in Markdown, and what had to be assumed."""
        arms = self.review.arms[self.review.arms["trial_id"] == self.effect["trial_id"]]
        names = dict(zip(arms["arm_id"], arms["label"], strict=True))
        steps = "\n".join(f"1. {step}" for step in derivation_steps(self.effect["derivation"], names))
        assumed = self.effect["assumptions"]
        return f"{steps}\n\nAssumed: {assumed}." if assumed else steps

    @property
    def sources(self) -> str:
        """What the sources print, and where."""
        rows = sorted(self._rows, key=lambda row: row.name)  # as they stand in the table
        return quoted(self.review, *(row["result_id"] for row in rows))

    @property
    def _rows(self) -> list[Any]:
        return [_result(self.review, one) for one in self.effect["result_ids"].parts]

    @property
    def by_hand(self) -> str:
        """What `effect_size` gives from the means, standard deviations and sizes of the two arms alone."""
        rows = {row["arm_id"]: row for row in self._rows}
        numbers: dict[str, Any] = {}
        for place, (arm, n) in enumerate((("arm_id", "n_arm"), ("comparator_arm_id", "n_comparator")), 1):
            row = rows[self.effect[arm]]
            numbers |= {f"m{place}": row["mean"], f"sd{place}": row["sd"], f"n{place}": self.effect[n]}
        size = effect_size(self.effect["measure"], **numbers).iloc[0]
        return f"{number(size['effect'], 4)} with variance {number(size['variance'], 4)}"


def worked_effect(
    review: Review, analysis: str, trial_id: str, arm_id: str = "", *, mixed: bool = False
) -> WorkedEffect:
    """Take the effect of a trial in an analysis, to show how it was worked out.

    Parameters
    ----------
    review : Review
    analysis : str
    trial_id : str
    arm_id : str
        The treated arm, where the trial has several.
    mixed : bool
        As for `Review.effects`.

    Raises
    ------
    DataError
        If the trial has no effect in the analysis.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> trial = review.effects("massage-inactive-pain-short")["trial_id"].iloc[0]
    >>> ev.worked_effect(review, "massage-inactive-pain-short", trial).steps.startswith("1. ")
    True
    """
    effects = review.effects(analysis, mixed=mixed)
    found = effects[effects["trial_id"] == trial_id]
    if arm_id:
        found = found[found["arm_id"] == arm_id]
    if found.empty:
        raise DataError(f"{trial_id} has no effect in {analysis}.")
    return WorkedEffect(review, found.iloc[0])
