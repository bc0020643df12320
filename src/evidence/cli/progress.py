"""How far a report is: live on a terminal, one line for each notebook elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich import progress as rich_progress
from rich.console import Console

if TYPE_CHECKING:
    from evidence.report.running.execute import Executed
    from evidence.report.running.plan import Job

__all__ = ["Progress"]


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

    def end(self, done: Executed) -> None:
        """Show a notebook that has ended, or that need not run."""
        if done.kept:
            self.tasks[done.job.name] = self.bar.add_task(f"{done.job.name} (unchanged)", total=None)
        self.bar.update(self.tasks[done.job.name], total=1, completed=1)
        self.bar.advance(self.total)
        if not self.console.is_terminal:
            what = "unchanged, taken from an earlier run" if done.kept else f"{done.seconds:.1f} s"
            self.note(f"{done.job.name}: {what}")

    def note(self, text: str) -> None:
        """Show a sentence."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
