"""Every trial that reports on an analysis: with an effect, a P value, a direction, or nothing that can be used."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import pandas as pd
from scipy.special import ndtr

from evidence.effects.choosing.candidates import Suited, left_out, suited
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.comparisons import undivided
from evidence.effects.choosing.question import admits
from evidence.effects.choosing.selection import Arms, group_by_arms
from evidence.effects.reported.reasons import LEFT_OUT, ReasonKind, lacks_numbers
from evidence.models.without_effects import (
    CombinedP,
    EffectDirection,
    PCurve,
    combine_p,
    effect_direction,
    p_curve,
)
from evidence.results import Shown, table_text
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, joined, parts_of

__all__ = [
    "HARMS",
    "KINDS",
    "REPORT_KINDS",
    "ReportKind",
    "Reports",
    "harms_in_words",
    "harms_told",
    "reports_on",
]

HARMS = "harms"
"""Name of the question group that is about harm, if a protocol has one."""

ReportKind = Literal["effect", "P value", "direction", "nothing usable", "doubtful", "left out"]

KINDS: tuple[ReportKind, ...] = get_args(ReportKind)

REPORT_KINDS: dict[ReportKind, str] = {
    "effect": "effect with its precision",
    "P value": "P value, or an effect on another scale",
    "direction": "direction only",
    "nothing usable": "no usable numbers",
    "doubtful": "doubtful as printed",
    "left out": "left out by the protocol",
}
"""Words for what a trial can give to an analysis, the most useful first.

