"""The multiverse: pool an analysis by every combination of the defensible choices that its protocol declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.appraisal.multiverse.choices import Choice, declared
from evidence.appraisal.multiverse.result import Multiverse
from evidence.appraisal.multiverse.trials import TrialData, bearing, trial_data
from evidence.effects.choosing.candidates import on_scale
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.models.pool_many import pool_grid
from evidence.synthesis.synthesis import synthesise
from evidence.tables.protocol.model import ModelRules
from evidence.tables.protocol.protocol import Analysis, Outcome
from evidence.tables.review import Review

__all__ = ["conversion", "multiverse", "typical_sd"]


def typical_sd(review: Review, outcome: str) -> float:
    """Give the standard deviation of final scores of an outcome, in the units of its mean differences.

    Parameters
    ----------
    review : Review
    outcome : str

    Returns
    -------
    float
        Median over trials of the median of each trial's reported standard deviations, over all windows; NaN if no
        trial reports one.

    References
    ----------
    Cochrane Handbook, section 15.5.3.2: re-expressing standardised mean differences on a familiar scale.
    """
    found: dict[str, list[float]] = {}
    for window in review.protocol.windows:
        for one in on_scale(review, outcome, window, "MD"):
            contrast = one.contrast
            if (
                one.scaled.reason is None
                and not contrast.doubt
                and contrast.statistic == "post"
                and contrast.sd > 0
            ):
                factor = math.sqrt(one.scaled.variance) / contrast.se
                found.setdefault(contrast.trial_id, []).append(contrast.sd * factor)
    return median(map(median, found.values())) if found else math.nan


def conversion(review: Review, outcome: str) -> float:
    """Give the factor that puts the outcome's alternative measure on the scale of its own; NaN if there is none.

    Only between mean differences and standardised ones: no single number turns a ratio into another measure.
    """
    rules = review.protocol.outcomes[outcome]
    pair = (rules.measure, rules.alternative_measure)
    if pair == ("MD", "SMD"):
        return typical_sd(review, outcome)
    if pair == ("SMD", "MD"):
        return 1.0 / typical_sd(review, outcome)
    return math.nan


LIMIT = 1_000_000
"""Largest number of paths, unless told otherwise."""
LONG = 50_000
"""From this many sets of data on, progress is shown."""
Codes = NDArray[np.intp]


def multiverse(
    review: Review,
    analysis: str | Analysis,
    *,
    progress: bool | Callable[[int, int], None] = True,
    limit: int = LIMIT,
    seed: int = 1,
) -> Multiverse:
    """Pool an analysis along every path: each combination of one option of every choice.

    The choices stand in the protocol under ``multiverse`` (`evidence.tables.protocol.multiverse`). The first option
    of each is the protocol's own, so the path of first options is the analysis itself. Options that bring the same
    data whatever the other choices are count once, and choices left with one option drop out; both are listed in
    `Multiverse.collapsed`. Every path has the same weight. Paths with the outcome's alternative measure are put on
    the scale of its own one: a standardised difference is multiplied with the typical standard deviation of the
    review's trials (`evidence.appraisal.multiverse.fit`), so that all paths can be compared.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
        The analysis or its id.
    progress : bool or callable
        Show progress in a terminal when there is much to do; or a function that is called with the number of sets
        of data pooled and of all.
    limit : int
        Largest number of paths. If there are more, sets of data are drawn at random among the combinations of the
        choices about data, each fitted by all models, and the default; the result says so.
    seed : int
        Seed of the draw.

    Returns
    -------
    Multiverse

    Raises
    ------
    DataError
        If the analysis is unknown, the limit is smaller than the number of models, or the protocol's choices name
        something that the tables do not have; the message names the place.

    References
    ----------
    Steegen S, Tuerlinckx F, Gelman A, Vanpaemel W (2016). Perspect Psychol Sci 11(5), 702-712.
    Simonsohn U, Simmons JP, Nelson LD (2020). Nat Hum Behav 4, 1208-1214.
    Voracek M, Kossmeier M, Tran US (2019). Z Psychol 227(1), 64-82.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> paths = ev.multiverse(review, "massage-inactive-pain-short", progress=False)
    >>> len(paths) > 10
    True
    """
    question = review.analysis(analysis)
    if not question.spec.pooled:
        raise DataError(
            f"the protocol asks for no total of {question.id}, so nothing can be pooled otherwise"
        )
    if question.one_group:
        raise DataError(
            f"{question.id} compares nothing, and a multiverse counts which side results favour; pool it under other "
            "models with synthesise(review, analysis, method=, ci=), or evidence pool --method"
        )
    model = review.protocol.model_of(question)
    default = synthesise(review, question)
    rules = review.protocol.outcomes[question.outcome]
    factor = conversion(review, question.outcome)
    measures = [default.measure]
    if (
        default.measure == rules.measure
        and rules.alternative_measure
        and not math.isnan(factor)
        and len(review.protocol.multiverse.measure) > 1
    ):
        measures.append(rules.alternative_measure)
    kinds = product(measures, review.protocol.multiverse.fills)
    results = bearing(review, question, kinds)
    contrasts = [one.contrast for _, own in results.values() for found in own.values() for one in found]
    choices = declared(review, default, contrasts, alternative=len(measures) > 1)

    of_model = [choice for choice in choices if choice.of_model]
    of_data = [choice for choice in choices if not choice.of_model]
    trials = [trial_data(review, question, asked, found, of_data) for asked, found in results.values()]
    trials = [trial for trial in trials if len(trial.effect) > 1]
    alike = [_alike(choice, axis, trials) for axis, choice in enumerate(of_data)]
    kept = [sorted(set(first)) for first in alike]
    methods, intervals = _models(model, of_model)

    sizes = [len(options) for options in kept]
    settings = math.prod(sizes)
    models = len(methods) * len(intervals)
    if limit < models:
        raise DataError(f"limit must be at least {models}, the number of models; got {limit}.")
    sample = settings * models > limit
    codes = _codes(_draw(settings, limit // models, seed) if sample else np.arange(settings), sizes)
    options = [np.array(rows)[code] for rows, code in zip(kept, codes, strict=True)]
    rows = _rows(review, trials, options)
    converted = np.zeros(len(rows), dtype=np.int64)
    for choice, option in zip(of_data, options, strict=True):
        if choice.name == "measure":
            converted = option.astype(np.int64)
    of_setting = _labels([*rows.T, converted])
    first = np.unique(of_setting, return_index=True)[1]
    effect, variance, k = _tables(trials, rows[first])
    poolable = [trial.poolable[rows[first, column]] for column, trial in enumerate(trials)]
    counted = _trials(review, trials, rows[first])
    enough = np.all([counted >= model.minimum_studies, *poolable], axis=0)
    effect[~enough] = variance[~enough] = np.nan
    grid = pool_grid(
        effect,
        variance,
        methods=methods,
        intervals=intervals,
        level=model.level,
        progress=_reporter(progress, len(first)),
    )
    by_other = converted[first] > 0
    widest = np.where(by_other, rules.limit(measures[-1]), rules.limit(default.measure))[:, None, None]
    # As for a single analysis: a result whose interval leaves the scale is a result of nothing.
    beyond = np.maximum(np.abs(grid.ci_low), np.abs(grid.ci_high)) > widest
    scale = np.where(by_other, factor, 1.0)[:, None, None]
    return Multiverse(
        analysis=question,
        measure=default.measure,
        better=rules.better,
        mid=_important(rules) if default.measure == rules.measure else math.nan,
        level=model.level,
        choices=(*of_data, *of_model),
        alike=(*alike, *(tuple(range(len(choice.options))) for choice in of_model)),
        methods=methods,
        intervals=intervals,
        sample=sample,
        total=settings * models,
        conversion=factor if len(measures) > 1 else math.nan,
        codes=tuple(codes),
        data_set=of_setting,
        k=k,
        trials=counted,
        estimate=np.where(beyond, np.nan, grid.estimate[:, :, None] * scale),
        tau2=np.where(beyond, np.nan, grid.tau2[:, :, None] * np.square(scale)),
        ci_low=np.where(beyond, np.nan, grid.ci_low * scale),
        ci_high=np.where(beyond, np.nan, grid.ci_high * scale),
        p_value=np.where(beyond, np.nan, grid.p_value),
    )


def _important(rules: Outcome) -> float:
    """Minimal important difference on the analysis scale, as a size; NaN if the protocol has none."""
    mid = rules.minimal_important_difference
    if mid is None:
        return math.nan
    return abs(measure_of(rules.measure).analysed(mid))


def _models(model: ModelRules, of_model: Sequence[Choice]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Methods and intervals, the protocol's first."""
    named = {choice.name: tuple(option.label for option in choice.options) for choice in of_model}
    return named.get("method", (model.method,)), named.get("interval", (model.interval,))


