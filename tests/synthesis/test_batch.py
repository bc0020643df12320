from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import evidence as ev


def test_a_folder_of_reviews_keeps_what_cannot_be_read(tmp_path: Path) -> None:
    ev.init_review(tmp_path / "light")
    (tmp_path / "broken.rm5").write_text("<a/>", encoding="utf-8")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    shutil.copytree(tmp_path / "light", tmp_path / "more" / "again")
    result = ev.batch(tmp_path, ci=["HKSJ", "z"])
    review = ev.read_review(tmp_path / "light")
    for name in ("light", "more/again"):
        rows = result[(result["review"] == name) & (result["ci"] == "HKSJ")].set_index("comparison")
        assert list(rows.index) == list(review.analyses)
        for analysis in review.analyses:
            effects = review.effects(analysis)
            fit = ev.pool(effects["effect"].to_numpy(), effects["variance"].to_numpy())
            np.testing.assert_allclose(rows["estimate"][analysis], fit.estimate, rtol=1e-9)
    failed = result[result["error"] != ""].set_index("review")["error"]
    assert set(failed.index) == {"broken.rm5", "other.csv"}
    assert "broken.rm5" in failed["broken.rm5"].iloc[0]
    assert "another kind" in failed["other.csv"].iloc[0]


def test_a_folder_without_reviews_and_options_that_do_not_go_with_one(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="holds no review"):
        ev.batch(tmp_path)
    with pytest.raises(ev.DataError, match="leave by, measure and se out"):
        ev.batch(tmp_path, by=["x"])
