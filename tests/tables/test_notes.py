from __future__ import annotations

import re
from typing import Any

import pytest

import evidence as ev
from evidence.appraisal.page_tables import unused_results
from evidence.tables.notes import plain_notes


@pytest.fixture
def read(filled: Any) -> Any:
    """Give the review with a trial of a longer id, whose results three readings hold, and an excluded one."""
    filled.trial("cy-2001", song="singing, 40", quiet="silence, 50")
    for number in (1, 2):
        filled.contrast(
            "cy-2001",
            "song",
            "quiet",
            result_id=f"cy-2001-c{number}",
            readers="ABT",
            p_value=0.04,
            p_operator="=",
        )
    filled.add("excluded", trial_id="eve-1999", label="Eve 1999", reason="no infants")
    return filled


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("as in cy-2001", "as in Cy-2001"),
        ("not that of eve-1999 (no infants)", "not that of Eve 1999 (no infants)"),
        ("SDs of cy-2001-c1 and -c2, which are odd", "SDs of results of Cy-2001, which are odd"),
        ("no numbers (A only).", "no numbers."),
        (
            "P from the abstract (A, B); sign turned (favours song)",
            "P from the abstract; sign turned (favours song)",
        ),
        ("A gives only the P. B left it empty", "Reading A gives only the P. Reading B left it empty"),
        ("only in T; A and B give P", "only in reading T; readings A and B give P"),
        ("Read by A, B and T;  not used", "Read by A, B and T; not used"),
        ("a well-known pre-post score, A negative value", "a well-known pre-post score, A negative value"),
        (
            "Consensus: as the report says | A: no SD. | B: P only",
            "Agreed: as the report says. Reading A: no SD. Reading B: P only",
        ),
        ("CHECK: odd interval; CHECK: no scale", "In doubt: odd interval; in doubt: no scale"),
        ("No scale. CHECK: as a score", "No scale. In doubt: as a score"),
        ("vitamin C and T-scores", "vitamin C and T-scores"),
    ],
)
def test_a_note_is_told_without_ids_and_marks(read: Any, note: str, told: str) -> None:
    assert plain_notes(read.read())(note) == told


def test_where_nobody_is_named_no_letter_is_a_reading(filled: Any) -> None:
    assert (
        plain_notes(filled.read())("no numbers (A only). A gives only P")
        == "no numbers (A only). A gives only P"
    )


def test_no_reason_on_the_page_of_a_question_holds_an_id_of_the_tables(review: Any) -> None:
    ids = {
        *review.trials["trial_id"],
        *review.arm_results["result_id"],
        *review.contrast_results["result_id"],
    }
    names = list(review.analyses)
    told = {
        *ev.reports_table(review, names)["Why it is not pooled"],
        *unused_results(review, names).shown["Why it is not used"],
    }
    assert len(told) > 20
    assert not {word for reason in told for word in re.findall(r"[\w-]+", reason)} & ids


def test_no_note_on_the_page_of_a_trial_speaks_of_how_the_tables_were_made(review: Any) -> None:
    plain = plain_notes(review)
    notes = [*review.trials["notes"], *review.arm_results["note"], *review.contrast_results["note"]]
    machine = re.compile(
        r"CHECK|RED FLAG|\| |in the store|seens|MARGINS|CELLS|do not pool|the brief|notes\.md|\bNEW\b"
    )
    assert not [note for note in map(plain, notes) if machine.search(note)]
