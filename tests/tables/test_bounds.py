"""Input that would take minutes or gigabytes is refused in seconds, with a message that can be read."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evidence as ev
from evidence.errors import Fault
from evidence.tables.importing.spreadsheet import MOST_ROWS, read_sheet
from evidence.tables.importing.xml import read_xml

SECONDS, BYTES = 5.0, 500_000_000
COLUMNS = ",".join(f"c{number}" for number in range(200_000))


def many_columns(folder: Path) -> Path:
    path = folder / "wide.csv"
    path.write_text(f"{COLUMNS}\n{COLUMNS}\n", "utf-8")
    return path


def many_elements(folder: Path) -> Path:
    path = folder / "empty.rm5"
    path.write_text(f"<COCHRANE_REVIEW>{'<a/>' * 5_000_000}</COCHRANE_REVIEW>", "utf-8")
    return path


def pipe(folder: Path) -> Path:
    path = folder / "pipe.csv"
    os.mkfifo(path)
    return path


def bomb(folder: Path) -> Path:
    path = folder / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * 300_000_000)
    return path


def huge(folder: Path) -> Path:
    path = folder / "huge.csv"
    with path.open("wb") as file:
        file.truncate(10**12)
    return path


def many_cells(folder: Path) -> Path:
    path = folder / "cells.csv"
    path.write_text("study,yi,vi\n" + f"{',' * 1_900}\n" * 10_000, "utf-8")
    return path


def far_cell(folder: Path) -> Path:
    """A workbook with a cell in its last row and column: a gigantic table in 5 kB."""
    import pandas as pd

    right, path = folder / "right.xlsx", folder / "far.xlsx"
    pd.DataFrame({"study": ["A"], "yi": [1], "vi": [2]}).to_excel(right, index=False)
    with zipfile.ZipFile(right) as packed, zipfile.ZipFile(path, "w") as far:
        for name in packed.namelist():
            far.writestr(name, packed.read(name).replace(b'r="C2"', b'r="XFD1048576"'))
    return path


def many_sheet_rows(folder: Path) -> Path:
    """Rows without cells: much to parse in 0.1 MB."""
    import pandas as pd

    right, path = folder / "right.xlsx", folder / "rows.xlsx"
    pd.DataFrame({"study": ["A"], "yi": [1], "vi": [2]}).to_excel(right, index=False)
    with zipfile.ZipFile(right) as packed, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as long:
        for name in packed.namelist():
            rows = b"<sheetData>" + b'<row r="1"></row>' * 3_000_000
            long.writestr(name, packed.read(name).replace(b"<sheetData>", rows))
    return path


def many_attributes(folder: Path) -> Path:
    path = folder / "attributes.rm5"
    names = " ".join(f'a{number}=">"' for number in range(1_500_000))
    path.write_text(f"<COCHRANE_REVIEW {names}/>", "utf-8")
    return path


def many_rows(folder: Path) -> Path:
    path = folder / "rows.csv"
    path.write_text("study,yi,vi\n" + "A,1,1\n" * 300_000, "utf-8")
    return path


def many_short_rows(folder: Path) -> Path:
    path = folder / "short.csv"
    path.write_text("study\n" + "Aaaaaaaa\n" * 4_900_000, "utf-8")
    return path


def repeated_cells(folder: Path) -> Path:
    """The same as OpenDocument, which repeats cells."""
    names = "urn:oasis:names:tc:opendocument:xmlns"
    cell = '<table:table-cell office:value-type="string" table:number-columns-repeated="9999">x</table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="999999">{cell}</table:table-row>'
    content = (
        f'<office:document-content xmlns:office="{names}:office:1.0" xmlns:table="{names}:table:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="S">{row}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    path = folder / "repeated.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", content)
    return path


MEASURED = """
import pathlib, sys, time
import evidence as ev
from evidence.errors import Fault
from evidence.tables.importing.read import import_effects, import_revman, is_revman_file
start = time.process_time()
try:
    revman = is_revman_file(sys.argv[1])
    (import_revman if revman else import_effects)(sys.argv[1])
except ev.DataError as error:
    print(str(error)[:5000])
