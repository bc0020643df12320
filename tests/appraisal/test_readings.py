from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import evidence as ev


def test_agreement_in_words_and_by_batch(small: Any, review: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    lines = [
        *(("arm_results", "ci_low", "ava-1", agreed) for agreed in ("yes", "yes", "no")),
        ("arm_results", "row", "ava-2", "no"),
    ]
    for table, field, result, agreed in lines:
        cells = {"trial_id": "ava", "result_id": result, "value_a": "1", "value_b": "1"}
        small.add("agreement", table=table, field=field, agreed=agreed, **cells)
    one = small.read()
    found = ev.agreement_table(one).set_index("field")[["table", "compared", "agreed"]]
    assert list(found.loc["ci low"]) == ["arm results", 3, 2]
    assert ev.agreement_statement(one).startswith(
        "Of 3 numbers that both readers gave, **2 (66.7%) are the same**. They chose the same results less often: "
        "1 of 2 that either chose stand in both readings. Agreement"
    )
    assert ev.agreement_by_batch(one).empty
    results = pd.concat([review.arm_results, review.contrast_results])["readers"]
    both = results.str.contains("A") & results.str.contains("B")
    assert (
        f"name both readers for {both.sum()} of {len(results):,} results and a third reader alone for "
        f"{(results == 'T').sum()}." in ev.agreement_statement(review)
    )
    batches = ev.agreement_by_batch(review).set_index("batch")
    assert batches["agreed"].le(batches["compared"]).all()
    assert batches["percent agreed"].between(95, 100).all()


def test_nothing_compared_is_told_in_no_words(filled: Any) -> None:
    assert ev.agreement_statement(filled.read()) == ""


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ([("AB", "confirmed")] * 4, ""),
        (
            [("A", "single"), ("B", "single"), ("AB", "confirmed"), ("AB", "confirmed")],
            "2 of 4 results were read by one person and checked by nobody.",
        ),
        (
            [("A", "single"), ("B", "resolved"), ("AB", "confirmed"), ("AT", "single")],
            "2 of 4 results were read by one person: 1 of these read again and decided, 1 checked by nobody, "
            "like 1 more whose numbers stand in one of several readings.",
        ),
    ],
)
def test_who_read_what_adds_up(filled: Any, read: list[tuple[str, str]], told: str) -> None:
    for row, (readers, status) in zip(filled.rows["arm_results"], read, strict=True):
        row.update(readers=readers, status=status)
    review = filled.read()
    assert ev.readers_statement(review) == told
    table = ev.readers_table(review).set_index("read by")
    assert table.to_numpy().sum() == 4
    assert table.index.tolist() == sorted({" and ".join(readers) for readers, _ in read})


def test_one_reader_is_counted_alike_on_every_page(review: Any) -> None:
    table = ev.readers_table(review).set_index("read by")
    alone = table[table.index.str.len() == 1].sum()
    said = ev.readers_statement(review)
    assert said.startswith(f"{alone.sum()} of ")
    assert f"{alone['resolved']} of these read again" in said
    assert f"{alone['single']} checked by nobody" in said
    assert f"like {table['single'].sum() - alone['single']} more" in said


def test_doubts_are_told_once_for_a_trial_and_outcome(filled: Any) -> None:
    filled.trial("cy-2001", song="singing, 40", quiet="silence, 50")
    for note in ("CHECK: SD like that of cy-2001", "CHECK: SD like that of cy-2001", "CHECK: odd (A)", ""):
        filled.contrast("ava", "song", "quiet", estimate=1, ci_low=0, ci_high=2, note=note, readers="A")
    assert ev.doubtful_table(filled.read()).to_dict("split")["data"] == [
        ["Ava", "crying", 2, "SD like that of Cy-2001"],
        ["Ava", "crying", 1, "Odd"],
    ]


def test_doubts_of_the_review_name_no_id_and_no_machine_word(review: Any) -> None:
    table = ev.doubtful_table(review)
    assert table["results"].sum() == len(review.doubtful)
    told = " ".join(table.astype(str).to_numpy().ravel())
    assert "_" not in told
    assert "kept out of pooling" not in told.replace("are kept out of pooling as", "")
    assert not any(f"{name} " in told or f"{name})" in told for name in review.trials["trial_id"])
