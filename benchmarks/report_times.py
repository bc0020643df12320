"""Time `evidence report` beside `papermill`, which makes the same pages one after another with its default settings.

Run by `make bench`. Everything is measured in one run: in each round the two take turns on a copy of the data and the
notebooks, so that a busy moment of the machine hits both alike. What counts is the time on the clock, the median over
the rounds.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from evidence.report.running.plan import plan

ROOT = Path(__file__).parents[1]
IMPORT = "import time; start = time.perf_counter(); import evidence; print(time.perf_counter() - start)"


def main() -> None:
    """Measure, print, and write the results if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--output", type=Path, help="JSON file to write the results to")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="folder of data and notebooks (default: this)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("data", "notebooks"):
            shutil.copytree(options.root / name, project / name)
        environment = dict(os.environ)
        if environment.pop("PYTHONDONTWRITEBYTECODE", None):  # then the packages may have none either
            environment["PYTHONPYCACHEPREFIX"] = str(project / "pyc")
        seconds = measure(project, environment, options.rounds)
    medians = {what: median(times) for what, times in seconds.items()}
    for what, value in medians.items():
        print(f"{what:60} {value:8.2f} s")
    ratio = medians["evidence report --force"] / medians["papermill, one page after another"]
    print(f"{'evidence report --force to papermill':60} {ratio:8.2f}")
    if options.output:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        result = {"machine": machine, "rounds": seconds, "medians": medians, "ratio": ratio}
        options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(project: Path, environment: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each kind of run, one for each round."""
    seconds: dict[str, list[float]] = {}

    def take(what: str, *commands: Sequence[str], folder: Path = project) -> None:
        start = time.perf_counter()
        for command in commands:
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        seconds.setdefault(what, []).append(time.perf_counter() - start)
        print(f"{what}: {seconds[what][-1]:.2f} s", file=sys.stderr)

    report = [sys.executable, "-c", "from evidence.cli import main; main()", "report"]
    papermill = [sys.executable, "-m", "papermill"]
    jobs = plan(project / "notebooks", project / "data", {})
    # Once before the clock runs, so that byte code and the caches of fonts are there for both.
    take("warming up", [*report, "--force"])
    take(
        "warming up", [*papermill, jobs[0].path.name, str(project / "x.ipynb")], folder=project / "notebooks"
    )
    seconds.clear()
    for _ in range(rounds):
        (project / "papermill").mkdir(exist_ok=True)
        commands = [
            [
                *[*papermill, job.path.name, str(project / "papermill" / f"{number}.ipynb")],
                *(word for name, value in job.parameters.items() for word in ("-p", name, value)),
            ]
            for number, job in enumerate(jobs)
        ]
        take("papermill, one page after another", *commands, folder=project / "notebooks")
        take("evidence report --force", [*report, "--force"])
        take("evidence report, nothing changed", report)
        for table in ("guidelines", "arm_results"):
            change(project / "data" / f"{table}.csv")
            take(f"evidence report, one cell of {table}.csv changed", report)
        shown = subprocess.run(
            [sys.executable, "-c", IMPORT], env=environment, check=True, capture_output=True, text=True
        )
        seconds.setdefault("import evidence", []).append(float(shown.stdout))
    return seconds


def change(table: Path) -> None:
    """Add a full stop to what the last row quotes."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[-1][rows[0].index("as_reported")] += "."
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
