"""How much a notebook may show, kept inside its kernel so that an endless print fills no memory anywhere."""

from __future__ import annotations

import threading
from typing import Any

from ipykernel.iostream import OutStream

__all__ = ["Bound", "BoundedStream", "bound_displays"]

CELL, NOTEBOOK = 5_000_000, 20_000_000
"""Characters that a cell and a notebook may show."""
LEAST = 1_000
"""What is displayed counts as this many characters at least, for each piece takes room of its own."""

NOTICE = "\n[Cut here: a cell may show {:g} MB and a notebook {:g} MB.]\n"


class Bound:
    """Counts what is shown.

    Parameters
    ----------
    cell, notebook : int
        Characters that each cell, and all together, may show.
    """

    def __init__(self, cell: int = CELL, notebook: int = NOTEBOOK) -> None:
        self.cell, self.left, self.left_in_cell = cell, notebook, cell
        self.notice = NOTICE.format(cell / 1e6, notebook / 1e6)
        self.now: object = None
        self.told = False
        self.displayed: dict[str, tuple[object, int]] = {}
        self._lock = threading.Lock()

    def take(
        self, cell: object, size: int, *, whole: bool = False, display: str | None = None
    ) -> tuple[int, str]:
        """Return how many characters may be shown, and what is to be said when, first in a cell, some may not.

        Parameters
        ----------
        cell : object
            Tells the cells apart.
        size : int
            Characters that would be shown.
        whole : bool
            Whether a part is of no use.
        display : str, optional
            Name of a display; what it showed before is replaced, so that it no longer counts.
        """
        with self._lock:
            self._enter(cell)
            _, before = self.displayed.pop(display, (None, 0)) if display else (None, 0)
            self.left += before
            self.left_in_cell = min(self.left_in_cell + before, self.cell)
            free = min(self.left_in_cell, self.left)
            taken = size if size <= free else 0 if whole else free
            self.left_in_cell -= taken
            self.left -= taken
            if display:
                self.displayed[display] = cell, taken
            if taken == size or self.told:
                return taken, ""
            self.told = True
            return taken, self.notice

    def clear(self, cell: object) -> None:
        """Count anew what a cell shows, for what it had shown is gone."""
        with self._lock:
            self._enter(cell)
            self.left += self.cell - self.left_in_cell
            self.left_in_cell, self.told = self.cell, False
            self.displayed = {name: one for name, one in self.displayed.items() if one[0] != cell}

    def _enter(self, cell: object) -> None:
        if cell != self.now:
            self.now, self.left_in_cell, self.told = cell, self.cell, False


BOUND = Bound()


class BoundedStream(OutStream):
    """Standard output or standard error of a notebook, up to the bound."""

    def write(self, string: Any) -> Any:
        """Show a text, or as much of it as may be."""
        if not isinstance(string, str):
            return super().write(string)  # which says what is wrong
        taken, notice = BOUND.take(self.parent_header.get("msg_id"), len(string))
        if taken or notice or not string:
            super().write(string[:taken] + notice)
        return len(string)


def bound_displays(shell: Any) -> None:
    """Let what a shell displays, and the errors it shows, be counted too."""

    def within(message: dict[str, Any]) -> dict[str, Any] | None:
        cell, content = message["parent_header"].get("msg_id"), message["content"]
        if message["header"]["msg_type"] == "clear_output":
            BOUND.clear(cell)
            return message
        parts = content.get("data", {}).values()
        size = max(LEAST, sum(len(value) if isinstance(value, str | bytes) else 100 for value in parts))
        name = content.get("transient", {}).get("display_id")
        taken, notice = BOUND.take(cell, size, whole=True, display=name)
        if notice:
            content["data"] = {"text/plain": notice.strip()}
        return message if notice or taken == size else None

    for publisher in (shell.display_pub, shell.displayhook):
        if hasattr(publisher, "register_hook"):  # the second only in newer versions
            publisher.register_hook(within)

    show = shell._showtraceback

    def showtraceback(kind: type, error: BaseException, lines: list[str]) -> None:
        cell = shell.parent_header.get("msg_id")
        cut = ((line, *BOUND.take(cell, len(line))) for line in lines)
        show(kind, error, [line[:taken] + notice for line, taken, notice in cut])

    shell._showtraceback = showtraceback
