from __future__ import annotations

from typing import Any

import pytest

import evidence as ev
from evidence.errors import DataError


@pytest.fixture
def odd(filled: Any) -> Any:
    """Two trials of large groups; one result is marked as doubtful, one SD is out of line and judged."""
    for trial in ("cy", "dot"):
        filled.trial(trial, song="singing, 60", quiet="silence, 60")
        for arm in ("song", "quiet"):
            filled.arm(trial, arm, mean=4.0, sd=2.0, n=60, as_reported="4.0 (2.0)")
    filled.rows["arm_results"][0]["note"] = "CHECK: as printed"
    filled.rows["arm_results"][-1].update(sd=0.1, as_reported="4.0 (0.1)")
    return filled


def test_what_readers_marked_stands_apart(odd: Any) -> None:
    found = ev.checked(odd.read())
    assert found.known["rule"].tolist() == ["marked as doubtful"]
    assert found.known["place"].tolist() == ["arm results, row 2, note"]
    assert found.known.columns.tolist() == ["result or trial", "rule", "what was found", "judgement", "place"]
    assert len(found.table) == len(found.findings) - 1 > 0
    assert "marked as doubtful" not in set(found.table["rule"])
    assert found.by_rule["findings"].sum() == len(found.findings)
    assert found.by_rule["findings"].is_monotonic_decreasing
    assert "Of these, 1 repeat what the readers" in found.statement
    assert f"**{len(found.findings)} findings**: " in found.statement
    assert f"The {len(ev.check_rules_table())} rules looked at " in found.statement


def test_judgements_are_counted(odd: Any) -> None:
    own = ev.checked(odd.read()).findings.iloc[1:]
    for finding, judgement in zip(own.to_dict("records")[:2], ("explained", "false alarm"), strict=True):
        odd.add(
            "judgements",
            **{name: finding[name] for name in ("rule", "file", "column")},
            key=finding["id"],
            judgement=judgement,
            comment="seen",
        )
    found = ev.checked(odd.read())
    rules = found.judgements.iloc[0]
    assert rules[["agree", "explained", "false alarm"]].tolist() == [0, 1, 1]
    assert rules["not judged"] == len(own) - 2
    assert rules["false alarms, percent"] == pytest.approx(100 / len(own))
    assert rules["explained or false, percent"] == pytest.approx(200 / len(own))
    assert "1 have an explanation, and 1 are false alarms" in found.judged


def test_limits_are_those_of_the_protocol(odd: Any) -> None:
    odd.protocol["checks"] = {"sd_ratio": 7, "asymmetry": 0.25}
    said = ev.checked(odd.read()).limits
    assert said.startswith("an SD is looked at if it differs 7-fold from the others of its trial")
    assert said.endswith("if its middle is off by more than 25 % of half its width.")


def test_a_planted_error_is_told_with_its_place(odd: Any) -> None:
    found = ev.checked(odd.read())
    said, new = ev.planted_error(found, least=60)
    # 2.0 / sqrt(60) is 0.258; the rows before it are of smaller groups.
    assert said == (
        "In row 6 of arm_results.csv (arm_results-5) the SD 2 of 60 patients became 0.26. **The error is found at "
        f"its place**, by {len(new)} new findings:"
    )
    assert "not in the printed phrase" in set(new["rule"])
    assert new.columns.tolist() == ["severity", "rule", "place", "value", "what was found", "where to look"]
    assert "arm results, row 6, SD" in set(new["place"])
    assert found.review.arm_results.loc[6, "sd"] == 2.0


def test_places_trials_and_arms_are_told_in_words(odd: Any) -> None:
    odd.trial("eve-2001", song="singing, 60", quiet="silence, 60")
    for trial in odd.rows["trials"][2:4]:
        trial["doi"] = "10.1000/1"
    odd.rows["trials"][2]["label"] = "Cy 2001"
    odd.rows["trials"][-1]["label"] = "Eve 2001"
    odd.rows["arms"][-1]["label"] = "Singing to oneself"
    odd.rows["arm_results"][0]["note"] = "CHECK: unlike eve-2001"
    odd.rows["arm_results"][1]["timepoint_weeks"] = 400
    found = ev.checked(odd.read())
    [marked] = found.known.to_dict("records")
    assert marked["result or trial"] == "arm_results-1"
    assert marked["what was found"] == "kept out of pooling: unlike Eve 2001"
    told = found.table.drop_duplicates("rule").set_index("rule")
    assert told.loc["time beyond the usual", "place"] == "arm results, row 3, timepoint weeks"
    columns = ["result or trial", "what was found", "place"]
    assert list(told.loc["one publication for two trials", columns]) == [
        "Cy 2001",
        "doi is the same as of Dot (10.1000/1)",
        "trials, row 4, doi",
    ]
    assert list(told.loc["components unlike the label", columns]) == [
        "Eve 2001: Singing to oneself",
        "entered as silence, but the label is 'Singing to oneself'",
        "arms, row 11, components",
    ]


def test_trials_of_one_label_are_told_apart_by_their_ids(odd: Any) -> None:
    for trial in odd.rows["trials"][2:4]:
        trial.update(label="Cy 2001", doi="10.1000/1")
    found = ev.checked(odd.read()).findings
    said = found.loc[
        (found["rule"] == "one publication for two trials") & (found["column"] == "doi"), "message"
    ]
    assert said.tolist() == [f"doi is the same as of {other} (10.1000/1)" for other in ("dot", "cy")]


def test_without_a_group_that_is_large_enough_nothing_is_planted(odd: Any) -> None:
    with pytest.raises(DataError, match="no final score of a group of 1000 or more"):
        ev.planted_error(ev.checked(odd.read()), least=1000)
