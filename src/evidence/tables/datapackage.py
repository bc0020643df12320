"""Describe the tables of a review as a Frictionless data package, so that other tools can read and check them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence.files import content
from evidence.tables.review import Review, tables_of
from evidence.tables.schema import Column, Table

__all__ = ["datapackage"]


def datapackage(review: Review) -> dict[str, Any]:
    """Build the descriptor ``datapackage.json`` of a review.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict
        A Data Package (specification v1) with one tabular resource for each table that the folder has.

    References
    ----------
    .. [1] Frictionless Data, Data Package and Table Schema, https://specs.frictionlessdata.io

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.datapackage(review)["profile"]
    'tabular-data-package'
    """
    present = [table for table in tables_of(review.protocol) if (review.path / table.file).exists()]
    names = {table.name for table in present}
    keys = {table.name: table.key for table in present}
    licence = review.protocol.licence
    return {
        "profile": "tabular-data-package",
        "name": "-".join(review.protocol.title.lower().replace(",", "").split()),
        "title": review.protocol.title,
        **({"licenses": [{"name": licence.name, "title": licence.title}]} if licence else {}),
        "resources": [
            {
                "name": table.name.replace("_", "-"),
                "path": table.file,
                "profile": "tabular-data-resource",
                "encoding": "utf-8",
                "schema": _schema(_as_held(review.path / table.file, table), names, keys),
            }
            for table in present
        ],
    }


def _as_held(path: Path, table: Table) -> Table:
    """Leave out the columns that a file may lack and this one does."""
    first = content(path).decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    held = next(csv.reader([first]), [])
    return replace(table, columns=tuple(one for one in table.columns if not one.optional or one.name in held))


def _schema(table: Table, names: set[str], keys: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(column) for column in table.columns], "missingValues": [""]}
    if table.key:
        schema["primaryKey"] = list(table.key)
    links = [
        {
            "fields": list(columns),
            "reference": {"resource": target.replace("_", "-"), "fields": list(keys[target])},
        }
        for columns, target in table.references
        if target in names
    ]
    if links:
        schema["foreignKeys"] = links
    return schema


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": {"text": "string", "integer": "integer", "number": "number"}[column.kind],
    }
    if column.description:
        field["description"] = column.description
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.choices:
        constraints["enum"] = list(column.choices)
    if column.minimum is not None:
        constraints["minimum"] = column.minimum
    if column.maximum is not None:
        constraints["maximum"] = column.maximum
    if constraints:
        field["constraints"] = constraints
    return field
