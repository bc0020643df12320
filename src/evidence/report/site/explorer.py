"""A page on which the reader chooses question, model and trials; the browser pools as the library does."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evidence import measures
from evidence.appraisal.certainty.grade import SYMBOLS
from evidence.files import file_name, write
from evidence.report.site.shell import FOREST, PageEntry, forest_rules, page
from evidence.synthesis.synthesis import Synthesis, as_declared
from evidence.tables.review import Review

__all__ = ["SAID", "explorer_data", "said_script", "write_explorer"]

METHODS = ("REML", "DL", "PM", "ML", "SJ", "HS", "HE", "EE")
INTERVALS = ("HKSJ", "HKSJ-adhoc", "t", "z")
SMALL = 50
"""Patients below which a comparison counts as small."""
SAID = "explorer-said.js"
"""What the pages of the questions say of each result, and how certain it is."""


def explorer_data(review: Review) -> dict[str, Any]:
    """Gather what the page needs to pool.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict
        ``methods``, ``intervals`` and ``exclusions`` by id with their labels; ``level``; ``default``, the protocol's
        method and interval; ``analyses``, for each analysis that can be pooled its studies, with effects and
        variances on the analysis scale, and the rules by which they are pooled. A missing number is null. Analyses of
        single groups are left out, as the page asks which side is favoured.
    """
    model = review.protocol.model
    exclusions = {
        "high-risk": "trials at high risk of bias",
        "indirect": "trials that fit the question only in part",
        "assumed": "effects that rest on an assumption",
        "abstract": "results read from an abstract only",
        "small": f"comparisons of fewer than {SMALL} patients",
    }
    indirect = {entry.trial for entry in review.protocol.indirect if entry.trial}
    analyses = [
        _analysis(review, done, indirect)
        for done in (as_declared(review, name) for name in review.analyses)
        if done.fit is not None and not done.analysis.one_group
    ]
    used = {flag for one in analyses for study in one["studies"] for flag in study["flags"]}
    return {
        "methods": _labelled(measures.ESTIMATORS, model.method, METHODS),
        "intervals": _labelled(measures.INTERVALS, model.interval, INTERVALS),
        "exclusions": {name: label for name, label in exclusions.items() if name in used},
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
    write(site, SAID, said_script(()))
    for name in ("explorer.js", "explorer.css", "pooling.js"):
        write(site, name, (Path(__file__).with_name("templates") / name).read_text("utf-8"))
    write(site, FOREST, forest_rules())
    shown = page(
        "Explore the results",
        _BODY,
        active="explorer",
        site=title,
        entries=entries,
        scripts=("pooling.js", "explorer-data.js", SAID, "explorer.js"),
        styles=(FOREST, "explorer.css"),
        toc=False,
        kind="explorer",
        lead=f"<p>{html.escape(_lead(review, data))}</p>",
    )
    write(site, "explorer.html", shown)


def said_script(answers: Iterable[tuple[Mapping[str, Any], str]]) -> str:
    """Return the script with what is said of the results.

    Parameters
    ----------
    answers : iterable of (mapping, str)
        Answers to questions, as `QuestionAnswer.record` gives them, each with the name of its page.
    """
    said: dict[str, Any] = {}
    for record, name in answers:
        for one in record["findings"]:
            if one["level"]:
                said[one["analysis"]] = {
                    "level": one["level"],
                    "symbols": SYMBOLS[one["level"]],
                    "sentence": f"{one['clause']}. {one['numbers']}.",
                    "page": f"{quote(name)}.html",
                    "mid": one["important"],
                }
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"window.explorerSaid = {text};\n"


_LEAD = (
    "Choose a question, and how it is answered; take trials out one by one or by kind. The result follows at once, "
    "with the numbers that the library gives; the first shown is the one of the protocol."
)
_ALONE = (
    "Analyses of single groups are not here, as nothing is compared in them; the table on the page of their question "
    "takes studies out, too."
)


def _lead(review: Review, data: Mapping[str, Any]) -> str:
    alone = any(analysis.one_group for analysis in review.analyses.values())
    said = [_LEAD] if data["analyses"] or not alone else []
    return " ".join([*said, *([_ALONE] if alone else [])])


_BODY = """<noscript><p>This page needs scripts. The same results, under the protocol's model, are on the pages of the
questions.</p></noscript>
<form id="choices" class="wide" aria-label="Choices" hidden></form>
<div id="answer" class="wide" role="status" aria-live="polite"></div>
<p id="actions" class="wide"></p>
<div id="plot" class="wide scroll" tabindex="0" role="region" aria-label="Forest plot"></div>
"""


def _labelled(named: Mapping[str, measures.Named], first: str, usual: Sequence[str]) -> dict[str, str]:
    """Label the usual choices, the protocol's own before them."""
    return {code: f"{code}: {named[code].words}" for code in (first, *usual)}


def _analysis(review: Review, done: Synthesis, indirect: set[str]) -> dict[str, Any]:
    analysis = done.analysis
    outcome = review.protocol.outcomes[analysis.outcome]
    intervention = " or ".join(analysis.spec.intervention).replace("_", " ")
    favours = [f"favours {intervention}", "favours comparator"]
    model, measure = review.protocol.model_of(analysis), measures.measure_of(done.measure)
    # Ratios carry the scale of their logarithms; on the page they are ratios.
    unit = measure.name.lower() if measure.ratio else str(done.effects["unit"].iloc[0])
    return {
        "id": analysis.id,
        "title": analysis.title,
        "comparison": analysis.comparison,
        "outcome": review.protocol.outcome_title(analysis.outcome),
        "window": analysis.term or "any time",
        "measure": done.measure,
        "name": measure.name,
        "unit": unit,
        "ratio": measure.ratio,
        "digits": measure.digits,
        "favours": favours[::-1] if outcome.better == "higher" else favours,
        "minimum": model.minimum_studies,
        "prediction": model.prediction,
        "studies": [_study(row, indirect) for row in done.effects.to_dict("records")],
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
        "key": ".".join(str(row[name]) for name in ("trial_id", "arm_id", "comparator_arm_id")),
        "label": row["label"],
        "trial": row["study"],
        "page": file_name(row["trial_id"]),
        "arms": f"{row['arm']} v {row['comparator']}",
        "n": _known(row["n"]),
        "effect": _known(row["effect"]),
        "low": _known(row["ci_low"]),
        "high": _known(row["ci_high"]),
        "variance": _known(row["variance"]),
        "flags": [name for name, holds in flags.items() if holds],
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
