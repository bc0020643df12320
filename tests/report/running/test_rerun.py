"""One cell of the data changed: with real kernels, only the notebooks that use its table run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from evidence.report.build import build_report
from evidence.report.running.execute import Executed

SOURCES = {
    "01-trials": "len(review.trials)",
    "02-effects": "review.effects('singing-crying-short')['trial_id'].tolist()",
    "03-guidelines": "len(review.guidelines)",
}


def test_only_what_depends_on_a_changed_cell_runs_again(tmp_path: Path, filled: Any) -> None:
    filled.add(
        "guidelines",
        body="Lullaby College",
        year=2020,
        recommendation="Sing",
        source_url="https://example.org",
    )
    data = filled.write()
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name, source in SOURCES.items():
        cells = [
            nbformat.v4.new_code_cell("data_dir = ''", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(f"import evidence as ev\nreview = ev.read_review(data_dir)\n{source}"),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), notebooks / f"{name}.ipynb")

    def ran() -> list[str]:
        ended: list[Executed] = []
        build_report(data, notebooks, tmp_path / "report", title="Lullabies", on_end=ended.append)
        return sorted(done.job.name for done in ended if not done.kept)

    def change(table: str, old: str, new: str) -> None:
        text = (data / f"{table}.csv").read_text("utf-8")
        assert old in text
        (data / f"{table}.csv").write_text(text.replace(old, new, 1), "utf-8")

    assert ran() == list(SOURCES)
    change("guidelines", "Sing", "Sing softly")
    assert ran() == ["03-guidelines"]
    change("arm_results", "4.0", "4.5")
    assert ran() == ["02-effects"]
