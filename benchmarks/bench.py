"""Time a pooled fit beside the packages that do the same, and the larger computations alone.

Run by `make bench`, which installs the other packages into an environment of their own. Everything is measured in one
run: in each round every contender gets a short batch, one after the other, so that a busy moment of the machine hits
all alike. What counts is the CPU time of this process (of R's, for metafor), the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from contenders import Contender, contenders
from rich.console import Console
from rich.progress import track
from rich.table import Table

import evidence as ev
from evidence.diagnostics.gosh import gosh
from evidence.diagnostics.subsets import leave_one_out
from evidence.effects.choosing.candidates import on_scale
from evidence.effects.reported.contrasts import reported_contrasts
from evidence.models.regression.fit import regress

ROOT = Path(__file__).parents[1]
BATCH_SECONDS = 0.01
"""CPU time of one batch, about."""


def main() -> None:
    """Measure, print, and write the results if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="batches of each contender (default: 200)")
    parser.add_argument("--output", type=Path, help="JSON file to write the results to")
    parser.add_argument("--single-only", action="store_true", help="leave out the larger computations")
    options = parser.parse_args()
    effect, variance = ten_trials()
    console = Console()
    fits = measure_fits(effect, variance, options.rounds, console)
    console.print(fits_table(fits))
    larger = {} if options.single_only else measure_larger()
    if larger:
        console.print(larger_table(larger))
    if options.output:
        machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
        result = {"machine": machine, "fits": fits, "larger_seconds": larger}
        options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def ten_trials() -> tuple[np.ndarray, np.ndarray]:
    """Log risk ratios and variances of the first ten BCG vaccine trials."""
    data = json.loads((ROOT / "validation" / "pool.json").read_text())["data"]["bcg_rr"]
    return np.array(data["yi"][:10]), np.array(data["vi"][:10])


def measure_fits(
    effect: np.ndarray, variance: np.ndarray, rounds: int, console: Console
) -> list[dict[str, Any]]:
    """Time the contenders in turn; seconds of one fit, and ratios of ours, read in full and bare, to theirs."""
    running = contenders(effect, variance)
    batches = {each.name: batch_size(each.fit) for each in running}
    seconds: dict[str, list[float]] = {each.name: [] for each in running}
    metafor = Metafor(effect, variance) if shutil.which("Rscript") else None
    if metafor:
        seconds[metafor.name] = []
    else:
        console.print("metafor: skipped, as there is no Rscript.")
    for number in track(range(rounds), "single fits", console=console, transient=True):
        for each in running:
            seconds[each.name].append(time_batch(each.fit, batches[each.name]))
        if metafor and number % 10 == 0:
            seconds[metafor.name].append(metafor.time(10))
    ours, bare = (median(seconds[each.name]) for each in running[:2])
    rows = [describe(each, seconds[each.name], ours, bare) for each in running]
    if metafor:
        given = Contender(metafor.name, "the same: REML, Knapp-Hartung", True, lambda: None)
        rows.append(describe(given, seconds[metafor.name], ours, bare))
        metafor.close()
    return rows


def batch_size(fit: Callable[[], Any]) -> int:
    """Choose how many fits make one batch."""
    fit()
    once = min(time_batch(fit, 3) for _ in range(5))
    return max(1, round(BATCH_SECONDS / max(once, 1e-7)))


def time_batch(fit: Callable[[], Any], times: int) -> float:
    """CPU seconds of one fit, over a batch."""
    start = time.process_time()
    for _ in range(times):
        fit()
    return (time.process_time() - start) / times


def describe(contender: Contender, seconds: list[float], ours: float, bare: float) -> dict[str, Any]:
    """Summarise the timings of one contender."""
    middle = median(seconds)
    return {
        "name": contender.name,
        "gives": contender.gives,
        "complete": contender.complete,
        "median_seconds": middle,
        "least_seconds": min(seconds),
        "ours_to_theirs": ours / middle,
        "ours_bare_to_theirs": bare / middle,
    }


