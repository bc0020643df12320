from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from matplotlib.lines import Line2D

import evidence as ev
from evidence.figures.evidence_map import LARGEST, LOOKS

ROWS = [
    ("Does singing help?", "Ava", "effect", 100.0, 1.0),
    ("Does singing help?", "Ben", "P value", 25.0, -1.0),
    ("Does singing help?", "Cid", "nothing", math.nan, math.nan),
    ("Does rocking help?", "Ava", "P value", 100.0, 0.0),
]
TABLE = pd.DataFrame(ROWS, columns=["title", "label", "kind", "n", "favours"])


def marks(figure: ev.figures.EvidenceFigure) -> list[tuple[float, float, float, str]]:
    """Place, size and fill of the drawn marks, the keys left out."""
    lines: list[Any] = figure.findobj(Line2D)
    return [
        (line.get_xdata()[0], line.get_ydata()[0], line.get_markersize(), line.get_markerfacecolor())
        for line in lines
        if line.get_marker() not in ("None", None, "") and line.get_markeredgewidth() == 0.6
    ]


def test_one_mark_a_question_and_trial() -> None:
    figure = ev.figures.evidence_map(TABLE, title="Lullabies")
    drawn = marks(figure)
    assert len(drawn) == len(TABLE) == len(figure.numbers)
    # By question, and in each from the comparator's side to the treatment's.
    ben, cid, ava, again = drawn
    assert ben[0] < cid[0] < ava[0]
    assert again[1] < ava[1] == pytest.approx(ben[1], abs=0.02)
    assert ava[2] == LARGEST
    assert ben[2] == pytest.approx(LARGEST / 2)  # a quarter of the people, a quarter of the area
    assert cid[2] == min(mark[2] for mark in drawn)
    assert [ava[3], ben[3], again[3]] == [LOOKS[0][0], LOOKS[1][0], LOOKS[1][0]]
    told = "3 trials (1 effect, 1 P value, 1 nothing); 1 in favour of the treatment, 1 of the comparator."
    assert f"Does singing help?: {told}" in figure.alt_text
    assert figure.numbers["favours"].tolist()[:2] == [1.0, -1.0]


def test_marks_stay_in_their_column() -> None:
    many = pd.concat([TABLE.assign(label=f"t{number}") for number in range(60)], ignore_index=True)
    figure = ev.figures.evidence_map(many)
    assert len(marks(figure)) == 240
    places = [x for x, _, _, _ in marks(figure)]
    assert min(places) > 0.0
    assert max(places) < 1.0
    texts = [text for text, *_ in figure.places()]
    assert "favours treatment" in texts
    assert len([text for text in texts if text.startswith("Does")]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": None}, "no column 'kind'"),
        ({"favours": 2}, "favours must be -1, 0 or 1"),
    ],
)
def test_what_cannot_be_drawn(change: dict[str, Any], message: str) -> None:
    (name, value), *_ = change.items()
    wrong = TABLE.drop(columns=name) if value is None else TABLE.assign(**{name: value})
    with pytest.raises(ev.DataError, match=message):
        ev.figures.evidence_map(wrong)
    with pytest.raises(ev.DataError, match="nothing to draw"):
        ev.figures.evidence_map(TABLE.head(0))
    with pytest.raises(ev.DataError, match="no words are given for the kind 'P value'"):
        ev.figures.evidence_map(TABLE, kinds={"effect": "an effect"})
    with pytest.raises(ev.DataError, match="7 kinds, and 6"):
        ev.figures.evidence_map(pd.concat([TABLE.head(1).assign(kind=str(n)) for n in range(7)]))
