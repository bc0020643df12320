"""The choices of a multiverse for one analysis: every option as a change of the protocol's way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence.diagnostics.influence import influence
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.description import overall_risk_of_bias
from evidence.effects.reported.contrasts import Contrast
from evidence.errors import DataError
from evidence.synthesis.synthesis import Synthesis
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["Choice", "Option", "declared"]

MODEL = ("method", "ci")
"""Fields of a change that concern the model; the others concern the data."""


SHARED = {
    "split_comparator": "patients divided",
    "average": "comparisons averaged",
    "one": "one comparison a trial",
    "correlated": "kept correlated",
}


@dataclass(frozen=True)
class Option:
    """One way to go: its name, and what it changes, as keyword arguments of `synthesise`."""

    label: str
    change: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A choice with its options; the first is the protocol's and changes nothing."""

    name: str
    options: tuple[Option, ...]

    @property
    def of_model(self) -> bool:
        """Whether the choice concerns the model, not the data."""
        return any(name in MODEL for option in self.options for name in option.change)


def declared(
    review: Review, default: Synthesis, contrasts: Iterable[Contrast], *, alternative: bool
) -> list[Choice]:
    """List the choices that the protocol declares, in the form that they take for one analysis.

    Parameters
    ----------
    review : Review
    default : Synthesis
        The analysis by the protocol.
    contrasts : iterable of Contrast
        The results that bear on it and have an estimate on its scale.
    alternative : bool
        Whether the outcome's alternative measure can be expressed on the scale of its own one.

    Returns
    -------
    list of Choice
        Those with two or more options. Whether an option changes anything is not looked into.

    Raises
    ------
    DataError
        If an order of instruments is given for an unknown outcome, or names an unknown instrument.
    """
    held = list(contrasts)
    trials = {contrast.trial_id for contrast in held}
    restrictions = [
        _single(review),
        _by_lists(review, ("sources", "no_sources"), "sources", "without ", "all"),
        *_trials_left_out(review, trials, default),
    ]
    if review.protocol.multiverse.restrictions == "one at a time":
        others = [
            Option(f"{choice.name}: {option.label}", option.change)
            for choice in restrictions
            for option in choice.options[1:]
        ]
        restrictions = [Choice("restriction", (Option("none"), *others))]
    found = [
        *_simple(review, default.analysis, alternative),
        _instruments(review, default.analysis),
        _by_lists(review, ("impute", "impute"), "missing numbers", "", "not filled"),
        _by_lists(review, ("refuse", "refuse"), "assumptions", "without ", "all made"),
        *_doubtful(review, held),
        *restrictions,
    ]
    return [choice for choice in found if len(choice.options) > 1]


def _simple(review: Review, analysis: Analysis, alternative: bool) -> Iterator[Choice]:
    """Choices whose options are single words."""
    rules, model = review.protocol.multiverse, review.protocol.model_of(analysis)
    outcome = review.protocol.outcomes[analysis.outcome]
    defaults = Choices.of(review, {}, analysis=analysis)
    measures = [review.protocol.pooled_measure(analysis), outcome.alternative_measure or outcome.measure]
    statistics = {"post": ("post", "change"), "change": ("change", "post")}
    first = defaults.statistic[0]
    yield _words("method", "method", [model.method, *rules.method[1:]])
    yield _words("interval", "ci", [model.interval, *rules.interval[1:]])
    yield _words("measure", "measure", measures if alternative and len(rules.measure) > 1 else measures[:1])
    shared = _words("shared arms", "multi_arm", [defaults.multi_arm, *rules.multi_arm[1:]])
    yield Choice(shared.name, tuple(Option(SHARED[each.label], each.change) for each in shared.options))
    yield _words("adjustment", "adjusted", [defaults.adjusted, *rules.adjusted[1:]])
    yield Choice(
        "scores first",
        (
            Option(first),
            *(Option(word, {"statistic": statistics[word]}) for word in rules.statistic[1:] if word != first),
        ),
    )
    yield _words("time", "time", [defaults.time, *rules.time[1:]])
    if review.protocol.indirect:
        yield _in_or_out("indirect results", "indirect", defaults.indirect, rules.indirect)
    if "mixed" in review.arms:
        yield _in_or_out("packages of treatments", "mixed", defaults.mixed, rules.mixed)


def _words(name: str, key: str, words: Sequence[str]) -> Choice:
    own, *others = dict.fromkeys(words)
    return Choice(name, (Option(own), *(Option(word, {key: word}) for word in others)))


def _in_or_out(name: str, key: str, own: bool, words: Sequence[str]) -> Choice:
    """Build a choice between including and leaving out; the protocol's own way first."""
    ways = {True: ("kept", "included"), False: ("left out", "left out")}
    other = [Option(ways[not own][0], {key: not own})] if ways[not own][1] in words else []
    return Choice(name, (Option(ways[own][0]), *other))


def _single(review: Review) -> Choice:
    off = [Option("left out", {"single": False})] if len(review.protocol.multiverse.single) > 1 else []
    return Choice("results of one reading", (Option("kept"), *off))


