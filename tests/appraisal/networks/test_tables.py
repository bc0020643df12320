"""What a page says of networks: the numbers of one place are those of every other, and small networks by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import evidence as ev
from evidence.appraisal.networks.findings import NetworkFindings
from evidence.appraisal.networks.tables import _reach
from evidence.measures import INTERVALS

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
    small.rows["trials"][3]["year"] = ""
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


@pytest.mark.parametrize(("interval", "warned"), [("HKSJ-adhoc", True), ("t", True), ("z", False)])
def test_intervals_narrower_than_those_of_pairs_are_named(
    small: SmallReview, chain: Review, interval: str, warned: bool
) -> None:
    small.protocol["model"] = {"interval": interval}
    said = ev.networks_statement(ev.networks_of(small.read(), ["crying"], ["short"], nodes="fine"))
    words = (
        "Intervals here use the normal distribution; with few trials they are usually narrower than those of"
    )
    assert (words in said) == warned
    assert (f"pairwise results ({INTERVALS[interval].name})" in said) == warned


def test_few_other_treatments_are_counted_in_words() -> None:
    assert [_reach(*counts, "silence") for counts in ((0, 1), (1, 1), (0, 7), (7, 7), (3, 7))] == [
        "The one other treatment cannot be compared with silence: too few trials connect them",
        "The one other treatment can be compared with silence",
        "None of the 7 other treatments can be compared with silence: too few trials connect them",
        "All other treatments can be compared with silence",
        "Three of the 7 other treatments can be compared with silence",
    ]


def test_strata_of_a_trial_count_once_in_every_table(networks: tuple[NetworkFindings, ...]) -> None:
    found = networks[0].source
    assert networks[0].net.split().set_index("comparison").loc["silence v singing", "studies"] == 3  # strata
    assert found.pairs.set_index("comparison").loc["silence v singing", "studies"] == 2
    trials = {str(trial): str(study) for trial, study in found.trials["study"].items()}
    pair = ["silence", "singing"]
    assert (
        ev.figures.league(networks[0].net, treatments=pair, trials=trials, least_direct=3)
        .numbers["direct"]
        .isna()
        .all()
    )
    three = ev.figures.league(networks[0].net, treatments=pair, least_direct=3)
    assert three.numbers["direct"].notna().all()


def test_a_network_that_disagrees_as_a_whole_is_named(networks: tuple[NetworkFindings, ...]) -> None:
    agrees = "No network disagrees as a whole beyond chance; with few trials the test may miss it."
    assert ev.consistency_statement(networks) == agrees  # without a loop there is no P value
    networks[0].source.__dict__["incoherence_p"] = 0.0002
    assert ev.consistency_statement(networks) == (
        "- **Crying, short term**: the network as a whole disagrees beyond chance (P < .001); its estimates deserve "
        "little trust."
    )


def test_what_nothing_connects_has_no_evidence(review: Review) -> None:
    [found] = ev.networks_of(review, ["disability"], ["short"], reference="usual care")
    shown = ev.network_table(found.against()).shown
    untold = shown["Result"].str.startswith("Not told")
    assert set(shown.loc[untold, "Evidence"]) == {""}
    assert (shown.loc[~untold, "Evidence"] != "").all()
    assert "A sham treatment v usual care" in set(shown["Comparison"])
    assert shown.columns[5:8].tolist() == [
        "Worth one trial of", "Trials in the network that contribute", "People in these",
    ]  # fmt: skip


def test_direct_trials_that_are_shown_alone_are_not_called_indirect_in_part(review: Review) -> None:
    [found] = ev.networks_of(review, ["pain"], ["short"], reference="usual care")
    alone = [one for one in found.every() if one.fit is None and one.direct]
    assert any(one.direct_share < 1.0 for one in alone)
    assert set(ev.network_table(alone).shown["Evidence"]) == {"Direct only"}
    assert all(one.k == len(set(one.effects["study"])) for one in alone)


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
    assert table.loc["Silence v singing"].to_dict() == {
        "outcome": "Crying, short term",
        "trials": 2,
        "which": "Ava-Girls; Ava-Boys; Ben",
        "years": "2001",
        "plan": "parallel",
        "instruments": "CRY",
        "weeks": "10",
        "risk of bias": "not judged",
    }
    assert table.loc["Silence v storytelling", "years"] == "not stated"
    assert "Rocking v routine" in table.index  # what no trial connects is not left out


def test_told_comparisons_are_counted_and_listed(networks: tuple[NetworkFindings, ...]) -> None:
    said = ev.told_statement(networks[0].against())
    [told] = networks[0].told
    assert said == f"Of two such comparisons, one can be told.\n\n- {told.sentence}"


@pytest.mark.parametrize(("mixed", "levels"), [(True, 1), (False, 0)])
def test_indirect_evidence_alone_of_a_mix_of_treatments_loses_a_level(
    small: SmallReview, mixed: bool, levels: int
) -> None:
    small.protocol["nodes"] = {"coarse": {"other": ["storytelling", "rocking"]}}
    others = ("storytelling", "rocking" if mixed else "storytelling")
    for name, one in zip("abcd", ("singing", "singing", *others), strict=True):
        small.trial(name, a=f"{one}, 50", b="silence, 50")
        for arm, mean in (("a", 3.0), ("b", 5.0)):
            small.arm(name, arm, mean=mean, sd=2.0, n=50)
    (found,) = ev.networks_of(small.read(), ["crying"], ["short"], reference="silence")
    rated = {
        pair: {one.name: one for one in found.finding(*pair).certainty.domains}["indirectness"]
        for pair in (("other", "singing"), ("other", "silence"), ("singing", "silence"))
    }
    assert [one.downgrade for one in rated.values()] == [levels, 0, 0]  # the others have direct evidence
    assert (
        "takes different treatments together: rocking and storytelling." in rated["other", "singing"].reason
    ) == mixed
