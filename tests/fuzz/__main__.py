"""Try many random and adversarial inputs on every statistical function of the package.

Each input has to give a result with finite numbers, or missing ones that are documented, or an EvidenceError that
says why not and names the study if one was spoilt on purpose. Any warning and any other exception is a failure. An
input is known by its number and the seed; `make fuzz ARGS="--only NUMBER"` repeats one that failed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .attempt import TARGETS, Outcome, attempt, attempt_all, draw

PROCESSES = 2
CHUNK = 50
KINDS = ("result", "refused", "failed")


def main() -> int:
    """Try the inputs with progress; print what came of them, and each failure."""
    parser = argparse.ArgumentParser(prog="fuzz", description=str(__doc__).splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="how many inputs (default: 20000)")
    parser.add_argument("--seed", type=int, default=2024, help="seed of the draws (default: 2024)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="try this input alone and show it")
    options = parser.parse_args()
    console = Console()
    if options.only is not None:
        show(options.only, options.seed, console)
        return 0
    outcomes: list[Outcome] = []
    chunks = [range(i, min(i + CHUNK, options.inputs)) for i in range(0, options.inputs, CHUNK)]
    with ProcessPoolExecutor(PROCESSES) as executor, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("inputs", total=options.inputs)
        for done in as_completed([executor.submit(attempt_all, chunk, options.seed) for chunk in chunks]):
            outcomes += done.result()
            progress.update(bar, completed=len(outcomes))
    console.print(tabulate(outcomes))
    failures = sorted((one for one in outcomes if one.kind == "failed"), key=lambda one: one.number)
    for failure in failures:
        console.print(f"{failure.number} {failure.target}: {failure.cause}", markup=False, soft_wrap=True)
    return 1 if failures else 0


def tabulate(outcomes: list[Outcome]) -> Table:
    """Count the outcomes of each function."""
    counts = Counter((outcome.target, outcome.kind) for outcome in outcomes)
    table = Table("function", *KINDS)
    for name in TARGETS:
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
