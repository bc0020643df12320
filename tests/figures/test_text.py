from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.figures.text import clean, number, p_value, significant, text_width, wrap


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (-2.904, 2, "−2.90"),
        (-0.004, 2, "0.00"),
        (12.0, 0, "12"),
        (float("nan"), 1, ""),
        (float("inf"), 1, "∞"),
        (float("-inf"), 1, "−∞"),
    ],
)
def test_number(value, digits, written):
    assert number(value, digits) == written


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0004, "P < .001"),
        (0.0042, "P = .004"),
        (0.03, "P = .03"),
        (0.0491, "P = .049"),
        (0.0512, "P = .051"),
        (0.4, "P = .40"),
        (0.999, "P > .99"),
        (float("nan"), "P not estimable"),
    ],
)
def test_p_value(p, written):
    assert p_value(p) == written


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
