"""What other choices of results would give, and what if the trials without usable numbers had shown nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from evidence.models.pooled import Pooled
from evidence.synthesis.rule import count_trials, rule_of
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["MAIN", "NOTHING_SHOWN", "sensitivity"]

MAIN = "main analysis"
NOTHING_SHOWN = "if the trials that report without usable numbers had shown no difference"


def sensitivity(review: Review, analysis: str | Analysis) -> pd.DataFrame:
    """Set the result of an analysis beside those of the protocol's sensitivity analyses and of a pessimistic bound.

    For the bound, each trial that reports the outcome and has no usable numbers joins with no difference at all, at
    the precision that the other trials have for their size. It is no estimate: it shows how much the result could owe
    to what is missing.

    Parameters
    ----------
    review : Review
        Its protocol lists the sensitivity analyses under ``sensitivity``.
    analysis : str or Analysis

    Returns
    -------
    DataFrame
        One row each: analysis, title, k, trials, n (patients; NaN if one is not known), estimate, ci_low, ci_high
        (on the scale of the analysis, log for ratios; NaN where nothing is combined), difference (of the estimate
        from the main one) and note.

    Raises
    ------
    DataError
        If the analysis is unknown.
    """
    main = synthesise(review, analysis)
    rows = [_row(main, MAIN, main.effects, main.fit, main.note)]
    for entry in review.protocol.sensitivity:
        other = synthesise(review, main.analysis, **entry.model_dump(exclude={"title"}, exclude_none=True))
        rows.append(_row(other, entry.title, other.effects, other.fit, other.note))
    effects = _with_nothing_shown(review, main)
    if effects is not None:
        fit, hindrance = rule_of(review.protocol, main.analysis, main.measure).combine(effects)
        added = len(effects) - len(main.effects)
        rows.append(
            _row(
                main,
                NOTHING_SHOWN,
                effects,
                fit,
                hindrance or f"{counted(added, 'trial')} added without a difference",
            )
        )
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["estimate"] - frame["estimate"].iloc[0])


def _row(done: Synthesis, title: str, effects: pd.DataFrame, fit: Pooled | None, note: str) -> dict[str, Any]:
    return {
        "analysis": done.analysis.id,
        "title": title,
        "k": len(effects),
        "trials": count_trials(effects),
        "n": float(effects["n"].sum(skipna=False)),
        **{
            name: math.nan if fit is None else getattr(fit, name)
            for name in ("estimate", "ci_low", "ci_high")
        },
        "note": note,
    }


def _with_nothing_shown(review: Review, main: Synthesis) -> pd.DataFrame | None:
    """Add the trials that report without usable numbers, without a difference; None if there are none to add."""
    known = main.effects.dropna(subset=["n"])
    reported = main.reported[
        ~main.reported["reason_kind"].isin(["same patients", "set aside", "indirect", "mixed"])
    ]
    lost = reported[~reported["study"].isin(main.effects["study"])].drop_duplicates("study")
    if known.empty or lost.empty:
        return None
    sizes = lost["trial_id"].map(review.trials.set_index("trial_id")["n_randomised"]).astype(float)
    sizes = sizes.fillna(float(sizes.median()) if sizes.notna().any() else float(known["n"].median()))
    # What one patient brings: variance times size is about constant among trials of one outcome.
    unit = float(np.median(known["variance"] * known["n"]))
    added = lost[["study", "trial_id", "label"]].assign(effect=0.0, variance=unit / sizes, n=sizes)
    columns = ["study", "trial_id", "label", "effect", "variance", "n"]
    return pd.concat([main.effects[columns], added], ignore_index=True)
