from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.figures.drawing.text import clean, significant, text_width, wrap


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (0.051234, "0.0512"), (64.94, "64.9"), (1234.5, "1234"), (9.999, "10.00")],
)
def test_significant(value, written):
    assert significant(value) == written


def test_clean_keeps_letters_and_boxes_the_rest():
    assert clean("Müller\n  2004 李") == "Müller 2004 □"


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200), st.floats(20, 200))
def test_wrapped_lines_fit_and_lose_nothing(text, width):
    text = clean(text)
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line) <= width or len(line) == 1 for line in lines)
