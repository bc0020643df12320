"""A page as PDF, printed by a Chromium that the machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from evidence.errors import ReportError
from evidence.files import draft

__all__ = ["find_chromium", "write_pdf"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *(
        os.path.join(os.environ.get(folder, ""), *browser, "Application", program)
        for browser, program in ((("Google", "Chrome"), "chrome.exe"), (("Microsoft", "Edge"), "msedge.exe"))
        for folder in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")
        if folder in os.environ
    ),
)
"""Where macOS and Windows have it, beside the path."""
VARIABLE = "EVIDENCE_CHROMIUM"
SECONDS = 180


def find_chromium() -> str | None:
    """Find the browser: what EVIDENCE_CHROMIUM names, the first usual name on the path, or the first usual place."""
    found = [os.environ.get(VARIABLE), *map(shutil.which, NAMES), *filter(os.path.isfile, PLACES)]
    return next(filter(None, found), None)


def write_pdf(page: Path, path: Path) -> Path:
    """Print a page of HTML.

    Parameters
    ----------
    page : Path
        The file; everything that it needs lies beside it or in it.
    path : Path
        Where the PDF goes.

    Returns
    -------
    Path

    Raises
    ------
    ReportError
        If there is no Chromium, or it did not write the file; the message says what to do.
    """
    program = find_chromium()
    if program is None:
        raise ReportError(
            "A PDF is printed by Chromium, and none was found: install it (on Debian: apt install chromium), "
            f"or name the program in the variable {VARIABLE}."
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, draft(path) as beside:
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={beside}",
            page.resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # its sandbox refuses to run for the administrator
            command.insert(1, "--no-sandbox")
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise ReportError(f"{program} did not finish the PDF within {SECONDS} seconds.") from None
        except OSError as error:
            raise ReportError(f"{program} could not be started: {error.strerror or error}.") from None
        if not beside.exists():
            said = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ReportError(f"{program} wrote no PDF (exit code {run.returncode}): {said}")
    return path
