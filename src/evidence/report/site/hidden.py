"""What the author of a notebook asked not to show, by the tags and options of Jupyter Book, nbconvert and Quarto."""

from __future__ import annotations

import copy
import re
from typing import Any

from evidence.report.publish import MIME

__all__ = ["marks", "without_hidden"]

OPTION = re.compile(r"#\s*\|\s*([\w-]+)\s*:\s*(.*?)\s*(?:\s#.*)?$")
"""A line at the head of a cell by which Quarto is told how to show it; a remark may follow."""
NO = {"false", "no", "off", "n", "f"}
"""What is taken for false, with or without quotes: rather hidden than shown against the author's will."""

QUOTED = re.compile(r"Cell (?:\x1b\[[\d;]*m)*In\[(\d+)\]")
"""How the trace of an error names the cells whose lines it quotes."""

OPTIONS = {
    "include": "remove-cell",
    "echo": "remove-input",
    "output": "remove-output",
    "warning": "remove-stderr",
}
"""The tags that options of Quarto stand for when they are false."""


def marks(cell: Any) -> set[str]:
    """Return what the tags, options and metadata of a cell ask for, as tags such as ``hide-input``."""
    found = {str(tag).lower().replace("_", "-") for tag in cell.metadata.get("tags", [])}
    for key, value in _options(cell)[0].items():
        if key in OPTIONS and value.strip("'\"").lower() in NO:
            found.add(OPTIONS[key])
    jupyter = cell.metadata.get("jupyter", {})
    if jupyter.get("outputs_hidden") or cell.metadata.get("collapsed") is True:
        found.add("hide-output")
    return found


def without_hidden(notebook: Any) -> tuple[Any, list[str]]:
    """Return a copy of a notebook without what is not to be shown, and the files that were published there.

    Parameters
    ----------
    notebook : NotebookNode
        With outputs.

    Returns
    -------
    (notebook, files)
        Cells, sources and outputs that are to be removed are not in the copy at all; what is only to be hidden is.
        The files are paths in the report.
    """
    notebook, files = copy.deepcopy(notebook), []
    kept = []
    every = [marks(cell) for cell in notebook.cells]
    usual = next((asked for asked in every if "parameters" in asked), set())
    for cell, asked in zip(notebook.cells, every, strict=True):
        if "injected-parameters" in asked:  # shown as those that it replaces
            asked |= usual - {"parameters"}
            cell.metadata["tags"] = sorted(asked)
    unseen = {
        str(cell.get("execution_count"))
        for cell, asked in zip(notebook.cells, every, strict=True)
        if asked & {"remove-cell", "remove-input"}
    }
    for cell, asked in zip(notebook.cells, every, strict=True):
        outputs = cell.get("outputs", [])
        if asked & {"remove-cell", "remove-output"}:
            files += [
                path
                for output in outputs
                for path in output.get("data", {}).get(MIME, {}).get("files", {}).values()
            ]
        if "remove-cell" in asked:
            continue
        if cell.cell_type == "code":
            removed = {name for name in ("stdout", "stderr") if f"remove-{name}" in asked}
            cell.outputs = [output for output in outputs if output.get("name") not in removed]
            if "remove-output" in asked:
                cell.outputs = []
            for output in cell.outputs:
                _without_lines(output, unseen)
            cell.source = "" if "remove-input" in asked else "\n".join(_options(cell)[1])
        kept.append(cell)
    notebook.cells = kept
    return notebook, files


def _without_lines(output: Any, unseen: set[str]) -> None:
    """Leave of an error what it is if it quotes a cell that is not to be seen."""
    if output.output_type == "error" and unseen & set(QUOTED.findall("\n".join(output.traceback))):
        output.traceback = [f"{output.ename}: {output.evalue}"]


def _options(cell: Any) -> tuple[dict[str, str], list[str]]:
    """Return the options at the head of a cell, below empty lines and magic ones, and its other lines."""
    lines = cell.source.splitlines()
    options, number = {}, 0
    while number < len(lines):
        if found := OPTION.match(lines[number]):
            options[found[1]] = found[2]
            del lines[number]
        elif options or (lines[number].strip() and not lines[number].startswith("%%")):
            break
        else:
            number += 1
    return options, lines
