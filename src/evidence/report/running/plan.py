"""Which notebooks a report runs, and with which parameters."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence.errors import DataError, closest

__all__ = ["Job", "declared_parameters", "parse_parameters", "plan", "read_cells"]


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook to run: its file and the parameters it is given."""

    path: Path
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of its page: the file's name without the ending."""
        return self.path.stem


def parse_parameters(settings: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` settings; a value is a Python literal (number, True, None, list) or else a text.

    Raises
    ------
    DataError
        If a setting has no equals sign or no valid name, or a name comes twice.
    """
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier():
            raise DataError(f"The parameter {setting!r} is not of the form NAME=VALUE.")
        if name in parameters:
            raise DataError(f"The parameter {name} is given twice.")
        try:
            parameters[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            parameters[name] = text
    return parameters


def read_cells(path: Path) -> list[dict[str, Any]]:
    """Return type, source and metadata of the cells of a notebook, without their outputs.

    Raises
    ------
    DataError
        If the file is not a notebook.
    """
    try:
        text = path.read_text("utf-8")
        notebook = json.loads(text)
        if notebook.get("nbformat") != 4:
            import nbformat  # an older form, or none; slow to import, so only when needed

            notebook = nbformat.reads(text, as_version=4)
        return [
            {
                "cell_type": cell["cell_type"],
                "source": "".join(cell["source"]),
                "metadata": dict(cell["metadata"]),
                "attachments": cell.get("attachments"),
            }
            for cell in notebook["cells"]
        ]
    except Exception as error:  # nbformat lets the errors of several libraries through
        raise DataError(
            f"{path.name} is not a readable notebook ({type(error).__name__}: {error})."
        ) from error


def declared_parameters(path: Path) -> list[str]:
    """Return the names assigned in the notebook's cell that carries the tag ``parameters``.

    Raises
    ------
    DataError
        If the file is not a notebook or the cell is not Python.
    """
    names: list[str] = []
    for cell in read_cells(path):
        if cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", []):
            try:
                statements = ast.parse(cell["source"]).body
            except SyntaxError as error:
                raise DataError(f"The parameters cell of {path.name} is not Python: {error}.") from error
            for statement in statements:
                targets = (
                    statement.targets
                    if isinstance(statement, ast.Assign)
                    else [getattr(statement, "target", None)]
                )
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def plan(folder: Path, data: Path, parameters: Mapping[str, Any], only: Sequence[str] = ()) -> list[Job]:
    """Choose the notebooks of a folder, in the order of their names, and give each what it declares.

    Parameters
    ----------
    folder : Path
        Folder of notebooks.
    data : Path
        Folder of the review, given to every notebook that declares ``data_dir``, relative to the notebook.
    parameters : mapping
        Further parameters; each goes to the notebooks that declare it.
    only : sequence of str
        Names of the notebooks to take, in full or up to a hyphen (``03`` for ``03-pooled``); all if empty.

    Returns
    -------
    list of Job

    Raises
    ------
    DataError
        If there is no notebook, a name of `only` fits none, or a parameter is declared by none of those taken.
    """
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise DataError(f"There is no notebook in {folder}; name the folder with --notebooks.")
    stems = [path.stem for path in paths]
    for name in only:
        if not any(_fits(name, stem) for stem in stems):
            raise DataError(f"No notebook is named {name}; there are {', '.join(stems)}.")
    if only:
        paths = [path for path in paths if any(_fits(name, path.stem) for name in only)]
    declared = {path: declared_parameters(path) for path in paths}
    known = sorted({name for names in declared.values() for name in names} - {"data_dir"})
    for name in parameters:
        if name == "data_dir":
            raise DataError("The folder of the review is named by --data, not as a parameter.")
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean {near}? " if near else ""
            raise DataError(f"No notebook has a parameter {name}; {hint}Known: {', '.join(known) or 'none'}.")
    # A relative path, so that the executed notebooks say the same on every machine.
    given = {"data_dir": Path(os.path.relpath(data, folder)).as_posix(), **parameters}
    return [Job(path, {name: given[name] for name in declared[path] if name in given}) for path in paths]


def _fits(name: str, stem: str) -> bool:
    return stem == name.removesuffix(".ipynb") or stem.startswith(f"{name}-")
