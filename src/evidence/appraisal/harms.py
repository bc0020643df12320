"""What trials report about harm: counts and phrases, trial by trial, and how much that is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evidence.synthesis.reports import HARMS, harms_in_words
from evidence.synthesis.synthesis import Synthesis
from evidence.tables.review import Review
from evidence.wording import capital, counted, number

__all__ = ["HARMS", "harms_statement", "harms_table", "told_in_words"]

_SILENCE = "That no harm is reported does not mean that none was done."


def _outcomes(review: Review) -> list[str]:
    """Outcomes of the question group that is about harm, in the protocol's order."""
    analyses = review.protocol.question_groups.get(HARMS, ())
    return list(dict.fromkeys(one.outcome for one in analyses))


def told_in_words(review: Review, result: Synthesis) -> int:
    """Count the trials of an analysis of any harm that report no result for it and tell of harm in words alone."""
    asked = result.not_poolable
    words = asked.loc[asked["trial_id"].isin(harms_in_words(review, result.analysis)), "study"]
    return len({*words}.difference(result.effects["study"], result.reported["study"]))


def _counts(review: Review) -> pd.DataFrame:
    """Counts of harm by arm, each with the people of its arm as randomised."""
    rows = review.arm_results
    rows = rows[rows["outcome"].isin(_outcomes(review)) & rows["events"].notna()]
    sizes = review.arms[["trial_id", "arm_id", "label", "n_randomised", "components"]]
    return rows.merge(sizes, on=["trial_id", "arm_id"], how="left")


def harms_table(review: Review) -> pd.DataFrame:
    """List what each trial reports about harm, in its own words.

    Parameters
    ----------
    review : Review

    Returns
    -------
    DataFrame
        One row for each trial of which anything about harm was seen, by year: Trial, Randomised, Counted (events of
        people by arm, where an outcome of the question group "harms" has counts, under the name that the source gives
        them), In words (what was printed, or the
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
    words = review.trials.set_index("trial_id")["harms"]
    heard = {name for frame in told for name in frame["trial_id"]}
    rows = []
    for trial in review.trials.sort_values(["year", "label"]).to_dict("records"):
        name = trial["trial_id"]
        if name not in heard and not words[name]:
            continue
        own = [frame[frame["trial_id"] == name] for frame in told]
        counted_by = [
            (f'"{instrument}": ' if instrument else "")
            + ", ".join(f"{row.label} {row.events:.0f}{_size(row.n)}" for row in rows_of.itertuples())
            for instrument, rows_of in counts[counts["trial_id"] == name].groupby("instrument", sort=False)
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


def _size(n: float) -> str:
    return " (of how many is not stated)" if math.isnan(n) else f" of {n:,.0f}"


def harms_statement(review: Review) -> str:
    """Say in one sentence or two how little, or much, is known about harm.

    Parameters
    ----------
    review : Review

    Returns
    -------
    str
        How many trials say anything about harm, how many count it in each arm, among how many people in arms with a
        treatment under study (as randomised where the count states none), and how rare a harm could stay unseen among
        so many (three over the number of people; Hanley and Lippman-Hand 1983, JAMA 249, 1743-1745). Empty if the
        protocol has no question group "harms".

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
    treated = [not studied.isdisjoint(components.split("+")) for components in counts["components"]]
    # One row an arm: of several outcomes of an arm the largest group.
    sizes = counts[np.array(treated, dtype=bool)].groupby(["trial_id", "arm_id"])[["n", "n_randomised"]].max()
    assumed = float(sizes.loc[sizes["n"].isna(), "n_randomised"].sum())
    people = float(sizes["n"].sum()) + assumed
    trials, held = (review.protocol.count_trials(table["trial_id"]) for table in (counts, review.trials))
    little = "Little is known about harm: " if 2 * len(told) < held else ""
    share = f"{little}{len(told)} of {counted(held, 'trial')}"
    text = (
        f"{share} say anything about harm in the texts that were read, and {trials or 'none'} of them "
        f"{'counts' if trials == 1 else 'count'} it group by group"
    )
    if not people:
        return f"{text}: how often harm happens is not known. {_SILENCE}"
    randomised = f" ({assumed:,.0f} of them as randomised, as the count states no size)" if assumed else ""
    seldom = number(100 * 3 / people, 0 if people < 300 else 1)
    return (
        f"{text}, with {people:,.0f} people in the treated groups whose size is known{randomised}. Among so many, "
        f"a harm that befalls fewer than about {seldom} in 100 people could easily stay unseen. {_SILENCE}"
    )
