from __future__ import annotations

import re
from typing import Any

import pytest

import evidence as ev
from evidence.appraisal.audit.bearings import bearing_of
from evidence.synthesis.sensitivity import MAIN, NOTHING_SHOWN

CRYING = "singing-crying-short"


def add(small: Any, name: str, direction: str, **cells: Any) -> None:
    small.trial(name, song="singing, 30", quiet="silence, 30")
    small.contrast(name, "song", "quiet", direction=direction, **cells)


@pytest.fixture
def filled_with_p(filled: Any) -> Any:
    """Two trials with effects in favour of singing, two with P values, one of no stated time."""
    add(filled, "cid", "arm", p_value=0.02, p_operator="=", as_reported="cried less")
    add(filled, "dora", "arm", p_value=0.05, p_operator="<")
    add(filled, "eve", "comparator", p_value=0.05, p_operator="<", timepoint_weeks="")
    return filled


def test_trials_are_counted_by_what_they_give_and_the_way_they_point(filled_with_p: Any) -> None:
    review = filled_with_p.read()
    table = ev.reports_counts(review, [CRYING, "singing-settled-long"])
    combined = ev.reports_on(review, CRYING).combined
    assert combined is not None
    assert table["Result"].tolist() == ["Crying, short term"]  # none reports on the other
    assert table["Those with an effect"].tolist() == ["lean the same way"]
    table = table.drop(columns="Those with an effect")
    assert table.iloc[0].tolist()[1:] == [5, 2, 2, 0, 1, 0, 2, 0, 0, ev.wording.p_value(combined.p_value)]


def test_doubtful_trials_are_counted_apart_in_table_and_sentence(filled_with_p: Any) -> None:
    review = filled_with_p.read()
    assert "Doubtful as printed" not in ev.reports_counts(review, [CRYING])
    add(filled_with_p, "hal", "arm", p_value=0.01, p_operator="=", note="CHECK: odd")
    review = filled_with_p.read()
    table = ev.reports_counts(review, [CRYING])
    assert table[["Nothing usable", "Doubtful as printed"]].iloc[0].tolist() == [1, 1]
    said = ev.reports_statement(review, CRYING)
    assert "1 with nothing that can be used, 1 with numbers that are doubtful as printed." in said


def test_the_statement_tells_what_each_trial_gives_and_which_way_they_lean(filled_with_p: Any) -> None:
    said = ev.reports_statement(filled_with_p.read(), CRYING)
    assert said.startswith(
        "5 trials report on this: 2 with an effect with its precision, 2 with a P value or an effect on another "
        "scale, 1 with nothing that can be used."
    )
    assert "2 point towards the treatment and none towards the comparator; of those with one, 2 point" in said
    assert "both lean the same way." in said
    assert "so it may belong to another time: 1 towards the comparator." in said
    assert "the 4 P values whose direction is told (1 of them a bound) give P < .001 (Stouffer's test" in said
    assert "an effect towards the treatment in at least one trial" in said
    assert "exactly printed" not in said  # one P value cannot pile up


def test_p_values_to_neither_side_are_named_among_those_taken_together(filled_with_p: Any) -> None:
    add(filled_with_p, "gus", "neither", p_value=0.05, p_operator=">")
    add(filled_with_p, "hal", "", p_value=0.2, p_operator="=")  # of no direction: takes no part
    review = filled_with_p.read()
    said = ev.reports_statement(review, CRYING)
    told = "(2 of them bounds; 1 to neither side, counted as no difference)"
    assert f"the 5 P values whose direction is told {told} give P" in said
    assert ev.reports_on(review, CRYING).with_p["direction"].eq(0).sum() == 1


@pytest.mark.parametrize(
    ("direction", "words"), [("neither", "to neither side"), ("", "of unknown direction")]
)
def test_trials_of_unknown_time_say_that_they_point_nowhere_or_that_it_is_not_told(
    filled_with_p: Any, direction: str, words: str
) -> None:
    rows = filled_with_p.rows["contrast_results"]
    [untimed] = [row for row in rows if not row["timepoint_weeks"]]
    untimed["direction"] = direction
    said = ev.reports_statement(filled_with_p.read(), CRYING)
    assert f"1 trial does not state the time, so it may belong to another time: 1 {words}." in said


def test_every_place_counts_the_same_trials_without_usable_numbers(review: Any) -> None:
    seen: set[bool] = set()
    for name, analysis in review.analyses.items():
        found, told = ev.finding(review, name), ev.reports_on(review, name).to_frame()["kind"]
        lacking = int((~told.isin(["effect", "left out"])).sum())
        assert found.reported == bearing_of(review, analysis).reported == lacking - found.in_words
        assert found.left_out == (told == "left out").sum()
        beside: Any = ev.sensitivity(review, name).set_index("title")["trials"]
        if NOTHING_SHOWN in beside:
            assert beside[NOTHING_SHOWN] - beside[MAIN] == found.reported
        if len(table := ev.reports_counts(review, [name])):
            counts = table.iloc[0]
            assert counts["Trials"] == found.trials + lacking
            seen.add(bool(counts["Left out by the protocol"]))
    assert seen == {True, False}


