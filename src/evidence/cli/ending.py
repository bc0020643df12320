"""End a command that is asked to end so that nothing half done stays."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

__all__ = ["ended_in_order"]


class _Ended(BaseException):
    """A signal asks this process to end."""


@contextlib.contextmanager
def ended_in_order(numbers: Sequence[signal.Signals], state: str = "") -> Iterator[None]:
    """Let the first signal to end this process undo what is half done; more of them do not disturb that.

    Parameters
    ----------
    numbers : sequence of signal.Signals
        The signals.
    state : str
        Words on what was there before, for the message.
    """
    own = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:  # a worker that was forked ends as others do
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except _Ended as ended:
        number = ended.args[0]
        what = "interrupted" if number == signal.SIGINT else "ended by a signal"
        print(f"evidence: {what}{state and f'; {state}'}.", file=sys.stderr)
        raise SystemExit(128 + number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
