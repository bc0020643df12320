from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import evidence as ev

COLUMNS = [
    "severity", "rule", "file", "row", "column", "value", "message", "id", "look_at", "judgement", "comment",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(review: Any) -> Any:
    """Findings in the review of the repository."""
    return ev.check(review)


def test_doubtful_rows_are_listed_with_file_and_row(review: Any, found: Any) -> None:
    doubtful = found[found["rule"] == "marked as doubtful"]
    assert len(doubtful) == len(review.doubtful) > 50
    assert set(doubtful["severity"]) == {"warning"}
    for row in doubtful.sample(20, random_state=1).to_dict("records"):
        source = getattr(review, row["file"].removesuffix(".csv")).loc[row["row"]]
        assert source["result_id"] == row["value"] == row["id"]
        assert source["note"].startswith("CHECK:")
        assert row["message"].startswith("kept out of pooling: ")


def test_unstated_levels_are_notes(review: Any, found: Any) -> None:
    notes = found[found["rule"] == "level of an interval not stated"]
    rows = review.contrast_results.loc[notes["row"]]
    assert (rows["ci_level"].isna() & rows["ci_low"].notna()).all()
    assert len(notes) > 0
    assert set(notes["severity"]) == {"note"}


def test_every_finding_in_the_review_has_a_judgement(found: Any) -> None:
    assert (found["judgement"] != "").all()
    assert (found["comment"] != "").all()
    assert not (found["severity"] == "error").any()


def test_every_judgement_has_its_finding(review: Any, found: Any) -> None:
    places = set(zip(found["rule"], found["file"], found["id"], found["column"], strict=True))
    rules = set(zip(found["rule"], found["file"], found["column"], strict=True))
    for one in review.judgements.itertuples():
        if one.key == "*":
            assert (one.rule, one.file, one.column) in rules
        else:
            assert (one.rule, one.file, one.key, one.column) in places


def test_findings_point_at_their_cells(review: Any, found: Any) -> None:
    for row in found.itertuples():
        table = getattr(review, row.file.removesuffix(".csv"))
        assert row.row in table.index
        assert row.column in table.columns


def test_a_finding_names_arms_and_columns_in_words(found: Any) -> None:
    large = found[found["rule"] == "very large effect"]["message"]
    assert not large.str.contains(r"\w_\w").any()
    quoted = found[found["rule"] == "not in the printed phrase"]["message"]
    assert quoted.str.startswith("P value is 0.026, but ").any()


def test_findings_of_a_small_review(small: Any) -> None:
    small.trial("ava", song="singing, 99", quiet="silence, 99")
    small.contrast("ava", "song", "quiet", estimate=-1, ci_low=-2, ci_high=0)
    small.arm("ava", "song", mean=3, note="CHECK: smudged")
    found = ev.check(small.read())
    assert found[["severity", "file", "row", "column", "value"]].values.tolist() == [
        ["warning", "arm_results.csv", 2, "note", "arm_results-1"],
        ["note", "contrast_results.csv", 2, "ci_level", "contrast_results-1"],
    ]


def test_no_findings_is_an_empty_frame_with_columns(filled: Any) -> None:
    found = ev.check(filled.read())
    assert found.empty
    assert list(found) == COLUMNS


def test_judgements_are_joined_and_an_explained_error_is_a_note(filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean=12)
    place = {"rule": "outside the scale", "file": "arm_results.csv", "key": "arm_results-1", "column": "mean"}
    assert ev.check(filled.read(), rules="outside the scale")["severity"].tolist() == ["error"]
    for judgement, severity in (("agree", "error"), ("explained", "note"), ("false alarm", "note")):
        filled.rows["judgements"] = [place | {"judgement": judgement, "comment": "looked at"}]
        (row,) = ev.check(filled.read(), rules="outside the scale").to_dict("records")
        assert (row["severity"], row["judgement"], row["comment"]) == (severity, judgement, "looked at")


def test_an_error_in_a_marked_row_is_a_warning(filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean=12, note="CHECK: printed so")
    assert ev.check(filled.read(), rules="outside the scale")["severity"].tolist() == ["warning"]


def test_rules_can_be_chosen_and_skipped(filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean=12, sd=0)
    assert set(ev.check(filled.read(), rules=["SD of zero"])["rule"]) == {"SD of zero"}
    filled.protocol["checks"] = {"skip": ["SD of zero"]}
    found = set(ev.check(filled.read())["rule"])
    assert "outside the scale" in found
    assert "SD of zero" not in found
    with pytest.raises(ev.DataError, match="there is no rule 'SD of one'; the rules are: marked as doubtful"):
        ev.check(filled.read(), rules="SD of one")


def test_faults_do_not_hide_other_errors(filled: Any) -> None:
    rows = filled.rows["arm_results"]
    rows[0].update(mean="3,0")
    rows[1].update(mean=12)
    rows[2].update(arm_id="sing")
    filled.contrast("ben", "song", "quiet", estimate=3, ci_low=1, ci_high=2, ci_level=95)
    found = ev.check(filled.write())
    places = set(zip(found["rule"], found["file"], found["row"], found["column"], strict=True))
    assert places >= {
        ("not valid", "arm_results.csv", 2, "mean"),
        ("outside the scale", "arm_results.csv", 3, "mean"),
        ("not valid", "arm_results.csv", 4, "arm_id"),
        ("not valid", "contrast_results.csv", 2, "estimate"),
        ("estimate outside its interval", "contrast_results.csv", 2, "estimate"),
    }
    assert set(found.loc[found["rule"] == "not valid", "severity"]) == {"error"}


def test_a_folder_that_cannot_be_read_is_refused(filled: Any, tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="there is no folder"):
        ev.check(tmp_path / "nowhere")
    folder = filled.write()
    (folder / "arms.csv").unlink()
    with pytest.raises(ev.DataError, match="the file is missing"):
        ev.check(folder)


def test_order_of_rows_does_not_matter(review: Any, found: Any) -> None:
    turned = dataclasses.replace(
        review,
        **{
            name: getattr(review, name).iloc[::-1]
            for name in ("trials", "arms", "arm_results", "contrast_results")
        },
    )
    again = ev.check(turned)
    # Of two rows that are the same, the later one is named.
    once = {"result entered twice"}
    keys = [
        sorted(zip(frame["rule"], frame["file"], frame["row"], frame["column"], strict=True))
        for frame in (found[~found["rule"].isin(once)], again[~again["rule"].isin(once)])
    ]
    assert keys[0] == keys[1]


def test_long_values_are_cut_in_what_is_shown(filled: Any) -> None:
    filled.rows["arm_results"][0]["mean"] = "9" * 5000 + "x"
    filled.rows["arm_results"][1]["note"] = f"CHECK: {'why ' * 20_000}"
    found = ev.check(filled.write())
    assert len(found) > 1
    assert found["value"].str.len().max() < 300
    assert found["message"].str.len().max() < 2_500
    assert found["value"].str.contains("characters ...", regex=False).any()
