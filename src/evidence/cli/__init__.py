"""The command ``evidence``: a thin layer of words over the library."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

from evidence.cli.add_trial import add_trial
from evidence.cli.batch import batch, simulate
from evidence.cli.bench import bench
from evidence.cli.commands import app
from evidence.cli.compare import compare
from evidence.cli.ending import ended_in_order
from evidence.cli.export import export
from evidence.cli.import_ import import_
from evidence.cli.init import init
from evidence.cli.references import references
from evidence.errors import DataError, EvidenceError
from evidence.files import explained

__all__ = ["app", "main"]

app.command(
    epilog="Example: [bold]evidence batch table.parquet --output results.parquet --ci HKSJ --ci z[/bold]"
)(batch)
app.command(epilog="Example: [bold]evidence simulate grid.yaml --output results.parquet --workers 2[/bold]")(
    simulate
)
app.command(epilog="Example: [bold]evidence bench --data data[/bold]")(bench)
app.command(epilog="Example: [bold]evidence export data manuscript --output results[/bold]")(export)
app.command(epilog="Example: [bold]evidence init my-review[/bold]")(init)
app.command("add-trial", epilog="Example: [bold]evidence add-trial --data my-review[/bold]")(add_trial)
app.command(epilog="Example: [bold]evidence compare readings/a readings/b --record agreement.csv[/bold]")(
    compare
)
app.command("import", epilog="Example: [bold]evidence import review.rm5 --output my-review --report[/bold]")(
    import_
)
app.command(epilog="Example: [bold]evidence references found.ris found.nbib --data my-review[/bold]")(
    references
)


def main() -> None:
    """Run the command; every error ends in one message on standard error and the exit code 1 or 2.

    The exit code is 0 when all is well, 1 for findings and for failed notebooks or models, 2 for wrong usage and
    unreadable input.
    """
    _say_every_sign()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        with ended_in_order([signal.SIGTERM]):
            app(arguments, prog_name="evidence")
    except EvidenceError as error:
        if debug:
            raise
        print(f"evidence: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, DataError) else 1)
    except OSError as error:
        if debug or error.errno is None:
            raise
        said = explained(error, Path())
        print(f"evidence: {said}", file=sys.stderr)
        sys.exit(2 if isinstance(said, DataError) else 1)
    except Exception as error:
        if debug:
            raise
        print(
            f"evidence: an unexpected {type(error).__name__}: {error}. Add --debug to see where it comes from.",
            file=sys.stderr,
        )
        sys.exit(1)


def _say_every_sign() -> None:
    """Let no sign that a terminal or a file cannot hold end a command: Windows writes files in an old code page."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper) or stream.encoding.lower().startswith("utf"):
            continue
        if sys.platform == "win32" and not stream.isatty() and "PYTHONIOENCODING" not in os.environ:
            stream.reconfigure(encoding="utf-8")
        else:
            stream.reconfigure(errors="replace")