def _alike(choice: Choice, axis: int, trials: Sequence[TrialData]) -> tuple[int, ...]:
    """Give for each option the first one that comes to the same in every trial."""
    first: list[int] = []
    for option in range(len(choice.options)):
        known = (other for other in first if all(trial.same(axis, option, other) for trial in trials))
        first.append(next(known, option))
    return tuple(first)


def _draw(settings: int, number: int, seed: int) -> Codes:
    """Draw different combinations by their numbers; the first is number 0, the default."""
    if settings >= 2**62:
        raise DataError(
            "review.yaml, multiverse: the choices have too many combinations to draw from; "
            "let the doubtful results come in together, or declare fewer choices"
        )
    rng = np.random.default_rng(seed)
    others = 1 + rng.choice(settings - 1, number - 1, replace=False, shuffle=False)
    return np.concatenate([[0], np.sort(others)])


def _codes(settings: Codes, sizes: Sequence[int]) -> list[Codes]:
    """Turn numbers of combinations into the options of each choice, the last varying fastest."""
    codes = []
    for size in reversed(sizes):
        settings, code = np.divmod(settings, size)
        codes.append(code)
    return codes[::-1]


def _rows(review: Review, trials: Sequence[TrialData], options: Sequence[Codes]) -> Codes:
    """Find for every combination the row of each trial's contributions, 0 where it brings nothing.

    Returns
    -------
    ndarray, shape (combinations, trials)
    """
    n = len(options[0]) if options else 1
    rows = np.zeros((n, len(trials)), dtype=np.intp)
    for column, trial in enumerate(trials):
        rows[:, column] = trial.look_up(options)
    column_of = {trial.trial_id: column for column, trial in enumerate(trials)}
    present = rows > 0
    for group in review.protocol.same_patients:
        before = np.zeros(n, dtype=bool)
        for name in group.trials:
            if name in column_of:
                column = column_of[name]
                rows[before, column] = 0
                before |= present[:, column]
    for strata in review.protocol.strata:
        if strata.whole in column_of:
            whole = present[:, column_of[strata.whole]]
            for part in strata.parts:
                if part in column_of:
                    rows[whole, column_of[part]] = 0
    return rows


