"""The contrasts of a network: every trial that compares different treatments, its arms grouped into nodes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from evidence.effects.choosing.candidates import Suited, suited
from evidence.effects.choosing.choices import Choices
from evidence.effects.reported.contrasts import Contrast
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.tables.protocol.protocol import ComponentClasses
from evidence.tables.review import Review
from evidence.wording import Listed

__all__ = ["network_data", "network_refused", "node_of"]

_COLUMNS = [
    *(
        "study",
        "treat1",
        "treat2",
        "effect",
        "se",
        "n1",
        "n2",
        "trial_id",
        "year",
        "arms",
        "outcome",
        "instrument",
    ),
    *("timepoint_weeks", "statistic", "measure", "assumptions", "result_ids", "source_url"),
]


def node_of(parts: str, components: ComponentClasses, grouping: dict[str, tuple[str, ...]]) -> str:
    """Name the node of an arm.

    Usual care beside a treatment is no part of the node, nor is a sham beside an active one: they are what everyone
    in such a trial received.

    Parameters
    ----------
    parts : str
        Components of the arm, joined by +.
    components : ComponentClasses
        Their classes in the protocol.
    grouping : dict of str to tuple of str
        Names under which several components count as one.

    Returns
    -------
    str
        Components or their group names, joined by +, in the protocol's order.
    """
    present = set(parts.split("+"))
    for background in (components.usual, components.inactive):
        rest = present - set(background)
        if rest:
            present = rest
    names = {part: name for name, members in grouping.items() for part in members}
    return "+".join(dict.fromkeys(names.get(part, part) for part in components.all if part in present))


def network_data(
    review: Review, outcome: str, window: str, *, nodes: str = "coarse", **options: Any
) -> pd.DataFrame:
    """Gather the contrasts of a network from the tables of a review.

    Each trial gives the results of one measurement: the one that reaches most nodes, and of these the one that the
    protocol prefers. Arms of one node are averaged. All pairs of nodes of a trial are listed, with standard errors
    that fit the arms' common patients, so that a trial with several arms needs no splitting.

    Parameters
    ----------
    review : Review
    outcome, window : str
        Names in the protocol.
    nodes : str
        Grouping of components into nodes, by its name in the protocol (``nodes``).
    **options
        Fields of `evidence.effects.choosing.choices.Choices` that differ from the protocol.

    Returns
    -------
    DataFrame
        One row for each pair of nodes of a trial: study (label), treat1, treat2, effect (treat1 minus treat2), se,
        n1, n2, trial_id, year, arms, outcome, instrument, timepoint_weeks, statistic, measure, assumptions,
        result_ids, source_url.

    Raises
    ------
    DataError
        If the outcome, the window, the grouping or an option is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> contrasts = ev.network_data(review, "pain", "short")
    >>> contrasts.columns[:5].tolist()
    ['study', 'treat1', 'treat2', 'effect', 'se']
    """
    known = _reports(review, outcome, window, nodes, options)
    rows: list[dict[str, Any]] = []
    for trial in review.trials.to_dict("records"):
        name = str(trial["trial_id"])
        if name in known.replaced:
            continue
        found = _one_kind(known.usable.get(name, []), known.kind)
        chosen = _measurement(found, known.node)
        described = {
            "study": trial["label"],
            "trial_id": name,
            "year": trial["year"],
            "measure": known.measure,
        }
        rows.extend({**described, **row} for row in _pairs_of_nodes(chosen, known.node))
    return pd.DataFrame(rows, columns=_COLUMNS)


def network_refused(
    review: Review, outcome: str, window: str, *, nodes: str = "coarse", **options: Any
) -> pd.DataFrame:
    """List what trials report on pairs of nodes that a network cannot use.

    Parameters
    ----------
    review : Review
    outcome, window, nodes, **options
        As for `network_data`.

    Returns
    -------
    DataFrame
        One row a trial, pair of nodes and reason, of trials with no contrast that can be used: trial_id, study
        (label), treat1, treat2 (in alphabetical order), reason, reason_kind. Trials whose patients stand in another
        one are left out.
    """
    known = _reports(review, outcome, window, nodes, options)
    labels = dict(zip(review.trials["trial_id"].astype(str), review.trials["label"], strict=True))
    rows = {}
    for one in known.refused:
        trial, reason = one.contrast.trial_id, one.reason
        pair = sorted(known.node[trial, arm] for arm in _arms(one.contrast))
        if reason is None or known.usable.get(trial) or trial in known.replaced or pair[0] == pair[1]:
            continue
        rows[trial, *pair, reason.words] = (
            (trial, labels[trial], *pair, reason.words),
            Listed.of([reason.kind]),
        )
    columns = ["trial_id", "study", "treat1", "treat2", "reason"]
    kinds = pd.Series([kind for _, kind in rows.values()], dtype=object)  # not made plain text
    return pd.DataFrame([row for row, _ in rows.values()], columns=columns).assign(reason_kind=kinds)


@dataclass(frozen=True)
class _Reports:
    """What the trials report on an outcome and window, as a network can and cannot use it."""

    measure: str
    node: dict[tuple[str, str], str]
    kind: dict[tuple[str, str], str]
    usable: dict[str, list[Suited]]
    refused: list[Suited]
    replaced: set[str]


def _reports(review: Review, outcome: str, window: str, nodes: str, options: dict[str, Any]) -> _Reports:
    protocol = review.protocol
    for word, name, known in (
        ("outcome", outcome, protocol.outcomes),
        ("window", window, protocol.windows),
        ("grouping of nodes", nodes, protocol.nodes),
    ):
        if name not in known:
            raise DataError(f"the protocol has no {word} '{name}'; it has {', '.join(known)}")
    choices = Choices.of(review, options)
    measure = choices.measure or protocol.outcomes[outcome].measure
    if measure_of(measure).one_group:
        raise DataError(f"{measure} of {outcome} takes one group, and a network compares; give measure=")
    node, kind = {}, {}
    for arm in review.arms.to_dict("records"):
        key = str(arm["trial_id"]), str(arm["arm_id"])
        node[key] = node_of(str(arm["components"]), protocol.components, protocol.nodes[nodes])
        kind[key] = arm["kind"]
    usable: dict[str, list[Suited]] = defaultdict(list)
    refused = []
    for one in suited(review, outcome, window, measure, choices):
        if one.reason is None:
            usable[one.contrast.trial_id].append(one)
        else:
            refused.append(one)
    for trial_id, found in usable.items():
        # A network knows no intervention and comparator: what is refused from one arm is refused from the other.
        seen = {(_arms(one.contrast), one.contrast.result_ids) for one in found}
        usable[trial_id] = [
            one for one in found if (_arms(one.contrast)[::-1], one.contrast.result_ids) in seen
        ]
    once = [(group.trials[0], group.trials[1:]) for group in protocol.same_patients]
    once += [(strata.whole, strata.parts) for strata in protocol.strata]
    replaced = {other for first, others in once if usable.get(first) for other in others}
    return _Reports(measure, node, kind, usable, refused, replaced)


def _one_kind(found: list[Suited], kind: dict[tuple[str, str], str]) -> list[Suited]:
    """Keep the margins of a factorial trial where they are reported, else its randomised arms."""
    kinds = [{kind[one.contrast.trial_id, arm] for arm in _arms(one.contrast)} for one in found]
    margins = [one for one, both in zip(found, kinds, strict=True) if both == {"margin"}]
    return margins or [one for one, both in zip(found, kinds, strict=True) if "margin" not in both]


def _arms(contrast: Contrast) -> tuple[str, str]:
    return contrast.arm_id, contrast.comparator_arm_id


def _measurement(found: list[Suited], node: dict[tuple[str, str], str]) -> dict[tuple[str, str], Suited]:
    """Choose the measurement that reaches most nodes, then the preferred one; give its contrasts by pair of arms."""
    groups: dict[tuple[Any, ...], list[Suited]] = defaultdict(list)
    for one in found:
        contrast = one.contrast
        groups[contrast.instrument, contrast.weeks, contrast.statistic].append(one)
    if not groups:
        return {}

    def worth(key: tuple[Any, ...]) -> tuple[Any, ...]:
        group = groups[key]
        nodes = {node[one.contrast.trial_id, arm] for one in group for arm in _arms(one.contrast)}
        return -len(nodes), min(one.rank for one in group), min(one.contrast.result_ids for one in group)

    best: dict[tuple[str, str], Suited] = {}
    for one in sorted(groups[min(groups, key=worth)], key=lambda one: (one.rank, one.contrast.result_ids)):
        best.setdefault(_arms(one.contrast), one)
    return best


def _pairs_of_nodes(
    chosen: dict[tuple[str, str], Suited], node: dict[tuple[str, str], str]
) -> list[dict[str, Any]]:
    """Put the arms of a trial on one scale, average those of a node, and give every pair of nodes."""
    if not chosen:
        return []
    degree = Counter(arm for arm, _ in chosen)
    # Every arm is placed relative to one arm, directly where it was compared with it, else through others.
    base = min(degree, key=lambda arm: (-degree[arm], arm))
    place, queue = {base: 0.0}, [base]
    while queue:
        known = queue.pop(0)
        for (arm, comparator), one in chosen.items():
            if comparator == known and arm not in place:
                place[arm] = place[known] + one.scaled.effect
                queue.append(arm)
    spread: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, float] = {}
    for (arm, _), one in chosen.items():
        spread[arm].append(one.scaled.variance * one.contrast.arm_share)
        sizes.setdefault(arm, one.contrast.n_arm)
    members: dict[str, list[str]] = defaultdict(list)
    trial = next(iter(chosen.values())).contrast.trial_id
    for arm in place:
        members[node[trial, arm]].append(arm)
    merged = {
        name: (
            sum(place[arm] for arm in arms) / len(arms),
            sum(sum(spread[arm]) / len(spread[arm]) for arm in arms) / len(arms) ** 2,
            sum(sizes[arm] for arm in arms),
        )
        for name, arms in members.items()
    }
    used = [one for pair, one in chosen.items() if set(pair) <= set(place)]
    contrast = used[0].contrast
    words = [word for one in used for word in (*one.contrast.assumptions, *one.scaled.assumptions)]
    common = {
        "outcome": contrast.outcome,
        "instrument": contrast.instrument,
        "timepoint_weeks": contrast.weeks,
        "statistic": contrast.statistic,
        "assumptions": "; ".join(dict.fromkeys(words)),
        "result_ids": "; ".join(dict.fromkeys(item for one in used for item in one.contrast.result_ids)),
        "source_url": contrast.source_url,
    }
    return [
        {
            "treat1": first,
            "treat2": second,
            "effect": merged[first][0] - merged[second][0],
            "se": math.sqrt(merged[first][1] + merged[second][1]),
            "n1": merged[first][2],
            "n2": merged[second][2],
            "arms": f"{' and '.join(members[first])} v {' and '.join(members[second])}",
            **common,
        }
        for first, second in combinations(merged, 2)
    ]
