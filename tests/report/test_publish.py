from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evidence.errors import DataError, ReportError
from evidence.figures import EvidenceFigure
from evidence.files import file_name
from evidence.report import FOLDER_VARIABLE
from evidence.report.publish import MIME, publish_figure, publish_table


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    bundles: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return bundles


@pytest.fixture
def figure() -> EvidenceFigure:
    figure = EvidenceFigure(200, 100)
    figure.alt_text = "Two studies <and> more"
    figure.numbers = pd.DataFrame({"label": ["A 2001", "B 2002"], "effect": [0.1 + 0.2, -1.0]})
    return figure


def test_figure_outside_a_report_is_shown_and_writes_nothing(
    shown: list[dict[str, Any]], figure: EvidenceFigure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    publish_figure(figure, "forest", caption="Pain & more")
    assert MIME not in shown[0]
    assert "data:image/png;base64," in shown[0]["text/html"]
    assert "Two studies &lt;and&gt; more" in shown[0]["text/html"]
    assert "<figcaption>Pain &amp; more</figcaption>" in shown[0]["text/html"]
    assert not list(tmp_path.iterdir())


def test_figure_in_a_report_is_written_with_its_numbers(
    shown: list[dict[str, Any]], figure: EvidenceFigure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    publish_figure(figure, "forest", caption="Pain")
    item = shown[0][MIME]
    assert (item["kind"], item["name"], item["caption"], item["alt"]) == (
        "figure",
        "forest",
        "Pain",
        figure.alt_text,
    )
    assert set(item["files"]) == {"SVG", "numbers as CSV"}
    assert (item["width"], item["height"]) == (267, 133)
    assert "base64" not in shown[0]["text/html"]
    assert f'src="../{item["files"]["SVG"]}"' in shown[0]["text/html"]
    assert all((tmp_path / path).stat().st_size for path in item["files"].values())
    numbers = pd.read_csv(tmp_path / item["files"]["numbers as CSV"])
    pd.testing.assert_frame_equal(numbers, figure.numbers, check_exact=True, check_dtype=False)


def test_table_keeps_all_digits_in_its_file_and_few_on_the_page(
    shown: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    table = pd.DataFrame({"study": ["<i>A</i>"], "effect": [1 / 3]})
    publish_table(table, "effects", caption="Effects", decimals=3)
    item = shown[0][MIME]
    assert "0.333" in item["html"]
    assert "&lt;i&gt;A&lt;/i&gt;" in item["html"]
    assert (tmp_path / item["files"]["CSV"]).read_text(
        "utf-8"
    ) == "study,effect\n<i>A</i>,0.3333333333333333\n"


@pytest.mark.parametrize(("index", "expected"), [(None, True), (True, True), (False, False)])
def test_named_index_is_shown_unless_told_otherwise(
    shown: list[dict[str, Any]], index: bool | None, expected: bool
) -> None:
    table = pd.DataFrame({"effect": [1.0]}, index=pd.Index(["Cherkin 2001"], name="study"))
    publish_table(table, "effects", caption="Effects", index=index)
    assert ("Cherkin 2001" in shown[0]["text/html"]) is expected


def test_row_numbers_are_not_shown_by_default(shown: list[dict[str, Any]]) -> None:
    publish_table(pd.DataFrame({"effect": [1.0]}), "effects", caption="Effects")
    assert shown[0]["text/html"].count("<td") == 1


@pytest.mark.usefixtures("shown")
def test_a_name_is_used_once_in_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    table = pd.DataFrame({"effect": [1.0]})
    publish_table(table, "effects", caption="Effects")
    with pytest.raises(ReportError, match="'effects'"):
        publish_table(table, "effects", caption="Effects again")


@pytest.mark.parametrize("name", ["../up", "Effects", "a_b", "a b", "a--b", "-a", "a/b", "x.svg", "日本"])
def test_a_name_of_any_letters_becomes_a_file_of_the_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[dict[str, Any]]
) -> None:
    """Names of questions and analyses are the user's; what is published of them is called after them."""
    folder = tmp_path / "report"
    folder.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    publish_table(pd.DataFrame({"effect": [1.0]}), name, caption="Effects")
    (place,) = shown[-1][MIME]["files"].values()
    assert place == f"tables/{file_name(name)}.csv"
    assert (folder / place).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(DataError, match="needs a name"):
        publish_table(pd.DataFrame({"effect": [1.0]}), "", caption="Effects")
