"""Making a report: run the notebooks, write the site beside the old one, and put it in its place in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evidence.errors import DataError
from evidence.report.execute import Executed, execute_all
from evidence.report.manifest import is_ours, write_manifest
from evidence.report.plan import Job, plan
from evidence.report.site import write_site

__all__ = ["build_report", "refuse_foreign"]


def build_report(
    data: Path,
    notebooks: Path,
    output: Path,
    *,
    title: str,
    parameters: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
    workers: int | None = None,
    on_plan: Callable[[list[Job]], None] = lambda jobs: None,
    on_start: Callable[[Job], None] = lambda job: None,
    on_end: Callable[[Executed], None] = lambda done: None,
) -> Path:
    """Run the notebooks of a review and write its report.

    Parameters
    ----------
    data : Path
        Folder of the review; the notebooks that declare ``data_dir`` are given it.
    notebooks : Path
        Folder of the notebooks; they run in the order of their names.
    output : Path
        Folder of the report. It is replaced when everything is done, and stays as it was if anything fails.
    title : str
        Title of the review.
    parameters : mapping, optional
        Parameters for the notebooks that declare them.
    only : sequence of str
        Names of the notebooks to run; all if empty.
    workers : int, optional
        Notebooks run at the same time; by default one for each core.
    on_plan, on_start, on_end : callable
        Told the notebooks that will run, each when it begins, and each when it has ended.

    Returns
    -------
    Path
        The index page of the report.

    Raises
    ------
    DataError
        If the folder of the report holds something else, or a notebook or parameter does not exist.
    ReportError
        If a notebook fails.
    """
    start = datetime.now(UTC)
    output = output.resolve()
    refuse_foreign(output)
    jobs = plan(notebooks, data, parameters or {}, only)
    on_plan(jobs)
    output.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        site = fresh / "site"
        site.mkdir()
        count = workers or os.cpu_count() or 1
        executed = execute_all(jobs, site, min(count, len(jobs)), on_start, on_end)
        write_site(site, executed, title)
        shutil.rmtree(site / ".names", ignore_errors=True)
        write_manifest(site, data, notebooks, parameters or {}, executed, start)
        if output.exists():
            output.rename(fresh / "previous")
        site.rename(output)
    finally:
        if (fresh / "previous").exists() and not output.exists():
            (fresh / "previous").rename(output)
        shutil.rmtree(fresh, ignore_errors=True)
    return output / "index.html"


def refuse_foreign(output: Path) -> None:
    """Raise a DataError if a folder holds anything but a report made before."""
    if output.exists() and not (output.is_dir() and (is_ours(output) or not any(output.iterdir()))):
        raise DataError(
            f"{output} is not empty and not a report made before, so it is not replaced; "
            "name another folder with --output."
        )
