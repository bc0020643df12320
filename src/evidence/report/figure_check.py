"""Whether the figures of a review, drawn afresh, are those of a folder: the numbers they show and the images."""

from __future__ import annotations

import base64
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure

from evidence.errors import DataError
from evidence.files import inside
from evidence.report.gallery import read_manifest, write_gallery
from evidence.report.site.shell import templates
from evidence.results import Shown
from evidence.tables.review import Review

__all__ = ["FigureCheck", "FigureComparison", "check_figures", "compare_galleries"]

COLUMNS = ["figure", "series", "row", "column", "old", "new"]
MISSING = "missing"
"""Stands for a row or a figure that is on one side only."""


@dataclass(frozen=True, eq=False)
class FigureComparison:
    """One figure as it is kept and as it is drawn now."""

    name: str
    state: str
    """One of "same", "changed", "new" (not kept so far) and "gone" (kept, but drawn no more)."""
    rms: float
    """Root mean square of the differences between the pixels, 0 to 255; infinite if the sizes differ, NaN if
    there is only one image."""
    reasons: tuple[str, ...]
    """Why the state is not "same", in words."""
    old: Path | None
    """Image that is kept."""
    new: Path | None
    """Image drawn now."""
    difference: Path | None
    """Image of the differences, where the two have the same size and differ."""


@dataclass(frozen=True, eq=False, repr=False)
class FigureCheck(Shown):
    """Result of `check_figures`."""

    figures: tuple[FigureComparison, ...]
    changes: pd.DataFrame
    """One row a number, text or row that is not as it was: figure, series, row, column, old, new."""
    tolerance: float
    image_tolerance: float

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return all(figure.state == "same" for figure in self.figures)

    def to_frame(self) -> pd.DataFrame:
        """One row a figure: figure, state, rms, changes (numbers that differ), why."""
        counts = Counter(self.changes["figure"])
        return pd.DataFrame(
            [
                {
                    "figure": one.name,
                    "state": one.state,
                    "rms": one.rms,
                    "changes": counts[one.name],
                    "why": "; ".join(one.reasons),
                }
                for one in self.figures
            ],
            columns=["figure", "state", "rms", "changes", "why"],
        )

    def summary(self) -> str:
        """Say how many figures differ, and which and why."""
        differ = [one for one in self.figures if one.state != "same"]
        head = f"{len(self.figures)} figures compared, {len(differ) or 'none'} of them not as kept."
        return "\n".join([head, *(f"  {one.name}: {'; '.join(one.reasons)}" for one in differ)])

    def page(self) -> str:
        """Lay out one HTML page that needs no other file: old, new and difference side by side, and what changed."""
        environment = templates().overlay()
        environment.filters = {**environment.filters, "image": _embed, "value": _show}
        changes = {name: part.to_dict("records") for name, part in self.changes.groupby("figure", sort=False)}
        differ = [one for one in self.figures if one.state != "same"]
        same = [one.name for one in self.figures if one.state == "same"]
        return environment.get_template("figure_check.html").render(
            check=self, differ=differ, same=same, changes=changes
        )


def check_figures(
    review: Review, folder: Path, scratch: Path, *, tolerance: float = 1e-6, image_tolerance: float = 0.1
) -> FigureCheck:
    """Draw the figures of all analyses afresh and compare them with those that are kept.

    Parameters
    ----------
    review : Review
    folder : Path
        Figures as `write_gallery` wrote them.
    scratch : Path
        Folder for the new figures and the images of differences, which the result refers to.
    tolerance, image_tolerance : float
        As for `compare_galleries`.

    Returns
    -------
    FigureCheck

    Raises
    ------
    DataError
        If the folder holds no figures of an earlier run, or a tolerance is negative.
    """
    read_manifest(folder)  # before the work of drawing
    write_gallery(review, scratch)
    return compare_galleries(folder, scratch, tolerance=tolerance, image_tolerance=image_tolerance)


