from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from evidence.errors import ReportError
from evidence.report import FOLDER_VARIABLE
from evidence.report.publish import MIME
from evidence.report.running import worker
from evidence.report.running.execute import CAN_FORK, execute_all
from evidence.report.running.plan import Job
from evidence.report.running.worker import execute


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


def test_an_error_of_syntax_is_named_without_a_file_that_only_the_kernel_knows(tmp_path: Path) -> None:
    path = notebook(tmp_path / "02-b.ipynb", "x = = 1")
    with pytest.raises(ReportError) as caught:
        execute(Job(path, {}), folder(tmp_path, "site"), folder(tmp_path, "k"))
    assert str(caught.value) == "02-b.ipynb, cell 2, line 1 (x = = 1): SyntaxError: invalid syntax"


WAYS = [pytest.param(True, marks=pytest.mark.skipif(not CAN_FORK, reason="cannot fork")), False]


@pytest.mark.parametrize("fork", WAYS)
def test_notebooks_run_side_by_side_and_come_back_in_order(tmp_path: Path, fork: bool) -> None:
    source = "import os\nprint({0})\nopen(os.environ['EVIDENCE_OUTPUT'] + '/mark', 'w').write('{0}')"
    jobs = [
        Job(
            notebook(tmp_path / f"0{n}.ipynb", source.format(n), "print(level)", parameters="level = (0,)"),
            {},
        )
        for n in (1, 2)
    ]
    jobs[1].parameters["level"] = (1, "a")
    told: list[str] = []
    done = execute_all(
        jobs,
        folder(tmp_path, "parts"),
        tmp_path,
        workers=2,
        fork=fork,
        meanwhile=lambda: told.append("meanwhile"),
        on_start=lambda job: told.append(job.name),
        on_end=lambda one, output, record: told.append((output / "mark").read_text("utf-8") + record.name),
    )
    assert told[:3] == ["meanwhile", "01", "02"]
    assert set(told[3:]) == {"1record.json", "2record.json"}
    assert [one.job.name for one in done] == ["01", "02"]
    assert [one.notebook.cells[-2].outputs[0].text for one in done] == ["1\n", "2\n"]
    assert [one.notebook.cells[-1].outputs[0].text for one in done] == ["(0,)\n", "(1, 'a')\n"]


@pytest.mark.parametrize("fork", WAYS)
def test_the_first_failure_ends_all(tmp_path: Path, fork: bool) -> None:
    mark = tmp_path / "mark"
    slow = (
        f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    kill = f"""
import os, pathlib, signal, time
while not pathlib.Path({str(mark)!r}).exists():
    time.sleep(0.05)
os.kill(os.getppid(), signal.SIGKILL)"""
    jobs = [
        Job(notebook(tmp_path / "01.ipynb", slow), {}),
        Job(notebook(tmp_path / "02.ipynb", kill), {}),
        Job(notebook(tmp_path / "03.ipynb", "1"), {}),
    ]
    begun: list[str] = []
    with pytest.raises(ReportError, match=r"02\.ipynb was not finished: its process ended with code -9"):
        execute_all(
            jobs,
            folder(tmp_path, "parts"),
            tmp_path,
            workers=2,
            fork=fork,
            on_start=lambda job: begun.append(job.name),
        )
    assert begun == ["01", "02"]
    with contextlib.suppress(psutil.NoSuchProcess):  # or dead, and its parent has not noticed
        kernel = psutil.Process(int(mark.read_text("utf-8")))
        assert kernel.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(not CAN_FORK, reason="cannot fork")
def test_forked_kernels_do_not_share_random_numbers(tmp_path: Path) -> None:
    source = "import numpy as np, pandas\nprint(np.random.random())"
    jobs = [Job(notebook(tmp_path / f"0{n}.ipynb", source), {}) for n in (1, 2)]
    done = execute_all(jobs, folder(tmp_path, "parts"), tmp_path, workers=2)
    first, second = (one.notebook.cells[-1].outputs[0].text for one in done)
    assert first != second


def test_parameters_of_every_kind_arrive_as_they_are(tmp_path: Path) -> None:
    given = {
        "a": {1, 2},
        "b": 1 + 2j,
        "c": ...,
        "d": {"x": 1, 2: [None]},
        "e": {(1, 2): 3},
        "f": (frozenset({1}),),
    }
    path = notebook(
        tmp_path / "a.ipynb", "print(repr((a, b, c, d, e, f)))", parameters="a = b = c = d = e = f = 0"
    )
    done = execute(Job(path, given), folder(tmp_path, "site"), folder(tmp_path, "k"))
    assert eval(done.notebook.cells[-1].outputs[0].text) == tuple(given.values())


def test_a_cell_may_take_a_fraction_of_a_second(tmp_path: Path) -> None:
    site, path = folder(tmp_path, "site"), notebook(tmp_path / "a.ipynb", "import time; time.sleep(60)")
    with pytest.raises(ReportError, match=r"cell 2: not done after 0\.7 s, so it was ended"):
        execute(Job(path, {}), site, folder(tmp_path, "k"), timeout=0.7)
    quick = notebook(tmp_path / "b.ipynb", "print(1)")
    assert execute(Job(quick, {}), site, folder(tmp_path, "l"), timeout=9.5).notebook


def test_output_that_is_long_under_way_is_waited_for_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "for _ in range(3000): print('x' * 500, flush=True)"
    path, site = notebook(tmp_path / "a.ipynb", source), folder(tmp_path, "site")
    done = execute(Job(path, {}), site, folder(tmp_path, "k"))
    assert done.notebook.cells[-1].outputs[0].text.count("\n") == 3000
    monkeypatch.setattr(worker, "OUTPUT_SECONDS", 0)
    with pytest.raises(ReportError, match="its output had not arrived 0 s after its end"):
        execute(Job(path, {}), site, folder(tmp_path, "l"))


@pytest.mark.parametrize("fork", WAYS)
@pytest.mark.parametrize("name", ["requests", "attr"])
def test_a_module_beside_the_notebook_comes_before_an_installed_one(
    tmp_path: Path, fork: bool, name: str
) -> None:
    place = folder(tmp_path, "notebooks")
    (place / f"{name}.py").write_text("MINE = 'mine'\n", "utf-8")
    job = Job(notebook(place / "a.ipynb", f"import {name}; print({name}.MINE)"), {})
    (done,) = execute_all([job], folder(tmp_path, "parts"), tmp_path, workers=1, fork=fork)
    assert done.notebook.cells[-1].outputs[0].text == "mine\n"
