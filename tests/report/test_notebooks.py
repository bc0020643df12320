"""The committed notebooks: a cell is text, a call, and a figure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MAKES = {
    "words": r"\bevidence\.wording\b",
    "headings": r"\.rename\(|\bDataFrame\(",
    "digits": r"\{[^{}]*:[^{}\s]*[.,]?\d*[fge%]\}|\b(?:number|interval|round)\(",
}
"""What a cell does not make itself."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_leaves_words_headings_and_digits_to_the_library(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    for cell in cells:
        code = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        assert {made for made, how in MAKES.items() if re.search(how, code)} == set(), code


@pytest.mark.parametrize(
    "code", ['f"{x:.2f}"', 'f"{100 * a / b:,.0f}%"', 'f"{n:g}"', "number(x, 4)", "round(x, 2)"]
)
def test_digits_are_seen(code: str) -> None:
    assert re.search(MAKES["digits"], code)
