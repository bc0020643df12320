"""How far a report is: live on a terminal, one line for each notebook elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich import progress as rich_progress
from rich.console import Console

if TYPE_CHECKING:
    from evidence.report.running.execute import Executed, Reached
    from evidence.report.running.plan import Job

__all__ = ["Progress"]

LONG = 30.0
"""Seconds after which a cell that still runs is told of where there is no terminal."""


class Progress:
    """Shows on standard error which notebooks are running and which are done."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.bar = rich_progress.Progress(
            rich_progress.SpinnerColumn(finished_text="✓"),
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.tasks: dict[str, rich_progress.TaskID] = {}
        self.told: dict[tuple[str, int], float] = {}

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def plan(self, jobs: list[Job]) -> None:
        """Take in the notebooks that will run."""
        self.total = self.bar.add_task(f"{len(jobs)} notebook{'s' * (len(jobs) != 1)}", total=len(jobs))

    def start(self, job: Job) -> None:
        """Show a notebook that begins."""
        self.tasks[job.name] = self.bar.add_task(job.name, total=None)

    def cell(self, job: Job, reached: Reached) -> None:
        """Show the cell that a notebook has reached; elsewhere than on a terminal only one that takes long."""
        seconds, where = time.time() - reached.since, f"cell {reached.cell} of {reached.cells}"
        self.bar.update(self.tasks[job.name], description=f"{job.name}: {where}, {seconds:.0f} s")
        after = self.told.get((job.name, reached.cell), LONG)
        if not self.console.is_terminal and seconds >= after:
            self.told[job.name, reached.cell] = 2 * after
            self.note(f"{job.name}: {where} has been running for {seconds:.0f} s")

    def end(self, done: Executed) -> None:
        """Show a notebook that has ended, or that need not run."""
        if done.kept:
            self.tasks[done.job.name] = self.bar.add_task(f"{done.job.name} (unchanged)", total=None)
            self.bar.update(self.tasks[done.job.name], total=1, completed=1)
        else:
            self.bar.update(self.tasks[done.job.name], total=1, completed=1, description=done.job.name)
        self.bar.advance(self.total)
        if not self.console.is_terminal:
            what = "unchanged, taken from an earlier run" if done.kept else f"{done.seconds:.1f} s"
            self.note(f"{done.job.name}: {what}")

    def note(self, text: str) -> None:
        """Show a sentence."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
