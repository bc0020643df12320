"""Questions on the terminal: asked again until the answer can be used, and never where nobody sits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from evidence.errors import DataError, choose

__all__ = ["NOTHING", "ask", "one_of", "somebody_there"]

Value = TypeVar("Value")
NOTHING = "-"
"""What is typed where a value is proposed and there is none."""


def somebody_there() -> bool:
    """Whether questions are seen and can be answered: both ends of this process are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str | None, check: Callable[[str], Value]) -> Value:
    """Ask until an answer passes the check; what is wrong with one is said at once.

    Parameters
    ----------
    question : str
    default : str or None
        Taken when nothing is typed; shown unless it is empty. Without one, something must be typed.
    check : callable
        Takes the text and gives the value, or raises a DataError.
    """
    while True:
        text = str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()
        try:
            return check("" if text == NOTHING else text)
        except DataError as error:
            faults = [fault.expected for fault in error.faults]
            typer.echo(f"  {'; '.join(faults) or error}", err=True)


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """Give a check that takes one of some words, or the beginning of just one of them."""

    def check(text: str) -> str:
        begun = [word for word in known if text and word.casefold().startswith(text.casefold())]
        return begun[0] if len(begun) == 1 else choose("answer", text, known)

    return check
