"""What trials report about harm: counts and phrases, trial by trial, and how much that is."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from evidence.appraisal.effect_words import word
from evidence.effects.choosing.choices import Choices
from evidence.synthesis.reports import HARMS, harms_told, reports_on
from evidence.synthesis.rule import count_trials
from evidence.synthesis.synthesis import Synthesis
from evidence.tables.review import Review
from evidence.wording import capital, counted, joined, number

__all__ = ["HARMS", "harms_accounted", "harms_statement", "harms_table", "told_in_words"]

_ARMS = ("arm_id", "comparator_arm_id")
_SILENCE = "That no harm is reported does not mean that none was done."


def _outcomes(review: Review) -> list[str]:
    """Outcomes of the question group that is about harm, in the protocol's order."""
    analyses = review.protocol.question_groups.get(HARMS, ())
    return list(dict.fromkeys(one.outcome for one in analyses))


def told_in_words(review: Review, result: Synthesis) -> tuple[int, int]:
    """Count the trials of an analysis of any harm that report no result for it and tell of harm in words alone.

    Those that the protocol takes, and those that it leaves out.
    """
    asked = result.not_poolable
    silent = asked[~asked["study"].isin({*result.effects["study"], *result.reported["study"]})]
    choices = Choices.of(review, {}, analysis=result.analysis)
    told = harms_told(review, result.analysis, silent, choices)
    taken = {*told.loc[told["reason_kind"] == "", "study"]}
    return len(taken), len({*told["study"]} - taken)


def _places(review: Review) -> dict[str, tuple[bool, str]]:
    """Say for each trial that reports for a comparison whether it counts, and for which or why not."""
    counts: dict[str, dict[str, None]] = {}
    out: dict[str, str] = {}
    for one in review.protocol.question_groups.get(HARMS, ()):
        for row in reports_on(review, one).trials.to_dict("records"):
            if row["kind"] == "left out":
                out[row["trial_id"]] = f"left out ({row['reason']})"
            else:
                counts.setdefault(row["trial_id"], {})[one.comparison] = None
    taken = {trial: (True, "; ".join(told)) for trial, told in counts.items()}
    return {trial: (False, why) for trial, why in out.items()} | taken


def _alone(review: Review) -> str:
    """Say why a trial belongs to no comparison of harm."""
    names = (word(review.protocol, name) for name in _treatments(review))
    return f"no two groups that differ in {joined(names, 'or')} alone"


def _treatments(review: Review) -> list[str]:
    """Treatments whose harm is asked for."""
    asked = review.protocol.question_groups.get(HARMS, ())
    return list(dict.fromkeys(name for one in asked for name in one.spec.intervention))


def harms_accounted(review: Review) -> str:
    """Say how many of the trials that tell of harm count for a comparison, and name the others with the reason.

    Empty if the protocol has no question group "harms", or all count.
    """
    if not _outcomes(review):
        return ""
    told, places = _telling(review), _places(review)
    out = [trial["label"] for trial in told if not places.get(trial["trial_id"], (True, ""))[0]]
    apart = [trial["label"] for trial in told if trial["trial_id"] not in places]
    if not out and not apart:
        return ""
    parts = [f"{len(told) - len(out) - len(apart) or 'none'} count for a comparison above"]
    parts += [f"the protocol leaves out {len(out)} ({joined(out)})"] if out else []
    have = "has" if len(apart) == 1 else "have"
    parts += [f"{len(apart)} ({joined(apart)}) {have} {_alone(review)}"] if apart else []
    return f"Of the {counted(len(told), 'trial')}, {'; '.join(parts)}."


