"""The results of a review as data files: CSV, JSON and Parquet, with a codebook."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from evidence.effects.choosing.comparisons import LISTED
from evidence.files import draft, drafts, plain_rows, write_csv
from evidence.report.export.codebook import codebook
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review

__all__ = ["result_tables", "write_results"]


def result_tables(review: Review) -> dict[str, pd.DataFrame]:
    """Compute the results of every analysis under the protocol's model.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict of str to DataFrame
        ``results``: one row per analysis, with its title and everything `Synthesis.to_frame` gives;
        ``comparisons``: one row per comparison that bears on an analysis, poolable or not; all texts plain.
    """
    done = [synthesise(review, name) for name in review.analyses]
    results = pd.concat([one.to_frame().assign(title=one.analysis.title) for one in done], ignore_index=True)
    comparisons = pd.concat(
        [
            frame
            for one in done
            for frame in (one.effects.assign(status="pooled", reason="", reason_kind=""), one.not_poolable)
            if len(frame)
        ],
        ignore_index=True,
    )
    first = ["analysis", "title"]
    return {
        "results": results[[*first, *(name for name in results if name not in first)]],
        "comparisons": comparisons.astype({"year": "Int64", **dict.fromkeys(LISTED, "str")}),
    }


def write_results(review: Review, output: Path) -> list[Path]:
    """Write the results and their codebook.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be.

    Returns
    -------
    list of Path
        For each of ``results`` and ``comparisons`` the files .csv, .json and .parquet, and ``codebook.csv``. A
        missing value is an empty cell, null in JSON.

    Raises
    ------
    DataError
        If the folder cannot be written to; nothing is written then.
    ReportError
        If the disk is full, likewise.
    """
    tables = result_tables(review)
    names = []
    with drafts(output) as beside:
        for name, table in (tables | {"codebook": codebook(review, tables)}).items():
            names.append(_csv(table, beside / f"{name}.csv").name)
            if name != "codebook":
                names.append(_json(table, beside / f"{name}.json").name)
                names.append(_parquet(table, beside / f"{name}.parquet").name)
    return [output / name for name in names]


def _csv(table: pd.DataFrame, path: Path) -> Path:
    with draft(path) as beside:
        write_csv(table, beside)
    return path


def _json(table: pd.DataFrame, path: Path) -> Path:
    records = plain_rows(table)
    with draft(path) as beside:
        beside.write_text(
            json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8", newline="\n"
        )
    return path


def _parquet(table: pd.DataFrame, path: Path) -> Path:
    import fastparquet

    with draft(path) as beside:
        fastparquet.write(str(beside), table, compression="ZSTD", write_index=False)
    return path
