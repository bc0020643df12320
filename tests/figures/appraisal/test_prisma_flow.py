from __future__ import annotations

import pandas as pd
import pytest

from evidence.appraisal.prisma import PrismaFlow
from evidence.appraisal.prisma import prisma_flow as count
from evidence.figures import prisma_flow as draw

STAGES = ["looked at", "included", "in an analysis"]


def made_up(reasons, words=4):
    """A flow in which `reasons` reasons hold for 1, 2, ... trials after the first stage."""
    found = pd.DataFrame(
        [
            {"stage": "looked at", "reason": f"reason {i} " * words, "trials": i}
            for i in range(reasons, 0, -1)
        ],
        columns=["stage", "reason", "trials"],
    )
    gone = int(found["trials"].sum())
    stages = pd.DataFrame(
        {
            "stage": STAGES,
            "trials": [gone + 5, 5, 5],
            "left": [gone, 0, 0],
            "why": ["excluded", "no numbers seen", ""],
            "detail": ["", "a detail " * words, ""],
        }
    )
    return PrismaFlow(stages, found)


@pytest.mark.parametrize("reasons", [0, 1, 15])
@pytest.mark.parametrize("words", [1, 20])
def test_nothing_covers_or_leaves(faults, reasons, words):
    assert faults(draw(made_up(reasons, words), title="Flow", notes=("A note. " * 20,))) == []


def test_boxes_hold_the_counts(review, texts, faults):
    flow = count(review)
    figure = draw(flow)
    assert faults(figure) == []
    drawn = texts(figure)
    for stage in flow.stages.itertuples():
        assert f"Trials {stage.stage}: {stage.trials}" in drawn
        if stage.left:
            why = str(stage.why)
            assert f"{why[0].upper()}{why[1:]}: {int(str(stage.left))}" in drawn
            assert f"{why}: {int(str(stage.left))}".lower() in figure.alt_text.lower()
    pd.testing.assert_frame_equal(figure.numbers, flow.to_frame())
    boxes = figure.numbers[(figure.numbers["reason"] == "") | (figure.numbers["reason"] == "all")]
    assert list(boxes["trials"]) == [
        n for stage in flow.stages.itertuples() for n in (stage.trials, stage.left) if n or n == stage.trials
    ]


def test_reasons_of_one_trial_each_share_a_line(texts):
    flow = made_up(0)
    many = pd.DataFrame(
        [
            {"stage": "looked at", "reason": name, "trials": n}
            for name, n in (("a", 4), ("b", 1), ("c", 1), ("d", 1))
        ]
    )
    stages = flow.stages.assign(left=[7, 0, 0], trials=[12, 5, 5])
    drawn = texts(draw(PrismaFlow(stages, many)))
    assert {"4 a", "3 other reasons, one each"} <= {" ".join(text.split()) for text in drawn}
    assert "1 b" not in drawn