def _trials(review: Review, trials: Sequence[TrialData], rows: Codes) -> NDArray[np.int64]:
    """Count the trials of each combination; strata of one trial are one."""
    held: dict[str, NDArray[np.bool_]] = {}
    for column, trial in enumerate(trials):
        name = review.protocol.trial_of(trial.trial_id)
        held[name] = held.get(name, np.zeros(len(rows), dtype=bool)) | (rows[:, column] > 0)
    return np.sum([*held.values(), np.zeros(len(rows), dtype=bool)], axis=0, dtype=np.int64)


def _labels(columns: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    """Number the distinct rows of a table given by its columns; no two rows that differ share a number."""
    label: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
    for column in columns:
        joined = label * (int(column.max()) + 1) + column
        label = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return label


def _tables(trials: Sequence[TrialData], rows: Codes) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Put the contributions of the trials beside each other: effects, variances, and how many there are."""
    effect, variance = (
        np.concatenate(
            [
                np.empty((len(rows), 0)),
                *(getattr(trial, name)[rows[:, column]] for column, trial in enumerate(trials)),
            ],
            axis=1,
        )
        for name in ("effect", "variance")
    )
    return effect, variance, np.isfinite(effect).sum(axis=1)


def _reporter(progress: bool | Callable[[int, int], None], number: int) -> Callable[[int, int], None] | None:
    """Give the function that reports progress: the caller's own, or a bar if there is a terminal and much to do."""
    if callable(progress):
        return progress
    if not progress or number < LONG:
        return None
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("Pooling sets of data", total=number)

    def report(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done == total:
            bar.stop()

    return report
