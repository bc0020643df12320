"""Importing what the runner of notebooks needs, without what takes long and serves nobody here."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["load_nbformat", "without"]


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Let modules seem not to be installed for those imported inside that can do without them."""
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


def load_nbformat() -> ModuleType:
    """Import nbformat without the grammar of international web addresses, which takes a second to build."""
    with without("rfc3987_syntax"):
        return importlib.import_module("nbformat")
