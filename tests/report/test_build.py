from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from evidence.errors import DataError, ReportError
from evidence.report import build
from evidence.report.build import build_report
from evidence.report.publish import MIME
from evidence.report.running.cache import Cache
from evidence.report.running.execute import Executed
from evidence.report.running.plan import Job
from evidence.report.verify import Difference, verify_report

TITLE = "A review of <this> & that"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two notebooks and a table; the notebooks are not run but answered for."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "trials.csv").write_text("trial_id\n", "utf-8")
    (tmp_path / "notebooks").mkdir()
    for name, heading in (
        ("01-first", "# The first"),
        ("02-second", "# The *second*\n\nSays <b>more</b>.\n\n## Part"),
    ):
        cells = [
            nbformat.v4.new_markdown_cell(heading),
            nbformat.v4.new_code_cell("level = 0.95", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(f"publish('{name}')"),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / f"{name}.ipynb")
    return tmp_path


class Answers:
    """Takes the place of running: gives each notebook a table, and reads what it is told that notebook reads."""

    def __init__(self, project: Path) -> None:
        self.ran: list[str] = []
        self.reads: dict[str, list[Path]] = {}
        self.unknowable = ""
        self.names: dict[str, str] = {}
        self.record = project / "record.json"

    def __call__(
        self,
        jobs: Sequence[Job],
        folder: Path,
        data: Path,
        *,
        meanwhile: Callable[[], None],
        on_start: Callable[[Job], None],
        on_end: Callable[[Executed, Path, Path], None],
        **_: Any,
    ) -> list[Executed]:
        meanwhile()
        executed = []
        for job in jobs:
            on_start(job)
            self.ran.append(job.name)
            notebook = nbformat.read(job.path, as_version=4)
            for number, cell in enumerate(notebook.cells):
                cell.id = f"cell-{number}"
            name = self.names.get(job.name, job.name)
            item: dict[str, Any] = {
                "kind": "table",
                "name": name,
                "caption": f"Table <{name}>",
                "html": "<table></table>",
            }
            item["files"] = {"CSV": f"tables/{name}.csv"}
            (folder / job.name / "tables").mkdir(parents=True)
            (folder / job.name / "tables" / f"{name}.csv").write_text("a\n1\n", "utf-8")
            notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", data={MIME: item})]
            read = [str(path) for path in self.reads.get(job.name, [])]
            self.record.write_text(json.dumps({"read": read, "unknowable": self.unknowable}), "utf-8")
            executed.append(Executed(job, notebook, datetime.now(UTC), 1.0))
            on_end(executed[-1], folder / job.name, self.record)
        return executed


@pytest.fixture
def answers(project: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers(project)
    monkeypatch.setattr(build, "execute_all", answers)
    return answers


def make(project: Path, **options: Any) -> Path:
    return build_report(
        project / "data", project / "notebooks", project / "out" / "report", title=TITLE, **options
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_site_has_an_index_a_page_for_each_notebook_and_the_files(project: Path, answers: Answers) -> None:
    told: list[str] = []
    index = make(
        project,
        on_plan=lambda jobs: told.append(f"plan {len(jobs)}"),
        on_start=lambda job: told.append(f"start {job.name}"),
        on_end=lambda done: told.append(f"end {done.job.name}"),
    )
    assert told == ["plan 2", "start 01-first", "end 01-first", "start 02-second", "end 02-second"]
    assert index == project / "out" / "report" / "index.html"
    assert set(files(index.parent)) >= {
        "01-first.html",
        "02-second.html",
        "index.html",
        "manifest.json",
        "notebooks/01-first.ipynb",
        "tables/01-first.csv",
        "tables/02-second.csv",
    }
    assert "A review of &lt;this&gt; &amp; that" in index.read_text("utf-8")
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


def test_every_link_of_the_site_leads_somewhere_inside(project: Path, answers: Answers) -> None:
    site = make(project).parent
    for page in site.glob("*.html"):
        text = page.read_text("utf-8")
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            if target.startswith("data:"):
                continue
            assert "//" not in target
            path, _, anchor = target.partition("#")
            linked = site / path if path else page
            assert linked.is_file()
            assert not anchor or f'id="{anchor}"' in linked.read_text("utf-8")


def test_manifest_holds_versions_parameters_and_checksums(project: Path, answers: Answers) -> None:
    site = make(project, parameters={"level": 0.9}).parent
    manifest = json.loads((site / "manifest.json").read_text("utf-8"))
    for path, content in files(site).items():
        if path != "manifest.json":
            assert manifest["outputs"].pop(path) == hashlib.sha256(content).hexdigest()
    assert manifest["outputs"] == {}
    trials = (project / "data" / "trials.csv").read_bytes()
    assert manifest["inputs"]["data/trials.csv"] == hashlib.sha256(trials).hexdigest()
    assert {"notebooks/01-first.ipynb", "evidence/errors.py"} <= set(manifest["inputs"])
    assert not any("__pycache__" in path for path in manifest["inputs"])
    assert manifest["parameters"] == {"level": 0.9}
    assert [entry["parameters"] for entry in manifest["notebooks"]] == [{"level": 0.9}] * 2
    assert {"evidence", "numpy", "pandas"} <= set(manifest["packages"])
    assert [entry["kept"] for entry in manifest["notebooks"]] == [False, False]
    assert manifest["commit"] is None
    assert str(project) not in json.dumps(manifest)


def test_a_second_run_gives_the_same_bytes_apart_from_times(project: Path, answers: Answers) -> None:
    first = files(make(project).parent)
    second = files(make(project, force=True).parent)
    assert answers.ran == ["01-first", "02-second"] * 2
    first.pop("manifest.json")
    second.pop("manifest.json")
    assert first == second


def test_some_notebooks_only(project: Path, answers: Answers) -> None:
    site = make(project, only=["02"]).parent
    assert (site / "02-second.html").exists()
    assert not (site / "01-first.html").exists()


def test_a_failure_leaves_the_previous_report_as_it_was(
    project: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(make(project).parent)

    def fail(*_: Any, **__: Any) -> list[Executed]:
        raise ReportError("01-first.ipynb, cell 1: KeyError: 'x'")

    monkeypatch.setattr(build, "execute_all", fail)
    with pytest.raises(ReportError, match="cell 1"):
        make(project, force=True)
    assert files(project / "out" / "report") == before
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


def test_an_interrupt_between_old_and_new_brings_the_old_back(
    project: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(make(project).parent)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "site":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(project, force=True)
    assert files(project / "out" / "report") == before
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"generator": "other"}'])
def test_a_folder_that_is_no_report_is_not_replaced(
    project: Path, answers: Answers, content: str | None
) -> None:
    output = project / "out" / "report"
    output.mkdir(parents=True)
    (output / "thesis.docx").write_text("years of work", "utf-8")
    if content is not None:
        (output / "manifest.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match="not a report made before"):
        make(project)
    assert (output / "thesis.docx").exists()


def test_an_empty_folder_is_used_and_a_file_is_not(project: Path, answers: Answers) -> None:
    (project / "out" / "report").mkdir(parents=True)
    assert make(project).exists()
    (project / "file").touch()
    with pytest.raises(DataError, match="not a report made before"):
        build_report(project / "data", project / "notebooks", project / "file", title=TITLE)


def test_nothing_is_done_when_nothing_has_changed(project: Path, answers: Answers) -> None:
    before = files(make(project).parent)
    notes: list[str] = []
    make(project, on_note=notes.append)
    assert notes == ["Nothing has changed since the report was made."]
    assert files(project / "out" / "report") == before
    (project / "out" / "report" / "index.html").unlink()
    make(project)
    assert set(files(project / "out" / "report")) == set(before)
    assert (project / "out" / "report" / "index.html").read_bytes() == before["index.html"]
    assert answers.ran == ["01-first", "02-second"]


def test_files_of_the_user_in_a_report_stay(project: Path, answers: Answers) -> None:
    site = make(project).parent
    own = {"my-notes.txt": b"mine", ".git/config": b"[core]", "figures/drawn.svg": b"<svg/>"}
    for name, content in own.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
    (site / "link").symlink_to(project / "data")
    notes: list[str] = []
    make(project, on_note=notes.append)
    assert notes == ["Nothing has changed since the report was made."]
    (project / "data" / "trials.csv").write_text("trial_id\nx\n", "utf-8")
    make(project, only=["01"])
    assert not (site / "02-second.html").exists()
    assert {name: (site / name).read_bytes() for name in own} == own
    assert (site / "link").is_symlink()
    assert [path.name for path in site.parent.iterdir()] == ["report"]
    found = [str(one) for one in verify_report(site)]
    assert found == [f"added: {name}" for name in sorted([*own, "link"])]


def test_a_file_of_the_user_in_the_way_of_a_new_one_stops_the_report(project: Path, answers: Answers) -> None:
    site = make(project, only=["01"]).parent
    (site / "02-second.html").write_text("mine", "utf-8")
    before = files(site)
    with pytest.raises(DataError, match=r"02-second\.html is none of the report.*move it away"):
        make(project)
    assert files(site) == before
    assert [path.name for path in site.parent.iterdir()] == ["report"]


def test_a_report_that_somebody_changed_is_not_replaced(project: Path, answers: Answers) -> None:
    site = make(project).parent
    (site / "index.html").write_text("my own words", "utf-8")
    with pytest.raises(DataError, match=r"somebody changed index\.html"):
        make(project, force=True)
    assert (site / "index.html").read_text("utf-8") == "my own words"


def test_a_manifest_alone_makes_no_report(project: Path, answers: Answers) -> None:
    site = project / "out" / "report"
    site.mkdir(parents=True)
    (site / "thesis.docx").write_text("years of work", "utf-8")
    named: list[Any] = [None, {}, [], {"thesis.docx": "0" * 64}, {"../victim.txt": "0" * 64}]
    for outputs in named:
        manifest: dict[str, Any] = {"generator": "evidence report", "outputs": outputs}
        (site / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        with pytest.raises(DataError, match="not a report made before"):
            make(project)
    victim = project / "out" / "victim.txt"
    victim.write_text("victim", "utf-8")
    manifest["outputs"] = {"index.html": "", "../victim.txt": hashlib.sha256(b"victim").hexdigest()}
    (site / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    make(project)
    assert victim.read_text("utf-8") == "victim"
    assert (site / "thesis.docx").read_text("utf-8") == "years of work"


def test_what_came_into_a_report_while_it_was_replaced_is_brought_back(
    project: Path, answers: Answers
) -> None:
    site = make(project).parent
    left = site.parent / ".report.making-abc"
    shutil.copytree(site, left / "previous")
    (left / "previous" / "late.txt").write_text("mine", "utf-8")
    make(project, force=True)
    assert (site / "late.txt").read_text("utf-8") == "mine"
    assert [path.name for path in site.parent.iterdir()] == ["report"]


def test_only_notebooks_that_read_what_changed_run_again(project: Path, answers: Answers) -> None:
    trials, claims = project / "data" / "trials.csv", project / "data" / "claims.csv"
    claims.write_text("claim_id\n", "utf-8")
    answers.reads = {"01-first": [trials], "02-second": [trials, claims]}
    first = json.loads((make(project).parent / "manifest.json").read_text("utf-8"))
    answers.ran.clear()

    claims.write_text("claim_id\n1\n", "utf-8")
    ended: list[Executed] = []
    second = json.loads((make(project, on_end=ended.append).parent / "manifest.json").read_text("utf-8"))
    assert answers.ran == ["02-second"]
    assert {done.job.name: done.kept for done in ended} == {"01-first": True, "02-second": False}
    assert [entry["kept"] for entry in second["notebooks"]] == [True, False]
    assert second["notebooks"][0]["started"] == first["notebooks"][0]["started"]
    answers.ran.clear()

    claims.write_text("claim_id\n", "utf-8")  # as at first: that state is known
    make(project)
    assert answers.ran == []

    trials.write_text("trial_id\na\n", "utf-8")
    make(project)
    assert answers.ran == ["01-first", "02-second"]


@pytest.mark.parametrize("change", ["source", "parameter", "file", "force", "environment"])
def test_what_makes_a_notebook_run_again(
    project: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    make(project)
    answers.ran.clear()
    options: dict[str, Any] = {}
    path = project / "notebooks" / "02-second.ipynb"
    expected = ["01-first", "02-second"]
    if change == "source":
        path.write_text(path.read_text("utf-8").replace("# The *second*", "# Another"), "utf-8")
        expected = ["02-second"]
    elif change == "parameter":
        options["parameters"] = {"level": 0.9}
    elif change == "file":
        (project / "data" / "arms.csv").touch()
    elif change == "force":
        options["force"] = True
    else:
        monkeypatch.setenv("OPENBLAS_CORETYPE", "other")
    make(project, **options)
    assert answers.ran == expected


def test_parameters_are_told_apart_by_kind(project: Path, answers: Answers) -> None:
    for level in ([1], (1,), 1, True, "1"):
        make(project, only=["01"], parameters={"level": level})
    assert answers.ran == ["01-first"] * 5


def test_the_cache_keeps_to_its_limit(
    project: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(project)
    (entry,) = (project / ".evidence-cache").glob("02-second.*.zip")
    monkeypatch.setattr(
        Cache.__init__, "__defaults__", (entry.stat().st_size + 100,)
    )  # times are shorter or longer
    make(project, force=True)
    assert [path.name for path in (project / ".evidence-cache").glob("*.zip")] == [entry.name]


def test_outputs_saved_in_a_notebook_change_nothing(project: Path, answers: Answers) -> None:
    make(project)
    path = project / "notebooks" / "01-first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="1")]
    nbformat.write(notebook, path)
    make(project)
    assert answers.ran == ["01-first", "02-second"]


def test_what_is_not_known_for_certain_is_not_kept(project: Path, answers: Answers) -> None:
    answers.unknowable = "used the network"
    make(project)
    (project / "out" / "report" / "index.html").unlink()
    make(project)
    assert answers.ran == ["01-first", "02-second"] * 2


def test_inputs_that_change_meanwhile_are_told_and_not_kept(project: Path, answers: Answers) -> None:
    trials = project / "data" / "trials.csv"
    answers.reads = {"01-first": [trials]}
    notes: list[str] = []

    def start(job: Job) -> None:
        if job.name == "01-first":
            trials.write_text("trial_id\nx\n", "utf-8")

    site = make(project, on_start=start, on_note=notes.append).parent
    assert any("Inputs changed" in note for note in notes)
    assert json.loads((site / "manifest.json").read_text("utf-8"))["state"] is None
    assert "changed while the report was made: data/trials.csv" in [str(one) for one in verify_report(site)]
    make(project)
    assert answers.ran == ["01-first", "02-second", "01-first"]


def test_inputs_that_change_and_are_restored_are_told(project: Path, answers: Answers) -> None:
    trials = project / "data" / "trials.csv"
    state = trials.stat()

    def start(job: Job) -> None:
        if job.name == "01-first":
            trials.write_text("trial_id\nx\n", "utf-8")
        else:
            trials.write_text("trial_id\n", "utf-8")
            os.utime(trials, ns=(state.st_atime_ns, state.st_mtime_ns))

    notes: list[str] = []
    site = make(project, on_start=start, on_note=notes.append).parent
    assert any("Inputs changed" in note for note in notes)
    assert verify_report(site) == [Difference("changed while the report was made", "data/trials.csv")]
    assert make(project).exists()
    assert verify_report(site, data=project / "data", notebooks=project / "notebooks") == []


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_broken_entry_is_made_anew(project: Path, answers: Answers, content: bytes | None) -> None:
    make(project)
    (entry,) = (project / ".evidence-cache").glob("01-first.*.zip")
    whole = entry.read_bytes()
    if content is None:  # the content of a file, not the record
        place = whole.index(b"notebook.ipynb") + 60
        content = (
            whole[:place] + bytes(byte ^ 255 for byte in whole[place : place + 20]) + whole[place + 20 :]
        )
    entry.write_bytes(content)
    (project / "out" / "report" / "index.html").unlink()
    make(project)
    assert answers.ran == ["01-first", "02-second", "01-first"]
    assert entry.read_bytes() != content


def test_two_notebooks_that_publish_one_name(project: Path, answers: Answers) -> None:
    answers.names = {"02-second": "01-first"}
    with pytest.raises(ReportError, match=r"02-second\.ipynb and 01-first\.ipynb both publish '01-first'"):
        make(project)
    assert list((project / "out").iterdir()) == []


def test_a_cache_that_cannot_be_written_does_not_stop_the_report(project: Path, answers: Answers) -> None:
    (project / "file").touch()
    notes: list[str] = []
    make(project, cache=project / "file" / "cache", on_note=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("Nothing is kept for the next run")


def test_what_a_run_that_was_cut_off_left_is_cleared(project: Path, answers: Answers) -> None:
    site = make(project).parent
    before = files(site)
    left = site.parent / ".report.making-abc"
    left.mkdir()
    site.rename(left / "previous")  # cut off between old and new
    make(project)
    assert {**files(site), "manifest.json": b""} == {**before, "manifest.json": b""}
    assert [p.name for p in site.parent.iterdir()] == ["report"]
    assert answers.ran == ["01-first", "02-second"]
