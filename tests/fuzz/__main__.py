"""Try many random and adversarial inputs on every statistical function of the package, and on every kind of file.

Each input has to give a result with finite numbers, or missing ones that are documented, or an EvidenceError that
says why not and names the study if one was spoilt on purpose. Any warning and any other exception is a failure. Each
corrupted file has to be read or refused in words, within 5 seconds and 500 MB, and nothing may be written, changed or
removed outside the target. An input is known by its number and the seed; `make fuzz ARGS="--only NUMBER"` repeats one
that failed, `ARGS="--only-file NUMBER"` a file, which is left in the folder build/fuzz.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .attempt import TARGETS, Outcome, attempt, attempt_all, draw
from .files import attempt_file, attempt_files

PROCESSES = 2
CHUNK = 50
KEPT = Path("build") / "fuzz"
KINDS = ("result", "refused", "failed")


def main() -> int:
    """Try the inputs with progress; print what came of them, and each failure."""
    parser = argparse.ArgumentParser(prog="fuzz", description=str(__doc__).splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="how many inputs (default: 20000)")
    parser.add_argument("--seed", type=int, default=2024, help="seed of the draws (default: 2024)")
    parser.add_argument("--files", type=int, default=10_000, help="how many files (default: 10000)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="try this input alone and show it")
    parser.add_argument("--only-file", type=int, metavar="NUMBER", help="try this file alone and keep it")
    options = parser.parse_args()
    console = Console()
    if options.only is not None:
        show(options.only, options.seed, console)
        return 0
    if options.only_file is not None:
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        console.print(attempt_file(options.only_file, options.seed, KEPT.resolve()))
        return 0
    failed = 0
    for what, count, function in (
        ("function", options.inputs, attempt_all),
        ("file", options.files, attempt_files),
    ):
        outcomes: list[Outcome] = []
        chunks = [range(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]
        with (
            ProcessPoolExecutor(PROCESSES) as executor,
            Progress(console=console, transient=True) as progress,
        ):
            bar = progress.add_task(f"{what}s", total=count)
            for done in as_completed([executor.submit(function, chunk, options.seed) for chunk in chunks]):
                outcomes += done.result()
                failures = [one for one in done.result() if one.kind == "failed"]
                for one in failures:
                    console.print(
                        f"{what} {one.number} {one.target}: {one.cause}", markup=False, soft_wrap=True
                    )
                failed += len(failures)
                progress.update(bar, completed=len(outcomes))
        names: Iterable[str] = (
            TARGETS if what == "function" else sorted({outcome.target for outcome in outcomes})
        )
        console.print(tabulate(what, names, outcomes))
    return 1 if failed else 0


def tabulate(what: str, names: Iterable[str], outcomes: list[Outcome]) -> Table:
    """Count the outcomes of each function, or of each kind of file."""
    counts = Counter((outcome.target, outcome.kind) for outcome in outcomes)
    table = Table(what, *KINDS)
    for name in names:
        table.add_row(name, *(f"{counts[name, kind]:,}" for kind in KINDS))
    table.add_section()
    table.add_row("all", *(f"{sum(outcome.kind == kind for outcome in outcomes):,}" for kind in KINDS))
    return table


def show(number: int, seed: int, console: Console) -> None:
    """Print an input and what comes of it, with the traceback of an error."""
    call = draw(number, seed)[1]()
    console.print(call)
    console.print(attempt(number, seed))
    warnings.simplefilter("error")
    console.print(call.function(*call.arguments, **call.options))


if __name__ == "__main__":
    sys.exit(main())
