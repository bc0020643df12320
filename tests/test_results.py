from __future__ import annotations

import pytest

from evidence.results import number, p_text, span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (-1.23456, "-1.2346"),
        (1.23e-7, "1.23e-07"),
        (2.5e9, "2.5e+09"),
        (float("nan"), "nan"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_span_and_p() -> None:
    assert span(-0.5, 1.0) == "-0.5000 to 1.0000"
    assert p_text(0.03125) == "= 0.0312"
    assert p_text(1e-9) == "< 0.0001"
