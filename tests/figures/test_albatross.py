from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from evidence.errors import DataError
from evidence.figures import albatross


@pytest.fixture
def studies():
    random = np.random.default_rng(3)
    n = np.round(np.exp(random.uniform(3, 6.5, 14)))
    z = -0.15 * np.sqrt(n) + random.standard_normal(14)
    p = [
        ("<0.05" if one < 0.05 else ">0.05") if i % 3 == 0 else one
        for i, one in enumerate(2 * norm.sf(abs(z)))
    ]
    return p, n, np.sign(z)


def test_points_stand_at_their_p_value_size_and_side(lines):
    figure = albatross([0.01, 0.2], [100, 30], [-1, 1])
    points = [(x, y) for marker, x, y in lines(figure.axes[0]) if marker == "o"]
    np.testing.assert_allclose(sorted(points), [([-2.0], [2.0]), ([-np.log10(0.2)], [np.log10(30)])])


def test_a_contour_is_where_its_effect_gives_that_p_value(lines):
    figure = albatross([0.01, 0.2], [1000, 30], [-1, 1], contours=(0.5,), ratio=2.0)
    contour = next((x, y) for _, x, y in lines(figure.axes[0]) if len(x) > 100 and x[0] > 0)
    n = 10.0 ** np.array(contour[1])
    small, large = n / 3, 2 * n / 3
    z = 0.5 / np.sqrt(1 / small + 1 / large + 0.5**2 / (2 * n))
    np.testing.assert_allclose(10.0 ** -np.array(contour[0]), 2 * norm.sf(z), rtol=1e-9)


def test_bounds_point_to_where_the_p_value_lies(lines):
    figure = albatross(["<0.05", ">0.05", "<0.05", ">0.05"], [10, 20, 30, 40], [1, 1, -1, -1])
    markers = {round(10 ** y[0]): marker for marker, _, y in lines(figure.axes[0]) if marker in "<>"}
    assert markers == {10: ">", 20: "<", 30: "<", 40: ">"}


def test_nothing_covers_or_leaves_the_page(studies, faults):
    p, n, sign = studies
    figure = albatross(
        p, n, sign, labels=[f"Author {i}" for i in range(14)], group=["a", "b"] * 7, title="Pain"
    )
    covered = [one for one in faults(figure) if "Author" not in one]
    assert covered == []
    assert list(figure.numbers.columns) == ["label", "p", "bound", "n", "direction", "group"]


def test_counts_what_has_no_side(texts):
    figure = albatross([0.01, 0.2], [100, 30], [-1, 0])
    assert "1 study to neither side, not drawn" in " ".join(texts(figure))
    assert len(figure.numbers) == 2
    assert figure.alt_text.startswith("Albatross plot of 1 study with 100 to 100 people: 0 to the right")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": [1.0]}, "one value for each of the 2"),
        ({"n": [0, 4]}, "above 0"),
        ({"direction": [0, 0]}, "no study has a direction"),
        ({"group": ["a"]}, "one value for each"),
        ({"contours": (0.0,)}, "contours and ratio"),
    ],
)
def test_refuses(change, message):
    with pytest.raises(DataError, match=message):
        albatross(**({"p": [0.1, 0.2], "n": [3, 4], "direction": [1, -1]} | change))


def test_refuses_more_groups_than_colours():
    with pytest.raises(DataError, match="5 groups"):
        albatross([0.1] * 5, [9] * 5, [1] * 5, group=list("abcde"))
