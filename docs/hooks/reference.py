"""The pages of the reference: every public name, by the floor of the house on which it stands."""

from __future__ import annotations

import inspect
from functools import cache
from types import ModuleType
from typing import Any

import evidence as ev

__all__ = ["path_of", "public_names", "reference"]

FLOORS = {
    "tables": "Tables",
    "effects": "Effects",
    "models": "Models",
    "diagnostics": "Diagnostics",
    "synthesis": "Synthesis",
    "appraisal": "Appraisal",
    "figures": "Figures",
    "report": "Report",
    "errors": "Errors",
}


def public_names() -> dict[str, Any]:
    """Everything public by the name that a user writes, such as ``ev.pool`` and ``ev.figures.forest``."""
    names = {f"ev.{name}": getattr(ev, name) for name in vars(ev)["__all__"] if name != "figures"}
    return names | {f"ev.figures.{name}": getattr(ev.figures, name) for name in ev.figures.__all__}


@cache
def reference() -> dict[str, str]:
    """Write the pages: name of the page (a floor) to its text, from which mkdocstrings makes the entries."""
    floors: dict[str, dict[str, list[tuple[str, str]]]] = {floor: {} for floor in FLOORS}
    for name, thing in public_names().items():
        path = path_of(name, thing)
        floor, *rest = path.split(".")[1:]
        subject = rest[0] if len(rest) > 2 else ""
        floors[floor].setdefault(subject, []).append((name, path))
    pages = {}
    for floor, subjects in floors.items():
        said = inspect.getdoc(__import__(f"evidence.{floor}", fromlist=["_"])) or ""
        parts = [f"# {FLOORS[floor]}", said.split("\n\n")[0]]
        for subject, entries in sorted(subjects.items()):
            if subject:
                parts.append(f"## {subject.replace('_', ' ').capitalize()}")
            parts += [
                f"::: {path}\n    options:\n      heading: {name}\n      toc_label: {name}"
                for name, path in entries
            ]
        pages[floor] = "\n\n".join(parts) + "\n"
    return pages


def path_of(name: str, thing: Any) -> str:
    """Where a public thing is written, as mkdocstrings wants it."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    if not hasattr(thing, "__module__"):
        short = name.rpartition(".")[2]
        return next(
            f"{module}.{short}"
            for module in ("evidence.report.publish", "evidence.synthesis.reports")
            if hasattr(__import__(module, fromlist=["_"]), short)
        )
    return f"{thing.__module__}.{thing.__qualname__}"
