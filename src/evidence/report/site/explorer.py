"""A page on which the reader chooses question, model and exclusions; every answer is computed beforehand."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from itertools import combinations, compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence import measures
from evidence.files import file_name, write
from evidence.models.pool_many import pool_many
from evidence.report.site.shell import PageEntry, page
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.protocol.model import ModelRules
from evidence.tables.review import Review

__all__ = ["explorer_data", "write_explorer"]

METHODS = ("REML", "DL", "PM", "ML", "SJ", "HS", "HE", "EE")
INTERVALS = ("HKSJ", "HKSJ-adhoc", "t", "z")
QUANTITIES = ("estimate", "ci_low", "ci_high", "p_value", "tau2", "i2", "prediction_low", "prediction_high")
SMALL = 50
"""Patients below which a comparison counts as small."""


def explorer_data(review: Review) -> dict[str, Any]:
    """Compute what the page may be asked for.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict
        ``methods``, ``intervals`` and ``exclusions`` by id with their labels; ``quantities``, the names of
        the numbers of a result; ``default``, the protocol's method and interval; ``analyses``, for each
        analysis that can be pooled its studies and ``results``: by the set of studies kept, written as one 0
        or 1 for each study, a list over methods of lists over intervals of results. Numbers have ten
        significant digits; a missing one is null.
    """
    model = review.protocol.model
    methods = _labelled(measures.ESTIMATORS, model.method, METHODS)
    intervals = _labelled(measures.INTERVALS, model.interval, INTERVALS)
    exclusions = {
        "high-risk": "trials at high risk of bias",
        "indirect": "trials that fit the question only in part",
        "assumed": "effects that rest on an assumption",
        "abstract": "results read from an abstract only",
        "small": f"comparisons of fewer than {SMALL} patients",
    }
    indirect = {entry.trial for entry in review.protocol.indirect if entry.trial}
    analyses = [
        _analysis(review, done, indirect, list(methods), list(intervals))
        for done in (synthesise(review, name) for name in review.analyses)
        if done.fit is not None
    ]
    used = {flag for one in analyses for study in one["studies"] for flag in study["flags"]}
    return {
        "methods": methods,
        "intervals": intervals,
        "exclusions": {name: label for name, label in exclusions.items() if name in used},
        "quantities": QUANTITIES,
        "level": model.level,
        "default": {"method": model.method, "interval": model.interval},
        "analyses": analyses,
    }


def write_explorer(
    review: Review, site: Path, *, title: str, entries: Sequence[PageEntry], traces: str = ""
) -> None:
    """Write ``explorer.html`` and its numbers, ``explorer-data.js``.

    Parameters
    ----------
    review : Review
    site : Path
        Folder of the site; the script ``explorer.js`` is written beside the page.
    title : str
        Title of the site.
    entries : sequence of PageEntry
        The navigation.
    traces : str
        Folder of the pages of trials, as `evidence.report.site.trace` writes them; without it, studies have no links.
    """
    data = explorer_data(review) | {"traces": traces}
    # A script and not JSON: a page opened from a disk may not read other files, but may run scripts beside it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write(site, "explorer-data.js", f"window.explorerData = {text};\n")
    for name in ("explorer.js", "explorer.css"):
        write(site, name, (Path(__file__).with_name("templates") / name).read_text("utf-8"))
    shown = page(
        "Explore the results",
        _BODY,
        active="explorer",
        site=title,
        entries=entries,
        scripts=("explorer-data.js", "explorer.js"),
        styles=("explorer.css",),
        toc=False,
        kind="explorer",
        lead=f"<p>{html.escape(_LEAD)}</p>",
    )
    write(site, "explorer.html", shown)


_LEAD = (
    "Choose a question, and how it is answered. The forest plot and the pooled result follow at once. Each result "
    "was computed by the library when this report was made; the first shown is the one of the protocol."
)
_BODY = """<noscript><p>This page needs scripts. The same results, under the protocol's model, are on the pages of the
notebooks.</p></noscript>
<form id="choices" class="wide" aria-label="Choices" hidden></form>
<p id="answer" class="wide" role="status" aria-live="polite"></p>
<div id="plot" class="wide scroll" tabindex="0" role="region" aria-label="Forest plot"></div>
<div id="studies" class="wide scroll" tabindex="0" role="region" aria-label="Studies"></div>
"""


def _labelled(named: Mapping[str, measures.Named], first: str, usual: Sequence[str]) -> dict[str, str]:
    """Label the usual choices, the protocol's own before them."""
    return {code: f"{code}: {named[code].words}" for code in (first, *usual)}


