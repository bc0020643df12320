"""Making a report: run the notebooks, write the site beside the old one, and put it in its place in one step."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.errors import ReportError
from evidence.files import draft, explained, json_content
from evidence.report.manifest import commit, others, read_manifest, write_manifest
from evidence.report.place import made_beside, put, refuse_foreign
from evidence.report.running.cache import Cache
from evidence.report.running.execute import CAN_FORK, Executed, Reached, execute_all
from evidence.report.running.imports import load_nbformat
from evidence.report.running.inputs import Inputs, digest, listed
from evidence.report.running.lock import locked
from evidence.report.running.plan import Job, literal, plan, titles

if TYPE_CHECKING:
    from evidence.report.site.site import Site
    from evidence.tables.review import Review

__all__ = ["CACHE_NAME", "build_report"]

CACHE_NAME = ".evidence-cache"
"""Name of the folder for what notebooks gave before, beside that of the notebooks."""


def build_report(
    data: Path,
    notebooks: Path,
    output: Path,
    *,
    title: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
    workers: int | None = None,
    cache: Path | None = None,
    force: bool = False,
    timeout: float | None = None,
    fork: bool = CAN_FORK,
    on_plan: Callable[[list[Job]], None] = lambda jobs: None,
    on_start: Callable[[Job], None] = lambda job: None,
    on_cell: Callable[[Job, Reached], None] = lambda job, reached: None,
    on_end: Callable[[Executed], None] = lambda done: None,
    on_note: Callable[[str], None] = lambda text: None,
) -> Path:
    """Run the notebooks of a review whose inputs have changed and write its report, if anything has changed at all.

    Parameters
    ----------
    data : Path
        Folder of the review; the notebooks that declare ``data_dir`` are given it.
    notebooks : Path
        Folder of the notebooks; their pages come in the order of their names.
    output : Path
        Folder of the report. It is replaced when everything is done, and stays as it was if anything fails.
    title : str, optional
        Title of the review; by default that of its protocol, and then the review must be without faults.
    parameters : mapping, optional
        Parameters for the notebooks that declare them.
    only : sequence of str
        Names of the notebooks to take; all if empty.
    workers : int, optional
        Notebooks run at the same time; by default one for each core and one more.
    cache : Path, optional
        Folder that keeps what notebooks gave; by default ``.evidence-cache`` beside the folder of the notebooks.
    force : bool, optional
        Run all notebooks, whatever was kept.
    timeout : float, optional
        Seconds that a cell may take, unless the metadata of its notebook say otherwise (``{"evidence": {"timeout":
        1200}}``); without end by default.
    fork : bool, optional
        See `execute_all`.
    on_plan, on_start, on_end : callable
        Told the notebooks of the report, each when it begins, and each when it has ended or was kept.
    on_cell : callable
        Told about once a second which cell each notebook has reached, and since when.
    on_note : callable
        Told in a sentence what the user should know beside.

    Returns
    -------
    Path
        The index page of the report.

    Raises
    ------
    DataError
        If the review has faults, the folder of the report holds something else or cannot be written, or a notebook
        or parameter does not exist.
    ReportError
        If a notebook fails, another run is writing the same report, or the disk is full.
    """
    output = output.resolve()
    try:
        run = _Run(data, notebooks, dict(parameters or {}), only, title, cache, on_note, output)
        jobs = run.jobs
        if not force and run.stands(output):
            on_note("Nothing has changed since the report was made.")
            return output / "index.html"
        refuse_foreign(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        with locked(output), made_beside(output) as fresh:
            on_plan(jobs)
            kept = {} if force else run.kept(fresh / "site", on_end)
            rest = sorted((job for job in jobs if job.name not in kept), key=run.cache.seconds, reverse=True)
            try:
                done = run.execute(
                    rest,
                    kept,
                    fresh / "site",
                    on_start,
                    on_cell,
                    on_end,
                    workers=workers,
                    timeout=timeout,
                    fork=fork,
                )
                by_name = kept | {one.job.name: one for one in done}
                run.write(fresh / "site", [by_name[job.name] for job in jobs])
            finally:
                run.pages.stop()
            put(fresh / "site", output)
    except OSError as error:
        raise explained(error, output) from error
    return output / "index.html"


class _Run:
    """One run: the state of everything at its beginning, and the steps to a site."""

    def __init__(
        self,
        data: Path,
        notebooks: Path,
        parameters: dict[str, Any],
        only: Sequence[str],
        title: str | None,
        cache: Path | None,
        on_note: Callable[[str], None],
        output: Path,
    ) -> None:
        self.began, self.clock = datetime.now(UTC), time.time_ns()
        self.data, self.notebooks, self.parameters, self.on_note = data, notebooks, parameters, on_note
        self.title, self.given = title, title is not None
        self.inputs = Inputs(data, notebooks)
        folder = cache or notebooks.resolve().parent / CACHE_NAME
        self.every = self.inputs.every()
        asked_of = partial(_questions, data, self.every, self.inputs.environment, folder)
        self.jobs = plan(notebooks, data, parameters, only, asked_of)
        self.cache = Cache(folder, self.inputs)
        self.cache_works = True
        self.review: Review | None = None
        self.written = output, self.cache.folder.resolve()
        places = {folder.parent for folder in self.written}
        self.own = {place: listed(place) for place in places if place.is_dir()}
        self.commit = commit(notebooks)
        self.chosen = [f"{job.name} {literal(dict(sorted(job.parameters.items())))}" for job in self.jobs]
        self.state = self.state_of(self.every)
        self.left: set[str] = set()
        self.owners: dict[str, str] = {}
        self.pages = _Pages()

    def state_of(self, every: Mapping[str, str]) -> str:
        """Return a hash of all that a report depends on."""
        chosen = [self.inputs.environment, self.chosen, self.title if self.given else None, self.commit]
        return digest([every, *chosen])

    def stands(self, output: Path) -> bool:
        """Return whether a report was made from this state and nobody has changed it since."""
        manifest = read_manifest(output)
        return (
            manifest.get("state") == self.state
            and not others(output)[1]
            and all((output / name).exists() for name in manifest.get("outputs", {}))
        )

    def kept(self, site: Path, on_end: Callable[[Executed], None]) -> dict[str, Executed]:
        """Take what was kept of the notebooks whose inputs are as they were, once the review is known to be sound."""
        found = [kept for job in self.jobs if (kept := self.cache.find(job))]
        if found:
            self.check()
        taken = {}
        for kept in found:
            part = site.parent / "parts" / kept.job.name
            part.parent.mkdir(exist_ok=True)
            if done := self.cache.take(kept, part):
                self.merge(done, part, site)
                taken[done.job.name] = done
                on_end(done)
        return taken

    def check(self) -> None:
        """Find the title of the review, which is only given if all its tables are sound."""
        if self.title is None:
            self.title, self.review = _title(self.data, self.inputs, self.cache.folder)

    def begin(self, site: Path, kept: Mapping[str, Executed]) -> None:
        """Begin to write the site, once the review is known to be sound."""
        site.mkdir(exist_ok=True)
        self.check()
        self.pages.begin(partial(self.open, site))
        for done in kept.values():
            self.pages.add(done)

    def open(self, site: Path) -> Site:
        """Write the pages that need no notebook."""
        load_nbformat()
        from evidence.report.site.site import Site
        from evidence.tables.review import read_review

        review = self.review
        if review is None and not self.given:
            review = read_review(self.data)
        opened = Site(
            site, {job.name: job.title for job in self.jobs}, self.title or "", review, self.notebooks
        )
        opened.write_review_pages()
        return opened

    def execute(
        self,
        jobs: list[Job],
        kept: Mapping[str, Executed],
        site: Path,
        on_start: Callable[[Job], None],
        on_cell: Callable[[Job, Reached], None],
        on_end: Callable[[Executed], None],
        *,
        workers: int | None,
        timeout: float | None,
        fork: bool,
    ) -> list[Executed]:
        """Run notebooks, keep what each gives, and write the site meanwhile."""

        def ended(done: Executed, part: Path, record: Path) -> None:
            self.tell_left(done, record)
            written = (*self.written, site.parent.resolve())
            reads = _reads(record, self.inputs, self.clock, self.own, written)
            if reads is not None and self.cache_works:
                self.keep(done, part, reads)
            self.merge(done, part, site)
            self.pages.add(done)
            on_end(done)

        if not jobs:
            self.begin(site, kept)
            return []
        parts = site.parent / "parts"
        # One more than cores: a notebook also waits, for its kernel to begin and to end.
        count = min(workers or (os.cpu_count() or 1) + 1, len(jobs))
        done = execute_all(
            jobs,
            parts,
            self.data,
            workers=count,
            timeout=timeout,
            fork=fork,
            meanwhile=partial(self.begin, site, kept),
            on_start=on_start,
            on_cell=on_cell,
            on_end=ended,
        )
        if self.cache_works:
            self.cache.prune()
        return done

    def keep(self, done: Executed, part: Path, reads: Mapping[str, str | None]) -> None:
        """Keep what a notebook gave; that it cannot be kept is no reason to stop."""
        try:
            self.cache.keep(done, part, reads)
        except OSError as error:
            self.cache_works = False
            self.on_note(f"Nothing is kept for the next run: {self.cache.folder}: {error.strerror or error}.")

    def tell_left(self, done: Executed, record: Path) -> None:
        """Say what a notebook left in the folders of the review and the notebooks."""
        try:
            left = json.loads(record.read_text("utf-8")).get("left", [])
        except (OSError, ValueError):
            return
        if left:
            self.left.update(self.inputs.name(Path(path)) for path in left)
            here = f"{Path.cwd()}{os.sep}"
            named = ", ".join(path.removeprefix(here) for path in left)
            self.on_note(f"{done.job.path.name} left {named}; it will run again each time.")

    def merge(self, done: Executed, part: Path, site: Path) -> None:
        """Move what a notebook published into the site."""
        site.mkdir(exist_ok=True)
        for path in sorted(part.rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(part).as_posix()
            if name in self.owners:
                raise ReportError(
                    f"{done.job.path.name} and {self.owners[name]} both publish {path.stem!r}; "
                    "give one of the two another name."
                )
            self.owners[name] = done.job.path.name
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(site / name)

    def write(self, site: Path, executed: Sequence[Executed]) -> None:
        """Write the last pages and the manifest."""
        self.pages.finish()
        shutil.rmtree(site / ".names", ignore_errors=True)
        now = Inputs(self.data, self.notebooks).every()
        state: str | None = self.state_of(now)
        changed = sorted(
            name
            for name in {*now, *self.every} - self.left
            if now.get(name) != self.every.get(name) or self.inputs.touched(name, self.clock)
        )
        if changed:
            state = None
            self.on_note(
                "Inputs changed while the report was made; make it again to have it all of one piece."
            )
        write_manifest(
            site,
            inputs=self.every,
            state=state,
            changed=changed,
            commit=self.commit,
            parameters=self.parameters,
            executed=executed,
            start=self.began,
        )


class _Pages:
    """The pages, written by one thread while the notebooks run in processes of their own."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.site: Future[Site] | None = None
        self.added: list[Future[None]] = []
        self.settings = ExitStack()

    def begin(self, open_site: Callable[[], Site]) -> None:
        """Open the site, which takes a while."""
        import pandas as pd

        self.settings.enter_context(pd.option_context("mode.string_storage", "python"))  # as in `work_ahead`
        self.site = self.thread.submit(open_site)

    def add(self, done: Executed) -> None:
        """Write the page of a notebook when those before it are written."""
        assert self.site is not None
        site = self.site
        self.added.append(self.thread.submit(lambda: site.result().add(done)))

    def finish(self) -> None:
        """Wait for all pages and write those that need them; what went wrong with one is raised here."""
        assert self.site is not None
        for one in self.added:
            one.result()
        self.site.result().finish()

    def stop(self) -> None:
        """Write nothing more."""
        self.thread.shutdown(cancel_futures=True)
        self.settings.close()


