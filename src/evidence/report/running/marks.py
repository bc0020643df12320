"""A mark in the environment by which the processes of a run are known, whatever sessions they began."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = ["RUN_VARIABLE", "end_marked"]

RUN_VARIABLE = "_EVIDENCE_RUN"
"""Environment variable that every process of a run inherits, also one that a notebook starts and forgets."""


LONGEST = 2.0
"""Seconds to wait for processes that were killed to be gone."""


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

    ended: set[psutil.Process] = set()
    found = True
    while found:  # one may have started another while we looked
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # gone, or of another user
                if process.pid != os.getpid() and process.environ().get(RUN_VARIABLE) == mark:
                    found |= process.status() != psutil.STATUS_ZOMBIE
                    process.kill()
                    ended.add(process)
    # A process that was killed runs on for an instant, in which its environment is gone already.
    end = time.monotonic() + LONGEST
    while any(map(_runs, ended)) and time.monotonic() < end:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
