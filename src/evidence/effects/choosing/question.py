"""Which pairs of arms answer an analysis, and what the comparator then is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations

import pandas as pd

from evidence.effects.reported.contrasts import Contrast
from evidence.tables.protocol.protocol import Analysis, AnalysisSpec, ComponentClasses, Protocol
from evidence.tables.review import Review

__all__ = ["Pair", "admits", "compare_arms", "pairs"]

Asked = tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[str, ...]]
"""What an analysis asks of two arms: its intervention, its conditions, and the comparator."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms of a trial, read as intervention and comparator; or one arm, with nothing beside it.

    Attributes
    ----------
    trial_id, arm_id, comparator_arm_id : str
        The last is empty for a single arm, as are `comparator` and `group`.
    comparator : str
        The component that makes the comparator what it is: the most active one that the intervention arm does
        not have, or, where it has them all, the most active one of the shared background.
    group : str
        Class of that component: inactive, usual, active, or the component itself if it is studied.
    added : bool
        Whether the comparator arm received nothing that the intervention arm did not: the intervention is added
        to a shared background.
    extra : tuple of str
        Components that only the intervention arm received.
    held_by : dict of str to str
        For each studied component, which of the arms have it: neither, intervention, comparator or both; for a single
        arm whether it stands with or without it.
    """

    trial_id: str
    arm_id: str
    comparator_arm_id: str
    comparator: str
    group: str
    added: bool
    extra: tuple[str, ...]
    held_by: dict[str, str] = field(hash=False)


def compare_arms(
    arm: frozenset[str], comparator: frozenset[str], components: ComponentClasses
) -> tuple[str, str, bool, tuple[str, ...], dict[str, str]]:
    """Describe what sets two arms apart.

    Parameters
    ----------
    arm, comparator : frozenset of str
        Components of the two arms.
    components : ComponentClasses
        Their classes in the protocol.

    Returns
    -------
    tuple
        The fields of `Pair` after the identifiers: comparator, group, added, extra, held_by.
    """
    only_comparator = comparator - arm
    deciding = only_comparator or comparator
    # From the most to the least active: what an arm is compared with is its strongest ingredient.
    order = (*components.active, *components.studied, *components.inactive, *components.usual)
    main = min(deciding, key=order.index)
    held_by = {
        name: {(True, True): "both", (True, False): "intervention", (False, True): "comparator"}.get(
            (name in arm, name in comparator), "neither"
        )
        for name in components.studied
    }
    group = next(
        (name for name in ("inactive", "usual", "active") if main in getattr(components, name)),
        main,
    )
    return main, group, not only_comparator, tuple(sorted(arm - comparator)), held_by


def pairs(review: Review, analysis: Analysis) -> list[Pair]:
    """List the pairs of arms that answer an analysis.

    A pair answers it if the intervention arm has a component of the analysis's intervention that the
    comparator arm lacks; both are margins of a factorial trial or neither is; nothing else sets the arms
    apart but components on which the analysis has a condition, usual care or an inactive treatment; the
    conditions hold; and the comparator is one of the analysis's comparators. Where the intervention is added
    to a shared *active* treatment, the comparison answers neither "against that treatment" nor "against
    nothing" and is left out, unless the analysis names the treatment in a condition or compares with both. An
    analysis without a comparator is answered by every arm that has a component of the intervention and nothing
    beside it but what a pair may have.

    Parameters
    ----------
    review : Review
    analysis : Analysis

    Returns
    -------
    list of Pair
        In the order of the table of arms.
    """
    spec = analysis.spec
    asked = spec.intervention, tuple(spec.conditions.items()), spec.comparator
    return list(_answering(review, analysis.one_group, asked))


@lru_cache(maxsize=256)
def _answering(review: Review, one_group: bool, asked: Asked) -> tuple[Pair, ...]:
    """List the pairs for what is asked, whatever the outcome and the time."""
    protocol = review.protocol
    if one_group:
        return tuple(arm for arm in _single_arms(review) if _stands_for(arm, asked, protocol))
    return tuple(pair for pair, parts in _pairs_of_arms(review) if _answers(pair, parts, asked, protocol))


@lru_cache(maxsize=8)
def _single_arms(review: Review) -> tuple[Pair, ...]:
    """List every arm by itself."""
    found = []
    for row in review.arms.itertuples():
        parts = frozenset(str(row.components).split("+"))
        held_by = {
            name: "with" if name in parts else "without" for name in review.protocol.components.studied
        }
        found.append(
            Pair(str(row.trial_id), str(row.arm_id), "", "", "", False, tuple(sorted(parts)), held_by)
        )
    return tuple(found)


def _stands_for(arm: Pair, asked: Asked, protocol: Protocol) -> bool:
    """Tell whether a single arm answers an analysis without a comparator."""
    (intervention, conditions, _), components = asked, protocol.components
    allowed = {*intervention, *dict(conditions), *components.inactive, *components.usual}
    if not set(arm.extra) & set(intervention) or set(arm.extra) - allowed:
        return False
    wanted = {"yes": "with", "no": "without"}
    return all(arm.held_by[name] == wanted.get(how, arm.held_by[name]) for name, how in conditions)


@lru_cache(maxsize=8)
def _pairs_of_arms(review: Review) -> tuple[tuple[Pair, frozenset[str]], ...]:
    """List every ordered pair of arms that can be compared, with the components of the comparator."""
    trials: dict[str, dict[str, tuple[frozenset[str], bool]]] = {}
    for row in review.arms.itertuples():
        arms = trials.setdefault(str(row.trial_id), {})
        arms[str(row.arm_id)] = frozenset(str(row.components).split("+")), str(row.kind) == "margin"
    found = []
    for trial, arms in trials.items():
        for arm, comparator in permutations(arms, 2):
            (parts, margin), (other_parts, other_margin) = arms[arm], arms[comparator]
            # A margin of a factorial trial holds the patients of its cells, so the two are never compared.
            if parts != other_parts and margin == other_margin:
                described = compare_arms(parts, other_parts, review.protocol.components)
                found.append((Pair(trial, arm, comparator, *described), other_parts))
    return tuple(found)


def _answers(pair: Pair, comparator_parts: frozenset[str], asked: Asked, protocol: Protocol) -> bool:
    (intervention, conditions, comparator), components = asked, protocol.components
    extra, wished = set(pair.extra), set(intervention)
    if not extra & wished or comparator_parts & wished:
        return False
    if extra - {*wished, *dict(conditions), *components.inactive, *components.usual}:
        return False
    for name, condition in conditions:
        wanted = {
            "either": None,
            "no": ("neither", "comparator"),
            "yes": ("intervention",),
            "both_arms": ("both",),
        }
        places = wanted[condition]
        if places is not None and pair.held_by[name] not in places:
            return False
    shared = [name for name, condition in conditions if condition == "both_arms"]
    if shared:
        # The background is the comparator; a sham or usual care beside it does not make it another one.
        active = comparator_parts - {*shared, *components.inactive, *components.usual}
        return not active and any(_is_one_of(name, comparator, protocol) for name in shared)
    added = pair.added and pair.group not in ("inactive", "usual")
    if added and not any(_is_one_of(name, comparator, protocol) for name in components.inactive):
        return False
    return any(_is_one_of(name, comparator, protocol) for name in (pair.comparator, pair.group))


def admits(review: Review, analysis: Analysis, contrast: Contrast) -> bool:
    """Tell whether the rows of a contrast have what the analysis asks for under ``where``."""
    if not analysis.spec.where:
        return True
    return _admitted(review, analysis.spec.model_dump_json()).issuperset(contrast.result_ids)


@lru_cache(maxsize=256)
def _admitted(review: Review, spec: str) -> frozenset[str]:
    """List the results whose row, or trial, has one of the wanted values in each column."""
    found: set[str] = set()
    where = AnalysisSpec.model_validate_json(spec).where
    for table in (review.arm_results, review.contrast_results):
        wanted = pd.Series(True, index=table.index)
        for column, values in where.items():
            held = table.get(column)
            if held is None:
                of_trial = dict(zip(review.trials["trial_id"], review.trials.get(column, ()), strict=False))
                held = table["trial_id"].map(of_trial)
            wanted &= held.isin(values)
        found.update(table["result_id"][wanted])
    return frozenset(found)


def _is_one_of(name: str, wanted: tuple[str, ...], protocol: Protocol) -> bool:
    """Tell whether a component or class is among wanted components and groups, or in one of the groups."""
    seen: set[str] = set()
    queue = list(wanted)
    while queue:
        entry = queue.pop()
        if entry == name:
            return True
        if entry not in seen:
            seen.add(entry)
            # A group may bear the name of a component (exercise: [exercise]).
            queue.extend(protocol.comparator_groups.get(entry, ()))
    return False
