"""What each trial of an analysis brings to a pool under every combination of the choices that touch it.

What is chosen in one trial does not depend on the other trials, and most choices touch few trials. So each trial is
worked out once for each combination of the options that differ for it, by the functions that `Review.effects` calls;
the combinations of the whole analysis are then put together by array look-ups.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.appraisal.multiverse.choices import Choice
from evidence.effects.choosing.candidates import ContrastOnScale, Suited, on_scale, preference, reasons
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.question import Pair, admits, pairs
from evidence.effects.choosing.selection import Arms, Candidate, choose_results, group_by_arms
from evidence.effects.choosing.sharing import one_each, shared_covariance, split_shared_arms
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["TrialData", "bearing", "trial_data"]

Codes = NDArray[np.intp]
Kind = tuple[str, tuple[str, ...]]
"""A measure, and what is filled that a source does not report."""
Results = dict[Kind, list[ContrastOnScale]]
Contribution = tuple[tuple[tuple[float, float], ...], bool]
"""Effects with variances, and whether a model of independent effects can take them."""


@dataclass(frozen=True)
class TrialData:
    """What one trial brings to the pool.

    Attributes
    ----------
    trial_id : str
    classes : tuple of ndarray
        For each choice, which of its options come to the same in this trial: one number an option.
    found : ndarray of int, shape (combinations,)
        Row of `effect` for each combination of these classes, the last choice varying fastest.
    effect, variance : ndarray, shape (contributions, comparisons)
        Contributions; NaN where there are fewer comparisons. The first row is empty: nothing to pool.
    poolable : ndarray of bool, shape (contributions,)
    """

    trial_id: str
    classes: tuple[Codes, ...]
    found: Codes
    effect: NDArray[np.float64]
    variance: NDArray[np.float64]
    poolable: NDArray[np.bool_]

    def look_up(self, codes: Sequence[Codes]) -> Codes:
        """Row of `effect` for combinations given as one array of option numbers for each choice."""
        place: Codes = np.zeros(1, dtype=np.intp)
        for classes, code in zip(self.classes, codes, strict=True):
            place = place * (int(classes.max()) + 1) + classes[code]
        return self.found[place]

    def same(self, axis: int, one: int, other: int) -> bool:
        """Whether two options of a choice come to the same whatever the other choices."""
        classes = self.classes[axis]
        later = math.prod(int(each.max()) + 1 for each in self.classes[axis + 1 :])
        table = self.found.reshape(-1, int(classes.max()) + 1, later)
        return bool((table[:, classes[one]] == table[:, classes[other]]).all())


def bearing(
    review: Review, analysis: Analysis, kinds: Iterable[Kind]
) -> dict[str, tuple[list[Pair], Results]]:
    """Find the pairs of arms that an analysis asks for, and their results that can be put on a scale, by trial."""
    asked: dict[Arms, Pair] = {
        (pair.trial_id, pair.arm_id, pair.comparator_arm_id): pair for pair in pairs(review, analysis)
    }
    found: dict[str, Results] = {}
    for measure, impute in kinds:
        for one in on_scale(review, analysis.outcome, analysis.window, measure, impute):
            contrast = one.contrast
            arms = (contrast.trial_id, contrast.arm_id, contrast.comparator_arm_id)
            if arms in asked and one.scaled.reason is None and admits(review, analysis, contrast):
                found.setdefault(contrast.trial_id, {}).setdefault((measure, impute), []).append(one)
    return {
        trial: ([pair for pair in asked.values() if pair.trial_id == trial], results)
        for trial, results in found.items()
    }


def trial_data(
    review: Review, analysis: Analysis, asked: list[Pair], results: Results, choices: list[Choice]
) -> TrialData:
    """Work out what a trial brings under every combination of choices.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    asked : list of Pair
    results : dict
        The pairs of arms of the trial and their results by kind, from `bearing`.
    choices : list of Choice
        Choices about the data.

    Returns
    -------
    TrialData
    """
    worker = _Trial(review, analysis, asked, results)
    classes, distinct = [], []
    for choice in choices:
        seen: dict[Any, int] = {}
        signs = [worker.sign(option.change) for option in choice.options]
        classes.append(np.array([seen.setdefault(sign, len(seen)) for sign in signs], dtype=np.intp))
        distinct.append([choice.options[signs.index(sign)].change for sign in seen])
    numbers: dict[Contribution, int] = {((), True): 0}
    found = [
        numbers.setdefault(worker.contribution(merged(changes)), len(numbers))
        for changes in product(*distinct)
    ]
    width = max(len(values) for values, _ in numbers)
    table = np.full((len(numbers), width, 2), np.nan)
    for row, (values, _) in enumerate(numbers):
        if values:
            table[row, : len(values)] = values
    return TrialData(
        worker.trial,
        tuple(classes),
        np.array(found, dtype=np.intp),
        table[..., 0],
        table[..., 1],
        np.array([poolable for _, poolable in numbers]),
    )


def merged(changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Join the changes of several options; lists of what is left out or let in are added up."""
    joined: dict[str, Any] = {}
    for change in changes:
        for name, value in change.items():
            known = joined.get(name)
            if name in ("no_trials", "doubtful") and isinstance(known, tuple):
                value = tuple(sorted({*known, *value}))
            joined[name] = value
    return joined


