"""The results of a review computed again in R by the scripts that are exported for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

from evidence.errors import DataError, ReportError
from evidence.report.against.compare import TOLERANCE, Agreement, compare
from evidence.report.export.r.scripts import ANALYSES, NETWORK_VALUES, NETWORKS, VALUES, write_r
from evidence.tables.review import Review

__all__ = ["against_r", "find_rscript", "missing_in_r"]

VARIABLE = "EVIDENCE_RSCRIPT"
SECONDS = 1800
_HOW = (
    'install R from https://cran.r-project.org and, in it, install.packages("metafor") (on Debian: apt install '
    f"r-cran-metafor), or name the program Rscript in the variable {VARIABLE}"
)


def find_rscript() -> str | None:
    """Find Rscript: the program that EVIDENCE_RSCRIPT names, or the one on the path."""
    return os.environ.get(VARIABLE) or shutil.which("Rscript")


def missing_in_r() -> str:
    """Say what is missing to run the scripts; "" if nothing is."""
    program = find_rscript()
    if program is None:
        return f"R was not found; {_HOW}."
    try:
        asked = _run(program, "-e", 'cat(requireNamespace("metafor", quietly = TRUE))', place=Path())
    except OSError as error:
        return f"{program} could not be started ({error.strerror or error}); {_HOW}."
    if not asked.stdout.strip().endswith("TRUE"):
        return f"R has no package metafor; {_HOW}."
    return ""


def against_r(review: Review, tolerance: float = TOLERANCE) -> Agreement:
    """Run the exported scripts and compare every value with this package's.

    Parameters
    ----------
    review : Review
    tolerance : float
        Largest difference, relative for values beyond 1.

    Returns
    -------
    Agreement
        Ratios are compared as logarithms.

    Raises
    ------
    DataError
        If R or metafor is missing; the message says how to get them.
    ReportError
        If a script fails or takes more than half an hour.
    """
    if missing := missing_in_r():
        raise DataError(missing)
    program = str(find_rscript())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        place = Path(name)
        write_r(review, place)
        parts = []
        for script, key, values in (
            (ANALYSES, ["analysis"], VALUES),
            (NETWORKS, ["network", "treatment"], NETWORK_VALUES),
        ):
            expected = _table(place / f"{script}-evidence.csv", values)
            if expected.empty:
                continue
            ran = _run(program, f"{script}.R", place=place)
            if ran.returncode:
                raise ReportError(f"{script}.R failed in R: {ran.stderr.strip()[-2000:]}")
            found = _table(place / f"{script}-from-r.csv", values)
            parts.append(compare(expected, found, key, values, tolerance))
        if not parts:
            raise DataError(
                "no analysis of the protocol has a comparison that can be pooled, so there is nothing to compare."
            )
    return Agreement(_versions(program), pd.concat(parts, ignore_index=True), tolerance)


def _run(program: str, *arguments: str, place: Path) -> subprocess.CompletedProcess[str]:
    # The language of messages and numbers is the same everywhere; what the user has set up in R counts.
    words = {**os.environ, "LANGUAGE": "en"}
    command = [program, "--no-save", "--no-restore", *arguments]
    try:
        return subprocess.run(
            command, cwd=place, env=words, capture_output=True, encoding="utf-8", errors="replace",
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ReportError(f"R did not finish within {SECONDS // 60} minutes.") from None


def _table(path: Path, values: tuple[str, ...]) -> pd.DataFrame:
    """Read results; texts stay texts, so that an id such as 007 or NA is itself."""
    texts = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    return texts.assign(**{name: texts[name].replace("", "nan").astype(float) for name in values})


def _versions(program: str) -> str:
    asked = _run(
        program,
        "-e",
        'cat(paste0("R ", getRversion(), ", metafor ", packageVersion("metafor")))',
        place=Path(),
    )
    return asked.stdout.strip() or "R"
