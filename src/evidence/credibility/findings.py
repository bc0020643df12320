"""Findings about the data: what a reader should look at before trusting a number."""

from __future__ import annotations

import pandas as pd

from evidence.effects.contrasts import LEVEL_ASSUMED, reported_contrasts
from evidence.tables.review import Review

__all__ = ["check"]

_COLUMNS = ["severity", "rule", "file", "row", "column", "value", "message"]


def check(review: Review) -> pd.DataFrame:
    """List the findings about a review's data.

    Parameters
    ----------
    review : Review
        A review whose tables have passed validation.

    Returns
    -------
    DataFrame
        One row per finding: severity ("error", "warning" or "note"), rule, file, row (as a spreadsheet shows it),
        column, value, message. Errors must be mended, warnings keep a result out of pooling, notes name what was
        assumed.
    """
    found = [
        {
            "severity": "warning",
            "rule": "marked as doubtful",
            "file": doubt["file"],
            "row": doubt["row"],
            "column": "note",
            "value": doubt["result_id"],
            "message": f"kept out of pooling: {doubt['doubt']}",
        }
        for doubt in review.doubtful.to_dict("records")
    ]
    rows = dict(zip(review.contrast_results["result_id"], review.contrast_results.index, strict=True))
    found += [
        {
            "severity": "note",
            "rule": "level of an interval not stated",
            "file": "contrast_results.csv",
            "row": rows[contrast.result_ids[0]],
            "column": "ci_level",
            "value": contrast.result_ids[0],
            "message": LEVEL_ASSUMED,
        }
        for contrast in reported_contrasts(review)
        if LEVEL_ASSUMED in contrast.assumptions
    ]
    return pd.DataFrame(found, columns=_COLUMNS)