Examples
--------
>>> import evidence as ev
>>> list(ev.REPORT_KINDS)[:2]
['effect', 'P value']
"""

_ELSEWHERE: frozenset[ReasonKind] = frozenset({"not reported"})
_COLUMNS = (
    *("trial_id", "study", "label", "year", "arm", "comparator", "kind", "n", "direction", "p"),
    *("printed", "effect", "se", "comparisons", "instrument", "reason", "reason_kind"),
    *("as_reported", "locator", "source_url"),
)

_NOTHING: dict[Hashable, Any] = {
    "direction": math.nan,
    "p": "",
    "printed": False,
    "effect": math.nan,
    "se": math.nan,
}


@dataclass(frozen=True, eq=False, repr=False)
class Reports(Shown):
    """Result of `reports_on`.

    Attributes
    ----------
    analysis : Analysis
    benefit : int
        Sign of an effect that favours the intervention: 1 or -1.
    trials : DataFrame
        One row for each trial, those with an effect first, as `to_frame` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> reports = ev.reports_on(review, "massage-inactive-pain-short")
    >>> reports.to_frame().columns[:3].tolist()
    ['trial_id', 'study', 'label']
    """

    analysis: Analysis
    benefit: int
    trials: pd.DataFrame

    def of(self, *kinds: ReportKind) -> pd.DataFrame:
        """The trials of some kinds."""
        return self.trials[self.trials["kind"].isin(kinds)]

    @cached_property
    def directions(self) -> dict[str, EffectDirection]:
        """Directions of the trials "with an effect" and of those "without"; a group without trials is absent.

        Positive means in favour of the intervention. "without" are those with a P value or a direction only.
        """
        groups = {"with an effect": self.of("effect"), "without": self.of("P value", "direction")}
        told = {name: rows["direction"].dropna() * self.benefit for name, rows in groups.items()}
        return {name: effect_direction(signs) for name, signs in told.items() if len(signs)}

    @cached_property
    def with_p(self) -> pd.DataFrame:
        """The trials of known size that have a P value and tell its direction, which may be neither side (0)."""
        rows = self.of("effect", "P value")
        return rows[rows["direction"].notna() & (rows["p"] != "") & (rows["n"] > 0)]

    @cached_property
    def opposed(self) -> bool:
        """Whether P values known only as small (``<.05``) point both ways, so that they cannot be combined."""
        small = self.with_p[self.with_p["p"].str.startswith("<")]
        return {-1.0, 1.0} <= set(small["direction"])

    @cached_property
    def combined(self) -> CombinedP | None:
        """Stouffer's test of every trial that has a P value and a direction, weighted by the root of its size.

        Positive means in favour of the intervention; neither side counts as no difference. None with fewer than two
        such trials of known size, or if bounds point both ways: each side then holds a P value that may be as small
        as can be, and nothing is left to say.
        """
        rows = self.with_p
        if len(rows) < 2 or self.opposed:
            return None
        return combine_p(
            rows["p"].tolist(),
            (rows["direction"] * self.benefit).tolist(),
            method="stouffer",
            weights=rows["n"].pow(0.5).tolist(),
        )

    @cached_property
    def curve(self) -> PCurve | None:
        """Whether the P values that trials print pile up just below 0.05; None if no trial prints one."""
        printed = self.trials.loc[self.trials["printed"].astype(bool), "p"]
        return p_curve(printed.tolist()) if len(printed) else None

    def to_frame(self) -> pd.DataFrame:
        """One row for each trial.

        Columns: trial_id, study (the trial that counts), label, year, arm, comparator (of the comparison that stands
        for the trial), kind (`KINDS`), n, direction (sign of the effect on the scale of the analysis: -1, 0 or 1, NaN
        where it is not told), p (two-sided P value or bound), printed (whether the trial prints it; else it follows
        from the effect), effect, se (NaN without), comparisons (of the trial that answer the analysis), instrument,
        reason, reason_kind, as_reported, locator, source_url.
        """
        return self.trials

    def summary(self) -> str:
        """The trials, and how many there are of each kind."""
        counts = self.trials["kind"].value_counts()
        told = [f"{counts[kind]} {REPORT_KINDS[kind]}" for kind in KINDS if kind in counts.index]
        report = "reports" if len(self.trials) == 1 else "report"
        head = f"{self.analysis.title}: {counted(len(self.trials), 'trial')} {report} on it"
        if self.trials.empty:
            return head
        shown = self.trials[["label", "kind", "n", "direction", "p"]]
        return table_text(f"{head} ({', '.join(told)})", shown)


def harms_in_words(review: Review, analysis: Analysis) -> dict[str, str]:
    """Give what trials say about harm in words, by trial; empty where an analysis does not ask for it.

    The words do not say which outcome they speak of, so that they bear on the first of the group about harm alone,
    which is the one of any harm.
    """
    group = review.protocol.question_groups.get(HARMS, ())
    if not group or analysis.outcome != group[0].outcome:
        return {}
    told = review.trials[review.trials["harms"] != ""]
    return dict(zip(told["trial_id"], told["harms"], strict=True))


def harms_told(review: Review, analysis: Analysis, silent: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Give those comparisons that report nothing and whose trials tell of harm in words alone.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    silent : DataFrame
        Comparisons of trials that report nothing for the analysis, as `comparisons` gives them.
    choices : Choices

    Returns
    -------
    DataFrame
        Rows of `silent` with the words as as_reported; reason and reason_kind say why the protocol leaves the trial
        out, or that words alone are told (then reason_kind is empty).
    """
    words = harms_in_words(review, analysis)
    told = silent[silent["trial_id"].isin(words)]
    why = [left_out(review, *of, choices) for of in zip(told["trial_id"], told["arm_id"], strict=True)]
    return told.assign(
        as_reported=told["trial_id"].map(words),
        reason=[one.words if one else "harm is told in words alone" for one in why],
        reason_kind=[one.kind if one else "" for one in why],
    )


def reports_on(review: Review, analysis: str | Analysis, **options: Any) -> Reports:
    """Name every trial that reports on an analysis, with what of it can be used.

    One comparison stands for each trial: one with an effect before one with a P value and a direction, a direction
    or a P value alone, then the one that the protocol prefers, then the largest. Direction,
    people and P value are those of that comparison. Strata of a trial that each give an effect are other patients:
    one comparison of each, taken together by their precision, stands for the trial.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
        The analysis or its id.
    **options
        Fields of `evidence.effects.choosing.choices.Choices` that differ from the protocol.

    Returns
    -------
    Reports
        Results of which the time is not stated count as nothing usable, as they may belong to another time; their
        direction is kept for display. So does what is said in words about harm of any kind.

    Raises
    ------
    DataError
        If the analysis or an option is unknown.

    References
    ----------
    Campbell M et al. (2020). Synthesis without meta-analysis (SWiM) in systematic reviews. BMJ 368, l6890.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> reports = ev.reports_on(review, "massage-inactive-pain-short")
    >>> len(reports.to_frame()) > 3
    True
    """
    question = review.analysis(analysis)
    if not options and review.analyses.get(question.id) == question:
        return _reports(review, question.id)
    return _reports.__wrapped__(review, question, **options)


