"""Arms that take part in several comparisons: their patients divided, comparisons averaged, or covariances kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.effects.choosing.selection import Candidate, Reasons
from evidence.effects.reported.reasons import ArmId, Reason, step
from evidence.wording import Listed, parts_of

__all__ = ["average", "one_each", "shared_covariance", "split_shared_arms"]

_STOOD_FOR = Reason("another comparison", "another comparison of the trial stands for it")


def split_shared_arms(chosen: list[Candidate]) -> list[Candidate]:
    """Divide the patients of an arm equally among the comparisons that it takes part in.

    Cochrane Handbook 23.3.4. The part of the variance that the arm contributes grows in proportion.
    """
    uses: Counter[tuple[str, str]] = Counter()
    for candidate in chosen:
        pair = candidate.pair
        uses.update([(pair.trial_id, arm) for arm in (pair.arm_id, pair.comparator_arm_id) if arm])
    split = []
    for candidate in chosen:
        pair, contrast, scaled = candidate.pair, candidate.contrast, candidate.scaled
        times = uses[pair.trial_id, pair.arm_id], uses[pair.trial_id, pair.comparator_arm_id]
        if max(times) == 1:
            split.append(candidate)
            continue
        share = contrast.arm_share
        growth = share * times[0] + (1 - share) * times[1]
        variance = scaled.variance * growth
        shared = [
            part
            for arm, uses in zip((pair.arm_id, pair.comparator_arm_id), times, strict=True)
            if uses > 1
            for part in (
                *(" and ", ArmId(arm)),
                f" takes part in {uses} comparisons, so its patients are divided by {uses}",
            )
        ]
        grown = step(*shared[1:], f": variance {scaled.variance:.4g} × {growth:.4g} = {variance:.4g}")
        weights = share * times[0] / growth
        split.append(
            replace(
                candidate,
                contrast=replace(
                    contrast,
                    arm_share=weights,
                    n_arm=contrast.n_arm / times[0],
                    n_comparator=contrast.n_comparator / times[1],
                    events=contrast.events
                    and (
                        contrast.events[0] / times[0],
                        contrast.events[1] / times[0],
                        contrast.events[2] / times[1],
                        contrast.events[3] / times[1],
                    ),
                ),
                scaled=replace(scaled, variance=variance, steps=(*scaled.steps, grown)),
            )
        )
    return split


def one_each(chosen: list[Candidate]) -> tuple[list[Candidate], Reasons]:
    """Keep one comparison a trial: the one of the most preferred result, among equals the largest.

    Returns
    -------
    kept : list of Candidate
    reasons : dict of Pair to tuple of Reason
        Why the others are left out.
    """
    first: dict[str, Candidate] = {}
    for candidate in sorted(chosen, key=_precedence):
        first.setdefault(candidate.pair.trial_id, candidate)
    kept = [candidate for candidate in chosen if first[candidate.pair.trial_id] is candidate]
    others = [candidate.pair for candidate in chosen if first[candidate.pair.trial_id] is not candidate]
    return kept, dict.fromkeys(others, (_STOOD_FOR,))


def _precedence(candidate: Candidate) -> tuple[Any, ...]:
    n = candidate.contrast.n
    return (
        candidate.rank,
        0.0 if math.isnan(n) else -n,
        candidate.pair.arm_id,
        candidate.pair.comparator_arm_id,
    )


def average(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Put the average of a trial's comparisons in their place, with the variance that their covariance implies."""
    frame = pd.DataFrame(rows)
    if frame.empty:
        return
    for _, group in frame.groupby("trial_id", sort=False):
        members = [rows[place] for place in group.index]
        first = members[0]
        if len(members) == 1:
            yield first
            continue
        variance = float(shared_covariance(group).sum()) / len(group) ** 2
        effect = float(group["effect"].mean())
        # Words in which the comparisons differ stand side by side; a number in which they differ has no one value.
        words = {
            name: Listed.of(dict.fromkeys(part for row in members for part in parts_of(row[name])))
            for name in first
            if all(isinstance(row[name], str) for row in members)
        }
        numbers = {
            name: math.nan
            for name in (
                *("timepoint_weeks", "arm_share"),
                *("reported_effect", "reported_se", "reported_low", "reported_high"),
            )
            if len(set(group[name])) > 1
        } | dict.fromkeys(("events_arm", "events_comparator"), math.nan)
        arms = pd.concat(
            [
                group[["arm_id", "n_arm"]].set_axis(["arm", "n"], axis=1),
                group[["comparator_arm_id", "n_comparator"]].set_axis(["arm", "n"], axis=1),
            ]
        ).drop_duplicates("arm")
        intervention = arms["arm"].isin(group["arm_id"])
        sizes = {
            "n_arm": arms["n"][intervention].sum(min_count=1),
            "n_comparator": arms["n"][~intervention].sum(min_count=1),
        }
        steps = (each for row in members for each in row["derivation"].parts)
        yield {
            **first,
            **words,
            **numbers,
            **sizes,
            "n": arms["n"].sum(),
            "effect": effect,
            "variance": variance,
            "se": math.sqrt(variance),
            "derivation": Listed.of(
                [*steps, step(f"Average of {len(members)} comparisons: {effect:.4g}")],
                joint=". ",
                end=".",
            ),
        }


def shared_covariance(frame: pd.DataFrame) -> np.ndarray:
    """Build the covariance matrix of effects that share arms, for `multi_arm="correlated"`.

    Two effects of a trial that share an arm covary by the variance that the arm contributes, with a positive sign
    if the arm is on the same side of both.

    Parameters
    ----------
    frame : DataFrame
        From `effects`, with columns trial_id, arm_id, comparator_arm_id, variance, arm_share.

    Returns
    -------
    ndarray, shape (k, k)
        Variances on the diagonal.

    References
    ----------
    .. [1] Gleser & Olkin (2009), in Cooper et al., The Handbook of Research Synthesis, 2nd ed., chapter 19.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> synthesis = ev.synthesise(review, "massage-inactive-pain-short", multi_arm="correlated")
    >>> ev.shared_covariance(synthesis.effects).shape == (len(synthesis.effects),) * 2
    True
    """
    parts = [
        (str(row["trial_id"]), _contributions(row))
        for row in frame[["trial_id", "arm_id", "comparator_arm_id", "variance", "arm_share"]].to_dict(
            "records"
        )
    ]
    covariance: np.ndarray = np.diag(frame["variance"].to_numpy(dtype=float))
    for i, (trial, one) in enumerate(parts):
        for j, (other_trial, other) in enumerate(parts[:i]):
            if trial != other_trial:
                continue
            for arm in one.keys() & other.keys():
                (sign, size), (other_sign, other_size) = one[arm], other[arm]
                # Two comparisons may put different numbers on the variance of the arm that they share; with the
                # geometric mean the matrix stays positive definite.
                covariance[i, j] += sign * other_sign * math.sqrt(size * other_size)
            covariance[j, i] = covariance[i, j]
    return covariance


def _contributions(row: dict[Any, Any]) -> dict[str, tuple[int, float]]:
    """Sign and variance that each arm brings to a comparison."""
    from_arm = row["variance"] * row["arm_share"]
    return {row["arm_id"]: (1, from_arm), row["comparator_arm_id"]: (-1, row["variance"] - from_arm)}