def _analysis(
    review: Review, done: Synthesis, indirect: set[str], methods: list[str], intervals: list[str]
) -> dict[str, Any]:
    analysis = done.analysis
    outcome = review.protocol.outcomes[analysis.outcome]
    intervention = " or ".join(analysis.spec.intervention).replace("_", " ")
    favours = [f"favours {intervention}", "favours comparator"]
    repeated = done.effects["label"].duplicated(keep=False)
    studies = [
        _study(row, indirect) | {"name": f"{row['label']} ({row['arm']})" if twice else row["label"]}
        for row, twice in zip(done.effects.to_dict("records"), repeated, strict=True)
    ]
    model = review.protocol.model_of(analysis)
    kept = _sets(studies, list(done.effects["study"]), model.minimum_studies)
    return {
        "id": analysis.id,
        "title": analysis.title,
        "comparison": analysis.comparison,
        "outcome": analysis.outcome.replace("_", " "),
        "window": analysis.term or "any time",
        "measure": done.measure,
        "unit": str(done.effects["unit"].iloc[0]),
        "ratio": measures.measure_of(done.measure).ratio,
        "favours": favours[::-1] if outcome.better == "higher" else favours,
        "mid": outcome.minimal_important_difference,
        "studies": studies,
        "results": _results(done.effects, kept, methods, intervals, model),
    }


def _study(row: dict[Any, Any], indirect: set[str]) -> dict[str, Any]:
    flags = {
        "high-risk": row["risk_of_bias"] == "high",
        "indirect": row["trial_id"] in indirect,
        "assumed": bool(row["assumptions"]),
        "abstract": row["source_kind"] == "abstract",
        "small": row["n"] < SMALL,
    }
    return {
        "label": row["label"],
        "trial": row["trial_id"],
        "page": file_name(row["trial_id"]),
        "arms": f"{row['arm']} v {row['comparator']}",
        "n": _short(row["n"]),
        "effect": _short(row["effect"]),
        "low": _short(row["ci_low"]),
        "high": _short(row["ci_high"]),
        "variance": _short(row["variance"]),
        "flags": [name for name, holds in flags.items() if holds],
    }


def _sets(studies: list[dict[str, Any]], trials: list[str], minimum: int) -> list[tuple[bool, ...]]:
    """List the sets of studies that can be asked for: by every combination of exclusions, and with one left out.

    Sets of fewer trials than `minimum` are not combined.
    """
    used = sorted({flag for study in studies for flag in study["flags"]})
    dropped = [set(chosen) for size in range(len(used) + 1) for chosen in combinations(used, size)]
    sets = [tuple(not names & set(study["flags"]) for study in studies) for names in dropped]
    sets += [tuple(i != left for i in range(len(studies))) for left in range(len(studies))]
    return [one for one in dict.fromkeys(sets) if len(set(compress(trials, one))) >= minimum]


def _results(
    effects: pd.DataFrame,
    kept: list[tuple[bool, ...]],
    methods: list[str],
    intervals: list[str],
    model: ModelRules,
) -> dict[str, list[list[list[float | None]]]]:
    mask = np.array(kept)
    effect, variance = (
        np.where(mask, effects[name].to_numpy(float), np.nan) for name in ("effect", "variance")
    )
    numbers = np.empty((len(kept), len(methods), len(intervals), len(QUANTITIES)))
    for i, method in enumerate(methods):
        for j, interval in enumerate(intervals):
            fit = pool_many(
                effect, variance, method=method, ci=interval, level=model.level, prediction=model.prediction
            )
            numbers[:, i, j] = np.column_stack([getattr(fit, name) for name in QUANTITIES])
    return {
        "".join("01"[keep] for keep in one): [
            [[_short(v) for v in result] for result in row] for row in block
        ]
        for one, block in zip(kept, numbers.tolist(), strict=True)
    }


def _short(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None
