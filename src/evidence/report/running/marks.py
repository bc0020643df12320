"""A mark in the environment by which the processes of a run are known, whatever sessions they began."""

from __future__ import annotations

import contextlib
import os

__all__ = ["RUN_VARIABLE", "end_marked"]

RUN_VARIABLE = "_EVIDENCE_RUN"
"""Environment variable that every process of a run inherits, also one that a notebook starts and forgets."""


def end_marked(mark: str | None = None) -> None:
    """End the processes that carry the mark of a run, but for this one.

    Parameters
    ----------
    mark : str, optional
        By default that of this process; without one nothing is ended.
    """
    if not (mark := mark or os.environ.get(RUN_VARIABLE)):
        return
    import psutil

    found = True
    while found:  # one may have started another while we looked
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # gone, or of another user
                if process.pid != os.getpid() and process.environ().get(RUN_VARIABLE) == mark:
                    found |= process.status() != psutil.STATUS_ZOMBIE
                    process.kill()