@lru_cache(maxsize=256)
def _reports(review: Review, analysis: str | Analysis, **options: Any) -> Reports:
    question = review.analysis(analysis)
    choices = Choices.of(review, options, analysis=question)
    measure = choices.measure or review.protocol.pooled_measure(question)
    benefit = 1 if review.protocol.outcomes[question.outcome].better == "higher" else -1
    frame = undivided(review, question, **options)
    found = suited(review, question.outcome, question.window, measure, choices)
    reported = group_by_arms(one for one in found if admits(review, question, one.contrast))
    betters = dict(zip(review.instruments["instrument"], review.instruments["higher_means"], strict=True))
    trials: defaultdict[str, list[dict[Hashable, Any]]] = defaultdict(list)
    here = [not parts or bool(set(parts) - _ELSEWHERE) for parts in map(parts_of, frame["reason_kind"])]
    for row in frame[here].to_dict("records"):
        kinds = set(parts_of(row["reason_kind"]))
        arms = (row["trial_id"], row["arm_id"], row["comparator_arm_id"])
        if row["status"] == "pooled":
            trials[row["study"]].append(_with_effect(row, reported.get(arms, [])))
        elif kinds:
            trials[row["study"]].append(_without_effect(row, kinds, reported, arms, betters, benefit))
    for row in harms_told(review, question, frame[~frame["study"].isin(trials)], choices).to_dict("records"):
        kind = "left out" if row["reason_kind"] else "nothing usable"
        trials[row["study"]].append({**row, **_NOTHING, "kind": kind, "locator": "remark of a reader"})
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    rows = [_one(told, labels) for told in trials.values()]
    table = pd.DataFrame(rows, columns=[*_COLUMNS])
    table = table.sort_values(
        ["kind", "year", "label"], key=lambda cells: cells.map(_order) if cells.name == "kind" else cells
    )
    return Reports(question, benefit, table.reset_index(drop=True))


def _order(kind: str) -> int:
    return [*KINDS].index(kind)  # type: ignore[arg-type]


def _with_effect(row: dict[Hashable, Any], reported: list[Suited]) -> dict[Hashable, Any]:
    """Describe a pooled comparison, with the exact P value that its own result prints."""
    own = (one.contrast for one in reported if one.contrast.result_ids == parts_of(row["result_ids"]))
    p = next((one.p[1:] for one in own if one.p.startswith("=")), "")
    told = row | {"kind": "effect", "p": p, "printed": bool(p)}
    return told | {"as_reported": "", "locator": row["source"]}


def _without_effect(
    row: dict[Hashable, Any],
    kinds: set[str],
    reported: dict[Arms, list[Suited]],
    arms: Arms,
    betters: dict[str, str],
    benefit: int,
) -> dict[Hashable, Any]:
    """Describe a comparison by the best of its results: with a P value and a direction, a direction, or a P value."""
    told = [
        (_class(one, kinds, p, sign), one.rank, one.contrast.result_ids, one, p, sign)
        for one in reported.get(arms, [])
        for p, sign in [_printed(one, betters, benefit)]
    ]
    if not told:
        return {**row, **_NOTHING, "kind": _kind_of_reasons(kinds)}
    (order, kind), _, _, one, p, sign = min(told, key=lambda entry: entry[:3])
    contrast = one.contrast
    return {
        **row,
        **_NOTHING,
        "kind": kind,
        "order": order,
        "n": contrast.n,
        "direction": sign,
        "p": p if kind == "P value" else "",
        "printed": kind == "P value" and bool(contrast.p),
        "instrument": contrast.instrument,
        "as_reported": contrast.as_reported,
        "locator": contrast.locator,
        "source_url": contrast.source_url,
    }


