"""Each way in which a figure can go wrong is seen: its code, the data, the estimator, the files themselves."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence.cli import main
from evidence.errors import DataError
from evidence.models import pool
from evidence.report import gallery
from evidence.report.figure_check import FigureCheck, check_figures, compare_galleries
from evidence.report.gallery import write_gallery
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review

FIGURES = Path(__file__).parents[2] / "figures"
FOREST, FUNNEL = "singing-crying-short-forest", "singing-crying-short-funnel"


@pytest.fixture
def kept(filled: Any, tmp_path: Path) -> Path:
    """Give a folder of figures of four trials that disagree; the interval of two would leave the scale."""
    filled.rows["arm_results"][0]["mean"] = 1.0
    for trial, mean in (("cai", 3.0), ("dee", 4.5)):
        filled.trial(trial, song="singing, 40", quiet="silence, 50")
        filled.arm(trial, "song", mean=mean, sd=2.0, n=40)
        filled.arm(trial, "quiet", mean=5.0, sd=2.5, n=50)
    write_gallery(filled.read(), tmp_path / "kept")
    return tmp_path / "kept"


def check(filled: Any, kept: Path, **options: Any) -> FigureCheck:
    return check_figures(filled.read(), kept, kept.parent / "scratch", **options)


def states(result: FigureCheck) -> dict[str, str]:
    return {figure.name: figure.state for figure in result.figures}


def test_what_is_drawn_again_is_the_same(filled: Any, kept: Path) -> None:
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    result = check(filled, kept, tolerance=0.0, image_tolerance=0.0)
    assert result.passed
    assert states(result) == {FOREST: "same", FUNNEL: "same"}
    assert [figure.rms for figure in result.figures] == [0.0, 0.0]
    assert result.changes.empty
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    assert "All figures are as kept" in result.page()
    assert "<img" not in result.page()


def test_a_changed_digit_in_the_data(filled: Any, kept: Path) -> None:
    filled.rows["arm_results"][1]["sd"] = 2.6
    result = check(filled, kept)
    assert states(result) == {FOREST: "changed", FUNNEL: "changed"}
    changes = result.changes.set_index(["figure", "series", "row", "column"])
    variance = changes.xs((FOREST, "study", "Ava", "variance"))
    assert variance["old"] == pytest.approx(20.0**2 / 40 + 25.0**2 / 50)  # in percent of the scale
    assert variance["new"] == pytest.approx(20.0**2 / 40 + 26.0**2 / 50)
    assert (FOREST, "study", "Ben", "variance") not in changes.index
    assert (FOREST, "study", "Ava", "estimate") not in changes.index


def test_a_changed_estimator(filled: Any, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = pool.estimate_tau2
    monkeypatch.setattr(pool, "estimate_tau2", lambda *given: 1.001 * right(*given))
    result = check(filled, kept)
    assert not result.passed
    changed = set(result.changes.query("figure == @FOREST")["column"])
    assert {"tau2", "i2"} <= changed
    assert "effect" not in changed


def test_changed_code_of_a_figure_that_leaves_its_numbers(
    filled: Any, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = gallery.funnel

    def wrong(*given: Any, **options: Any) -> Any:
        figure = right(*given, **options)
        low, high = figure.axes[0].get_xlim()
        figure.axes[0].set_xlim(low, high + 0.01 * (high - low))
        return figure

    monkeypatch.setattr(gallery, "funnel", wrong)
    result = check(filled, kept)
    assert states(result) == {FOREST: "same", FUNNEL: "changed"}
    assert result.changes.empty
    funnel = result.figures[1]
    assert funnel.rms > result.image_tolerance
    assert funnel.difference is not None
    assert funnel.difference.exists()
    assert funnel.reasons[0].startswith("the image differs")
    assert check(filled, kept, image_tolerance=255.0).passed


def test_figures_that_came_went_or_lost_their_image(filled: Any, kept: Path) -> None:
    path = kept / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["figures"]["old-forest"] = manifest["figures"].pop(FUNNEL)
    path.write_text(json.dumps(manifest), "utf-8")
    (kept / f"{FOREST}.png").unlink()
    result = check(filled, kept)
    assert states(result) == {FOREST: "changed", "old-forest": "gone", FUNNEL: "new"}
    assert result.figures[0].reasons == ("the image that was kept is missing",)
    assert math.isnan(result.figures[0].rms)
    assert list(result.to_frame()["state"]) == ["changed", "gone", "new"]
    assert "3 of 3 figures are not as kept" in result.page()


def test_an_image_of_another_size(filled: Any, kept: Path) -> None:
    path = kept / f"{FOREST}.png"
    with Image.open(path) as image:
        image.crop((0, 0, image.width, image.height - 2)).save(path)
    result = check(filled, kept)
    assert result.figures[0].reasons == ("the image has another size",)
    assert math.isinf(result.figures[0].rms)


def test_rows_and_texts_that_changed(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in kept.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((kept / "manifest.json").read_text("utf-8"))
    entry = manifest["figures"][FOREST]
    entry["model"] = "DL, z"
    entry["numbers"][0]["label"] = "Eva"
    (other / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    result = compare_galleries(kept, other)
    found = {tuple(row) for row in result.changes[["series", "row", "column", "old", "new"]].to_numpy()}
    assert ("study", "Ava", "row", "present", "missing") in found
    assert ("study", "Eva", "row", "missing", "present") in found
    assert [row[2:] for row in found if row[0] == "figure"] == [("model", "REML, HKSJ", "DL, z")]


def test_the_command_writes_a_page_that_stands_alone(
    filled: Any,
    kept: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "build" / "figures.html"
    data = filled.write()
    given = ["--data", str(data), "--output", str(kept), "--check", "--output-page", str(page)]
    monkeypatch.setattr("sys.argv", ["evidence", "figures", *given])

    def run() -> Any:
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    assert run() == 0
    assert "2 figures compared, none of them not as kept." in capsys.readouterr().out
    filled.rows["arm_results"][1]["sd"] = 2.6
    filled.write()
    assert run() == 1
    assert f"  {FOREST}: " in capsys.readouterr().out
    text = page.read_text("utf-8")
    assert len(re.findall(r'<img src="data:image/png;base64,', text)) == 6
    assert len(re.findall(r"(?:src|href)=\"(?!data:|#)", text)) == 0
    assert "<td>variance</td>" in text


def test_what_cannot_be_compared_is_said(filled: Any, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no manifest\.json; draw the figures first"):
        check(filled, tmp_path / "nothing")
    (tmp_path / "manifest.json").write_text('{"a":' * 100_000, "utf-8")
    with pytest.raises(DataError, match="not a manifest of figures"):
        check(filled, tmp_path)
    with pytest.raises(DataError, match="image_tolerance must be 0 or more"):
        check(filled, kept, image_tolerance=-1.0)


@pytest.mark.mpl_image_compare(
    baseline_dir=str(FIGURES),
    filename="massage-inactive-pain-short-forest.png",
    tolerance=0.1,
    savefig_kwargs={"dpi": 200},
    style="default",
)
def test_a_forest_plot_of_the_review_is_the_one_that_is_kept(review: Review) -> Any:
    """Compared where pytest runs with --mpl, as in `make test`; `make figures-check` compares all of them."""
    return gallery.figures_of(review, synthesise(review, "massage-inactive-pain-short"))["forest"]
