"""Set this package beside the others in one run, and write the table and the figure of benchmarks/README.md.

Run by `make bench`, which installs the other packages into an environment of their own. In each round every contender
of a task takes its turn, so that a busy moment of the machine hits all alike. What counts is the CPU time (of R's
process, for metafor) for one unit: a fit, a subset, a permutation; the median over the rounds. Packages that need
milliseconds for a unit are timed on a few of them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from page import write_page
from work import TASKS, Task, draw

import evidence as ev

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = ("pimeta", "PyMetaAnalysis", "PyMARE", "statsmodels")
LEAST = 0.05
"""CPU seconds that a turn takes at least, so that the clock's grain does not count."""
MEMORY = {
    "pool_many, 1,000,000 fits, k = 10": "ev.pool_many(*draw(1_000_000, 10))",
    "gosh_summary, 2^20 subsets, DL": "y, v = draw(1, 20); ev.gosh_summary(y[0], v[0], method='DL')",
    "gosh, 2^20 subsets, DL, all results kept": "y, v = draw(1, 20); ev.gosh(y[0], v[0], method='DL', subsets=2**20)",
    "simulate, 100,000 meta-analyses": "ev.simulate({'k': 5, 'tau2': 0.1}, repetitions=100_000)",
}
PREFIX = f"import sys, time; sys.path.insert(0, {str(HERE)!r})\n"
DRAW = """
import numpy as np, evidence as ev
def draw(n, k):
    rng = np.random.default_rng(1)
    variance = 10.0 ** rng.uniform(-2.0, -0.5, (n, k))
    return rng.normal(size=(n, k)) * np.sqrt(variance + 0.05), variance
"""


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender (default: 7)")
    parser.add_argument("--only", nargs="*", choices=list(TASKS), help="tasks to measure (default: all)")
    parser.add_argument("--output", type=Path, help="JSON file to write the results to")
    parser.add_argument("--report", type=Path, help="JSON file of report_times.py, for the page")
    parser.add_argument("--no-page", action="store_true", help="leave benchmarks/README.md as it is")
    options = parser.parse_args()
    loads = [os.getloadavg()[0]]
    rows: list[dict[str, Any]] = []
    metafor = Metafor() if shutil.which("Rscript") else None
    for name in options.only or TASKS:
        rows += measure(TASKS[name](), options.rounds, metafor)
        for row in rows[-6:]:
            if row["task"] == rows[-1]["task"]:
                print(
                    f"{row['task']:50} {row['package']:28} {1e6 * row['seconds']:14,.2f} us {row['ratio']:10,.1f}"
                )
    result: dict[str, Any] = {"machine": machine(metafor), "rows": rows}
    if not options.only:
        result |= {"growth": growth(), "memory": memory(), "multiverse": multiverse(), "dask": dask()}
        loads.append(os.getloadavg()[0])
        result["machine"]["load"] = loads
        if options.report:
            result["report"] = json.loads(options.report.read_text(encoding="utf-8"))["medians"]
        if not options.no_page:
            write_page(result, HERE)
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measure(task: Task, rounds: int, metafor: Metafor | None) -> list[dict[str, Any]]:
    """Let the contenders of a task take turns; the seconds of one unit, and how many times ours each takes."""
    calls: dict[str, Callable[[], float]] = {"evidence": turn(task.ours, task.units)}
    calls |= {name: turn(call, units) for name, (call, units) in task.others.items()}
    if metafor is not None and task.metafor is not None:
        line, units = task.metafor
        times = 1 if units > 1 else 10
        calls["metafor"] = lambda: metafor.time(f"{line} {times}") / units
        calls["metafor"]()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(call())
    ours = statistics.median(seconds["evidence"])
    return [
        {
            "task": task.name,
            "unit": task.unit,
            "package": name,
            "seconds": statistics.median(times),
            "least": min(times),
            "ratio": statistics.median(times) / ours,
        }
        for name, times in seconds.items()
    ]