class Metafor:
    """A running R that times metafor when asked."""

    def __init__(self, effect: np.ndarray, variance: np.ndarray) -> None:
        script = Path(__file__).with_name("metafor.R")
        self.process = subprocess.Popen(
            ["Rscript", "--vanilla", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for values in (effect, variance):
            self._ask(" ".join(f"{value:.17g}" for value in values))
        number, estimate, tau2 = self._answer().split()
        self.name = f"metafor {number}"
        fit = ev.pool(effect, variance)
        np.testing.assert_allclose([fit.estimate, fit.tau2], [float(estimate), float(tau2)], rtol=1e-3)

    def time(self, times: int) -> float:
        """CPU seconds of one fit, over a batch."""
        self._ask(str(times))
        return float(self._answer())

    def close(self) -> None:
        """End R."""
        self.process.communicate()

    def _ask(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def measure_larger() -> dict[str, float]:
    """CPU seconds of one run of each larger computation, the median of five."""
    rng = np.random.default_rng(1)
    variance = 10.0 ** rng.uniform(-2.0, -0.5, (100_000, 10))
    effect = rng.normal(size=variance.shape) * np.sqrt(variance + 0.05)
    y, v = ten_trials()
    fit = ev.pool(y, v)
    frame = fit.to_frame().assign(x=np.arange(10.0))
    review = ev.read_review(ROOT / "data")
    largest = max((ev.multiverse(review, name) for name in review.analyses), key=len)

    def all_paths() -> None:
        # Without what was worked out before, so that the effects are selected from the tables again.
        reported_contrasts.cache_clear()
        on_scale.cache_clear()
        ev.multiverse(review, largest.analysis)

    grid = {"methods": ("REML", "PM", "DL", "ML", "SJ", "EE"), "intervals": ("HKSJ", "HKSJ-adhoc", "t", "z")}
    work: dict[str, Callable[[], Any]] = {
        "pool_many, 100,000 fits of 10 studies": lambda: ev.pool_many(effect, variance),
        "regress, 10 studies, 1 moderator": lambda: regress("effect ~ x", frame, variance="variance"),
        "leave_one_out, 10 studies": lambda: leave_one_out(fit),
        "gosh, all 1,023 subsets of 10 studies": lambda: gosh(y, v, progress=False),
        "pool_grid, 100,000 sets of 10 studies, 6 methods, 4 intervals": lambda: ev.pool_grid(
            effect, variance, **grid
        ),
        f"multiverse, {len(largest):,} paths, with the selection of effects": all_paths,
    }
    out = {}
    for name, run in work.items():
        run()
        out[name] = median(time_batch(run, 1) for _ in range(5))
    return out


def fits_table(fits: list[dict[str, Any]]) -> Table:
    """Lay out the single fits."""
    table = Table(title="One fit, k = 10", title_justify="left")
    table.add_column("package")
    table.add_column("what it computes")
    for head in ("median", "least", "ours / theirs", "bare / theirs"):
        table.add_column(head, justify="right")
    for row in fits:
        times = [f"{1e6 * row[key]:,.0f} us" for key in ("median_seconds", "least_seconds")]
        ratios = [f"{row[key]:.3f}" for key in ("ours_to_theirs", "ours_bare_to_theirs")]
        table.add_row(row["name"], row["gives"], *times, *ratios)
    return table


def larger_table(larger: dict[str, float]) -> Table:
    """Lay out the larger computations."""
    table = Table(title="Larger computations", title_justify="left")
    table.add_column("computation")
    table.add_column("CPU time", justify="right")
    for name, seconds in larger.items():
        table.add_row(name, f"{1e3 * seconds:,.2f} ms")
    return table


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the other packages
    print(
        ", ".join(f"{name} {version(name)}" for name in ("pimeta", "PyMARE", "PyMetaAnalysis", "statsmodels"))
    )
    main()
