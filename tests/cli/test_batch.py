from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import evidence as ev
from evidence.cli import app

RUN = CliRunner()


def test_batch_writes_results_and_says_what_failed(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "review": "A",
            "comparison": [1, 1, 2, 2],
            "effect": [0.1, 0.4, 0.2, 0.3],
            "variance": [0.1, 0.1, 0.2, -1],
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    output, figure = tmp_path / "out.parquet", tmp_path / "figure"
    options = ["--ci", "HKSJ", "--ci", "z", "--figure", str(figure)]
    run = RUN.invoke(app, ["batch", str(tmp_path / "table.csv"), "--output", str(output), *options])
    assert run.exit_code == 1, run.output
    assert "2 comparisons, 1 of which could not be fitted" in run.output
    assert (tmp_path / "figure.svg").exists()
    result = pd.read_parquet(output)
    assert result["estimate"].tolist()[:2] == [ev.pool([0.1, 0.4], [0.1, 0.1]).estimate] * 2
    assert "row 4: the variance -1 is not positive" in result["error"].iloc[2]
    run = RUN.invoke(app, ["batch", str(tmp_path / "table.csv"), "--output", str(output), "--format", "csv"])
    assert "method,ci,positive" in run.output


def test_simulate_reads_a_grid(tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "grid:\n  k: [3, 5]\nci: [HKSJ, z]\nrepetitions: 50\nhalf_normal: 0.5\n", encoding="utf-8"
    )
    output = tmp_path / "out.parquet"
    run = RUN.invoke(app, ["simulate", str(grid), "--output", str(output), "--repetitions", "20"])
    assert run.exit_code == 0, run.output
    prior = ev.priors.half_normal(0.5)
    expected = ev.simulate({"k": [3, 5]}, ci=["HKSJ", "z"], repetitions=20, tau_prior=prior)
    pd.testing.assert_frame_equal(pd.read_parquet(output), expected, check_exact=True)
    assert "coverage" in run.output


@pytest.mark.parametrize(
    ("text", "message"), [("k: 3", "must have the key grid"), ("grid: {k: 3}\nrep: 1", "has the key rep")]
)
def test_a_wrong_grid_is_refused(tmp_path: Path, text: str, message: str) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(text, encoding="utf-8")
    run = RUN.invoke(app, ["simulate", str(grid), "--output", str(tmp_path / "out.parquet")])
    assert isinstance(run.exception, ev.DataError)
    assert message in str(run.exception)
