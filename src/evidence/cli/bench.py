"""The command ``evidence bench``: how long the library's own computations take on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from evidence.cli.output import Format, print_frame

__all__ = ["bench"]

SECONDS = 0.05
"""CPU time of one batch, about."""


def bench(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of a review, to time its analyses as well.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Batches of each computation.")] = 9,
    form: Annotated[
        Format, typer.Option("--format", help="A table to read, or CSV or JSON with all digits.")
    ] = Format.table,
) -> None:
    """Time the library on this machine; `make bench` sets it beside other packages."""
    import pandas as pd
    from rich.progress import track

    work = _computations(data)
    rows = []
    for name in track(work, "measuring", transient=True):
        seconds = _seconds(work[name], rounds)
        rows.append(
            {
                "computation": name,
                "median_ms": 1e3 * statistics.median(seconds),
                "least_ms": 1e3 * min(seconds),
                "batches": rounds,
            }
        )
    print_frame(pd.DataFrame(rows), form, decimals={"median_ms": 3, "least_ms": 3})


def _computations(data: Path | None) -> dict[str, Callable[[], Any]]:
    import numpy as np

    import evidence as ev

    random = np.random.default_rng(1)
    variance = random.uniform(0.01, 0.2, (10_000, 10))
    effect = random.normal(0.3, np.sqrt(variance + 0.05))
    y, v = effect[0], variance[0]
    work: dict[str, Callable[[], Any]] = {
        "pool, 10 studies, REML, HKSJ": lambda: ev.pool(y, v),
        "pool, 10 studies, DL, z": lambda: ev.pool(y, v, method="DL", ci="z"),
        "pool_many, 10,000 fits of 10 studies": lambda: ev.pool_many(effect, variance),
        "bayes, 10 studies": lambda: ev.bayes(y, v),
    }
    if data is not None:
        review = ev.read_review(data)
        name = max(review.analyses, key=lambda one: len(review.effects(one)))
        work |= {
            f"read_review({str(data)!r})": lambda: ev.read_review(data),
            f"synthesise, {name}": lambda: ev.synthesise(review, name),
            f"multiverse, {name}": lambda: ev.multiverse(review, name, progress=False),
        }
    return work


def _seconds(run: Callable[[], Any], rounds: int) -> list[float]:
    """Return the CPU time of one call, once for each batch of calls."""
    begun = time.process_time()
    run()
    once = time.process_time() - begun
    count = max(1, int(SECONDS / max(once, 1e-6)))
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(count):
            run()
        seconds.append((time.process_time() - begun) / count)
    return seconds
