"""What is written comes back as it was: our tables, and effects as a table for other programs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.tables.review import tables_of
from evidence.tables.write import write_table

ONCE = [Phase.generate]  # each example writes folders; making a failing one smaller would take minutes
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
size = st.integers(2, 400)
mean = st.floats(-100, 100).map(lambda value: round(value, 3))
sd = st.floats(0.1, 50).map(lambda value: round(value, 3))
study = st.tuples(words, mean, sd, size, mean, sd, size)


def write(folder: Path, studies: list[tuple[str, float, float, int, float, float, int]]) -> Path:
    names = ["slab", "m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"]
    path = folder / "made.csv"
    pd.DataFrame(studies, columns=names).to_csv(path, index=False)
    return path


@settings(max_examples=6, deadline=None, phases=ONCE)
@given(st.lists(study, min_size=1, max_size=5, unique_by=lambda one: one[0]))
def test_reviews_come_back_as_they_were(
    studies: list[tuple[str, float, float, int, float, float, int]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = ev.import_effects(write(folder, studies)).write(folder / "first")
        again = folder / "again"
        again.mkdir()
        (again / "review.yaml").write_text((folder / "first" / "review.yaml").read_text("utf-8"), "utf-8")
        for table in tables_of(first.protocol):
            rows = getattr(first, table.name)
            cells = [
                {str(key): "" if pd.isna(value) else value for key, value in row.items()}
                for row in rows.to_dict("records")
            ]
            extra = first.protocol.columns.get(table.name, {})
            write_table(again, table.name, cells, extra=extra)
        second = ev.read_review(again)
        for table in tables_of(first.protocol):
            before, after = getattr(first, table.name), getattr(second, table.name)
            assert list(before) == list(after)
            if len(before) or len(after):
                pd.testing.assert_frame_equal(before, after)
        effects = first.effects("treatment-outcome-any")
        names = ("m1", "sd1", "n1", "m2", "sd2", "n2")
        values: dict[str, Any] = {key: [one[place] for one in studies] for place, key in enumerate(names, 1)}
        direct = ev.effect_size("MD", **values)
        assert sorted(effects["effect"]) == pytest.approx(sorted(direct["effect"]), rel=1e-12, abs=1e-12)


@settings(max_examples=6, deadline=None, phases=ONCE)
@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.integers(61, 200), st.integers(1, 60), st.integers(61, 200)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_effects_that_were_written_are_read_as_the_same(
    tables: list[tuple[int, int, int, int]], separator: str, encoding: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = folder / "counts.csv"
        frame = pd.DataFrame(tables, columns=["ai", "n1i", "ci", "n2i"])
        frame.assign(study=[f"Trial {i}" for i in range(len(tables))]).to_csv(counts, index=False)
        effects = ev.import_effects(counts, measure="OR").write(folder / "a").effects("treatment-outcome-any")
        path = folder / "effects.csv"
        effects[["label", "effect", "se"]].to_csv(
            path, index=False, sep=separator, decimal="." if separator == "," else ",", encoding=encoding
        )
        made = ev.import_effects(path, measure="OR", columns={"study": "label"})
        back = made.write(folder / "b").effects("treatment-outcome-any")
        order = back.set_index("label").loc[effects["label"]]
        np.testing.assert_allclose(order["effect"], effects["effect"], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(order["se"], effects["se"], rtol=1e-12)
