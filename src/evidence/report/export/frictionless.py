"""A review and its results as a Frictionless data package: every table with a schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.files import drafts, inside, write, write_csv
from evidence.report.export.codebook import codebook
from evidence.report.export.results import result_tables
from evidence.tables.datapackage import datapackage
from evidence.tables.review import Review

__all__ = ["write_frictionless"]

_TYPES = {"truth value": "boolean", "integer": "integer", "number": "number", "text": "string"}


def write_frictionless(review: Review, output: Path) -> list[Path]:
    """Write the tables of a review as they are, its protocol, its results and ``datapackage.json``.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be. It is a review of its own: `read_review` reads it.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If the folder cannot be written to; nothing is written then.
    ReportError
        If the disk is full, likewise.

    References
    ----------
    .. [1] Frictionless Data, Data Package and Table Schema, https://specs.frictionlessdata.io
    """
    package = datapackage(review)
    results = result_tables(review)
    described = codebook(review, results)
    package["resources"] += [_resource(name, described) for name in results]
    names = [resource["path"] for resource in package["resources"]]
    with drafts(output) as beside:
        for name in names:
            stem = Path(name).stem
            if stem in results:
                write_csv(results[stem], beside / name)
            else:
                inside(beside, name).write_bytes((review.path / name).read_bytes())
        inside(beside, "review.yaml").write_bytes((review.path / "review.yaml").read_bytes())
        write(beside, "datapackage.json", json.dumps(package, ensure_ascii=False, indent=2) + "\n")
    return [output / name for name in ["datapackage.json", "review.yaml", *names]]


def _resource(name: str, described: pd.DataFrame) -> dict[str, Any]:
    rows = described[described["table"] == name].to_dict("records")
    fields = [
        {"name": row["column"], "type": _TYPES[row["type"]], "description": row["description"]}
        for row in rows
    ]
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    link = {"fields": ["trial_id"], "reference": {"resource": "trials", "fields": ["trial_id"]}}
    if name == "results":
        schema["primaryKey"] = ["analysis"]
    elif "trial_id" in list(described.loc[described["table"] == name, "column"]):
        schema["foreignKeys"] = [link]
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "encoding": "utf-8",
        "schema": schema,
    }
