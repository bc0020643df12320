"""How reliably the publications were read, for a page: who read what, how far they agree, what they doubt."""

from __future__ import annotations

import pandas as pd

from evidence.tables.agreement import READERS, agreement, batches_of
from evidence.tables.notes import plain_notes
from evidence.tables.review import Review
from evidence.wording import capital

__all__ = [
    "agreement_by_batch",
    "agreement_statement",
    "agreement_table",
    "doubtful_table",
    "readers_statement",
    "readers_table",
    "reported_results",
]


def agreement_table(review: Review) -> pd.DataFrame:
    """Set out how far two readings agree, field by field, as a page prints it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.agreement_table(review).columns[3:].tolist()
    ['compared', 'agreed', 'percent agreed', 'kappa']
    """
    found = agreement(review)
    words = {name: found[name].str.replace("_", " ") for name in ("table", "field")}
    return found.assign(**words).rename(columns={"n": "compared", "percent": "percent agreed"})


def agreement_by_batch(review: Review) -> pd.DataFrame:
    """Count how far two readings agree on numbers, by the batch in which these were first read.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.agreement_by_batch(review).columns.tolist()
    ['batch', 'compared', 'agreed', 'percent agreed']
    """
    rows = []
    for batch in filter(None, batches_of(review).unique()):
        n, same = _on_numbers(agreement(review, batches=[batch]))
        rows.append((batch, n, same, 100 * same / max(n, 1)))
    return pd.DataFrame(rows, columns=["batch", "compared", "agreed", "percent agreed"])


def _on_numbers(found: pd.DataFrame) -> tuple[int, int]:
    """How many numbers were compared, and how many are the same."""
    values = found[found["kind"] == "value"]
    return int(values["n"].sum()), int(values["agreed"].sum())


def agreement_statement(review: Review) -> str:
    """Say how often two readings give the same numbers, and choose the same results; empty if none was compared.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.agreement_statement(review).startswith("Of ")
    True
    """
    found = agreement(review)
    n, same = _on_numbers(found)
    if not n:
        return ""
    results = found["table"].isin(["arm_results", "contrast_results"])
    presence = found[(found["kind"] == "presence") & results]
    return (
        f"Of {n:,} numbers that both readers gave, **{same:,} ({100 * same / n:.1f}%) are the same**. They chose the "
        f"same results less often: {presence['agreed'].sum():,} of {presence['n'].sum():,} that either chose stand "
        f"in both readings.{_named_since(review)} Agreement shows that copying is reliable. It does not show that "
        "the sources are right."
    )


def _named_since(review: Review) -> str:
    """Say how many results of the tables name the two readers, for the comparison of readings counts otherwise."""
    readers = reported_results(review)["readers"]
    first, second = (readers.str.contains(one, regex=False) for one in READERS)
    if not (first & second).any():
        return ""
    other = int((~first & ~second & (readers != "")).sum())
    alone = f" and a third reader alone for {other:,}" if other else ""
    return (
        f" The tables, with what was settled and read later, name both readers for {(first & second).sum():,} of "
        f"{len(readers):,} results{alone}."
    )


def readers_table(review: Review) -> pd.DataFrame:
    """Count the reported results by who read them and what came of it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.readers_table(review).columns.tolist()
    ['read by', 'confirmed', 'resolved', 'single']
    """
    results = reported_results(review)
    read_by = results["readers"].map(" and ".join).rename("read by")
    return pd.crosstab(read_by, results["status"]).reset_index().rename_axis(columns=None)


def readers_statement(review: Review) -> str:
    """Say how many results one person alone read, and which of those nobody checked; empty if there are none.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> "checked by nobody" in ev.readers_statement(review)
    True
    """
    results = reported_results(review)
    unchecked, alone = results["status"] == "single", results["readers"].str.len() <= 1
    if not unchecked.any():
        return ""
    settled, left = (int((alone & (results["status"] == one)).sum()) for one in ("resolved", "single"))
    text = f"{alone.sum():,} of {len(results):,} results were read by one person"
    text += f": {settled:,} of these read again and decided, {left:,}" if settled else " and"
    # A result can stand in several readings, and its numbers in one of them alone.
    more = int((unchecked & ~alone).sum())
    beside = f", like {more:,} more whose numbers stand in one of several readings" if more else ""
    return f"{text} checked by nobody{beside}."


def reported_results(review: Review) -> pd.DataFrame:
    """Give every reported result, of one group or of a comparison, in one table."""
    return pd.concat([review.arm_results, review.contrast_results], ignore_index=True)


def doubtful_table(review: Review) -> pd.DataFrame:
    """List the results that are doubtful as printed, one row for each trial, outcome and doubt.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.doubtful_table(review).columns.tolist()
    ['trial', 'outcome', 'results', 'why it is doubtful']
    """
    doubtful, plain = review.doubtful, plain_notes(review)
    rows = pd.DataFrame(
        {
            "trial": doubtful["trial_id"].map(review.trials.set_index("trial_id")["label"]),
            "outcome": doubtful["outcome"].map(review.protocol.outcome_title),
            "why it is doubtful": [capital(plain(doubt)) for doubt in doubtful["doubt"]],
        }
    )
    table = rows.groupby(list(rows), sort=False).size().rename("results").reset_index()
    return table[["trial", "outcome", "results", "why it is doubtful"]]