def _instruments(review: Review, analysis: Analysis) -> Choice:
    rules = review.protocol.multiverse
    known = {*review.instruments["instrument"], *review.instruments["family"]}
    for outcome, orders in rules.instruments.items():
        place = f"review.yaml, multiverse.instruments.{outcome}"
        if outcome not in review.protocol.outcomes:
            raise DataError(f"{place}: the protocol has no outcome '{outcome}'")
        for name in (name for order in orders[1:] for name in order if name not in known):
            raise DataError(f"{place}: instruments.csv has no instrument or family '{name}'")
    orders = rules.instruments.get(analysis.outcome, ("protocol",))
    options = [Option(f"{', '.join(order)} first", {"instruments": tuple(order)}) for order in orders[1:]]
    return Choice("instrument", (Option("protocol's order"), *options))


def _by_lists(review: Review, keys: tuple[str, str], name: str, words: str, own: str) -> Choice:
    """Build a choice whose options are lists; `keys` are its names in the protocol and among the options."""
    key, field_name = keys
    options = []
    for listed in getattr(review.protocol.multiverse, key)[1:]:
        shown = ", ".join(entry.replace("_", " ") for entry in listed)
        options.append(Option(words + shown, {field_name: tuple(listed)}))
    return Choice(name, (Option(own), *options))


def _doubtful(review: Review, contrasts: list[Contrast]) -> Iterator[Choice]:
    """One choice for each group of doubtful rows that only count together, such as the two arms of a difference."""
    way = review.protocol.multiverse.doubtful
    marked = set(review.doubtful["result_id"])
    groups: list[set[str]] = []
    for contrast in contrasts:
        rows = marked.intersection(contrast.result_ids)
        if way == "protocol" or not rows:
            continue
        joined = [group for group in groups if way == "together" or group & rows]
        groups = [group for group in groups if group not in joined]
        groups.append(rows.union(*joined))
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    of_trial = {name: contrast.trial_id for contrast in contrasts for name in contrast.result_ids}
    trials = [", ".join(sorted({labels[of_trial[row]] for row in group})) for group in groups]
    for group, trial in sorted(zip(groups, trials, strict=True), key=lambda pair: sorted(pair[0])):
        rows_in = tuple(sorted(group))
        # Where a trial has several, their rows tell them apart.
        which = f" ({', '.join(rows_in)})" if trials.count(trial) > 1 else ""
        name = f"doubtful: {trial}{which}" if way == "each" else "doubtful results"
        yield Choice(name, (Option("out"), Option("in", {"doubtful": rows_in})))


def _trials_left_out(review: Review, trials: set[str], default: Synthesis) -> Iterator[Choice]:
    rules = review.protocol.multiverse
    bias = overall_risk_of_bias(review.bias_judgements, review.protocol.risk_of_bias.key_domains)
    out: dict[str, set[str]] = {
        "not high": {trial for trial in trials if bias.get(trial) == "high"},
        "low": {trial for trial in trials if bias.get(trial) != "low"},
    }
    names = {"not high": "high left out", "low": "only low kept"}
    yield _leaving("risk of bias", "all", {names[word]: out[word] for word in rules.risk_of_bias[1:]})
    sizes = _sizes(review)
    limits = [float(limit) for limit in rules.smallest[1:]]
    small = {
        f"under {limit:g} patients left out": {trial for trial in trials if sizes[trial] < limit}
        for limit in limits
    }
    yield _leaving("small trials", "kept", small)
    yield _leaving("influential trial", "kept", _influential(review, default))


def _leaving(name: str, own: str, left_out: dict[str, set[str]]) -> Choice:
    options = [
        Option(label, {"no_trials": tuple(sorted(trials))}) for label, trials in left_out.items() if trials
    ]
    return Choice(name, (Option(own), *options))


def _sizes(review: Review) -> dict[str, float]:
    """Patients randomised by trial; NaN where neither the trial nor all its arms state them."""
    arms = review.arms[review.arms["kind"] == "randomised"]
    sums = arms.groupby("trial_id")["n_randomised"].apply(lambda sizes: sizes.sum(skipna=False))
    totals = review.trials.set_index("trial_id")["n_randomised"].astype(float)
    return {str(trial): float(n) for trial, n in totals.fillna(sums.astype(float)).items()}


def _influential(review: Review, default: Synthesis) -> dict[str, set[str]]:
    """Trials with a comparison that `influence` flags, the most influential first."""
    if default.fit is None or default.fit.k < 3:
        return {}
    frame = influence(default.fit).to_frame()
    frame["trial_id"] = default.effects["trial_id"].to_numpy()
    flagged = frame[frame["influential"]].sort_values("cook", ascending=False, kind="stable")
    chosen = list(dict.fromkeys(flagged["trial_id"]))[: review.protocol.multiverse.influential]
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    return {f"{labels[trial]} left out": {trial} for trial in chosen}