def compare_galleries(
    old: Path, new: Path, *, tolerance: float = 1e-6, image_tolerance: float = 0.1
) -> FigureCheck:
    """Compare two folders of figures as `write_gallery` writes them.

    Parameters
    ----------
    old, new : Path
        What is kept, and what is to be compared with it. Images of differences are written into the second.
    tolerance : float
        Largest relative difference of two numbers that count as equal.
    image_tolerance : float
        Largest root mean square of the differences between pixels (0 to 255) of two images that count as equal. The
        same code and data give 0; other processors may round the edges of lines in another way.

    Returns
    -------
    FigureCheck

    Raises
    ------
    DataError
        If a folder holds no figures, or a tolerance is negative.
    """
    for name, value in (("tolerance", tolerance), ("image_tolerance", image_tolerance)):
        if not value >= 0.0:
            raise DataError(f"{name} must be 0 or more, not {value!r}.")
    before, after = read_manifest(old)["figures"], read_manifest(new)["figures"]
    figures: list[FigureComparison] = []
    changes: list[dict[str, Any]] = []
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            image = _existing(old, name)
            figures.append(FigureComparison(name, "gone", math.nan, ("drawn no more",), image, None, None))
            continue
        if name not in before:
            image = _existing(new, name)
            figures.append(FigureComparison(name, "new", math.nan, ("not kept so far",), None, image, None))
            continue
        found = _compare_entries(before[name], after[name], tolerance)
        changes += [{"figure": name, **change} for change in found]
        figures.append(_compare_figure(name, old, new, len(found), image_tolerance))
    return FigureCheck(tuple(figures), pd.DataFrame(changes, columns=COLUMNS), tolerance, image_tolerance)


def _compare_figure(
    name: str, old: Path, new: Path, changed: int, image_tolerance: float
) -> FigureComparison:
    kept, drawn = _existing(old, name), new / f"{name}.png"
    reasons = [f"{changed} value{'s' * (changed != 1)} changed"] if changed else []
    rms, difference = math.nan, None
    if kept is None:
        reasons.append("the image that was kept is missing")
    else:
        try:
            result = compare_images(str(kept), str(drawn), tol=image_tolerance, in_decorator=True)
        except ImageComparisonFailure:
            rms = math.inf
            reasons.append("the image has another size")
        else:
            rms = float(result["rms"]) if result else 0.0
            if result:
                difference = Path(str(result["diff"]))
                reasons.append(f"the image differs (root mean square {rms:.3g} of 255)")
    state = "changed" if reasons else "same"
    return FigureComparison(name, state, rms, tuple(reasons), kept, drawn, difference)


def _compare_entries(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[dict[str, Any]]:
    """List what differs between two entries of a manifest: the figure as a whole, then its numbers row by row."""
    out = []
    for column in ("k", "n", "model", "sources"):
        one, other = (_joined(entry.get(column)) for entry in (old, new))
        if not _equal(one, other, tolerance):
            out.append({"series": "figure", "row": "", "column": column, "old": one, "new": other})
    before, after = _by_key(old["numbers"]), _by_key(new["numbers"])
    for key in dict.fromkeys([*before, *after]):
        series, row, number = key
        place = {"series": series, "row": row if number == 1 else f"{row} ({number})"}
        if key not in before or key not in after:
            sides = [MISSING if key not in side else "present" for side in (before, after)]
            out.append({**place, "column": "row", "old": sides[0], "new": sides[1]})
            continue
        one, other = before[key], after[key]
        for column in dict.fromkeys([*one, *other]):
            values = one.get(column), other.get(column)
            if not _equal(*values, tolerance):
                out.append({**place, "column": column, "old": values[0], "new": values[1]})
    return out


def _by_key(numbers: list[dict[str, Any]]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Name each row of a figure's numbers: its kind, its label, and which of several with these it is."""
    out: dict[tuple[str, str, int], dict[str, Any]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for record in numbers:
        kind, label = (str(record.get(name) or "") for name in ("row", "label"))
        seen[kind, label] += 1
        out[kind, label, seen[kind, label]] = record
    return out


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)
    return bool(one == other)


def _joined(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _existing(folder: Path, name: str) -> Path | None:
    """Return the image of a figure that a manifest names; DataError if the name leads out of the folder."""
    path = inside(folder, f"{name}.png")
    return path if path.is_file() else None


def _embed(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _show(value: Any) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
