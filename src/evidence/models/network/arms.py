"""From the arms of studies to all their pairwise contrasts, with variances that agree with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import align, as_frame, numbers, texts
from evidence.effects.sizes.continuous import gamma_correction
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.measures import choose_measure
from evidence.models.core.weighted import Floats

__all__ = ["MEASURES", "arm_groups", "contrasts_from_arms"]

MEASURES = {"MD": "", "ROM": "", "SMD": "", "OR": "PLO", "RR": "PLN", "RD": "PR", "AS": "PAS"}
"""Measures, with the measure of a single arm whose differences they are, if it is one of counts."""


def contrasts_from_arms(
    study: Any,
    treatment: Any,
    *,
    mean: Any = None,
    sd: Any = None,
    n: Any = None,
    events: Any = None,
    measure: str = "MD",
    data: pd.DataFrame | None = None,
    add: float = 0.5,
) -> pd.DataFrame:
    """Compute all pairwise contrasts between the arms of each study.

    Parameters
    ----------
    study, treatment : str or array-like
        Columns of `data`, or one value an arm.
    mean, sd, n : str or array-like
        For MD (mean difference), SMD (standardised) and ROM (log ratio of means): mean, standard deviation
        (positive) and number of patients.
    events, n : str or array-like
        For OR, RR (both logarithms), RD (risk difference) and AS (arcsine difference): patients with the event, and
        all patients.
    measure : str
        A key of `MEASURES`.
    data : DataFrame, optional
        Table with one row an arm.
    add : float
        For OR, RR and RD: added to the patients with and those without the event in all arms of a study in which some
        arm has none of either.

    Returns
    -------
    DataFrame
        study, treat1, treat2, effect (treat1 minus treat2), se, n1, n2; input for `network`. A study with a arms has
        a (a - 1) / 2 rows. SMD divides by the standard deviation pooled over all arms of the study, so that its
        contrasts add up, with Hedges' exact correction; with two arms this is the usual SMD.

    Raises
    ------
    DataError
        If a study has one arm only or two with the same treatment, or a value is missing or cannot be used.

    References
    ----------
    .. [1] Rücker G, Schwarzer G (2014). Stat Med 33(25), 4353-4369.
    .. [2] Gleser LJ, Olkin I (2009), in The Handbook of Research Synthesis and Meta-Analysis, chapter 19 (SMD).

    Examples
    --------
    >>> import evidence as ev
    >>> ev.contrasts_from_arms(["s", "s"], ["a", "b"], mean=[3.0, 1.0], sd=[2.0, 2.0], n=[50, 50]).round(2)
      study treat1 treat2  effect   se    n1    n2
    0     s      a      b     2.0  0.4  50.0  50.0
    """
    measure = choose_measure(measure, MEASURES)
    counts = bool(MEASURES[measure])
    needed = {"events": events, "n": n} if counts else {"mean": mean, "sd": sd, "n": n}
    if absent := [name for name, values in needed.items() if values is None]:
        raise DataError(f"measure {measure!r} needs {', '.join(absent)}, one value an arm.")
    table = None if data is None else as_frame(data)
    aligned, _ = align({"study": study, "treatment": treatment, **needed}, data=table)
    studies, treatments = texts(aligned["study"], "study"), texts(aligned["treatment"], "treatment")
    columns = {name: numbers(aligned[name], name, labels=studies or None) for name in needed}
    for label, size in (("treatment", len(treatments)), *((name, len(c)) for name, c in columns.items())):
        if size != len(studies):
            raise DataError(
                f"study has {len(studies)} values and {label} has {size}; give one of each an arm."
            )
    groups = arm_groups(studies, treatments)
    _check_values(studies, treatments, columns)
    if counts:
        value, variance = _count_arms(measure, studies, treatments, groups, columns, add)
    else:
        value, variance = _mean_arms(measure, studies, treatments, columns)
    rows = []
    for name, arms in groups.items():
        spread = _pooled(name, arms, columns) if measure == "SMD" else None
        for i, first in enumerate(arms):
            for second in arms[i + 1 :]:
                effect, square = value[first] - value[second], variance[first] + variance[second]
                if spread is not None:
                    effect *= spread[0]
                    square += effect * effect * spread[1]
                sizes = (columns["n"][first], columns["n"][second])
                rows.append((name, treatments[first], treatments[second], effect, np.sqrt(square), *sizes))
    return pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se", "n1", "n2"])


def arm_groups(studies: list[str], treatments: list[str]) -> dict[str, list[int]]:
    """Arms of each study, by position."""
    groups: dict[str, list[int]] = {}
    for position, name in enumerate(studies):
        groups.setdefault(name, []).append(position)
    for name, arms in groups.items():
        names = [treatments[arm] for arm in arms]
        if not name or "" in names:
            raise DataError(f"{name or 'a row'}: study and treatment must be named.")
        if len(arms) < 2:
            raise DataError(f"{name}: it has one arm only ({names[0]}); leave it out or add the other arms.")
        twice = [one for one in names if names.count(one) > 1]
        if twice:
            raise DataError(
                f"{name}: two arms have the treatment {twice[0]!r}; combine them or name them apart."
            )
    return groups


def _check_values(studies: list[str], treatments: list[str], columns: dict[str, Floats]) -> None:
    for label, values in columns.items():
        bad = ~np.isfinite(values)
        if label in ("sd", "n"):
            bad |= ~(values > 0.0)
        if bad.any():
            arm = int(np.argmax(bad))
            raise DataError(
                f"{studies[arm]}, arm {treatments[arm]}: {label} is {values[arm]:g}; give a "
                f"{'positive, ' if label in ('sd', 'n') else ''}finite number or leave the arm out."
            )


def _mean_arms(
    measure: str, studies: list[str], treatments: list[str], columns: dict[str, Floats]
) -> tuple[Floats, Floats]:
    mean, sd, n = columns["mean"], columns["sd"], columns["n"]
    if measure == "SMD":
        return mean, 1.0 / n
    if measure == "MD":
        return mean, np.square(sd) / n
    if not (mean > 0.0).all():
        arm = int(np.argmin(mean > 0.0))
        raise DataError(
            f"{studies[arm]}, arm {treatments[arm]}: the mean is {mean[arm]:g}; a ratio of means needs positive "
            "means."
        )
    return np.log(mean), np.square(sd / mean) / n


def _count_arms(
    measure: str,
    studies: list[str],
    treatments: list[str],
    groups: dict[str, list[int]],
    columns: dict[str, Floats],
    add: float,
) -> tuple[Floats, Floats]:
    events, n = columns["events"].copy(), columns["n"].copy()
    outside = (events < 0.0) | (events > n)
    if outside.any():
        arm = int(np.argmax(outside))
        raise DataError(
            f"{studies[arm]}, arm {treatments[arm]}: {events[arm]:g} of {n[arm]:g} patients have the event; "
            "correct the numbers."
        )
    if measure != "AS":
        for arms in groups.values():
            if (events[arms] == 0.0).any() or (events[arms] == n[arms]).any():
                events[arms] += add
                n[arms] += 2.0 * add
    names = pd.Index([f"{name}, arm {arm}" for name, arm in zip(studies, treatments, strict=True)])
    arms_table = effect_size(
        MEASURES[measure], events=pd.Series(events, index=names), n=pd.Series(n, index=names), to="none"
    )
    return arms_table["effect"].to_numpy(), arms_table["variance"].to_numpy()


def _pooled(name: str, arms: list[int], columns: dict[str, Floats]) -> tuple[float, float]:
    """Factor from a difference of means to Hedges' g, and factor of g squared in its variance."""
    sd, n = columns["sd"][arms], columns["n"][arms]
    df = float((n - 1.0).sum())
    if df <= 1.0:
        raise DataError(
            f"{name}: its arms have {n.sum():g} patients in all; too few for a standardised difference."
        )
    sd_pooled = np.sqrt(((n - 1.0) * np.square(sd)).sum() / df)
    return float(gamma_correction(np.array([df]))[0] / sd_pooled), float(0.5 / n.sum())
