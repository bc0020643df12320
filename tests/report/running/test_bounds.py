from __future__ import annotations

from pathlib import Path

import nbformat
import nbformat.v4 as nb

from evidence.report.running.bounds import CELL, LEAST, Bound
from evidence.report.running.plan import Job
from evidence.report.running.worker import execute


def test_a_cell_and_a_notebook_have_a_bound_and_each_cell_says_once_that_it_is_reached() -> None:
    bound = Bound(cell=10, notebook=25)
    assert bound.take("a", 6) == (6, "")
    taken, notice = bound.take("a", 6)
    assert taken == 4
    assert "Cut here" in notice
    assert bound.take("a", 6) == (0, "")
    assert bound.take("b", 10) == (10, "")
    assert bound.take("c", 10)[0] == 5
    assert bound.take("d", 1) == (0, bound.notice)


def test_what_is_of_no_use_in_part_is_left_out_whole() -> None:
    bound = Bound(cell=10, notebook=25)
    assert bound.take("a", 11, whole=True) == (0, bound.notice)
    assert bound.take("a", 10, whole=True) == (10, "")


def test_endless_output_is_cut_while_it_runs(tmp_path: Path) -> None:
    sources = [
        f"for _ in range(400): print('x' * {CELL // 100})",
        "import os; os.write(1, b'low'); print('next')",
        f"from IPython.display import HTML; HTML('y' * {CELL + 1})",
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(nb.new_notebook(cells=[nb.new_code_cell(source) for source in sources]), path)
    for name in ("site", "k"):
        (tmp_path / name).mkdir()
    printed, following, shown = execute(Job(path, {}), tmp_path / "site", tmp_path / "k").notebook.cells
    text = "".join(output.text for output in printed.outputs)
    assert CELL < len(text) < CELL + 200
    assert text.endswith("[Cut here: a cell may show 5 MB and a notebook 20 MB.]\n")
    assert "next" in following.outputs[0].text
    assert [dict(output.data) for output in shown.outputs] == [
        {"text/plain": "[Cut here: a cell may show 5 MB and a notebook 20 MB.]"}
    ]


def test_what_is_cleared_or_replaced_no_longer_counts() -> None:
    bound = Bound(cell=10, notebook=15)
    for _ in range(5):
        assert bound.take("a", 9) == (9, "")
        bound.clear("a")
    for _ in range(5):
        assert bound.take("b", 9, whole=True, display="d") == (9, "")
    assert bound.take("b", 2, whole=True) == (0, bound.notice)
    assert bound.take("c", 1, display="d") == (1, "")
    assert bound.take("c", 9)[0] == 9
    bound.clear("c")
    assert bound.take("c", 10) == (10, "")


def test_live_pictures_stay_and_endless_displays_and_errors_are_cut(tmp_path: Path) -> None:
    head = "from IPython.display import HTML, clear_output, display"
    sources = [
        f"{head}\nfor i in range(4): clear_output(); print(i, 'y' * {CELL // 3})\nprint('end')",
        f"{head}\nh = display(HTML('q'), display_id=True)\nfor i in range(4): h.update(HTML('q' * {CELL // 3}))",
        f"{head}\nfor i in range({2 * CELL // LEAST}): display(i)",
        f"raise ValueError('e' * {CELL + 1})",
    ]
    path = tmp_path / "a.ipynb"
    cells = [nb.new_code_cell(source) for source in sources]
    cells[-1].metadata["tags"] = ["raises-exception"]
    nbformat.write(nb.new_notebook(cells=cells), path)
    for name in ("site", "k"):
        (tmp_path / name).mkdir()
    printed, updated, endless, failed = execute(
        Job(path, {}), tmp_path / "site", tmp_path / "k"
    ).notebook.cells
    assert printed.outputs[0].text.startswith("3 yyy")
    assert printed.outputs[0].text.endswith("y\nend\n")
    assert len(updated.outputs[0].data["text/html"]) == CELL // 3
    assert len(endless.outputs) == CELL // LEAST + 1
    assert "Cut here" in endless.outputs[-1].data["text/plain"]
    trace = "".join(failed.outputs[0].traceback)
    assert len(trace) < CELL + 1000
    assert "Cut here" in trace
