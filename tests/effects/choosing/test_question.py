from __future__ import annotations

from typing import Any

import pytest

from evidence.effects.choosing.question import compare_arms, pairs
from evidence.tables.protocol.protocol import ComponentClasses

COMPONENTS = ComponentClasses(
    studied=("singing", "rocking"),
    inactive=("silence", "humming"),
    usual=("routine",),
    active=("storytelling",),
)


@pytest.mark.parametrize(
    ("arm", "comparator", "main", "group", "added"),
    [
        ("singing", "silence", "silence", "inactive", False),
        ("singing+routine", "routine", "routine", "usual", True),
        ("singing+routine", "humming+routine", "humming", "inactive", False),
        ("singing", "humming+routine", "humming", "inactive", False),
        ("singing", "storytelling+routine", "storytelling", "active", False),
        ("singing+rocking", "rocking", "rocking", "rocking", True),
        ("singing", "rocking+storytelling", "storytelling", "active", False),
    ],
)
def test_what_an_arm_is_compared_with(arm: str, comparator: str, main: str, group: str, added: bool) -> None:
    found = compare_arms(frozenset(arm.split("+")), frozenset(comparator.split("+")), COMPONENTS)
    assert found[:3] == (main, group, added)


def test_who_holds_a_studied_component() -> None:
    *_, extra, held = compare_arms(frozenset(("singing", "rocking")), frozenset(("rocking",)), COMPONENTS)
    assert extra == ("singing",)
    assert held == {"singing": "intervention", "rocking": "both"}


@pytest.fixture
def found(small: Any) -> Any:
    """Find the pairs of a trial that answer an analysis."""

    def find(analysis: str, **arms: str) -> list[tuple[str, str]]:
        small.trial("ava", **arms)
        review = small.read()
        return [(pair.arm_id, pair.comparator_arm_id) for pair in pairs(review, review.analyses[analysis])]

    return find


INACTIVE = "singing-crying-short"


@pytest.mark.parametrize(
    ("analysis", "arm", "comparator", "answers"),
    [
        (INACTIVE, "singing", "silence", True),
        (INACTIVE, "singing", "routine", True),
        (INACTIVE, "singing+rocking", "routine", True),  # rocking may be there or not
        (INACTIVE, "singing", "storytelling", False),
        (INACTIVE, "singing+storytelling", "silence", False),  # storytelling sets them apart too
        (INACTIVE, "singing+storytelling", "silence+storytelling", True),
        (INACTIVE, "singing+storytelling", "storytelling", False),  # added to an active treatment
        (INACTIVE, "singing+routine", "singing", False),
        (INACTIVE, "rocking", "silence", False),
        ("added-crying-short", "singing+rocking", "rocking", True),
        ("added-crying-short", "singing+rocking+routine", "rocking+routine", True),
        ("added-crying-short", "singing+rocking", "rocking+storytelling", False),
        ("added-crying-short", "singing", "rocking", False),
        ("alone-crying-short", "singing", "rocking", True),
        ("alone-crying-short", "singing", "storytelling", True),
        ("alone-crying-short", "singing+rocking", "storytelling", False),
        ("alone-crying-short", "singing", "silence", False),
    ],
)
def test_which_pairs_answer(found: Any, analysis: str, arm: str, comparator: str, answers: bool) -> None:
    assert found(analysis, a=arm, b=comparator) == ([("a", "b")] if answers else [])


def test_arms_with_the_same_components_are_no_pair(found: Any) -> None:
    assert found(INACTIVE, a="singing", b="singing") == []


def test_margin_and_cell_are_never_compared(found: Any) -> None:
    arms = {
        "sung": "singing+routine, , margin",
        "unsung": "routine, , margin",
        "both": "singing+rocking+routine, , cell",
        "neither": "routine, , cell",
    }
    assert found(INACTIVE, **arms) == [("sung", "unsung"), ("both", "neither")]
