from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from evidence.errors import ReportError
from evidence.report import FOLDER_VARIABLE
from evidence.report.execute import Executed, execute, execute_all
from evidence.report.plan import Job
from evidence.report.publish import MIME


def notebook(path: Path, *sources: str, parameters: str | None = None) -> Path:
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# Title")]
    if parameters is not None:
        cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


def test_a_notebook_runs_with_its_parameters_where_it_lies(tmp_path: Path) -> None:
    source = """
import os, pandas, evidence as ev
ev.publish_table(pandas.DataFrame({"level": [level]}), "levels", caption="Levels")
print(os.path.basename(os.getcwd()), os.environ["OMP_NUM_THREADS"])"""
    path = notebook(folder(tmp_path, "notebooks") / "01-a.ipynb", source, parameters="level = 0.95")
    site = folder(tmp_path, "site")
    before = dict(os.environ)
    done = execute(Job(path, {"level": 0.9}), site, folder(tmp_path, "k"))
    assert dict(os.environ) == before
    outputs = done.notebook.cells[-1].outputs
    assert (site / "tables" / "levels.csv").read_text("utf-8") == "level\n0.9\n"
    assert any(MIME in output.get("data", {}) for output in outputs)
    assert any(output.get("text") == "notebooks 1\n" for output in outputs)
    assert done.seconds > 0
    assert done.started.tzinfo is not None
    # Nothing that differs between two runs is left in the file.
    assert [cell.id for cell in done.notebook.cells] == [f"cell-{n}" for n in range(1, 5)]
    assert str(tmp_path) not in nbformat.writes(done.notebook)
    assert not any(
        "papermill" in cell.metadata or "execution" in cell.metadata for cell in done.notebook.cells
    )


def test_a_failing_cell_is_named_as_the_file_counts_it(tmp_path: Path) -> None:
    path = notebook(tmp_path / "02-b.ipynb", "x = 1\ny = {}['study']", parameters="level = 0.95")
    with pytest.raises(ReportError) as caught:
        execute(Job(path, {"level": 0.9}), folder(tmp_path, "site"), folder(tmp_path, "k"))
    assert str(caught.value) == "02-b.ipynb, cell 3, line 2 (y = {}['study']): KeyError: 'study'"
    assert FOLDER_VARIABLE not in os.environ


def test_notebooks_run_side_by_side_and_come_back_in_order(tmp_path: Path) -> None:
    jobs = [Job(notebook(tmp_path / f"0{n}.ipynb", f"print({n})"), {}) for n in (1, 2)]
    begun: list[str] = []
    ended: list[Executed] = []
    done = execute_all(jobs, folder(tmp_path, "site"), 2, lambda job: begun.append(job.name), ended.append)
    assert begun == ["01", "02"]
    assert [one.job.name for one in done] == ["01", "02"]
    assert {one.job.name for one in ended} == {"01", "02"}
    assert [one.notebook.cells[-1].outputs[0].text for one in done] == ["1\n", "2\n"]


def test_the_first_failure_ends_all(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    slow = f"import pathlib, time\ntime.sleep(60)\npathlib.Path({str(mark)!r}).touch()"
    jobs = [
        Job(notebook(tmp_path / "01.ipynb", slow), {}),
        Job(notebook(tmp_path / "02.ipynb", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"), {}),
        Job(notebook(tmp_path / "03.ipynb", "1"), {}),
    ]
    begun: list[str] = []
    with pytest.raises(ReportError, match=r"02\.ipynb was not finished: its process ended with code -9"):
        execute_all(jobs, folder(tmp_path, "site"), 2, lambda job: begun.append(job.name), lambda done: None)
    assert begun == ["01", "02"]
    assert not mark.exists()