def test_trials_of_other_patients_are_left_out_and_not_missing(filled: Any) -> None:
    add(filled, "cid", "arm", p_value=0.02, p_operator="=")
    filled.protocol["indirect"] = [{"trial": "cid", "reason": "adults"}]
    filled.protocol["model"] = {**filled.protocol.get("model", {}), "indirect": False}
    review = filled.read()
    found = ev.finding(review, CRYING)
    assert (found.reported, found.left_out) == (0, 1)
    assert ev.reports_statement(review, CRYING).startswith(
        "2 trials report on this: 2 with an effect with its precision; the protocol leaves out one more."
    )


def test_trials_that_lean_the_other_way_are_said_to(filled: Any) -> None:
    add(filled, "cid", "comparator", p_value=0.9, p_operator="=")
    assert "they lean opposite ways." in ev.reports_statement(filled.read(), CRYING)
    add(filled, "dora", "neither", p_value=0.9, p_operator="=")
    assert "the two do not lean the same way." in ev.reports_statement(filled.read(), CRYING)


def test_without_an_effect_and_without_evidence(small: Any) -> None:
    add(small, "cid", "arm", p_value=0.5, p_operator="=")
    add(small, "dora", "comparator", p_value=0.5, p_operator="=")
    said = ev.reports_statement(small.read(), CRYING)
    assert "there is no trial with an effect to set beside them" in said
    assert "That shows neither an effect nor that there is none, and opposite ones may cancel." in said
    assert ev.reports_statement(small.read(), "singing-settled-long") == ""


def test_bounds_that_point_both_ways_are_not_combined(small: Any) -> None:
    add(small, "cid", "arm", p_value=0.001, p_operator="=")
    add(small, "dora", "arm", p_value=0.05, p_operator="<")
    together = ev.reports_on(small.read(), CRYING).combined
    assert together is not None
    assert together.p_value < 0.001
    add(small, "eve", "comparator", p_value=0.05, p_operator="<")
    review = small.read()
    assert ev.reports_on(review, CRYING).combined is None
    assert "point both ways, so that they cannot be combined." in ev.reports_statement(review, CRYING)
    assert ev.reports_counts(review, [CRYING])["P values together"].tolist() == [""]


def test_the_table_names_every_trial(filled_with_p: Any) -> None:
    table: Any = ev.reports_table(filled_with_p.read(), [CRYING]).set_index("Trial")
    assert table["Points to"].to_dict() == {
        **dict.fromkeys(["Ava", "Ben", "Cid", "Dora"], "treatment"),
        "Eve": "comparator",
    }
    assert table.loc["Cid", ["P", "As printed", "Comparison"]].tolist() == [
        ".02",
        "cried less",
        "Song v Quiet",
    ]
    assert table.loc["Dora", "P"] == "< .05"
    assert table.loc["Eve", ["Gives", "P", "Why it is not pooled"]].tolist() == [
        "No usable numbers",
        "",
        "The time since randomisation is not stated",
    ]


def test_the_map_takes_the_best_that_a_trial_gives_to_a_question(filled_with_p: Any) -> None:
    filled_with_p.contrast("cid", "song", "quiet", "SLEEP", estimate=-1.0, se=0.4)
    filled_with_p.protocol["outcomes"]["sleep"]["better"] = "higher"
    found: Any = ev.evidence_map(filled_with_p.read(), ["singing"]).set_index("trial_id")
    assert found["kind"].to_dict() == {
        "ava": "effect",
        "ben": "effect",
        "cid": "effect",
        "dora": "P value",
        "eve": "nothing usable",
    }
    # Less crying and more sleep are better: cid's usable effect is of less sleep.
    assert found["favours"].to_dict() == {"ava": 1, "ben": 1, "cid": -1, "dora": 1, "eve": -1}
    assert found.loc["cid", ["results", "n", "reason"]].tolist() == ["sleep, short term", 60, ""]
    with pytest.raises(ev.DataError, match="no question singin; did you mean singing"):
        ev.evidence_map(filled_with_p.read(), ["singin"])


def test_a_trial_has_no_more_people_on_the_map_than_it_has(filled: Any) -> None:
    """Whoever crosses over stands in both groups."""
    filled.rows["trials"][0].update(design="crossover", n_randomised=50)
    found: Any = ev.evidence_map(filled.read(), ["singing"]).set_index("trial_id")
    assert found["n"].to_dict() == {"ava": 50, "ben": 90}


def test_each_main_question_names_every_trial_that_reports_on_it(review: Any) -> None:
    groups = {name for name, group in review.protocol.groups.items() if group.main}
    found = ev.evidence_map(review)
    assert groups <= set(found["question"])
    for name in groups:
        here = found[found["question"] == name]
        reported = set()
        for analysis in review.protocol.question_groups[name]:
            result = ev.synthesise(review, analysis)
            reported |= set(result.effects["study"]) | set(result.reported["study"])
            said = ev.reports_statement(review, analysis)
            assert bool(said) == bool(len(result.effects) + len(result.reported))
            assert not re.search(r"nan|inf\b|None|  ", said)
        assert set(here["trial_id"]) == reported
        assert here["trial_id"].is_unique
