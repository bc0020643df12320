from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import evidence as ev

DATA = Path(__file__).parents[2] / "data"


def test_committed_descriptor_is_that_of_the_schema(review: Any) -> None:
    committed = json.loads((DATA / "datapackage.json").read_text(encoding="utf-8"))
    assert ev.datapackage(review) == committed, "write data/datapackage.json anew from evidence.datapackage"


def test_every_table_and_column_is_described(review: Any) -> None:
    resources = {resource["path"]: resource for resource in ev.datapackage(review)["resources"]}
    assert set(resources) == {path.name for path in DATA.glob("*.csv")}
    for name, resource in resources.items():
        with (DATA / name).open(encoding="utf-8", newline="") as text:
            header = next(csv.reader(text))
        assert {field["name"] for field in resource["schema"]["fields"]} == set(header)


def test_keys_point_to_tables_and_columns_that_exist(review: Any) -> None:
    package = ev.datapackage(review)
    fields = {
        resource["name"]: {field["name"] for field in resource["schema"]["fields"]}
        for resource in package["resources"]
    }
    links = 0
    for resource in package["resources"]:
        schema = resource["schema"]
        assert set(schema.get("primaryKey", ())) <= fields[resource["name"]]
        for link in schema.get("foreignKeys", ()):
            assert set(link["fields"]) <= fields[resource["name"]]
            assert set(link["reference"]["fields"]) <= fields[link["reference"]["resource"]]
            assert len(link["fields"]) == len(link["reference"]["fields"])
            links += 1
    assert links >= 7


def test_constraints(review: Any) -> None:
    (contrasts,) = [
        one for one in ev.datapackage(review)["resources"] if one["path"] == "contrast_results.csv"
    ]
    fields = {field["name"]: field for field in contrasts["schema"]["fields"]}
    assert fields["p_value"] == {
        "name": "p_value",
        "type": "number",
        "description": "P value or its bound",
        "constraints": {"minimum": 0, "maximum": 1},
    }
    assert fields["p_operator"]["constraints"] == {"enum": ["=", "<", ">"]}
    assert fields["result_id"]["constraints"] == {"required": True}


def test_tables_that_a_review_does_not_have_are_left_out(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    folder = small.write()
    (folder / "claims.csv").unlink()
    package = ev.datapackage(ev.read_review(folder))
    assert "claims" not in [resource["name"] for resource in package["resources"]]
    assert package["name"] == "singing-to-infants-with-or-without-rocking"
