"""The committed notebooks: a cell is text, a call, and a figure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
THIN = ["01-question-and-evidence", "02-effect-sizes", "05-data-quality", "11-reporting"]
"""Those whose tables and sentences are all made by the library."""
MAKES = {
    "words": r"\bevidence\.wording\b",
    "headings": r"\.rename\(|\bDataFrame\(",
    "digits": r"\{[^{}]*:[^{}]*[.,]?\d*[fge%]\}|\b(?:number|interval|round)\(",
}
"""What a cell does not make itself."""


@pytest.mark.parametrize("name", THIN)
def test_a_notebook_leaves_words_headings_and_digits_to_the_library(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))["cells"]
    for cell in cells:
        code = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        assert {made for made, how in MAKES.items() if re.search(how, code)} == set(), code


@pytest.mark.parametrize(
    "code", ['f"{x:.2f}"', 'f"{100 * a / b:,.0f}%"', 'f"{n:g}"', "number(x, 4)", "round(x, 2)"]
)
def test_digits_are_seen(code: str) -> None:
    assert re.search(MAKES["digits"], code)
