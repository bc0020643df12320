from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat.v4 as nb

from evidence.report.running.steady import steady


def outputs(*given: Any, temporary: list[Path] | None = None) -> Any:
    notebook = nb.new_notebook(cells=[nb.new_code_cell("x", outputs=list(given))])
    return steady(notebook, temporary or []).cells[0].outputs


def stream(name: str, text: str) -> Any:
    return nb.new_output("stream", name=name, text=text)


def test_warnings_and_addresses_are_the_same_in_every_run() -> None:
    first, second = outputs(
        stream("stderr", "/tmp/ipykernel_4711/1234567.py:1: UserWarning: careful\n"),
        nb.new_output(
            "execute_result", data={"text/plain": "[<Line2D at 0x7f31c4a0b1d0>]", "image/png": "0x12"}
        ),
    )
    assert first.text == "<cell>:1: UserWarning: careful\n"
    assert dict(second.data) == {"text/plain": "[<Line2D at 0x…>]", "image/png": "0x12"}


def test_folders_of_the_run_are_not_named(tmp_path: Path) -> None:
    (error,) = outputs(
        nb.new_output("error", ename="E", evalue=f"no {tmp_path}/x", traceback=[f"at {tmp_path}/y"]),
        temporary=[tmp_path],
    )
    assert (error.evalue, error.traceback) == ("no <temporary>/x", ["at <temporary>/y"])


def test_what_is_printed_does_not_depend_on_when_it_was_sent() -> None:
    apart = outputs(
        stream("stderr", "e"), stream("stdout", "a"), stream("stderr", "f"), stream("stdout", "b")
    )
    together = outputs(stream("stdout", "ab"), stream("stderr", "ef"))
    assert apart == together
    shown = nb.new_output("display_data", data={"text/plain": "x"})
    assert [one.output_type for one in outputs(stream("stdout", "a"), shown, stream("stdout", "b"))] == [
        "stream",
        "display_data",
        "stream",
    ]


def test_drawings_of_matplotlib_carry_no_random_marks() -> None:
    drawing = '<svg><!-- matplotlib --><dc:date>2024</dc:date><path id="m{0}"/><use href="#m{0}"/></svg>'
    first, second = (
        outputs(nb.new_output("display_data", data={"image/svg+xml": drawing.format(mark)}))[0].data[
            "image/svg+xml"
        ]
        for mark in ("0123456789", "abcdef0123")
    )
    assert first == second
    assert 'id="m0"/><use href="#m0"' in first
