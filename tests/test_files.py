from __future__ import annotations

import ast
import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import DataError, ReportError
from evidence.files import (
    content,
    drafts,
    file_name,
    guarded,
    inside,
    json_content,
    new_folder,
    remove,
    unguarded,
    write,
    write_csv,
)

SOURCE = Path(__file__).parents[1] / "src" / "evidence"
NASTY = [
    *(
        "../../x",
        "/etc/x",
        "smith/jones",
        "..",
        ".",
        "",
        "a\nb",
        "a\0b",
        "CON",
        "nul.txt",
        "com1",
        "x" * 5000,
    ),
    *("C:\\x", "-rf", ".hidden", "~", "é", "<b>", "a b", "A", "a.", "a%2F..", "\ud800", "日本"),
]


@pytest.mark.parametrize("id_", ["cherkin-2011", "a", "joseph_2018a", "v1.2", "pain-short"])
def test_usual_ids_are_the_names_of_their_files(id_: str) -> None:
    assert file_name(id_) == id_


def test_names_of_any_ids_are_safe_and_unique() -> None:
    names = [file_name(id_) for id_ in NASTY]
    assert len({name.casefold() for name in names}) == len(NASTY)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_.~-]{0,99}", name) for name in names)
    assert file_name("smith/jones") == f"smith-jones~{hashlib.sha256(b'smith/jones').hexdigest()[:12]}"


@given(st.text(), st.text())
def test_two_ids_have_two_names(one: str, other: str) -> None:
    assert (file_name(one).casefold() == file_name(other).casefold()) == (one == other)
    assert file_name(file_name(one)) == file_name(one) or "~" in file_name(one)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "link/x", "a\0b"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="no file in the folder"):
        write(folder, name, "text")
    with pytest.raises(DataError, match="no file in the folder"):
        inside(folder, name)
    assert {path.name for path in tmp_path.rglob("*")} == {"folder", "link"}


def test_only_what_is_as_it_was_noted_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(folder, "a/own.txt", "own")
    write(folder, "changed.txt", "mine")
    write(tmp_path, "victim.txt", "own")
    (folder / "link").symlink_to(tmp_path / "victim.txt")
    code = hashlib.sha256(b"own").hexdigest()
    names = [
        "a/own.txt",
        "changed.txt",
        "../victim.txt",
        "link",
        "gone.txt",
        str(tmp_path / "victim.txt"),
        "a",
    ]
    assert remove(folder, dict.fromkeys(names, code)) == [
        *("changed.txt", "../victim.txt", "link", str(tmp_path / "victim.txt"), "a"),
    ]
    assert not (folder / "a" / "own.txt").exists()
    assert (tmp_path / "victim.txt").read_text("utf-8") == "own"


def _fill(folder: Path) -> None:
    with drafts(folder) as beside:
        write(beside, "one.txt", "new")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_files_go_into_a_folder_together_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "folder"
    with pytest.raises(ReportError, match="no room left"):
        _fill(folder)
    assert list(tmp_path.iterdir()) == []
    write(folder, "mine.txt", "mine")
    with drafts(folder) as beside:
        write(beside, "sub/one.txt", "new")
    assert sorted(path.name for path in folder.rglob("*")) == ["mine.txt", "one.txt", "sub"]


def test_folders_of_killed_runs_are_cleared(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom evidence.files import new_folder\n"
        "with new_folder(Path(sys.argv[1])) as fresh:\n"
        "    (fresh / 'half').touch()\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "review")], stdout=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.readline()
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "review"):
        raise ZeroDivisionError  # another run at the same time leaves that of the first
    assert len(list(tmp_path.iterdir())) == 1
    run.send_signal(signal.SIGKILL)
    run.communicate()
    with new_folder(tmp_path / "review") as fresh:
        (fresh / "whole").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "review",
        "review/whole",
    ]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", "no json"])
def test_a_file_that_is_no_json_or_nests_too_deeply(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"nests too deeply|Expecting"):
        json_content(path)
    path.write_text('{"a": [1.5, null]}', "utf-8")
    assert json_content(path) == {"a": [1.5, None]}


def test_a_pipe_and_a_huge_file_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    started = time.monotonic()
    with pytest.raises(OSError, match="pipe or a device"):
        content(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(OSError, match="it holds 1,000,000 MB"):
        content(tmp_path / "huge")
    assert time.monotonic() - started < 1.0


FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "'=1",
    "''-x",
    "=HYPERLINK(1)",
    "＝1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula_and_none_is_lost(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@given(st.one_of(st.text(), st.text("'=+-@1e.\t")))
def test_guarding_is_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text or text.startswith("'")
    assert unguarded(guarded(text)) == text or guarded(text) == text


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    numbers = ["-0.5", "+3", "-1e-05", "1.5", "-.5", "0"]
    table = pd.DataFrame(
        {
            "effect": [-0.5, 1e-300, np.nan, -1e22, 0.1 + 0.2, -3.0],
            "n": pd.array([1, -2, None, 4, 5, 6], dtype="Int64"),
            "text": numbers,
            "mixed": [-1, -0.25, None, np.int64(-7), "=x", pd.NA],
            "=label": [*FORMULAS[:5], "-"],
        }
    )
    write_csv(table, tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, na_values=[""])
    assert back["effect"].tolist()[3:] == table["effect"].tolist()[3:]
    assert pd.api.types.is_float_dtype(back["effect"])
    assert back["n"].dropna().tolist() == [1, -2, 4, 5, 6]
    assert back["text"].tolist() == [float(number) for number in numbers]
    assert back["mixed"].tolist()[:2] == ["-1", "-0.25"]
    assert back["mixed"].tolist()[3:5] == ["-7", "'=x"]
    assert list(back)[-1] == "'=label"
    assert back["'=label"].str.startswith("'").all()


ELSEWHERE = {
    "files.py": "the one place",
    "tables/write.py": "a table of the schema, by a name of the schema",
    "tables/starting.py": "templates, into a new folder",
    "tables/importing/imported.py": "fixed names, into a new folder",
    "report/place.py": "the change from an old report to a new one",
    "report/build.py": "moves what notebooks published, by the names of their files",
    "report/publish.py": "names of small letters, digits and hyphens",
    "models/scale/store.py": "numbered parts beside the file that the user named",
    "tables/adding.py": "tries a trial in a copy of the review in a temporary folder, by names of the schema",
    "report/running": "notebooks are run in folders of their own",
}
"""What writes or removes files itself, and why its names are safe."""
CALLS = {
    "write_text",
    "write_bytes",
    "unlink",
    "rmtree",
    "rmdir",
    "mkdir",
    "copyfile",
    "copytree",
    "copy2",
    "touch",
}


def test_files_are_written_and_removed_in_one_place() -> None:
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if any(name == place or name.startswith(f"{place}/") for place in ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in CALLS
            ):
                target = ast.unparse(node.func.value)
                # What `draft` gives lies beside the wanted file, and `inside` has looked.
                assert target == "beside" or target.startswith("inside("), f"{name}:{node.lineno} {target}"
