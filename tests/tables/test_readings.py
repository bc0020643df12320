"""Two readings compared: what is the same row, what is the same value, and what was agreed on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import evidence as ev

RESULT = {"trial_id": "ava", "arm_id": "song", "outcome": "crying", "instrument": "CRY", "statistic": "post"}
TABLES: dict[str, list[dict[str, str]]] = {
    "trials": [
        {"trial_id": "ava", "year": "2001", "design": "parallel", "doi": "10.1/Ava", "citation": "Ava"}
    ],
    "arms": [
        {"trial_id": "ava", "arm_id": "song", "components": "singing+rocking", "n_randomised": "40"},
        {"trial_id": "ava", "arm_id": "quiet", "components": "silence", "n_randomised": "50"},
    ],
    "arm_results": [
        {**RESULT, "timepoint_weeks": "10", "n": "40", "mean": "3.0", "sd": "2"},
        {**RESULT, "arm_id": "quiet", "timepoint_weeks": "10", "n": "50", "mean": "5", "sd": "2.5"},
    ],
}


def reading(folder: Path, **changes: list[dict[str, str]]) -> Path:
    """Write a reading; a table may be given anew."""
    folder.mkdir(parents=True)
    for name, rows in {**TABLES, **changes}.items():
        header = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, header, restval="")
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture
def compared(tmp_path: Path) -> Any:
    def compared(**changes: list[dict[str, str]]) -> Any:
        return ev.compare_readings(reading(tmp_path / "a"), reading(tmp_path / "b", **changes))

    return compared


def told(found: Any) -> list[tuple[str, ...]]:
    names = ["table", "field", "result_id", "value_a", "value_b"]
    return [tuple(row) for row in found.differences[names].to_numpy().tolist()]


def changed(table: str, place: int, **cells: str) -> dict[str, list[dict[str, str]]]:
    rows = [dict(row) for row in TABLES[table]]
    rows[place].update(cells)
    return {table: rows}


def test_the_same_twice_agrees_in_everything(compared: Any) -> None:
    found = compared()
    assert found.differences.empty
    assert (found.fields["consensus"] == found.fields["value_a"]).all()
    assert (found.agreement["percent"] == 100).all()
    assert found.summary().endswith("no differences")


@pytest.mark.parametrize(
    ("table", "place", "cells"),
    [
        ("arm_results", 0, {"mean": "3"}),  # 3.0
        ("arms", 0, {"components": "rocking+singing"}),
        ("trials", 0, {"doi": "10.1/ava", "citation": "Ava, J Lullabies"}),
        ("arm_results", 0, {"timepoint_weeks": "10.0"}),
    ],
)
def test_what_is_written_differently_is_the_same(
    compared: Any, table: str, place: int, cells: dict[str, str]
) -> None:
    assert compared(**changed(table, place, **cells)).differences.empty


@pytest.mark.parametrize(
    ("table", "place", "cells", "expected"),
    [
        ("arm_results", 0, {"sd": "2.1"}, ("arm_results", "sd", "song, crying, CRY, week 10", "2", "2.1")),
        ("arm_results", 1, {"n": ""}, ("arm_results", "n", "quiet, crying, CRY, week 10", "50", "")),
        ("arms", 1, {"components": "humming"}, ("arms", "components", "quiet", "silence", "humming")),
        ("trials", 0, {"design": "crossover"}, ("trials", "design", "", "parallel", "crossover")),
        # One thing that tells rows apart may differ, and the rest of the row is still compared.
        (
            "arm_results",
            0,
            {"instrument": "FUSS"},
            ("arm_results", "instrument", "song, crying, CRY, week 10", "CRY", "FUSS"),
        ),
        (
            "arm_results",
            0,
            {"statistic": "change"},
            ("arm_results", "statistic", "song, crying, CRY, week 10", "post", "change"),
        ),
    ],
)
def test_a_difference_is_listed_once(
    compared: Any, table: str, place: int, cells: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert told(compared(**changed(table, place, **cells))) == [expected]


def test_rows_of_one_reader_are_listed_as_such(compared: Any) -> None:
    more = {**RESULT, "outcome": "sleep", "instrument": "NAP", "timepoint_weeks": "4", "mean": "9"}
    found = compared(arm_results=[*TABLES["arm_results"][:1], more])
    assert told(found) == [
        ("arm_results", "row", "quiet, crying, CRY, week 10", "present", "absent"),
        ("arm_results", "row", "song, sleep, NAP, week 4", "absent", "present"),
    ]


def test_trials_and_arms_are_found_under_other_names(compared: Any) -> None:
    other = {
        name: [
            {
                column: {"ava": "smith-2001", "song": "sung"}.get(text, text)
                if column.endswith("_id")
                else text
                for column, text in row.items()
            }
            for row in rows
        ]
        for name, rows in TABLES.items()
    }
    assert compared(**other).differences.empty


def test_what_was_agreed_on_is_kept_while_the_values_stay(tmp_path: Path) -> None:
    a = reading(tmp_path / "a")
    b = reading(tmp_path / "b", **changed("arm_results", 0, sd="2.1", mean="3.3"))
    file = tmp_path / "agreement.csv"
    found = ev.compare_readings(a, b).with_consensus(file)
    sd, mean = (found.differences.index[found.differences["field"] == name][0] for name in ("sd", "mean"))
    found.decided(sd, "2.1").decided(mean, "3.0").write(file)
    again = ev.compare_readings(a, b).with_consensus(file)
    assert again.open.empty
    assert again.fields.loc[sd, "consensus"] == "2.1"
    c = reading(tmp_path / "c", **changed("arm_results", 0, sd="2.2", mean="3.3"))
    third = ev.compare_readings(a, c).with_consensus(file)
    assert third.open["field"].tolist() == ["sd"]


def test_a_consensus_must_be_able_to_stand(tmp_path: Path) -> None:
    a, b = reading(tmp_path / "a"), reading(tmp_path / "b", **changed("arm_results", 0, sd="2.1"))
    found = ev.compare_readings(a, b)
    (place,) = found.differences.index
    with pytest.raises(ev.DataError, match="must be 0 or more"):
        found.decided(place, "-1")


def test_the_file_is_a_table_of_the_review(filled: Any) -> None:
    """Readings that are copies of a review's own tables, of which one differs."""
    folder = filled.write()
    (folder / "agreement.csv").unlink()
    for name, component in (("a", "silence"), ("b", "humming")):
        place = folder / "readings" / name
        place.mkdir(parents=True)
        for table in ("trials", "arms", "arm_results"):
            text = (folder / f"{table}.csv").read_text("utf-8")
            (place / f"{table}.csv").write_text(text.replace(",silence,", f",{component},", 1), "utf-8")
    found = ev.compare_readings(folder / "readings" / "a", folder / "readings" / "b")
    found.write(folder / "agreement.csv")
    counted = ev.agreement(ev.read_review(folder))
    assert counted.equals(found.agreement)
    row: Any = counted.set_index(["table", "field"]).loc[("arms", "components")]
    assert (row["kind"], row["n"], row["agreed"]) == ("category", 4, 3)
    # Both say singing twice and one silence; chance: 1/2 * 1/2 + 1/2 * 1/4.
    assert row["kappa"] == pytest.approx((3 / 4 - 3 / 8) / (1 - 3 / 8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arm_results": [{**TABLES["arm_results"][0], "sd": "two"}]}, "a number with a decimal point"),
        ({"arms": [{"trial_id": "ava"}]}, "column arm_id: the column is missing"),
        ({"arms": [{**TABLES["arms"][0], "components": "a"}, {"trial_id": "ava"}]}, ""),
    ],
)
def test_what_cannot_be_read_is_told(compared: Any, changes: Any, message: str) -> None:
    if message:
        with pytest.raises(ev.DataError, match=message):
            compared(**changes)
    else:
        assert len(compared(**changes).differences)


def test_folders_without_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ev.DataError, match="has none of trials"):
        ev.compare_readings(tmp_path / "empty", reading(tmp_path / "a"))
    with pytest.raises(ev.DataError, match="there is no folder"):
        ev.compare_readings(tmp_path / "none", tmp_path / "a")
