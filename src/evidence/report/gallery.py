"""The figures of all analyses of a review in one folder, with a manifest of the numbers they show."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from evidence.errors import DataError
from evidence.figures import EvidenceFigure, forest, funnel, save
from evidence.files import checksum, drafts, file_name, files_below, json_content, remove, write
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.review import Review

__all__ = ["MANIFEST", "figures_of", "read_manifest", "write_gallery"]

MANIFEST = "manifest.json"
_HEAD = {"generator": "evidence figures"}


def write_gallery(review: Review, folder: Path) -> tuple[list[str], list[str]]:
    """Draw the forest and the funnel plot of every analysis that can be pooled.

    They are put into the folder when all are drawn. The figures that an earlier run wrote are removed, so that none
    outlives its analysis; other files stay, and figures that somebody has changed.

    Parameters
    ----------
    review : Review
        The tables and the protocol.
    folder : Path
        Where the files go: for each figure SVG, PNG and the numbers as JSON, for all of them ``manifest.json``. It is
        made if need be.

    Returns
    -------
    drawn : list of str
        Names of the figures, which are those of their files: see `file_name`.
    left : list of str
        Ids of the analyses with too few poolable comparisons.

    Raises
    ------
    DataError
        If the folder has a manifest that is not one of figures, holds a file in the place of a figure that is not as
        an earlier run wrote it, or cannot be written to.
    ReportError
        If the disk is full; the folder is as it was then.
    """
    before = _written_before(folder)
    entries: dict[str, dict[str, Any]] = {}
    left = []
    with drafts(folder) as beside:
        for id_ in review.analyses:
            synthesis = synthesise(review, id_)
            if synthesis.fit is None:
                left.append(id_)
                continue
            for kind, figure in figures_of(review, synthesis).items():
                name = f"{file_name(id_)}-{kind}"
                entries[name] = _entry(synthesis, figure, beside / name)
        text = json.dumps({**_HEAD, "figures": entries, "not_pooled": left}, indent=1, ensure_ascii=False)
        write(beside, MANIFEST, text + "\n")
        new = files_below(beside)
        _refuse_changed(folder, before, set(new) - {MANIFEST})
    remove(folder, {name: code for name, code in before.items() if name not in new})
    return list(entries), left


def _refuse_changed(folder: Path, before: Mapping[str, str], new: Collection[str]) -> None:
    """Refuse to replace what no earlier run wrote, or what was changed since."""
    there = [name for name in sorted(new) if os.path.lexists(folder / name)]
    if changed := [name for name in there if checksum(folder / name) != before.get(name)]:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise DataError(
            f"In {folder}, {', '.join(changed[:5])}{more} is not as an earlier run drew it, so it is not replaced; "
            "move it away, or name another folder with --output."
        )


def figures_of(review: Review, synthesis: Synthesis) -> dict[str, EvidenceFigure]:
    """Draw the forest and the funnel plot of an analysis that was pooled; of single groups the forest plot alone."""
    fit, analysis = synthesis.fit, synthesis.analysis
    assert fit is not None
    if analysis.one_group:  # small studies have no side to lie on where nothing is compared
        shown = forest(fit, data=synthesis.effects, title=analysis.title, notes=[synthesis.provenance])
        return {"forest": shown}
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
    paths = save(figure, stem, dpi=200)
    row = synthesis.to_frame().iloc[0]
    return {
        "analysis": synthesis.analysis.id,
        "k": int(row["k"]),
        "n": float(row["n"]),
        "model": row["model"],
        "sources": sorted(set(synthesis.effects["source_url"])),
        "files": {path.name: checksum(path) for path in paths},
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
    if not os.path.lexists(path):
        raise DataError(f"{folder} holds no {MANIFEST}; draw the figures first (evidence figures).")
    try:
        manifest: dict[str, Any] = json_content(path)
        for entry in manifest["figures"].values():
            dict(entry["files"]), list(entry["numbers"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is not a manifest of figures; name another folder with --output.") from None
    return manifest


def _written_before(folder: Path) -> dict[str, str]:
    if not os.path.lexists(folder / MANIFEST):
        return {}
    figures = read_manifest(folder)["figures"].values()
    return {str(name): str(code) for entry in figures for name, code in entry["files"].items()}