class _Trial:
    """The results of one trial, and what becomes of them."""

    def __init__(self, review: Review, analysis: Analysis, asked: list[Pair], results: Results) -> None:
        self.review, self.asked, self.results = review, asked, results
        self.analysis, self.trial = analysis, asked[0].trial_id
        self.rules = review.protocol.outcomes[analysis.outcome]
        self.window = review.protocol.windows[analysis.window]
        self.known: dict[Any, Contribution] = {}

    def sign(self, change: dict[str, Any]) -> Any:
        """Sum up all that an option can do in this trial; options of one choice with the same sign are alike here.

        Orders of preference count, not the numbers behind them; every rule stands by itself, so that the other
        choices, whatever they are, cannot bring out a difference that is not in the sign.
        """
        choices = Choices.of(self.review, change, analysis=self.analysis)
        signs: list[Any] = [choices.measure, choices.multi_arm if len(self.asked) > 1 else ""]
        for (_, impute), results in self.results.items():
            if impute == choices.impute:
                signs.append(tuple((one.scaled.effect, one.scaled.variance) for one in results))
            columns = zip(
                *(preference(one, self.rules, self.window, choices) for one in results), strict=True
            )
            for column in columns:
                order = sorted(set(column))
                signs.append(tuple(order.index(value) for value in column))
            signs.append(
                tuple(bool(why) for one in results for why in reasons(self.review, one, self.window, choices))
            )
        return tuple(signs)

    def contribution(self, change: dict[str, Any]) -> Contribution:
        """Choose and combine the results, as `Review.effects` does."""
        if self.trial in change.get("no_trials", ()):
            return (), True
        choices = Choices.of(self.review, change, analysis=self.analysis)
        measure = choices.measure or self.review.protocol.pooled_measure(self.analysis)
        found = [
            Suited(
                one.contrast,
                one.scaled,
                preference(one, self.rules, self.window, choices),
                next(filter(None, reasons(self.review, one, self.window, choices)), None),
            )
            for one in self.results.get((measure, choices.impute), ())
        ]
        chosen, _ = choose_results(self.review, self.asked, group_by_arms(found), measure, choices)
        key = (measure, choices.multi_arm, tuple(id(candidate.contrast) for candidate in chosen))
        if key not in self.known:
            self.known[key] = _combined(chosen, choices.multi_arm)
        return self.known[key]


def _combined(chosen: list[Candidate], multi_arm: str) -> Contribution:
    """Deal with arms that take part in several comparisons of a trial."""
    if multi_arm == "split_comparator":
        chosen = split_shared_arms(chosen)
    elif multi_arm == "one":
        chosen, _ = one_each(chosen)
    values = tuple((one.scaled.effect, one.scaled.variance) for one in chosen)
    if multi_arm == "average" and len(chosen) > 1:
        frame = pd.DataFrame(
            {
                "trial_id": one.pair.trial_id,
                "arm_id": one.pair.arm_id,
                "comparator_arm_id": one.pair.comparator_arm_id,
                "variance": one.scaled.variance,
                "arm_share": one.contrast.arm_share,
            }
            for one in chosen
        )
        effect = float(np.mean([one.scaled.effect for one in chosen]))
        values = ((effect, float(shared_covariance(frame).sum()) / len(chosen) ** 2),)
    return values, multi_arm != "correlated" or len(values) < 2
