"""A kernel of a report: Jupyter's own, which also notes what its notebook depends on.

Run as ``python -m evidence.report.running.kernel`` with the arguments of ``ipykernel_launcher``, or by `ForkedKernel`
in a copy of a process that has imported what kernels need.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evidence.report.running.imports import without
from evidence.report.running.track import RECORD_VARIABLE, Recorder

__all__ = ["MESSAGES", "ForkedKernel", "end_with_parent", "make_ready", "run"]

PR_SET_PDEATHSIG = 1

MESSAGES = 100_000
"""Outputs that may wait to be read; what comes beyond is dropped, and by itself 1,000 is the bound."""


PARTS = (
    *("ipykernel.debugger", "ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.kernelspec"),
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect"),
    *("IPython.extensions.storemagic", "psutil", "sqlite3", "tornado.platform.asyncio"),
)
"""Modules that every kernel imports, some of them only when it begins."""


def make_ready() -> None:
    """Import what a kernel is made of, but for the debugger: it takes long and nobody debugs a report."""
    with without("debugpy"):
        for name in PARTS:
            importlib.import_module(name)


def end_with_parent() -> None:
    """Let the system end this process when the one that forked it dies; only Linux can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(arguments: Sequence[str]) -> int:
    """Serve as the kernel of one notebook until it is told to stop."""
    sys.argv[1:] = arguments
    record, data, *own = json.loads(os.environ.pop(RECORD_VARIABLE))
    make_ready()
    from ipykernel.kernelapp import IPKernelApp

    from evidence.report.running.bounds import bound_displays

    _find_modules_beside()
    recorder = Recorder(Path(data), [Path(folder) for folder in own])
    recorder.start()

    class App(IPKernelApp):
        def init_iopub(self, context: Any) -> None:
            context.sndhwm = MESSAGES
            super().init_iopub(context)

    app = App.instance()
    app.initialize([*arguments, "--IPKernelApp.outstream_class=evidence.report.running.bounds.BoundedStream"])
    bound_displays(app.shell)
    app.start()
    recorder.write(Path(record))
    return 0


def _find_modules_beside() -> None:
    """Let a notebook import modules that lie beside it, as IPython does unless Python was started with -P."""
    if not os.environ.get("PYTHONSAFEPATH"):  # then -P was ours, to start from the installed modules
        installed = (Path(place).name in ("site-packages", "dist-packages") for place in sys.path)
        sys.path.insert(next((n for n, found in enumerate(installed) if found), 0), "")


class ForkedKernel:
    """A copy of this process that waits to become a kernel, handled like a `subprocess.Popen`.

    The copy is made while there is nothing but this one thread, and before anything of the network is opened.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, orders: int) -> None:
        self.pid, self.orders = pid, orders
        self.returncode: int | None = None

    @classmethod
    def fork(cls) -> ForkedKernel | Callable[[], int]:
        """Fork; returns the kernel to the old process, and to the new one what it has to do."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid:
            os.close(reader)
            return cls(pid, writer)
        os.close(writer)
        end_with_parent()
        return lambda: _obey(reader)

    def launch(self, arguments: Sequence[str], environment: dict[str, str], folder: str) -> None:
        """Let the kernel begin."""
        with os.fdopen(self.orders, "w") as orders:
            json.dump([list(arguments), environment, folder], orders)

    def poll(self) -> int | None:
        """Return how it ended, as `subprocess.Popen.poll` does, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _obey(reader: int) -> int:
    with os.fdopen(reader) as orders:
        text = orders.read()
    if not text:  # there was nothing to run
        return 0
    arguments, environment, folder = json.loads(text)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # else every kernel would draw the same numbers
    return run(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
