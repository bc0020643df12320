"""The notebooks of the report are thin: a cell is text, a call, and a figure; what is computed is in the library."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
THIN = ("03-question", "07-certainty", "08-the-article", "09-network", "10-methods", "12-five-trials")
COMPUTES = {
    "imports how numbers are written": r"evidence\.wording",
    "renames columns": r"\.rename\(",
    "formats a number": r"\{[^{}\n]*:[^{}\n]*[0-9]f\}|\b(?:number|round)\(",
}


@pytest.mark.parametrize("name", THIN)
def test_a_notebook_computes_nothing_of_its_own(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [(what, text) for what, sign in COMPUTES.items() for text in code if re.search(sign, text)]
    assert not found


def test_what_computes_is_seen() -> None:
    for text in ("from evidence.wording import capital", "frame.rename(columns=names)", 'f"{100 * x:.0f}%"'):
        assert any(re.search(sign, text) for sign in COMPUTES.values()), text
