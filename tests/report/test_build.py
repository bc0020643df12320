from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from evidence.errors import DataError, ReportError
from evidence.report import build
from evidence.report.build import build_report
from evidence.report.execute import Executed
from evidence.report.plan import Job
from evidence.report.publish import MIME

TITLE = "A review of <this> & that"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
    monkeypatch.setattr(build, "execute_all", answer)
    return tmp_path


def answer(
    jobs: Sequence[Job],
    folder: Path,
    workers: int,
    on_start: Callable[[Job], None],
    on_end: Callable[[Executed], None],
) -> list[Executed]:
    executed = []
    for job in jobs:
        on_start(job)
        notebook = nbformat.read(job.path, as_version=4)
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"
        item: dict[str, Any] = {
            "kind": "table",
            "name": job.name,
            "caption": f"Table <{job.name}>",
            "html": "<table></table>",
        }
        item["files"] = {"CSV": f"tables/{job.name}.csv"}
        (folder / "tables").mkdir(exist_ok=True)
        (folder / "tables" / f"{job.name}.csv").write_text("a\n1\n", "utf-8")
        notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", data={MIME: item})]
        executed.append(Executed(job, notebook, datetime.now(UTC), 1.0))
        on_end(executed[-1])
    return executed


def make(project: Path, **options: Any) -> Path:
    return build_report(
        project / "data", project / "notebooks", project / "out" / "report", title=TITLE, **options
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_site_has_an_index_a_page_for_each_notebook_and_the_files(project: Path) -> None:
    told: list[str] = []
    index = make(
        project,
        on_plan=lambda jobs: told.append(f"plan {len(jobs)}"),
        on_start=lambda job: told.append(f"start {job.name}"),
        on_end=lambda done: told.append(f"end {done.job.name}"),
    )
    assert told == ["plan 2", "start 01-first", "end 01-first", "start 02-second", "end 02-second"]
    assert index == project / "out" / "report" / "index.html"
    assert set(files(index.parent)) == {
        "01-first.html",
        "02-second.html",
        "index.html",
        "manifest.json",
        "notebooks/01-first.ipynb",
        "notebooks/02-second.ipynb",
        "style.css",
        "tables/01-first.csv",
        "tables/02-second.csv",
    }
    page = index.read_text("utf-8")
    assert "A review of &lt;this&gt; &amp; that" in page
    assert '<a href="02-second.html">The second</a>\n<p>Says <b>more</b>.</p>' in page
    assert '<a href="01-first.html#01-first">Table &lt;01-first&gt;</a>' in page
    second = (index.parent / "02-second.html").read_text("utf-8")
    assert '<a href="02-second.html" aria-current="page">The second</a>' in second
    assert '<a href="#part">Part</a>' in second
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


def test_every_link_of_the_site_leads_somewhere_inside(project: Path) -> None:
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


def test_manifest_holds_versions_parameters_and_checksums(project: Path) -> None:
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
    assert manifest["commit"] is None
    assert str(project) not in json.dumps(manifest)


def test_a_second_run_gives_the_same_bytes_apart_from_times(project: Path) -> None:
    first = files(make(project).parent)
    second = files(make(project).parent)
    first.pop("manifest.json")
    second.pop("manifest.json")
    assert first == second


def test_some_notebooks_only(project: Path) -> None:
    site = make(project, only=["02"]).parent
    assert {path.name for path in site.glob("*.html")} == {"02-second.html", "index.html"}


def test_a_failure_leaves_the_previous_report_as_it_was(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(make(project).parent)

    def fail(*_: Any) -> list[Executed]:
        raise ReportError("01-first.ipynb, cell 1: KeyError: 'x'")

    monkeypatch.setattr(build, "execute_all", fail)
    with pytest.raises(ReportError, match="cell 1"):
        make(project)
    assert files(project / "out" / "report") == before
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


def test_an_interrupt_between_old_and_new_brings_the_old_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(make(project).parent)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "site":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(project)
    assert files(project / "out" / "report") == before
    assert [p.name for p in (project / "out").iterdir()] == ["report"]


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"generator": "other"}'])
def test_a_folder_that_is_no_report_is_not_replaced(project: Path, content: str | None) -> None:
    output = project / "out" / "report"
    output.mkdir(parents=True)
    (output / "thesis.docx").write_text("years of work", "utf-8")
    if content is not None:
        (output / "manifest.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match="not a report made before"):
        make(project)
    assert (output / "thesis.docx").exists()


def test_an_empty_folder_is_used_and_a_file_is_not(project: Path) -> None:
    (project / "out" / "report").mkdir(parents=True)
    assert make(project).exists()
    (project / "file").touch()
    with pytest.raises(DataError, match="not a report made before"):
        build_report(project / "data", project / "notebooks", project / "file", title=TITLE)
