from __future__ import annotations

from typing import Any

import evidence as ev


def test_doubtful_rows_are_listed_with_file_and_row(review: Any) -> None:
    found = ev.check(review)
    warnings = found[found["severity"] == "warning"]
    assert len(warnings) == len(review.doubtful) > 50
    for row in warnings.sample(20, random_state=1).to_dict("records"):
        table = getattr(review, row["file"].removesuffix(".csv"))
        source = table.loc[row["row"]]
        assert source["result_id"] == row["value"]
        assert source["note"].startswith("CHECK:")
        assert row["message"].startswith("kept out of pooling: ")


def test_unstated_levels_are_notes(review: Any) -> None:
    found = ev.check(review)
    notes = found[found["severity"] == "note"]
    rows = review.contrast_results.loc[notes["row"]]
    assert (rows["ci_level"].isna() & rows["ci_low"].notna()).all()
    assert len(notes) > 0


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
    assert list(found) == ["severity", "rule", "file", "row", "column", "value", "message"]
