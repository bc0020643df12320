from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evidence.errors import DataError
from evidence.report.manifest import GENERATOR, hashes
from evidence.report.running.inputs import Inputs
from evidence.report.verify import verify_report


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("data/trials.csv", "data/arms.csv", "notebooks/01.ipynb", "site/index.html", "site/a/b.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    site = tmp_path / "site"
    inputs = Inputs(tmp_path / "data", tmp_path / "notebooks").every()
    manifest = {"generator": GENERATOR, "inputs": inputs, "outputs": hashes(site)}
    (site / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return site


def test_a_report_as_it_was_made(site: Path) -> None:
    assert verify_report(site) == []
    assert verify_report(site, data=site.parent / "data", notebooks=site.parent / "notebooks") == []


def test_every_difference_is_named(site: Path) -> None:
    (site / "index.html").write_text("other", "utf-8")
    (site / "a" / "b.csv").unlink()
    (site / "a" / "c.csv").touch()
    assert [str(one) for one in verify_report(site)] == [
        "missing: a/b.csv",
        "added: a/c.csv",
        "changed: index.html",
    ]


def test_hidden_files_links_and_foreign_folders_are_seen(site: Path) -> None:
    (site / ".hidden").touch()
    (site / "other").mkdir()
    (site / "other" / "manifest.json").write_text('{"generator": "evidence report"}', "utf-8")
    (site / "other" / "page.html").touch()
    (site / "a" / "b.csv").rename(site.parent / "elsewhere.csv")
    (site / "a" / "b.csv").symlink_to(site.parent / "elsewhere.csv")
    os.mkfifo(site / "pipe")
    assert [str(one) for one in verify_report(site)] == [
        "added: .hidden",
        "changed: a/b.csv",
        "added: other/manifest.json",
        "added: other/page.html",
        "added: pipe",
    ]


def test_inputs_are_compared_if_named(site: Path) -> None:
    data, notebooks = site.parent / "data", site.parent / "notebooks"
    (data / "trials.csv").write_text("other", "utf-8")
    (notebooks / "02.ipynb").touch()
    assert verify_report(site) == []
    assert [str(one) for one in verify_report(site, data=data)] == ["changed: data/trials.csv"]
    assert [str(one) for one in verify_report(site, notebooks=notebooks)] == ["added: notebooks/02.ipynb"]


def test_a_folder_that_is_no_report(site: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        verify_report(site, data=site / "none")
    for text in ("[]", "[" * 100_000, '{"a":' * 100_000):
        (site / "manifest.json").write_text(text, "utf-8")
        with pytest.raises(DataError, match=r"no manifest\.json"):
            verify_report(site)
