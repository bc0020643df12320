"""Reviews of any names and numbers go out in each form and come back as they were."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.files import unguarded
from evidence.report.export.excel import write_excel
from evidence.report.export.frictionless import write_frictionless
from evidence.report.export.json_results import read_json, review_results, write_json
from evidence.report.export.results import result_tables, write_results
from evidence.report.export.revman import write_revman
from evidence.tables.review import tables_of

ONCE = [Phase.generate]  # each example writes folders; making a failing one smaller would take minutes
ODD = [
    "=1+1",
    "@SUM(1)",
    "-x",
    "+x",
    "'=x",
    "a,b",
    'a "b"',
    "a;b",
    "<b>&amp;",
    "1",
    "1e5",
    "007",
    "TRUE",
    "é 日本",
    "../x",
]
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
label = st.sampled_from(ODD) | words
mean = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))
sd = st.floats(0.01, 1e4).map(lambda value: float(f"{value:.6g}"))
size = st.integers(2, 10_000)
means = st.tuples(label, mean, sd, size, mean, sd, size)
counts = st.tuples(label, st.integers(0, 40), st.integers(41, 500), st.integers(0, 40), st.integers(41, 500))
NAMES = {7: ["m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"], 5: ["ai", "n1i", "ci", "n2i"]}
CHOICES = {7: ["MD", "SMD"], 5: ["OR", "RR", "RD"]}


def made(folder: Path, studies: list[tuple[Any, ...]], which: int) -> Any:
    """Make a review of studies."""
    names = NAMES[len(studies[0])]
    allowed = CHOICES[len(studies[0])]
    frame = pd.DataFrame(studies, columns=["slab", *names]).assign(remark=[one[0] for one in studies])
    frame.to_csv(folder / "made.csv", index=False)
    measure = allowed[which % len(allowed)]
    return ev.import_effects(folder / "made.csv", measure=measure, better="lower").write(folder / "review")


def several(study: Any) -> Any:
    return st.lists(study, min_size=1, max_size=5, unique_by=lambda one: one[0])


@settings(max_examples=8, deadline=None, phases=ONCE)
@given(several(means) | several(counts), st.integers(0, 5))
def test_nothing_is_lost_on_the_way_out_and_back(studies: list[tuple[Any, ...]], which: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        review = made(folder, studies, which)
        analysis = next(iter(review.analyses))
        effects = review.effects(analysis)
        tables = [table.name for table in tables_of(review.protocol)]

        write_frictionless(review, folder / "package")
        again = ev.read_review(folder / "package")
        for table in tables:
            before, after = getattr(review, table), getattr(again, table)
            if len(before) or len(after):
                pd.testing.assert_frame_equal(before, after)
        assert again.protocol == review.protocol

        book = openpyxl.load_workbook(write_excel(review, folder)[0])
        for table in tables:
            if table in book.sheetnames:
                header, *rows = book[table].iter_rows(values_only=True)
                before = getattr(review, table)
                held = before.to_dict("records")
                assert list(header) == list(before)
                assert len(rows) == len(held)
                for row, wanted in zip(rows, held, strict=True):
                    for cell, value in zip(row, wanted.values(), strict=True):
                        absent = value == "" or pd.isna(value)
                        assert (cell is None) if absent else (cell == value), (table, wanted)

        document, _ = write_json(review, folder / "json")
        assert read_json(document) == review_results(review)

        write_results(review, folder / "data")
        with (folder / "data" / "comparisons.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        comparisons = result_tables(review)["comparisons"]
        assert [unguarded(row["label"]) for row in found] == list(comparisons["label"])
        assert all(not row["label"].startswith(("=", "@", "+x", "-x")) for row in found)
        pooled = [row for row in found if row["status"] == "pooled"]
        assert [float(row["effect"]) for row in pooled] == list(effects["effect"])  # to the last digit
        assert [float(row["variance"]) for row in pooled] == list(effects["variance"])

        if len(effects):
            exported = write_revman(review, folder / "revman")[0]
            came = ev.import_revman(exported)
            back = came.write(folder / "back").effects(came.analyses[0])
            assert sorted(back["label"]) == sorted(effects["label"])
            order = back.set_index("label").loc[effects["label"]]
            np.testing.assert_allclose(order["effect"], effects["effect"], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(order["variance"], effects["variance"], rtol=1e-9)
            assert came.protocol["outcomes"].popitem()[1]["measure"] == review.protocol.pooled_measure(
                review.analyses[analysis]
            )


@pytest.mark.parametrize("value", ["5", "-5", "+5", "-0.5", "1e-5", "-1E+5", ".5", "5."])
def test_numbers_in_texts_stay_numbers(tmp_path: Path, value: str) -> None:
    review = made(tmp_path, [(value, 1.0, 1.0, 20, 2.0, 1.0, 20), ("-a", 1.0, 1.0, 20, 3.0, 1.0, 20)], 0)
    write_results(review, tmp_path / "data")
    text = (tmp_path / "data" / "comparisons.csv").read_text("utf-8")
    assert "'-a" in text
    assert f"'{value}" not in text
