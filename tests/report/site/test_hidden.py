from __future__ import annotations

from typing import Any

import nbformat.v4 as nb
import pytest

from evidence.report.publish import MIME
from evidence.report.site.hidden import without_hidden
from evidence.report.site.render import render

SECRET = "secret"


def page(cell: Any) -> tuple[Any, str]:
    shown, _ = without_hidden(nb.new_notebook(cells=[cell, nb.new_markdown_cell("after")]))
    return shown, render("01-a", shown).body


def code(source: str, *tags: str, **metadata: Any) -> Any:
    output = nb.new_output("stream", name="stdout", text="printed")
    return nb.new_code_cell(source, outputs=[output], metadata={"tags": list(tags), **metadata})


@pytest.mark.parametrize(
    ("cell", "source", "output"),
    [
        (code(SECRET), True, True),
        (code(SECRET, "remove-cell"), False, False),
        (code(SECRET, "remove_cell"), False, False),
        (code(SECRET, "remove-input"), False, True),
        (code(SECRET, "remove_input"), False, True),
        (code(SECRET, "remove-output"), True, False),
        (code(SECRET, "remove-stdout"), True, False),
        (code(f"#| include: false\n{SECRET}"), False, False),
        (code(f"#| echo: false\n{SECRET}"), False, True),
        (code(f"#| label: x\n#| output: false\n{SECRET}"), True, False),
        (code(f"#| echo: true\n{SECRET}"), True, True),
        (code(f"#| include: false # why\n{SECRET}"), False, False),
        (code(f"# | include: false\n{SECRET}"), False, False),
        (code(f"#|include: off\n{SECRET}"), False, False),
        (code(f'#| include: "false"\n{SECRET}'), False, False),
        (code(f"\n#| include: false\n{SECRET}"), False, False),
        (code(f"%%time\n#| echo: false\n{SECRET}"), False, True),
    ],
)
def test_what_is_to_be_removed_is_on_no_page_and_in_no_notebook(
    cell: Any, source: bool, output: bool
) -> None:
    shown, body = page(cell)
    for text in (body, nb.writes(shown)):
        assert (SECRET in text) is source
        assert ("printed" in text) is output
    assert "#|" not in body


@pytest.mark.parametrize(
    ("cell", "summaries"),
    [
        (code("1", "hide-cell"), ["Hidden part", "Code"]),
        (code("1", "hide_input"), ["Code"]),
        (code("1", "hide-output"), ["Code", "Hidden output"]),
        (code("1", jupyter={"outputs_hidden": True}), ["Code", "Hidden output"]),
        (nb.new_markdown_cell("text", metadata={"tags": ["hide_cell"]}), ["Hidden part"]),
    ],
)
def test_what_is_to_be_hidden_is_folded(cell: Any, summaries: list[str]) -> None:
    import re

    assert re.findall("<summary>(.*?)</summary>", page(cell)[1]) == summaries


def test_text_can_be_removed_too() -> None:
    assert SECRET not in page(nb.new_markdown_cell(SECRET, metadata={"tags": ["remove-cell"]}))[1]


def test_files_that_a_removed_output_published_are_named() -> None:
    item = {"files": {"SVG": "figures/a.svg", "PNG": "figures/a.png"}}
    cell = nb.new_code_cell("1", outputs=[nb.new_output("display_data", data={MIME: item})])
    cell.metadata["tags"] = ["remove-output"]
    assert without_hidden(nb.new_notebook(cells=[cell]))[1] == ["figures/a.svg", "figures/a.png"]


def error(count: int, quoted: int, *tags: str) -> Any:
    trace = [f"Cell \x1b[0;32mIn[{quoted}]\x1b[0m, line 1", SECRET, "ValueError: wrong"]
    output = nb.new_output("error", ename="ValueError", evalue="wrong", traceback=trace)
    return nb.new_code_cell(SECRET, execution_count=count, outputs=[output], metadata={"tags": list(tags)})


def test_an_error_quotes_no_cell_that_is_to_be_removed() -> None:
    first = nb.new_code_cell(SECRET, execution_count=1, metadata={"tags": ["remove-cell"]})
    cells = [first, error(2, 1, "remove-input"), error(3, 3, "remove-input")]
    shown, _ = without_hidden(nb.new_notebook(cells=cells))
    assert SECRET not in nb.writes(shown)
    assert "ValueError: wrong" in render("01-a", shown).body
    kept, _ = without_hidden(nb.new_notebook(cells=[error(1, 1)]))
    assert SECRET in kept.cells[0].outputs[0].traceback


def test_parameters_that_were_set_are_as_hidden_as_those_that_stand_there() -> None:
    usual = nb.new_code_cell("word = 1", metadata={"tags": ["parameters", "remove-cell"]})
    given = nb.new_code_cell(f"word = '{SECRET}'", metadata={"tags": ["injected-parameters"]})
    assert SECRET not in nb.writes(without_hidden(nb.new_notebook(cells=[usual, given]))[0])
    usual.metadata["tags"] = ["parameters", "hide-cell"]
    shown, _ = without_hidden(nb.new_notebook(cells=[usual, given]))
    assert render("01-a", shown).body.count("Hidden part") == 2
