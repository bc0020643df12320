"""What is kept of a folder with faults, so that the checks can say more."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from evidence.appraisal.checks.faults import read_with_faults


@pytest.mark.parametrize("cell", ["-5", "2001.5", "99999", "many"])
def test_a_whole_number_that_cannot_be_one_is_emptied(filled: Any, cell: str) -> None:
    filled.rows["trials"][0].update(year=cell)
    review, faults = read_with_faults(filled.write())
    assert [(fault.file, fault.column) for fault in faults] == [("trials.csv", "year")]
    assert pd.isna(review.trials["year"].iloc[0])


def test_quartiles_out_of_order_are_emptied_together(filled: Any) -> None:
    filled.rows["arm_results"][0].update(q1=5, median=3, q3=8)
    review, faults = read_with_faults(filled.write())
    assert {fault.file for fault in faults} == {"arm_results.csv"}
    assert review.arm_results[["q1", "median", "q3"]].iloc[0].isna().all()


def test_a_valid_folder_has_no_faults(filled: Any) -> None:
    assert read_with_faults(filled.write())[1] == ()
