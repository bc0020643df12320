"""A process that imports once what notebooks need and forks a worker for each of them.

Run as ``python -m evidence.report.running.zygote FD FOLDER DATA MODULE...``. FD is the file descriptor of one end of
a connection, FOLDER that of the notebooks, whose settings of matplotlib hold, DATA the folder of a review on which to
work ahead, or empty. It is told a place for each notebook, answers with the place and the exit code when its worker
has ended, and goes when the connection does, taking along whatever still runs.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path

from evidence.report.running.imports import load_nbformat
from evidence.report.running.kernel import end_with_parent, make_ready
from evidence.report.running.marks import end_marked

__all__ = ["serve"]


def serve(control: Connection, task: Callable[[Path], int]) -> Callable[[], int] | None:
    """Fork a worker for each place received; returns None at the end, and to each worker what it has to do.

    Parameters
    ----------
    control : Connection
        Gives paths, takes pairs of a path and an exit code.
    task : callable
        Run with the path in the worker.
    """
    workers: dict[int, str] = {}
    server = os.getpid()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # so that the end of a worker wakes this one
    try:
        while True:
            ready = wait([control, woken])
            if woken in ready:
                os.read(woken, 1024)
                for pid, code in _ended(list(workers)):
                    control.send((workers.pop(pid), code))
            if control in ready:
                place = control.recv()
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the worker is known
                if not (pid := os.fork()):
                    os.setsid()
                    end_with_parent()
                    signal.set_wakeup_fd(-1)
                    for number in (signal.SIGCHLD, signal.SIGTERM):
                        signal.signal(number, signal.SIG_DFL)
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                    for descriptor in (woken, wake):
                        os.close(descriptor)
                    control.close()
                    return functools.partial(task, Path(place))
                workers[pid] = place
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    except (EOFError, OSError):  # the process that gives orders is gone or wants no more
        return None
    finally:
        if os.getpid() == server:  # not in a worker that goes to its task
            for pid in workers:
                _kill(pid, os.kill)  # one that has no group of its own yet
                _kill(pid, os.killpg)
            end_marked()


def _ended(pids: list[int]) -> list[tuple[int, int]]:
    ended = []
    for pid in pids:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            _kill(pid, os.killpg)  # what its notebook may have left behind
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def _kill(pid: int, kill: Callable[[int, int], None]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(pid, signal.SIGKILL)


def _main() -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # not without the workers
    control = Connection(int(sys.argv[1]))
    with contextlib.chdir(sys.argv[2]):
        for name in sys.argv[4:]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    if sys.argv[3]:
        from evidence.report.running.ahead import work_ahead

        work_ahead(Path(sys.argv[3]))
    nbformat = load_nbformat()
    nbformat.validate(nbformat.v4.new_notebook())  # its form is compiled once, and not again by every worker
    from evidence.report.running.track import find_sources
    from evidence.report.running.worker import work_forked

    make_ready()
    find_sources()
    gc.freeze()  # what is here by now stays, in every fork: no need to look through it for garbage
    task = serve(control, work_forked)
    return task() if task else 0


if __name__ == "__main__":
    sys.exit(_main())
