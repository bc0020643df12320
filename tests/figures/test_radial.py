from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Polygon

from evidence.figures import radial


def test_carries_the_numbers_of_the_fit(trials, fit):
    result = fit(trials(14))
    numbers = radial(result).numbers
    error = np.sqrt(result.variance + result.tau2)
    np.testing.assert_allclose(numbers.estimate, result.effect)
    np.testing.assert_allclose(numbers.x, 1 / error)
    np.testing.assert_allclose(numbers.z, result.effect / error)
    assert list(numbers.outside) == list(abs(result.effect - result.estimate) / error > 1.959963984540054)


@pytest.mark.parametrize("k", [1, 3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(radial(fit(table), data=table, labels=True, title="Radial")) == []


def test_nothing_covers_when_effects_are_steep(trials, fit, faults):
    table = trials(8, measure="MD", centre=500, spread=300)
    table.loc[0, "effect"] = -90.0
    assert faults(radial(fit(table), data=table)) == []


def test_lines_from_the_origin_through_studies_lead_to_their_effects_on_the_arc(trials, fit, texts):
    """The arc is a circle on the page, and its marks lie where the slopes of their effects meet it."""
    result = fit(trials(12))
    axes = radial(result).axes[0]
    to_page = axes.transData.transform
    origin = to_page((0.0, 0.0))
    arc = max((np.asarray(line.get_xydata()) for line in axes.lines), key=len)
    radius = np.hypot(*(to_page(arc) - origin).T)
    np.testing.assert_allclose(radius, radius[0])
    marks = [text for text in axes.texts if "Author" not in text.get_text()]
    assert len(marks) >= 2
    for mark in marks:
        x, y = mark.get_position()
        assert y / x == pytest.approx(float(mark.get_text().replace("−", "-")), abs=1e-12)
    studies = np.column_stack([radial(result).numbers.x, radial(result).numbers.z])
    assert (np.hypot(*(to_page(studies) - origin).T) < radius[0]).all()


def test_band_holds_the_studies_inside(trials, fit):
    figure = radial(fit(trials(25, spread=0.6), method="EE", ci="z"))
    (band,) = (patch for patch in figure.axes[0].patches if isinstance(patch, Polygon))
    inside = band.get_path().contains_points(figure.numbers[["x", "z"]] * (1 - 1e-9))
    assert list(inside) == list(~figure.numbers.outside)


def test_says_what_it_shows(trials, fit, texts):
    table = trials(10)
    table.loc[3, ["effect", "variance"]] = [2.5, 0.02]
    result = fit(table, method="EE", ci="z")
    figure = radial(result, data=table)
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text
    assert "Author 3 2003" in figure.alt_text
    assert "Author 3 2003" in texts(figure)