def _kind_of_reasons(kinds: set[str]) -> ReportKind:
    if not lacks_numbers(kinds):
        return "left out"
    return "doubtful" if "doubtful" in kinds else "nothing usable"


def _class(one: Suited, kinds: set[str], p: str, sign: float) -> tuple[int, ReportKind]:
    """Order of a result among those of its comparison, and its kind."""
    why = one.reason.kind if one.reason else ""
    # A comparison whose patients stand in another one is out, whatever its results.
    if why in LEFT_OUT or "same patients" in kinds:
        return 5, "left out"
    if why == "doubtful":
        return 4, "doubtful"
    if why == "time not stated":
        return 3, "nothing usable"
    if p:
        return (0 if not math.isnan(sign) else 2), "P value"
    return (3, "nothing usable") if math.isnan(sign) else (1, "direction")


def _printed(one: Suited, betters: dict[str, str], benefit: int) -> tuple[str, float]:
    """Give the two-sided P value of a result and the sign of its effect on the scale of the analysis."""
    contrast = one.contrast
    if contrast.group is not None:  # nothing is compared
        return "", math.nan
    p = contrast.p.removeprefix("=")
    if not p and contrast.se > 0 and not math.isnan(contrast.estimate):
        p = _p(contrast.estimate, contrast.se)
    if not math.isnan(contrast.estimate) and contrast.instrument in betters:
        favours = (1 if betters[contrast.instrument] == "better" else -1) * contrast.estimate
        return p, float(benefit * ((favours > 0) - (favours < 0)))
    sides = {"arm": 1.0, "comparator": -1.0, "neither": 0.0}
    return p, benefit * sides[contrast.direction] if contrast.direction else math.nan


def _p(effect: float, se: float) -> str:
    """Two-sided P value by the normal distribution; far out the smallest number above zero stands for it."""
    return f"{max(2.0 * float(ndtr(-abs(effect) / se)), 1e-300):.6g}"


def _one(told: list[dict[Hashable, Any]], labels: dict[str, str]) -> dict[Hashable, Any]:
    """Let one comparison stand for a trial."""
    ordered = sorted(told, key=lambda row: (_order(row["kind"]), row.get("order", 0), -_size(row)))
    kept = {**ordered[0], "comparisons": len(told)}
    if kept["kind"] != "effect":
        return kept
    first = _whole(ordered, labels)
    kept |= first
    if not first["comparator_arm_id"]:  # nothing is compared, so there is no direction
        return {**kept, "direction": math.nan, "p": ""}
    effect = first["effect"]
    sign = float((effect > 0) - (effect < 0))
    return {**kept, "direction": sign, "p": first["p"] or _p(effect, first["se"])}


def _whole(ordered: list[dict[Hashable, Any]], labels: dict[str, str]) -> dict[Hashable, Any]:
    """Give the first effect; strata of a trial are other patients, so that one of each is taken by its precision."""
    parts: dict[str, dict[Hashable, Any]] = {}
    for row in ordered:
        if row["kind"] == "effect":
            parts.setdefault(row["trial_id"], row)
    first, *others = parts.values()
    if not others or first["study"] in parts:
        return parts.get(first["study"], first)
    weights = [row["se"] ** -2.0 for row in parts.values()]
    mean = sum(w * row["effect"] for w, row in zip(weights, parts.values(), strict=True)) / sum(weights)
    return {
        **first,
        "trial_id": first["study"],
        "label": labels.get(first["study"]) or joined(row["label"] for row in parts.values()),
        "n": sum(row["n"] for row in parts.values()),
        "p": "",
        "printed": False,
        "effect": mean,
        "se": sum(weights) ** -0.5,
        "locator": "; ".join(dict.fromkeys(row["locator"] for row in parts.values())),
    }


def _size(row: dict[Hashable, Any]) -> float:
    return 0.0 if math.isnan(row["n"]) else float(row["n"])
