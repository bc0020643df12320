"""The page of the measurements: a table, a figure, and the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

__all__ = ["write_page"]

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#666666"


def write_page(result: dict[str, Any], folder: Path) -> None:
    """Write README.md and speed.svg into the folder."""
    kept = folder / "numba.md"
    draw(result, folder / "speed.svg")
    machine = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    loads = " and ".join(f"{load:.1f}" for load in machine["load"])
    parts = [
        "# Speed",
        "Written by `make bench`; do not edit. Everything was measured in one run, with this package and the others "
        "taking turns: CPU time of one unit, the median of the turns. *Times ours* says how many times longer "
        "the other package takes.",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory']} GB, {machine['system']}, "
        f"Python {machine['python']}; {packages}. Load average of the machine before and after: {loads} (where it is "
        "above the number of cores, others worked on the machine: compare ratios rather than times).",
        "![Times of the other packages as multiples of ours, and growth with the number of studies](speed.svg)",
        "## Beside other packages",
        table(result["rows"]),
        "Where a package has no such function its fit is called in a loop. metafor and pimeta compute more than ours "
        "by default (a full fit object); statsmodels and PyMARE less, as the table says. GOSH, permutations and "
        "simulated cells of the slow ones were timed on a part, and are given for one unit.",
        "## Growth",
        growth(result["growth"]),
        "## Large computations: time on the clock and peak memory",
        large(result),
        "## Dask\n\n" + dask(result["dask"]) if "dask" in result else "",
        kept.read_text(encoding="utf-8").strip() if kept.exists() else "",
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def shown(seconds: float) -> str:
    """Write a time with a fitting unit."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def table(rows: list[dict[str, Any]]) -> str:
    """One line a task and package."""
    lines = ["| computation | package | time for one | times ours |", "| --- | --- | ---: | ---: |"]
    last = ""
    for row in rows:
        name = row["task"] if row["task"] != last else ""
        last = row["task"]
        ratio = "" if row["package"] == "evidence" else f"{row['ratio']:,.3g}"
        lines.append(f"| {name} | {row['package']} | {shown(row['seconds'])} a {row['unit']} | {ratio} |")
    return "\n".join(lines)


def growth(rows: list[dict[str, float]]) -> str:
    """Microseconds of a fit by fits and studies."""
    lines = ["| fits | k | microseconds a fit | a study |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {row['fits']:,} | {row['k']} | {row['microseconds']:.2f} | {row['microseconds'] / row['k']:.3f} |"
        for row in rows
    ]
    return "`pool_many`, REML, HKSJ, one core:\n\n" + "\n".join(lines)


def large(result: dict[str, Any]) -> str:
    """Seconds and megabytes."""
    lines = ["| computation | seconds | peak memory (MB) |", "| --- | ---: | ---: |"]
    lines += [
        f"| {name} | {one['seconds']:.2f} | {one['megabytes']:.0f} |"
        for name, one in result["memory"].items()
    ]
    if many := result.get("multiverse"):
        lines.append(f"| multiverse of the review, {many['paths']:,} paths (CPU) | {many['seconds']:.2f} | |")
    for name, seconds in result.get("report", {}).items():
        lines.append(f"| {name} | {seconds:.2f} | |")
    return "\n".join(lines)


def dask(times: dict[str, float]) -> str:
    """What one and two workers bring."""
    return (
        "A simulation of a million meta-analyses, three estimators, two intervals, time on the clock, the median of "
        f"turns: {times['alone']:.1f} s in one process, {times['workers 1']:.1f} s with one worker, "
        f"{times['workers 2']:.1f} s with two. Turn by turn one worker takes {100 * times['overhead']:+.0f}% beside "
        f"the process alone, and two are {times['speedup']:.2f} times as fast as one."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """Bars of the ratios on a logarithmic axis; time of a fit along k."""
    rows = [row for row in result["rows"] if row["package"] != "evidence"]
    figure = Figure(figsize=(8.5, 0.19 * len(rows) + 1.2))
    bars, line = figure.subplots(1, 2, width_ratios=[2.2, 1])
    labels = [f"{row['task']}: {row['package']}" for row in rows]
    bars.barh(range(len(rows)), [row["ratio"] for row in rows], left=0, color=BLUE, height=0.7)
    bars.set_yticks(range(len(rows)), labels, fontsize=6)
    bars.invert_yaxis()
    bars.set_xscale("log")
    bars.axvline(1.0, color=GREY, linewidth=0.8)
    bars.set_xlabel("times ours (logarithmic)", fontsize=7)
    points = sorted(
        (row["k"], row["microseconds"]) for row in result["growth"] if row["fits"] in (20_000, 10**5)
    )
    line.plot(*zip(*points, strict=True), marker="o", color=ORANGE, markersize=4)
    line.set_xlabel("studies k", fontsize=7)
    line.set_ylabel("microseconds a fit (REML, HKSJ)", fontsize=7)
    line.set_ylim(bottom=0)
    for axes in (bars, line):
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
