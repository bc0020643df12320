"""The figures of all analyses of a review in one folder, with a manifest of the numbers they show."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from evidence.errors import DataError
from evidence.figures import EvidenceFigure, forest, funnel, save
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.review import Review

__all__ = ["MANIFEST", "figures_of", "read_manifest", "write_gallery"]

MANIFEST = "manifest.json"


def write_gallery(review: Review, folder: Path) -> tuple[list[str], list[str]]:
    """Draw the forest and the funnel plot of every analysis that can be pooled.

    The figures that an earlier run wrote are removed first, so that none outlives its analysis; other files stay.

    Parameters
    ----------
    review : Review
        The tables and the protocol.
    folder : Path
        Where the files go: for each figure SVG, PNG and the numbers as JSON, for all of them ``manifest.json``.

    Returns
    -------
    drawn : list of str
        Names of the figures.
    left : list of str
        Ids of the analyses with too few poolable comparisons.

    Raises
    ------
    DataError
        If the folder has a manifest that is not one of figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _written_before(folder):
        (folder / name).unlink(missing_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    left = []
    for id_ in review.analyses:
        synthesis = synthesise(review, id_)
        if synthesis.fit is None:
            left.append(id_)
            continue
        for kind, figure in figures_of(review, synthesis).items():
            entries[f"{id_}-{kind}"] = _entry(synthesis, figure, folder / f"{id_}-{kind}")
    text = json.dumps({"figures": entries, "not_pooled": left}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")
    return list(entries), left


def figures_of(review: Review, synthesis: Synthesis) -> dict[str, EvidenceFigure]:
    """Draw the forest and the funnel plot of an analysis that was pooled."""
    fit, analysis = synthesis.fit, synthesis.analysis
    assert fit is not None
    favours = "favours " + " or ".join(analysis.spec.intervention).replace("_", " "), "favours comparator"
    if review.protocol.outcomes[analysis.outcome].better == "higher":
        favours = favours[1], favours[0]
    return {
        "forest": forest(
            fit,
            data=synthesis.effects,
            favours=favours,
            title=analysis.title,
            notes=[synthesis.provenance],
        ),
        "funnel": funnel(fit, data=synthesis.effects, favours=favours, title=analysis.title),
    }


def _entry(synthesis: Synthesis, figure: EvidenceFigure, stem: Path) -> dict[str, Any]:
    paths = save(figure, stem)
    row = synthesis.to_frame().iloc[0]
    return {
        "analysis": synthesis.analysis.id,
        "k": int(row["k"]),
        "n": float(row["n"]),
        "model": row["model"],
        "sources": sorted(set(synthesis.effects["source_url"])),
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        "numbers": json.loads(figure.numbers.to_json(orient="records", double_precision=15)),
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what `write_gallery` noted about the figures of a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        ``figures``, by their names: analysis, k, n, model, sources, files and the numbers shown; ``not_pooled``,
        ids of analyses.

    Raises
    ------
    DataError
        If there is no manifest, or it is not one of figures.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise DataError(f"{folder} holds no {MANIFEST}; draw the figures first (evidence figures).")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for entry in manifest["figures"].values():
            dict(entry["files"]), list(entry["numbers"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is not a manifest of figures; name another folder with --output.") from None
    return manifest


def _written_before(folder: Path) -> list[str]:
    if not (folder / MANIFEST).exists():
        return []
    return [name for entry in read_manifest(folder)["figures"].values() for name in entry["files"]]