seconds = time.process_time() - start
# Not ru_maxrss: Linux carries over into it what the process that started this one held.
status = pathlib.Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
print(seconds, peak, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (many_columns, "200,000 columns"),
        (many_elements, "more than 500,000 elements"),
        (pipe, "pipe or a device"),
        (bomb, "unpacks to 300 MB, and at most 100 MB are read"),
        (many_sheet_rows, "a sheet has 3,000,002 rows; at most 1,048,576 are read"),
        (many_attributes, "a tag or comment is longer than 1 MB"),
        (many_rows, "rows.csv has 300,000 rows; an import takes 50,000 at most: split the file"),
        (many_short_rows, "short.csv has 4,900,000 rows"),
        (huge, "holds 1,000,000 MB"),
        (many_cells, "some 19,010,003 cells; at most 5,000,000 are read"),
        (far_cell, "a cell stands in column 16,384 of row 1,048,576"),
        (repeated_cells, "it repeats cells 9,998,990,001 times"),
    ],
)
def test_bounds_of_imports(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    run = [sys.executable, "-c", MEASURED, str(make(tmp_path))]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    seconds, held = map(float, done.stderr.split()[-2:])
    assert words in done.stdout
    assert seconds < SECONDS
    assert held < BYTES


def test_as_many_rows_as_an_import_takes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "A,1,1\n\n" * MOST_ROWS
    path.write_text(f"A title,,\nstudy,yi,vi\n{rows}", "utf-8")  # neither titles nor empty rows count
    assert [number for number, _ in read_sheet(path).rows][-1] == 2 + 2 * MOST_ROWS - 1
    path.write_text(f"A title,,\nstudy,yi,vi\n{rows}B,1,1\n", "utf-8")
    with pytest.raises(ev.DataError, match="has 50,001 rows"):
        read_sheet(path)


def test_a_review_of_several_pieces_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.rm5"
    paragraph = "<P ID='p'>" + "word " * 300_000 + "</P>"
    path.write_text("<R>" + paragraph * 3 + f"<E NAME='{'n' * 900_000}'/>\n<F/></R>", "utf-8")
    root = read_xml(path)
    assert [child.name for child in root.children] == ["P", "P", "P", "E", "F"]
    assert root.text() == " ".join(["word"] * 900_000)
    assert len(root.children[3].get("NAME")) == 900_000
    assert root.children[4].line == 2


@pytest.mark.parametrize("name", ["trials.csv", "review.yaml"])
def test_a_pipe_as_a_table_of_a_review(filled: Any, name: str) -> None:
    folder = filled.write()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    start = time.monotonic()
    with pytest.raises(ev.DataError, match="pipe or a device"):
        ev.read_review(folder)
    assert time.monotonic() - start < SECONDS


def test_messages_can_be_read(filled: Any) -> None:
    filled.rows["arm_results"][0]["mean"] = "x" * 100_000
    with pytest.raises(ev.DataError) as caught:
        filled.read()
    assert len(str(caught.value)) < 2_000
    assert "characters ..." in str(caught.value)


def test_a_message_lists_a_thousand_faults_and_counts_the_others() -> None:
    error = ev.DataError([Fault("a.csv", row, "n", "x" * 10**5, "a number") for row in range(2, 5_002)])
    assert str(error).startswith("5000 faults")
    assert "and 4,000 more" in str(error)
    assert len(error.faults) == 5_000
    assert len(str(error)) < 400_000


WRITING = [["figures"], ["export", "manuscript"], ["export", "data"]]
MAIN = [sys.executable, "-B", "-c", "from evidence.cli import main; main()"]


@pytest.mark.parametrize("command", [*WRITING, ["export", "excel"]], ids=" ".join)
def test_a_full_disk_leaves_nothing_behind(filled: Any, tmp_path: Path, command: list[str]) -> None:
    data, output = filled.write(), tmp_path / "out"

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    given = [*MAIN, *command, "--data", str(data), "--output", str(output)]
    done = subprocess.run(given, capture_output=True, text=True, timeout=120, check=False, preexec_fn=full)
    assert done.returncode == 1
    assert "no room left" in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(("command", "within"), [*zip(WRITING, [True, False, True], strict=True)])
def test_a_folder_that_cannot_be_written_is_told(
    filled: Any, tmp_path: Path, command: list[str], within: bool
) -> None:
    data, closed = filled.write(), tmp_path / "closed"
    closed.mkdir()
    (closed / "notes.txt").write_text("mine", "utf-8")

    def unprivileged() -> None:
        """Let permissions hold for the superuser too (without CAP_DAC_OVERRIDE)."""
        if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
            os._exit(99)

    given = [*MAIN, *command, "--data", str(data), "--output", str(closed / "out" if within else closed)]
    closed.chmod(0o555)
    try:
        done = subprocess.run(
            given, capture_output=True, text=True, timeout=120, check=False, preexec_fn=unprivileged
        )
    finally:
        closed.chmod(0o755)
    if done.returncode == 99:
        pytest.skip("the superuser cannot be kept from writing here")
    assert done.returncode == 2
    assert str(closed) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in closed.iterdir()] == ["notes.txt"]


def test_names_of_files_that_cannot_be_written_down_are_refused(tmp_path: Path) -> None:
    for name in ("a\nb.csv", os.fsdecode(b"a\xff.csv")):
        path = tmp_path / name
        path.write_text("study,yi,vi\nA,1,1\n", "utf-8")
        with pytest.raises(ev.DataError, match="cannot be written down") as caught:
            ev.import_effects(path, measure="MD")
        str(caught.value).encode("utf-8")


def test_a_protocol_that_refers_to_itself_is_refused_at_once(filled: Any) -> None:
    folder = filled.write()
    bombs = "".join(f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12))
    text = (folder / "review.yaml").read_text("utf-8")
    (folder / "review.yaml").write_text(f"x0: &x0 [a]\n{bombs}{text}", "utf-8")
    start = time.monotonic()
    with pytest.raises(ev.DataError, match=r"row 2: .*\*x0 stands for another place"):
        ev.read_review(folder)
    assert time.monotonic() - start < SECONDS
