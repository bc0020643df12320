"""Which notebooks a report runs, and with which parameters."""

from __future__ import annotations

import ast
import cmath
import json
import keyword
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any

from evidence.errors import DataError, closest
from evidence.files import file_name

__all__ = [
    "TAKEN",
    "Job",
    "declared_parameters",
    "literal",
    "parse_parameters",
    "plan",
    "read_cells",
    "titles",
]

TAKEN = ("explorer", "figures-and-tables", "glossary", "index", "search", "search-index", "trials")
"""Names of the pages and files that every report has beside those of its notebooks."""

EACH = "question"
"""Parameter of a notebook that runs once for each question of the protocol, and makes a page of each."""

MEANT = {"true": "True", "false": "False", "yes": "True", "no": "False", "null": "None", "none": "None"}
"""Texts that other languages read as a value."""


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook to run.

    Attributes
    ----------
    path : Path
        Its file.
    parameters : dict
        What it is given.
    timeout : float or None
        Seconds that its metadata allow a cell.
    page, title : str
        Name and title of its page, where one notebook makes several.
    """

    path: Path
    parameters: dict[str, Any]
    timeout: float | None = None
    page: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """The name of its page: its own, or the file's name without the ending."""
        return self.page or self.path.stem


def parse_parameters(
    settings: Sequence[str], on_note: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Read ``NAME=VALUE`` settings; a value is a Python literal or a number such as ``nan`` or else a text.

    Parameters
    ----------
    settings : sequence of str
    on_note : callable
        Told in a sentence of a text that was hardly meant as one, such as ``true``.

    Raises
    ------
    DataError
        If a setting has no equals sign or no valid name, a name comes twice, or a value is too large to be read.
    """
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            raise DataError(f"The parameter {setting!r} is not of the form NAME=VALUE.")
        if name in parameters:
            raise DataError(f"The parameter {name} is given twice.")
        parameters[name] = value = _value(name, text)
        if value == text and (meant := MEANT.get(text.strip().lower())):
            on_note(f"The parameter {name} is the text {text!r}; for the value write {meant}.")
    return parameters


def _value(name: str, text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError) as error:  # a set of lists is a TypeError
        if "nested" in str(error):
            raise DataError(f"The parameter {name} is nested too deeply to be read.") from None
        if re.fullmatch(r"\s*[+-]?[\d_]{1000,}\s*", text):
            raise DataError(f"The parameter {name} has more digits than can be read.") from None
    except (MemoryError, RecursionError):
        raise DataError(f"The parameter {name} is nested too deeply to be read.") from None
    for kind in (int, float):  # as papermill reads them: nan, inf, 007
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def literal(value: Any) -> str:
    """Return a value as an expression of Python; equal values give the same text.

    Raises
    ------
    DataError
        If it is not made of what Python has literals for: numbers, texts, bytes, truth values, None, and tuples,
        lists, dicts and sets of them.
    """
    match value:
        case None | bool() | bytes() | EllipsisType():
            return repr(value)
        case str():
            return repr(str(value))
        case int() | float() | complex():
            return _number(value)
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case tuple():
            return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
        case dict():
            return f"{{{', '.join(f'{literal(key)}: {literal(one)}' for key, one in value.items())}}}"
        case set() if value:
            return f"{{{', '.join(sorted(map(literal, value)))}}}"
        case set() | frozenset():
            return f"{type(value).__name__}([{', '.join(sorted(map(literal, value)))}])"
    raise DataError(
        f"{value!r} of type {type(value).__name__} cannot be a parameter: give numbers, texts, True, False, None, or "
        "lists, tuples, dicts and sets of them."
    )


def _number(value: float | complex) -> str:
    if isinstance(value, int):
        return repr(int(value))
    if cmath.isfinite(value):
        return repr(float(value) if isinstance(value, float) else complex(value))
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    return f"float('{float(value)}')"


def read_cells(path: Path) -> list[dict[str, Any]]:
    """Return type, source and metadata of the cells of a notebook, without their outputs.

    Raises
    ------
    DataError
        If the file is not a notebook.
    """
    return _read(path)[1]


def _read(path: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """Return the metadata of a notebook and its cells."""
    try:
        text = path.read_text("utf-8-sig")
        notebook = json.loads(text)
        if notebook.get("nbformat") != 4:
            import nbformat  # an older form, or none; slow to import, so only when needed

            notebook = nbformat.reads(text, as_version=4)
        return dict(notebook.get("metadata") or {}), [
            {
                "cell_type": cell["cell_type"],
                "source": "".join(cell["source"]),
                "metadata": dict(cell.get("metadata") or {}),
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
        If the file is not a notebook, the cell is not Python, or there are two such cells.
    """
    tagged = [
        (number, cell["source"])
        for number, cell in enumerate(read_cells(path), start=1)
        if cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", [])
    ]
    if len(tagged) > 1:
        numbers = " and ".join(str(number) for number, _ in tagged)
        raise DataError(
            f"{path.name} has {len(tagged)} cells tagged parameters ({numbers}): the later would undo what is set "
            "after the first. Keep the tag on one."
        )
    names: dict[str, None] = {}
    for _, source in tagged:
        python = "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
        try:
            tree = ast.parse(python)
        except (SyntaxError, ValueError) as error:
            raise DataError(f"The parameters cell of {path.name} is not Python: {error}.") from error
        for node in _at_the_top(tree):
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            for target in targets:  # a, b = 1, 2 assigns both
                names |= {one.id: None for one in ast.walk(target) if isinstance(one, ast.Name)}
    return list(names)


def _at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Give the parts of a cell without those inside functions and classes, which have names of their own."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _at_the_top(node)


def _refuse_other_kernel(path: Path, metadata: Mapping[str, Any]) -> None:
    """Raise a DataError if a notebook is written in another language than Python."""
    kernel = metadata.get("kernelspec") or {}
    name, shown = str(kernel.get("name", "")), str(kernel.get("display_name", ""))
    language = str(kernel.get("language") or (metadata.get("language_info") or {}).get("name") or "")
    python = "python" in language.lower() if language else not name or "py" in f"{name} {shown}".lower()
    if not python:
        what = shown or name or language
        raise DataError(
            f"{path.name} is written for the kernel {what}{f' ({language})' if language else ''}; a report runs "
            "notebooks of Python only. Move it to another folder, or name those to take with --only."
        )


def _own_timeout(path: Path, metadata: Mapping[str, Any]) -> float | None:
    """Return the seconds that a notebook's metadata, ``{"evidence": {"timeout": 1200}}``, allow each of its cells."""
    own = metadata.get("evidence")
    seconds = own.get("timeout") if isinstance(own, Mapping) else None
    if seconds is None or (
        isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    ):
        return seconds
    raise DataError(
        f"{path.name}: evidence.timeout in its metadata is {seconds!r}, not a number of seconds above 0."
    )


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    """Raise a DataError if a page of a notebook would have the name of another page."""
    seen: dict[str, Job] = {}
    for job in jobs:
        name = job.name.casefold()  # some systems do not tell capital letters from small ones
        whose = f"The question {job.page} of the review" if job.page else job.path.name
        if name in TAKEN:
            raise DataError(
                f"{whose} cannot be a page: every report has one of its own named {name}. Rename it."
            )
        if name in seen:
            other = seen[name].path.name
            raise DataError(
                f"{other} and {whose} would be one page where capital letters do not count. Rename one."
            )
        seen[name] = job


def _each(path: Path, metadata: Mapping[str, Any]) -> str:
    """Return what a notebook is to run for each of, by its metadata, ``{"evidence": {"each": "question"}}``."""
    own = metadata.get("evidence")
    each = own.get("each", "") if isinstance(own, Mapping) else ""
    if each not in ("", EACH):
        raise DataError(f"{path.name}: evidence.each in its metadata is {each!r}; it can be {EACH!r} only.")
    return str(each)


def _most(path: Path, metadata: Mapping[str, Any]) -> int | None:
    """Return for how many questions a notebook runs at most, by its metadata, ``{"evidence": {"most": 30}}``."""
    own = metadata.get("evidence")
    most = own.get("most") if isinstance(own, Mapping) else None
    if most is None or (isinstance(most, int) and not isinstance(most, bool) and most > 0):
        return most
    raise DataError(f"{path.name}: evidence.most in its metadata is {most!r}, not a whole number above 0.")


def titles(data: Path) -> dict[str, str]:
    """Return the questions of a review by their ids, with their titles."""
    from evidence.tables.protocol.protocol import read_protocol
    from evidence.tables.protocol.questions import questions

    return {one.id: one.title for one in questions(read_protocol(data / "review.yaml"))}


def plan(
    folder: Path,
    data: Path,
    parameters: Mapping[str, Any],
    only: Sequence[str] = (),
    asked_of: Callable[[], Mapping[str, str]] | None = None,
) -> list[Job]:
    """Choose the notebooks of a folder, in the order of their names, and give each what it declares.

    A notebook whose metadata say ``{"evidence": {"each": "question"}}`` runs once for each question of the protocol
    (a group of ``groups``, or an entry of ``analyses`` without one), which it is given as ``question``; its pages are
    named by the questions. With ``"most": 30`` beside it only the first 30 are taken, and any that `only` names.

    Parameters
    ----------
    folder : Path
        Folder of notebooks.
    data : Path
        Folder of the review, given to every notebook that declares ``data_dir``, relative to the notebook.
    parameters : mapping
        Further parameters; each goes to the notebooks that declare it.
    only : sequence of str
        Names of the notebooks to take, in full or up to a hyphen (``03`` for ``03-pooled``), or ids of questions; all
        if empty.
    asked_of : callable, optional
        Gives the questions of the review by their ids, with their titles, if that is quicker than reading them.

    Returns
    -------
    list of Job

    Raises
    ------
    DataError
        If there is no notebook, a name of `only` fits none, a parameter is declared by none of those taken or cannot
        be passed on, or a notebook is of another language or named as another page of the report.
    """
    paths = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not paths:
        raise DataError(f"There is no notebook in {folder}; name the folder with --notebooks.")
    metadata = {path: _read(path)[0] for path in paths}
    several = [path for path in paths if _each(path, metadata[path])]
    named = dict(asked_of() if asked_of else titles(data)) if several else {}
    most = {path: _most(path, metadata[path]) or len(named) or 1 for path in paths}
    stems = [*(path.stem for path in paths), *named]
    for name in only:
        if not any(_fits(name, stem) for stem in stems):
            raise DataError(f"No notebook is named {name}; there are {', '.join(stems)}.")
    asked = {
        path: {
            one: title
            for number, (one, title) in enumerate((named if path in several else {"": ""}).items())
            if (not only and number < most[path])
            or any(_fits(name, path.stem) or name == one != "" for name in only)
        }
        for path in paths
    }
    paths = [path for path in paths if asked[path]]
    timeouts = {}
    for path in paths:
        _refuse_other_kernel(path, metadata[path])
        timeouts[path] = _own_timeout(path, metadata[path])
    declared = {path: declared_parameters(path) for path in paths}
    known = sorted({name for names in declared.values() for name in names} - {"data_dir"})
    for name in parameters:
        if name == "data_dir":
            raise DataError("The folder of the review is named by --data, not as a parameter.")
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean {near}? " if near else ""
            raise DataError(f"No notebook has a parameter {name}; {hint}Known: {', '.join(known) or 'none'}.")
        try:
            literal(parameters[name])
        except DataError as error:
            raise DataError(f"The parameter {name}: {error}") from None
    # A relative path, so that the executed notebooks say the same on every machine.
    given = {"data_dir": Path(os.path.relpath(data, folder)).as_posix(), **parameters}
    jobs = []
    for path in paths:
        own = {name: given[name] for name in declared[path] if name in given}
        if path in several and EACH not in declared[path]:
            raise DataError(f"{path.name} runs for each {EACH}; assign {EACH} in its cell tagged parameters.")
        jobs += [
            Job(path, own | ({EACH: one} if one else {}), timeouts[path], one and file_name(one), title)
            for one, title in asked[path].items()
            if not one or own.get(EACH, one) == one
        ]
    _refuse_clashes(jobs)
    return jobs


def _fits(name: str, stem: str) -> bool:
    return stem == name.removesuffix(".ipynb") or stem.startswith(f"{name}-")
