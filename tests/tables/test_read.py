from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.tables.read import read_cells

GOOD = 'trial_id,label,n\nava,Ava 2001,40\nben,"Ben, 2002",50\n'


def faults(path: Path, content: bytes) -> list[str]:
    """Write a file and give the faults of reading it."""
    (path / "t.csv").write_bytes(content)
    return [str(fault) for fault in read_cells(path / "t.csv", "t.csv")[1]]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.rstrip("\n").encode(),
        (GOOD + "\n\n,,\n").encode(),
        GOOD.replace(",40", ", 40 ").encode(),
    ],
    ids=["plain", "BOM", "CRLF", "no last newline", "blank last lines", "spaces"],
)
def test_same_cells_however_the_file_was_saved(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    cells, found = read_cells(tmp_path / "t.csv", "t.csv")
    assert found == []
    assert cells.to_dict("index") == {
        2: {"trial_id": "ava", "label": "Ava 2001", "n": "40"},
        3: {"trial_id": "ben", "label": "Ben, 2002", "n": "50"},
    }


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,"two\nlines"\n\n3,4\n', encoding="utf-8")
    cells, _ = read_cells(tmp_path / "t.csv", "t.csv")
    assert cells.index.tolist() == [2, 4]
    assert cells.loc[2, "b"] == "two\nlines"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv: the file is empty; it needs a header row"),
        (b"\xef\xbb\xbf \n", "t.csv: the file is empty; it needs a header row"),
        (GOOD.encode("utf-16"), "t.csv: is UTF-16; save it as UTF-8"),
        ("a,b\n1,M\xfcller\n".encode("cp1252"), "t.csv: byte 0xFC on line 2 is not UTF-8; save the file"),
        (b"a,b\n1,\x00\n", "t.csv: holds null bytes and is not a text file"),
        (b"a;b;c\n1;2;3\n", "t.csv, row 1: columns are separated by a semicolon"),
        (b"a\tb\n1\t2\n", "t.csv, row 1: columns are separated by a tab"),
        (b"a|b\n1|2\n", "t.csv, row 1: columns are separated by a vertical bar"),
        (b'a,b\n1,"2\n', "t.csv: is not well-formed CSV (unexpected end of data); check its quotes"),
        (b'a,b\n1,"2"x\n', "t.csv: is not well-formed CSV"),
        (b"a,b,a\n1,2,3\n", "t.csv, row 1, column a: the header names this column twice"),
        (b"\na,b\n1,2\n", "t.csv, row 1: the first row is empty; it must name the columns"),
        (b"a,b\n1,2,3\n", "t.csv, row 2: the row has 3 cells and the header 2; a text that holds a comma"),
        (b"a,b\n1,2\n1\n", "t.csv, row 3: the row has 1 cells and the header 2"),
    ],
)
def test_one_sentence_for_each_way_to_be_unreadable(tmp_path: Path, content: bytes, message: str) -> None:
    (found,) = faults(tmp_path, content)
    assert found.startswith(message)


def test_every_ragged_row_is_named(tmp_path: Path) -> None:
    assert len(faults(tmp_path, b"a,b\n1\n1,2\n1,2,3\n")) == 2


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    (fault,) = read_cells(tmp_path / "t.csv", "t.csv")[1]
    assert "cannot be read" in str(fault)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text('a1,;"\n\r\t é', max_size=60).map(str.encode))
def test_any_bytes_give_cells_or_faults(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    cells, found = read_cells(tmp_path / "t.csv", "t.csv")
    assert found or len(cells.columns) > 0
    assert all(isinstance(cell, str) for column in cells for cell in cells[column])


def test_columns_without_a_heading_are_left_out_if_empty_and_refused_if_not(filled: Any) -> None:
    folder = filled.write()
    path = folder / "trials.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([f"{header},,", *(f"{row},," for row in rows)]), "utf-8")
    assert "" not in ev.read_review(folder).trials
    path.write_text("\n".join([f"{header},,", f"{rows[0]},,", f"{rows[1]},lost,"]), "utf-8")
    with pytest.raises(ev.DataError, match=r"row 3: found 'lost'; stands in a column without a heading"):
        ev.read_review(folder)
