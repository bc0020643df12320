"""What trials report about harm: counts and phrases, trial by trial, and how much that is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evidence.tables.review import Review
from evidence.wording import capital, counted, number

__all__ = ["HARMS", "harms_statement", "harms_table"]

HARMS = "harms"
"""Name of the question group that is about harm, if a protocol has one."""

_SILENCE = "That no harm is reported does not mean that none was done."


def _outcomes(review: Review) -> list[str]:
    """Outcomes of the question group that is about harm, in the protocol's order."""
    analyses = review.protocol.question_groups.get(HARMS, ())
    return list(dict.fromkeys(one.outcome for one in analyses))


def _counts(review: Review) -> pd.DataFrame:
    rows = review.arm_results
    return rows[rows["outcome"].isin(_outcomes(review)) & rows["events"].notna()]


def harms_table(review: Review) -> pd.DataFrame:
    """List what each trial reports about harm, in its own words.

    Parameters
    ----------
    review : Review

    Returns
    -------
    DataFrame
        One row for each trial of which anything about harm was seen, by year: Trial, Randomised, Counted (events of
        people by arm, where an outcome of the question group "harms" has counts), In words (what was printed, or the
        column `harms` of the trials), Place.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.harms_table(review).columns.tolist()
    ['Trial', 'Randomised', 'Counted', 'In words', 'Place']
    """
    contrasts = review.contrast_results
    told = [
        review.arm_results[review.arm_results["outcome"].isin(_outcomes(review))],
        contrasts[contrasts["outcome"].isin(_outcomes(review))],
    ]
    counts = _counts(review)
    arms = review.arms.set_index(["trial_id", "arm_id"])["label"]
    words = review.trials.set_index("trial_id")["harms"]
    rows = []
    for trial in review.trials.sort_values(["year", "label"]).to_dict("records"):
        name = trial["trial_id"]
        own = [frame[frame["trial_id"] == name] for frame in told]
        if all(frame.empty for frame in own) and not words[name]:
            continue
        counted_by = [
            f"{_instrument(row)}{arms[name, row.arm_id]} {row.events:.0f}{_size(row.n)}"
            for row in counts[counts["trial_id"] == name].itertuples()
        ]
        printed = [text for frame in own for text in frame["as_reported"] if text]
        places = [text for frame in own for text in frame["locator"] if text]
        rows.append(
            {
                "Trial": trial["label"],
                "Randomised": trial["n_randomised"],
                "Counted": "; ".join(counted_by),
                "In words": capital("; ".join(dict.fromkeys([*printed, *filter(None, [words[name]])]))),
                "Place": "; ".join(dict.fromkeys(places)) or "remark of a reader",
            }
        )
    return pd.DataFrame(rows, columns=["Trial", "Randomised", "Counted", "In words", "Place"])


def _instrument(row: object) -> str:
    name = getattr(row, "instrument", "")
    return f"{name}: " if name else ""


def _size(n: float) -> str:
    return " (size of the group not stated)" if math.isnan(n) else f" of {n:,.0f}"


def harms_statement(review: Review) -> str:
    """Say in one sentence or two how little, or much, is known about harm.

    Parameters
    ----------
    review : Review

    Returns
    -------
    str
        How many trials say anything about harm, how many count it in each arm, among how many people in arms with a
        treatment under study, and how rare a harm could stay unseen among so many (three over the number of people;
        Hanley and Lippman-Hand 1983, JAMA 249, 1743-1745). Empty if the protocol has no question group "harms".

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.harms_statement(review).endswith(".")
    True
    """
    if not _outcomes(review):
        return ""
    told, counts = harms_table(review), _counts(review)
    studied = set(review.protocol.components.studied)
    components = review.arms.set_index(["trial_id", "arm_id"])["components"].to_dict()
    arms = zip(counts["trial_id"], counts["arm_id"], strict=True)
    treated = [not studied.isdisjoint(components[arm].split("+")) for arm in arms]
    known = counts[counts["n"].notna() & np.array(treated, dtype=bool)]
    # One row an arm: of several outcomes of an arm the largest group.
    people = float(known.groupby(["trial_id", "arm_id"])["n"].max().sum())
    trials = counts["trial_id"].nunique()
    little = "Little is known about harm: " if 2 * len(told) < len(review.trials) else ""
    share = f"{little}{len(told)} of {counted(len(review.trials), 'trial')}"
    text = (
        f"{share} say anything about harm in the texts that were read, and {trials or 'none'} of them "
        f"{'counts' if trials == 1 else 'count'} it group by group"
    )
    if not people:
        return f"{text}: how often harm happens is not known. {_SILENCE}"
    seldom = number(100 * 3 / people, 0 if people < 300 else 1)
    return (
        f"{text}, with {people:,.0f} people in the treated groups whose size is stated. Among so many, a harm "
        f"that befalls fewer than about {seldom} in 100 people could easily stay unseen. {_SILENCE}"
    )
