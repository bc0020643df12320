from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.models.scale import summary as module

from .test_batch import WAYS, long_table


def test_shares_are_those_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = long_table(80)
    frame.loc[frame["comparison"] == 3, "variance"] = -1.0
    results = ev.batch(frame, **WAYS, output=tmp_path / "out.parquet")
    summary = ev.batch_summary(results)
    assert (summary.comparisons, summary.failed, summary.reference) == (80, 1, ("REML", "HKSJ"))
    good = results[results["error"] == ""]
    sign = np.sign(good["ci_low"]).where(good["ci_low"] * good["ci_high"] > 0, 0.0)
    wide = good.assign(sign=sign).set_index(["comparison", "method", "ci"])["sign"].unstack(["method", "ci"])  # noqa: PD010
    for row in summary.changes.to_dict("records"):
        mine, first = wide[row["method"], row["ci"]], wide["REML", "HKSJ"]
        assert row["changed"] == pytest.approx((mine != first).mean())
        assert row["gained"] == pytest.approx(((mine != 0) & (first == 0)).mean())
        assert row["lost"] == pytest.approx(((mine == 0) & (first != 0)).mean())
        assert row["positive"] == pytest.approx((mine > 0).mean())
        assert row["positive"] + row["negative"] + row["open"] == pytest.approx(1.0)
    several = good[(good["k"] > 1) & (good["method"] == "DL") & (good["ci"] == "z")]
    line = summary.heterogeneity[(summary.heterogeneity["method"] == "DL")].set_index("quantity")
    assert line.loc["tau2", "q50"] == pytest.approx(several["tau2"].median(), rel=1e-6)
    assert line.loc["i2", "zero"] == pytest.approx((several["i2"] == 0).mean())
    assert summary.i2_counts.groupby("method")["comparisons"].sum().tolist() == [len(several)] * 2
    assert "80 comparisons, 1 of which could not be fitted" in summary.summary()
    monkeypatch.setattr(module, "CHUNK", 7)
    pd.testing.assert_frame_equal(ev.batch_summary(tmp_path / "out.parquet").changes, summary.changes)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    results = ev.batch(long_table(4), **WAYS)
    with pytest.raises(ev.DataError, match="no column tau2"):
        ev.batch_summary(results.drop(columns="tau2"))
    with pytest.raises(ev.DataError, match="break off"):
        ev.batch_summary(results.iloc[:-1])
    with pytest.raises(ev.DataError, match="no comparison"):
        ev.batch_summary(results.iloc[:0])
    with pytest.raises(ev.DataError, match="there is no file"):
        ev.batch_summary(tmp_path / "none.parquet")
