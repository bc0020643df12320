"""Outputs without what differs between two equal runs: process ids, temporary paths, addresses, random marks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

__all__ = ["steady"]

CELL = re.compile(r"(?:[A-Za-z]:)?[^\s'\"<>()]{0,400}[/\\]ipykernel_\d+[/\\]\d+\.py")
"""The file that stands for a cell in warnings and tracebacks; its name holds the number of the process."""

ADDRESS = re.compile(r"(?<=at )0x[0-9a-f]{6,16}\b")
"""Where an object lies in memory, as in ``<Line2D object at 0x7f31c4a0>``."""

DRAWN = re.compile(r'(?<=id=")[a-zA-Z][0-9a-f]{10}(?=")|(?<=#)[a-zA-Z][0-9a-f]{10}\b')
"""A random mark in a drawing of matplotlib."""


def steady(notebook: Any, temporary: Iterable[Path]) -> Any:
    """Take out of an executed notebook, in place, what differs between two equal runs.

    Parameters
    ----------
    notebook : NotebookNode
        With outputs.
    temporary : iterable of Path
        Folders that were made for the run.
    """
    notebook.metadata.pop("papermill", None)
    folders = sorted({str(form) for path in temporary for form in (path, path.resolve())}, key=len)[::-1]
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            cell.pop("execution_count", None)
            continue
        cell.outputs = _streams_joined(cell.outputs)
        for output in cell.outputs:
            _same(output, folders)
    return notebook


def _streams_joined(outputs: list[Any]) -> list[Any]:
    """Join what was printed without a display in between: how it was parted, and mixed with errors, is chance."""
    joined: list[Any] = []
    for printed, group in groupby(outputs, lambda output: output.output_type == "stream"):
        members = list(group)
        if printed:
            for name in ("stdout", "stderr"):
                if texts := [output.text for output in members if output.name == name]:
                    first = next(output for output in members if output.name == name)
                    first.text = "".join(texts)
                    joined.append(first)
        else:
            joined += members
    return joined


def _same(output: Any, folders: list[str]) -> None:
    def clean(text: str) -> str:
        for folder in folders:
            text = text.replace(folder, "<temporary>")
        if "ipykernel_" in text:
            lines = text.splitlines(keepends=True)
            text = "".join(CELL.sub("<cell>", line) if "ipykernel_" in line else line for line in lines)
        return ADDRESS.sub("0x…", text)

    if output.output_type == "stream":
        output.text = clean(output.text)
    elif output.output_type == "error":
        output.evalue, output.traceback = clean(output.evalue), [clean(line) for line in output.traceback]
    else:
        for kind, value in output.data.items():
            if kind == "image/svg+xml":
                output.data[kind] = _same_drawing(value)
            elif kind.startswith("text/") and isinstance(value, str):
                output.data[kind] = clean(value)


def _same_drawing(svg: str) -> str:
    if "matplotlib" not in svg[:2000].lower():
        return svg
    marks: dict[str, str] = {}
    svg = re.sub(r"<dc:date>.*?</dc:date>", "<dc:date></dc:date>", svg)
    return DRAWN.sub(lambda found: marks.setdefault(found[0], f"{found[0][0]}{len(marks)}"), svg)