def turn(call: Callable[[], Any], units: int) -> Callable[[], float]:
    """A turn: as many calls as fill the least time; the CPU seconds of one unit."""
    call()
    gc.collect()
    start = time.process_time()
    call()
    once = time.process_time() - start
    times = max(1, round(LEAST / max(once, 1e-7)))

    def one() -> float:
        start = time.process_time()
        for _ in range(times):
            call()
        return (time.process_time() - start) / times / units

    return one


class Metafor:
    """A running R that times metafor when asked."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["Rscript", "--vanilla", str(HERE / "metafor.R")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = self._answer().strip()

    def time(self, line: str) -> float:
        """CPU seconds of one call."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def growth() -> list[dict[str, float]]:
    """Microseconds of a fit by number of fits and of studies."""
    out = []
    for n, k in [
        (10**3, 10),
        (10**4, 10),
        (10**5, 10),
        (10**6, 10),
        *[(20_000, k) for k in (3, 5, 20, 50, 100, 200)],
    ]:
        y, v = draw(n, k)
        times = []
        for _ in range(1 if n >= 10**6 else 5):
            start = time.process_time()
            ev.pool_many(y, v)
            times.append(time.process_time() - start)
        out.append({"fits": n, "k": k, "microseconds": 1e6 * statistics.median(times) / n})
    return out


def memory() -> dict[str, dict[str, float]]:
    """Seconds and peak memory (MB, with interpreter and libraries) of large computations, each in its own process."""
    out = {}
    for name, code in MEMORY.items():
        script = f"{PREFIX}{DRAW}start = time.perf_counter()\n{code}\n" + (
            "seconds = time.perf_counter() - start\n"
            "peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
            "print(seconds, float(peak[0]) / 1024)"
        )
        shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        seconds, megabytes = map(float, shown.stdout.split())
        out[name] = {"seconds": seconds, "megabytes": megabytes}
    return out


def multiverse() -> dict[str, float]:
    """CPU seconds of the largest multiverse of the review, the selection of effects included."""
    from evidence.effects.choosing.candidates import on_scale
    from evidence.effects.reported.contrasts import reported_contrasts

    review = ev.read_review(ROOT / "data")
    largest = max((ev.multiverse(review, name) for name in review.analyses), key=len)
    times = []
    for _ in range(5):
        reported_contrasts.cache_clear()
        on_scale.cache_clear()
        start = time.process_time()
        ev.multiverse(review, largest.analysis)
        times.append(time.process_time() - start)
    return {"paths": len(largest), "seconds": statistics.median(times)}


def dask(rounds: int = 5) -> dict[str, float]:
    """Seconds of one large simulation: in this process, with one worker and with two, without the cluster's start.

    The three take turns, and what counts is how each turn compares with the one beside it: the speed of a shared
    machine changes more from minute to minute than Dask costs.
    """
    from evidence.models.scale import cluster

    grid = {"k": [5, 10], "tau2": [0.0, 0.1], "size_sd": 0.5}
    options: dict[str, Any] = {"methods": ["REML", "DL", "PM"], "ci": ["HKSJ", "z"], "repetitions": 250_000}
    times: dict[str, list[float]] = {"alone": [], "workers 1": [], "workers 2": []}
    with ExitStack() as stack:
        places: dict[str, Any] = {"alone": None}
        for workers in (1, 2):
            client = stack.enter_context(cluster.use("local", workers, note=lambda text: None))
            # The workers import the package.
            ev.simulate({"k": 5}, repetitions=5_000 * workers, cluster=client)
            places[f"workers {workers}"] = client
        for _ in range(rounds):
            for name, place in places.items():
                start = time.perf_counter()
                ev.simulate(grid, **options, cluster=place)
                times[name].append(time.perf_counter() - start)
    alone, one, two = (np.array(of) for of in times.values())
    return {name: statistics.median(of) for name, of in times.items()} | {
        "overhead": float(np.median(one / alone)) - 1,
        "speedup": float(np.median(one / two)),
    }


def machine(metafor: Metafor | None) -> dict[str, Any]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory": round(memory_gb),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "scipy", "pandas", *PEERS)}
        | ({"metafor": metafor.version} if metafor else {}),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the other packages
    np.seterr(all="ignore")
    main()
