from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evidence.errors import DataError
from evidence.report import gallery
from evidence.report.gallery import write_gallery
from evidence.synthesis.synthesis import synthesise

POOLED = "singing-crying-short"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_figures_are_written_with_a_manifest_of_what_they_show(filled: Any, tmp_path: Path) -> None:
    review, folder = filled.read(), tmp_path / "figures"
    drawn, left = write_gallery(review, folder)
    assert drawn == [f"{POOLED}-forest", f"{POOLED}-funnel"]
    assert set(left) == set(review.analyses) - {POOLED}
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    entry = manifest["figures"][f"{POOLED}-forest"]
    synthesis = synthesise(review, POOLED)
    assert (entry["k"], entry["n"], entry["sources"]) == (2, 180.0, ["https://example.org/lullabies"])
    for name, code in entry["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == code
    shown = [row["effect"] for row in entry["numbers"] if row["row"] == "study"]
    assert shown == pytest.approx(list(synthesis.effects["effect"]))
    listed = {name for figure in manifest["figures"].values() for name in figure["files"]}
    assert names(folder) == listed | {"manifest.json"}


def test_a_second_run_gives_the_same_bytes_and_removes_what_has_gone(filled: Any, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    write_gallery(filled.read(), folder)
    (folder / "own.txt").write_text("kept", "utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_gallery(filled.read(), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    filled.rows["arm_results"].clear()
    write_gallery(filled.read(), folder)
    assert names(folder) == {"own.txt", "manifest.json"}


def test_sides_are_named_by_what_is_better(
    filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trial in ("ava", "ben"):
        filled.arm(trial, "song", "settled", events=20, n=40)
        filled.arm(trial, "quiet", "settled", events=10, n=50)
    seen: dict[str, tuple[str, str]] = {}
    forest = gallery.forest

    def record(fit: Any, **options: Any) -> Any:
        seen[options["data"]["outcome"].iloc[0]] = options["favours"]
        return forest(fit, **options)

    monkeypatch.setattr(gallery, "forest", record)
    write_gallery(filled.read(), tmp_path / "figures")
    assert seen == {
        "crying": ("favours singing", "favours comparator"),
        "settled": ("favours comparator", "favours singing"),
    }


@pytest.mark.parametrize("content", ['{"figures": ["mine"]}', "[]", "no json", "[" * 100_000])
def test_a_foreign_manifest_is_not_overwritten(filled: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match="not a manifest of figures"):
        write_gallery(filled.read(), tmp_path)
    assert (tmp_path / "manifest.json").read_text("utf-8") == content


@pytest.mark.parametrize(
    "name", ["../victim.txt", "/{}/victim.txt", "sub/../../victim.txt", "link/victim.txt"]
)
def test_a_crafted_manifest_deletes_nothing(filled: Any, tmp_path: Path, name: str) -> None:
    victim, folder = tmp_path / "victim.txt", tmp_path / "figures"
    victim.write_text("mine", "utf-8")
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "own.txt").write_text("mine too", "utf-8")
    code = hashlib.sha256(b"mine").hexdigest()
    named = {name.format(tmp_path): code, "own.txt": code}
    entry = {"x": {"files": named, "numbers": []}}
    (folder / "manifest.json").write_text(json.dumps({"figures": entry}), "utf-8")
    write_gallery(filled.read(), folder)
    assert victim.read_text("utf-8") == "mine"
    assert (folder / "own.txt").read_text("utf-8") == "mine too"


@pytest.mark.parametrize("id_", ["../../x", "smith/jones"])
def test_ids_are_no_paths(filled: Any, tmp_path: Path, id_: str) -> None:
    filled.protocol["analyses"][0]["id"] = id_
    folder = tmp_path / "deep" / "figures"
    before = {*tmp_path.rglob("*")}
    try:
        review = filled.read()
    except DataError:  # refused, which is as well
        return
    drawn, _ = write_gallery(review, folder)
    new = {path.parent for path in tmp_path.rglob("*") if path.is_file()} - {path.parent for path in before}
    assert new <= {folder, filled.folder}
    assert all((folder / f"{name}.svg").is_file() for name in drawn)


def test_a_figure_that_somebody_changed_is_not_replaced(filled: Any, tmp_path: Path) -> None:
    drawn, _ = write_gallery(filled.read(), tmp_path / "figures")
    if not drawn:
        pytest.fail("nothing was drawn")
    path = tmp_path / "figures" / f"{drawn[0]}.svg"
    path.write_text("<svg>by hand</svg>", "utf-8")
    before = {one.name: one.read_bytes() for one in (tmp_path / "figures").iterdir()}
    with pytest.raises(DataError, match="not as an earlier run drew it"):
        write_gallery(filled.read(), tmp_path / "figures")
    assert {one.name: one.read_bytes() for one in (tmp_path / "figures").iterdir()} == before
