"""Notes of those who read the sources, for people who know neither the ids of the tables nor who read what."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from evidence.tables.review import Review
from evidence.tables.schema import DOUBT
from evidence.wording import capital

__all__ = ["plain_notes"]

_ID = re.compile(r"(?<![\w-])([a-z]\w*(?:-\w+)+)((?:(?:,| and) -\w+)*)")
"""An id of several words (one alone may be an ordinary word), and the ends of ids of further results of a trial."""
_PARTS = " | "
"""What parts the remarks of several readings in one note."""
_SAID_BY = {"Consensus": "Agreed", "Reader": "One reading", "Re-read": "Read again"}
"""How the beginning of such a remark is told."""


@lru_cache(maxsize=8)
def plain_notes(review: Review) -> Callable[[str], str]:
    """Give what writes a note for people: trials by their labels, and readings named as such or left out.

    Parameters
    ----------
    review : Review

    Returns
    -------
    function from str to str
        A note without ids, readings and marks of doubt stays as it is.
    """
    tables = review.arm_results, review.contrast_results
    trials = {
        str(row["trial_id"]): str(row["label"])
        for table in (review.excluded, review.trials)
        for row in table.to_dict("records")
    }
    results = {
        result: f"results of {trials[trial]}"
        for table in tables
        for result, trial in zip(table["result_id"], table["trial_id"], strict=True)
        if result not in trials
    }
    letters = {letter for table in tables for cell in table["readers"] for letter in cell if letter.isupper()}
    one = f"[{''.join(sorted(letters))}]" if letters else r"(?!)"  # where nobody is named, nothing is a mark
    several = rf"(?:{one}, )*{one} and {one}"
    marks = re.compile(rf" ?\((?:{several}|{one}(?:, {one})*)(?: only)?\)")
    # A single letter may be an article or stand for something else, unless it does what readings do.
    told = re.compile(
        rf"(by )?\b(?:({several}|{one}(?:, {one})+)|({one})(?=[;,)]| (?:gives?|left|reads?|says?)\b))(?!-)"
    )

    heads = re.compile(rf"^(?:({one})|({'|'.join(_SAID_BY)})): ")

    def part(text: str) -> str:
        found = heads.match(text)
        if found is None:
            return text
        letter, word = found.groups()
        return f"{f'Reading {letter}' if letter else _SAID_BY[word]}: {text[found.end() :]}"

    def parted(note: str) -> str:
        several = [part(text.strip()) for text in note.split(_PARTS)]
        return " ".join([*(text if text[-1:] in ".!?" else f"{text}." for text in several[:-1]), several[-1]])

    def in_doubt(found: re.Match[str]) -> str:
        return "In doubt:" if _begins(found) else "in doubt:"

    def label(found: re.Match[str]) -> str:
        name, others = found.groups()
        return results[name] if name in results else f"{trials.get(name, name)}{others}"

    def readings(found: re.Match[str]) -> str:
        by, many, single = found.groups()
        if by:  # whoever reads is no reading
            return found[0]
        words = f"readings {many}" if many else f"reading {single}"
        return capital(words) if _begins(found) else words

    def plain(note: str) -> str:
        return " ".join(
            told.sub(readings, marks.sub("", _ID.sub(label, re.sub(DOUBT, in_doubt, parted(note))))).split()
        )

    return plain


def _begins(found: re.Match[str]) -> bool:
    """Whether what was found begins a sentence."""
    return not found.start() or found.string[: found.start()].endswith(". ")
