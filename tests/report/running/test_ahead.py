"""What is worked out before the first notebook: the same review, the same pages, and no table forgotten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import evidence as ev
from evidence.report.running.ahead import DRAWN_ON
from evidence.tables import review as reviews

DATA = Path(__file__).parents[3] / "data"

TOUCHED = """
import sys
from pathlib import Path
from evidence.report.running import track
from evidence.report.running.ahead import work_ahead
from evidence.tables import review

found = track.Recorder(Path(sys.argv[1]), [Path("nowhere")])
found.watch(review)
work_ahead(Path(sys.argv[1]))
print(*sorted(Path(path).stem for path in found.read if path.endswith(".csv")))
"""


@pytest.fixture
def folder(tmp_path):
    """A small review, and nothing read ahead before or after."""
    target = tmp_path / "review"
    subprocess.run(
        [sys.executable, "-m", "evidence", "init", str(target)],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    data = target / "data" if (target / "data").is_dir() else target
    yield data
    reviews._AHEAD.clear()


def test_a_review_read_ahead_is_given_once(folder):
    ahead = reviews.read_ahead(folder)
    assert reviews.is_ahead(folder)
    assert ev.read_review(folder) is ahead
    assert not reviews.is_ahead(folder)
    other = ev.read_review(folder)
    assert other is not ahead
    pd.testing.assert_frame_equal(other.arm_results, ahead.arm_results)


def test_a_review_that_has_changed_since_is_read_anew(folder):
    ahead = reviews.read_ahead(folder)
    file = folder / "review.yaml"
    file.write_text(file.read_text("utf-8") + "\n# one more line\n", "utf-8")
    assert ev.read_review(folder) is not ahead


def test_the_path_is_the_one_that_was_asked_for(folder, monkeypatch):
    reviews.read_ahead(folder)
    monkeypatch.chdir(folder.parent)
    assert ev.read_review(folder.name).path == Path(folder.name)


def test_all_tables_that_are_drawn_on_are_named():
    """Else a notebook would be kept although one of them has changed."""
    run = subprocess.run(
        [sys.executable, "-c", TOUCHED, str(DATA)], capture_output=True, text=True, check=True
    )
    assert tuple(run.stdout.split()) == DRAWN_ON


def test_a_review_with_faults_is_left_to_those_who_read_it(tmp_path):
    data = tmp_path / "data"
    shutil.copytree(DATA, data)
    (data / "review.yaml").write_text("title: [\n", "utf-8")
    reviews_before = dict(reviews._AHEAD)
    from evidence.report.running.ahead import work_ahead

    storage = pd.get_option("mode.string_storage")
    work_ahead(data)
    assert pd.get_option("mode.string_storage") == storage
    assert reviews_before == reviews._AHEAD
