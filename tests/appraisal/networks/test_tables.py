"""What a page says of networks: the numbers of one place are those of every other, and small networks by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import evidence as ev
from evidence.appraisal.networks.findings import NetworkFindings

if TYPE_CHECKING:
    from tests.conftest import SmallReview

    from evidence.tables.review import Review


@pytest.fixture
def chain(small: SmallReview) -> Review:
    """Two trials of singing v silence, one of storytelling v silence, and one that nothing connects with them."""
    small.protocol["strata"] = [{"whole": "ava", "parts": ["ava-girls", "ava-boys"]}]
    for name, one, other in (
        ("ava-girls", "singing", "silence"),
        ("ava-boys", "singing", "silence"),
        ("ben", "silence", "singing"),
        ("cat", "storytelling", "silence"),
        ("dan", "rocking", "routine"),
    ):
        small.trial(name, a=f"{one}, 50", b=f"{other}, 50")
        for arm, treatment in (("a", one), ("b", other)):
            small.arm(name, arm, mean=3.0 if treatment == "singing" else 5.0, sd=2.0, n=50)
    return small.read()


@pytest.fixture
def networks(chain: Review) -> tuple[NetworkFindings, ...]:
    return ev.networks_of(chain, ["crying"], ["short"], nodes="fine", reference="silence")


def test_the_list_counts_strata_once_and_says_how_many_trials_contribute(
    networks: tuple[NetworkFindings, ...],
) -> None:
    assert ev.networks_statement(networks).startswith(
        "- **Crying, short term**: 4 trials, 5 treatments, in 2 parts that no trial connects; the one with silence, "
        "of 3 trials and 3 treatments, is looked at below. One of the 2 other treatments can be compared with "
        "silence; 2 of the 3 trials contribute to that.\n\nA result is told where at least two "
    )


def test_numbers_of_trials_agree_across_the_page(review: Review) -> None:
    networks = ev.networks_of(review, ["pain"], ["short", "long"], reference="usual care")
    checked = ev.consistency_table(networks)
    short, long = networks
    assert checked["Outcome"].tolist() == ["Pain, short term"]  # too few trials in the long term
    assert checked["Trials that contribute"].tolist() == [short.contributing]
    assert checked["Trials in the network"].tolist() == [short.trials]
    assert {one.k for one in short.told} == {short.contributing}
    said = ev.networks_statement(networks)
    assert f"{short.contributing} of the {short.trials} trials contribute" in said
    assert long.told == ()
    assert said.count("contribute") == 1


def test_an_unknown_reference_is_replaced(chain: Review) -> None:
    [found] = ev.networks_of(chain, ["crying"], ["short"], nodes="fine", reference="nobody")
    assert found.net.reference in ("silence", "singing", "storytelling")
    assert found.title == "crying, short term"


def test_what_may_change_effects_stands_by_comparison(networks: tuple[NetworkFindings, ...]) -> None:
    table = ev.transitivity_table(networks, {"design": "plan"}).set_index("comparison")
    assert table.loc["silence v singing"].to_dict() == {
        "outcome": "crying, short term",
        "trials": 3,
        "which": "Ava-Girls; Ava-Boys; Ben",
        "years": "2001 to 2001",
        "plan": "parallel",
        "instruments": "CRY",
        "weeks": "10",
        "risk of bias": "not assessed",
    }
    assert table.loc["silence v storytelling", "years"] == "2001"
    assert "rocking v routine" in table.index  # what no trial connects is not left out


def test_told_comparisons_are_counted_and_listed(networks: tuple[NetworkFindings, ...]) -> None:
    said = ev.told_statement(networks[0].against())
    [told] = networks[0].told
    assert said == f"Of two such comparisons, one can be told.\n\n- {told.sentence}"
