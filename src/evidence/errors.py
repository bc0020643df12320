"""The errors a user of the package can meet, each with a message that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

__all__ = [
    "DataError",
    "DataWarning",
    "EvidenceError",
    "Fault",
    "ModelError",
    "ReportError",
    "choose",
    "closest",
    "must_be",
    "shortened",
    "takes",
]

P = ParamSpec("P")
R = TypeVar("R")


class EvidenceError(Exception):
    """Base class of every error that the package raises on purpose.

    Examples
    --------
    >>> import evidence as ev
    >>> issubclass(ev.DataError, ev.EvidenceError)
    True
    """


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an input file.

    Attributes
    ----------
    file : str
        Name of the file as the user knows it.
    row : int or None
        Row as a spreadsheet shows it (the header is row 1); None when the whole file is meant.
    column : str
        Name of the column, empty when a whole row or file is meant.
    value : str
        What stands there.
    expected : str
        What should stand there, or what to do.
    """

    file: str
    row: int | None
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        place = shortened(self.file)
        if self.row is not None:
            place += f", row {self.row}"
        if self.column:
            place += f", column {shortened(self.column)}"
        found = f" found '{shortened(self.value)}';" if self.value else ""
        return f"{place}:{found} {shortened(self.expected, 2000)}"


_MOST_LINES = 1000
"""Faults that a message lists; `DataError.faults` has all."""


def shortened(text: str, most: int = 200) -> str:
    """Cut the middle out of a text that nobody would read, and say so."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"


class DataError(EvidenceError, ValueError):
    """The input cannot be used: a table, a protocol or an argument is wrong.

    Parameters
    ----------
    message : str or sequence of Fault
        A sentence, or the faults, of which each becomes a line of the message.

    Attributes
    ----------
    faults : tuple of Fault
        Every fault with its place; empty when the error is about an argument.

    Examples
    --------
    >>> import evidence as ev
    >>> try:
    ...     ev.pool([0.1, 0.2], [0.04, -1])
    ... except ev.DataError as error:
    ...     print(error)
    Study 2: the variance -1 is not positive; check the standard error.
    """

    faults: tuple[Fault, ...]

    def __init__(self, message: str | Sequence[Fault]) -> None:
        if isinstance(message, str):
            self.faults = ()
            super().__init__(shortened(message, 20_000))
            return
        self.faults = tuple(message)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"  {fault}" for fault in self.faults[:_MOST_LINES]]
        if len(self.faults) > _MOST_LINES:
            lines.append(f"  ... and {len(self.faults) - _MOST_LINES:,} more; mend these first")
        super().__init__("\n".join([f"{count} in the data:", *lines]))

    def __reduce__(self) -> tuple[type[DataError], tuple[str | tuple[Fault, ...]]]:
        """Keep the faults when the error crosses a process boundary."""
        return type(self), (self.faults or str(self),)


class DataWarning(UserWarning):
    """Input was read in a way that the caller should know of, such as text that holds numbers.

    Examples
    --------
    >>> import evidence as ev
    >>> issubclass(ev.DataWarning, UserWarning)
    True
    """


class ModelError(EvidenceError):
    """A model cannot be fitted to valid input, for example because it is not identified.

    Examples
    --------
    >>> import evidence as ev
    >>> try:
    ...     ev.begg(ev.pool([0.1], [0.04]))
    ... except ev.ModelError as error:
    ...     print(error)
    a rank correlation test needs at least 2 studies; there are 1: Study 1.
    """


class ReportError(EvidenceError):
    """A notebook or a part of the report could not be made.

    Examples
    --------
    >>> import evidence as ev
    >>> issubclass(ev.ReportError, ev.EvidenceError)
    True
    """


def closest(name: str, known: Iterable[str]) -> str:
    """Find the known name that is most like one that is not known; empty if none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1)), "")


def choose(what: str, value: object, known: Collection[str], also: Mapping[str, str] | None = None) -> str:
    """Return the option that a value names, in any case of letters.

    Parameters
    ----------
    what : str
        What is chosen, as it is called where the value was given.
    value : object
    known : collection of str
    also : mapping from str to str, optional
        What others call an option, and the option; not taken for it, but named to the user.

    Raises
    ------
    DataError
        If the value names none; the message has the option that is meant, if it can be told, and all others.
    """
    if isinstance(value, str):
        if value in known:
            return value
        name = value.casefold()
        for option in known:
            if option.casefold() == name:
                return option
        meant = {other.casefold(): option for other, option in (also or {}).items() if option in known}
        near = meant.get(name) or closest(value, known)
        hint = f" (did you mean {near!r}?)" if near else ""
    else:
        hint = ""
    raise DataError(f"unknown {what} {value!r}{hint}; choose one of {', '.join(known)}.")


def must_be(value: object, classes: type | tuple[type, ...], what: str) -> None:
    """Refuse a value of another class than the ones that a function takes.

    Parameters
    ----------
    value : object
    classes : type or tuple of type
    what : str
        Who takes them, as the subject of the message.

    Raises
    ------
    DataError
        With the classes, and the one that was given.
    """
    if not isinstance(value, classes):
        names = [one.__name__ for one in (classes if isinstance(classes, tuple) else (classes,))]
        raise _wrong_class(value, names, what)


def takes(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function refuse a first argument of another class than those named, as `must_be` does.

    Classes are told by name, so that a figure need not import the floor whose results it draws.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        first = next(iter(signature(function).parameters))

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if args or first in kwargs:
                value = args[0] if args else kwargs[first]
                if not {one.__name__ for one in type(value).__mro__} & {*names}:
                    raise _wrong_class(value, names, f"{function.__name__}()")
            return function(*args, **kwargs)

        return checked

    return wrap


def _wrong_class(value: object, names: Sequence[str], what: str) -> DataError:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return DataError(f"{what} takes a result of class {listed}; got {type(value).__name__}.")
