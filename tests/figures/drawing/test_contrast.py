"""Letters on coloured grounds can be read: at least 4.5 to 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.figures.appraisal.certainty import CELLS
from evidence.figures.drawing.bias_signs import HIGH, LOW, MIDDLE
from evidence.figures.drawing.style import GREY, contrast, ink_on
from evidence.figures.network.league import COLOURS


def test_contrast_is_that_of_wcag():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)
    assert contrast("red", "red") == 1


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_on_every_ground_there_is_an_ink(colour):
    assert contrast(ink_on(colour), colour) >= 4.5


@pytest.mark.parametrize("sign", [LOW, MIDDLE, HIGH])
def test_judgements_can_be_read(sign):
    assert contrast(sign.colour, sign.ink) >= 4.5


def test_cells_of_certainty_and_of_leagues_can_be_read():
    assert all(contrast(ground, ink) >= 4.5 for ground, ink in CELLS.values())
    for shade in np.linspace(0, 1, 101):
        assert contrast(ink_on(COLOURS(shade)), COLOURS(shade)) >= 4.5
    assert contrast(GREY, "white") >= 4.5