def _title(data: Path, inputs: Inputs, cache: Path) -> tuple[str, Review | None]:
    """Return the title of a review and, unless its tables passed all checks before as they are, the review."""
    checked = {name: code for name, code in inputs.every().items() if not name.startswith("notebooks/")}
    known, state = cache / "review.json", digest([inputs.environment, checked])
    if (title := _known(known, state)) is not None:
        return str(title), None
    from evidence.tables.review import read_review

    review = read_review(data)
    _keep(known, state, review.protocol.title)
    return review.protocol.title, review


def _questions(data: Path, every: Mapping[str, str], environment: str, cache: Path) -> dict[str, str]:
    """Return the questions of a review by their ids, with their titles; the protocol is slow to read."""
    rests_on = {name: code for name, code in every.items() if name.startswith("evidence/")}
    known, state = cache / "questions.json", digest([environment, rests_on, every.get("data/review.yaml")])
    found = _known(known, state)
    if not isinstance(found, dict):
        found = titles(data)
        _keep(known, state, found)
    return found


def _known(path: Path, state: str) -> Any:
    """Return what was kept for a state; None if there is no such thing."""
    try:
        found = json_content(path)
        return found["value"] if found["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, state: str, value: Any) -> None:
    """Keep a value for a state; where that is not possible the next run works it out again."""
    try:
        path.parent.mkdir(exist_ok=True)
        with draft(path) as beside:
            beside.write_text(json.dumps({"state": state, "value": value}), "utf-8")
    except OSError:
        pass


def _reads(
    record: Path, inputs: Inputs, since: int, own: Mapping[Path, str], written: Sequence[Path]
) -> dict[str, str | None] | None:
    """Return what a notebook depends on with the hash of each; None if that is not known for certain.

    The old report, and what is kept for the next one, in the folders `written` are never inputs. A folder in which
    they lie is touched by the run itself: it counts as the same if the names in it, of which `own` has the hash from
    the beginning, still are.
    """
    try:
        noted = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if noted["unknowable"]:
        return None
    reads = {}
    for path in map(Path, noted["read"]):
        if any(path.is_relative_to(folder) for folder in written):
            continue
        try:
            status = path.stat()
        except OSError:
            status = None
        touched = status and max(status.st_mtime_ns, status.st_ctime_ns) >= since
        if touched and (path not in own or own[path] != listed(path)):
            return None
        name = inputs.name(path)
        reads[name] = inputs.hash(name)
    return reads