def _telling(review: Review) -> list[dict[Hashable, Any]]:
    """The trials of which anything about harm was seen, by year."""
    tables = (review.arm_results, review.contrast_results)
    heard = {
        name for table in tables for name in table.loc[table["outcome"].isin(_outcomes(review)), "trial_id"]
    }
    trials = review.trials[review.trials["trial_id"].isin(heard) | (review.trials["harms"] != "")]
    return trials.sort_values(["year", "label"]).to_dict("records")


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
        column `harms` of the trials), Place, Counts for (the comparisons of the question group for which the trial
        counts, or why for none).

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.harms_table(review).columns.tolist()
    ['Trial', 'Randomised', 'Counted', 'In words', 'Place', 'Counts for']
    """
    contrasts = review.contrast_results
    told = [
        review.arm_results[review.arm_results["outcome"].isin(_outcomes(review))],
        contrasts[contrasts["outcome"].isin(_outcomes(review))],
    ]
    counts, counts_for, apart = _counts(review), _places(review), f"none: {_alone(review)}"
    words = review.trials.set_index("trial_id")["harms"]
    rows = []
    for trial in _telling(review):
        name = trial["trial_id"]
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
                "Counts for": counts_for.get(name, (False, apart))[1],
            }
        )
    columns = ["Trial", "Randomised", "Counted", "In words", "Place", "Counts for"]
    return pd.DataFrame(rows, columns=columns)


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
        How many trials say anything about harm, how many count it, among how many people with which of the
        treatments that are asked about (as randomised where the count states none), which of these nobody counts it
        for, what the few trials with usable counts found, and how rare a harm could stay unseen among so many people
        (three over their number; Hanley and Lippman-Hand 1983, JAMA 249, 1743-1745). Empty if the protocol has no
        question group "harms".

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.harms_statement(review).endswith(".")
    True
    """
    if not _outcomes(review):
        return ""
    told, counts, protocol = _telling(review), _counts(review), review.protocol
    had = [components.split("+") for components in counts["components"]]
    by = {
        name: _people(counts[np.array([name in parts for parts in had], dtype=bool)])
        for name in _treatments(review)
    }
    people, assumed = _people(
        counts[np.array([not by.keys().isdisjoint(parts) for parts in had], dtype=bool)]
    )
    trials, held = (protocol.count_trials(table["trial_id"]) for table in (counts, review.trials))
    little = "Little is known about harm: " if 2 * len(told) < held else ""
    text = (
        f"{little}{len(told)} of {counted(held, 'trial')} say anything about {'it' if little else 'harm'} in the "
        "texts read, and "
        f"{trials or 'none'} {'counts' if trials == 1 else 'count'} it"
    )
    if not people:
        return f"{text}: how often harm happens is not known. {_SILENCE}"
    some = [word(protocol, name) for name, (size, _) in by.items() if size]
    none = [word(protocol, name) for name, (size, _) in by.items() if not size]
    randomised = f" ({assumed:,.0f} as randomised)" if assumed else ""
    others = f"; none counts it for {joined(none, 'or')}" if none else ""
    seldom = number(100 * 3 / people, 0 if people < 300 else 1)
    parts = (
        f"{text}, among {people:,.0f} people with {joined(some, 'or')}{randomised}{others}.",
        f"Among so many, a harm of fewer than about {seldom} in 100 could easily stay unseen.",
        _usable(review, counts),
        _SILENCE,
    )
    return " ".join(filter(None, parts))


def _people(counts: pd.DataFrame) -> tuple[float, float]:
    """Add up the people of counted arms whose size is known, and those of them that are counted as randomised."""
    # One row an arm: of several outcomes of an arm the largest group.
    sizes = counts.groupby(["trial_id", "arm_id"])[["n", "n_randomised"]].max()
    assumed = float(sizes.loc[sizes["n"].isna(), "n_randomised"].sum())
    return float(sizes["n"].sum()) + assumed, assumed


def _usable(review: Review, counts: pd.DataFrame) -> str:
    """Say what trials with usable counts found on any harm, as long as they are too few to combine."""
    asked = review.protocol.question_groups[HARMS]
    arms = counts.set_index(["trial_id", "arm_id", "outcome", "instrument"])
    said = []
    for one in asked:
        if one.outcome != asked[0].outcome or one.one_group:
            continue
        effects = review.effects(one)
        if count_trials(effects) >= review.protocol.model_of(one).minimum_studies:
            continue
        for row in effects.to_dict("records"):
            keys = [(row["trial_id"], row[arm], one.outcome, row["instrument"]) for arm in _ARMS]
            groups = [arms.loc[[key]].iloc[0] for key in keys if key in arms.index]
            if len(groups) == len(_ARMS) and not any(math.isnan(group["n"]) for group in groups):
                shares = (
                    f"{group['events']:.0f} of {group['n']:,.0f} ({group['label']})" for group in groups
                )
                said.append(f"{row['label']}, {' and '.join(shares)}")
    title = capital(review.protocol.outcome_title(asked[0].outcome))
    return f"{title}: {'; '.join(dict.fromkeys(said))}." if said else ""
