"""The frame of a published review asked of these tables, compared with what it printed, trial by trial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.effects.reported.reasons import OR
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.results import Shown, table_text
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.notes import plain_notes
from evidence.tables.protocol.protocol import Reproduction
from evidence.tables.review import Review
from evidence.wording import counted, interval, parts_of

__all__ = ["Reproduced", "reproduce"]

PLACES = (
    "in both",
    "in the other review, without usable numbers here",
    "in the other review, not in these tables",
    "here, not known to be in the other review",
    "in the other review, not known for which of its results",
    "here, and in the other review, not known for which of its results",
    "here, not in the other review",
)
"""Where a comparison stands, or a trial of whose part in the other review only the inclusion is known."""

_MEANS = ("m1", "sd1", "n1", "m2", "sd2", "n2")


@dataclass(frozen=True, eq=False, repr=False)
class Reproduced(Shown):
    """Result of `reproduce`."""

    entry: Reproduction
    own: Synthesis
    """The analysis of this review in the other review's frame."""
    published: pd.DataFrame
    """The rows of ``reviews.csv`` that it is compared with."""
    theirs: Pooled | None
    """The other review's values of single trials, as far as they were seen, pooled by the analysis's model."""
    trials: pd.DataFrame
    """One row a comparison, or a trial of which only the inclusion is known: label, trial_id, place (of `PLACES`),
    their_effect, their_se, effect, se and reason (why there are no usable numbers here)."""

    def to_frame(self) -> pd.DataFrame:
        """One row a comparison, as `trials`."""
        return self.trials

    @property
    def note(self) -> str:
        """Printed, reproduced and own result, and how many trials they share, in words."""
        measure = measure_of(self.own.measure)

        units = list(dict.fromkeys(self.own.effects["unit"]))
        own_unit = "SD" if self.own.measure == "SMD" else units[0] if len(units) == 1 else ""

        def said(fit: Pooled) -> str:
            values = map(measure.natural, (fit.estimate, fit.ci_low, fit.ci_high))
            return interval(*values, digits=measure.digits, unit=own_unit)

        parts = []
        for row in self.published.to_dict("records"):
            # A mean difference is on the scale that the other review names.
            scale = f"on the scale {row['unit_or_scale']}" if row["unit_or_scale"] else ""
            unit = {"SMD": "SD", "MD": scale}.get(row["measure"], "")
            values = row["estimate"], row["ci_low"], row["ci_high"]
            printed = interval(*values, digits=measure.digits, unit=unit)
            sizes = ((row["k"], "studies"), (row["n"], "people"))
            size = "".join(f", {count:,.0f} {what}" for count, what in sizes if not math.isnan(count))
            parts.append(f"{row['label']} printed {printed}{size}.")
        if self.theirs is not None:
            again = counted(self.theirs.k, "comparison")
            parts.append(f"Its values of {again}, pooled here, give {said(self.theirs)}.")
        fit = self.own.fit
        if fit is None:
            parts.append(self.own.note)
        else:
            people = f" with {self.own.n:,.0f} people" if self.own.n else ""
            of = f"{counted(fit.k, 'comparison')} in {counted(self.own.trials, 'trial')}"
            parts.append(f"These tables give {said(fit)} from {of}{people}.")
        places = self.trials["place"].value_counts()
        listed = "; ".join(f"{number} {place}" for place, number in places.items())
        parts.append(f"Rows below: {listed}.")
        return " ".join(parts)

    @property
    def table(self) -> pd.DataFrame:
        """The trials as a page prints them."""
        headings = {
            "label": "trial",
            "place": "place",
            "their_effect": "effect there",
            "their_se": "standard error there",
            "effect": "effect here",
            "se": "standard error here",
            "reason": "why there are no numbers here",
        }
        return self.trials[list(headings)].rename(columns=headings)

    def summary(self) -> str:
        """Describe the comparison as a text table."""
        return table_text(self.entry.title, self.trials.drop(columns="trial_id"), self.note)


def reproduce(review: Review, title: str) -> Reproduced:
    """Ask the question of a published review in its own frame, and say trial by trial why the answers differ.

    Parameters
    ----------
    review : Review
        Its protocol lists under ``reproductions`` what is reproduced; ``review_trials.csv`` holds what the other
        review says of single trials.
    title : str
        Title of the entry, or the id of its analysis.

    Returns
    -------
    Reproduced

    Raises
    ------
    DataError
        If the protocol has no such entry.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> entry = review.protocol.reproductions[0]
    >>> reproduced = ev.reproduce(review, entry.title)
    >>> "trial_id" in reproduced.trials
    True
    """
    entries = review.protocol.reproductions
    entry = next((one for one in entries if title in (one.title, one.analysis)), None)
    if entry is None:
        raise DataError(
            f"the protocol reproduces nothing called '{title}'; it has {'; '.join(one.title for one in entries)}"
        )
    own = synthesise(review, entry.analysis)
    published = review.reviews[review.reviews["review_id"] == entry.review]
    known = review.review_trials[review.review_trials["review_id"] == entry.review]
    for column, value in entry.where.items():
        published = published[published[column] == value]
        # A trial of which only the inclusion is known stands for every result of its review.
        if column in known:
            known = known[known[column].isin([value, ""])]
    # A trial of these tables has one name, however the other review spells it.
    names = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    known = known.assign(label=known["trial_id"].map(names).fillna(known["label"]))
    trials = _trials(own, known, _absent(review, entry))
    trials["reason"] = trials["reason"].map(plain_notes(review))
    return Reproduced(entry, own, published, _theirs(own, known), trials)


def _absent(review: Review, entry: Reproduction) -> set[str]:
    """The trials that the other review is known not to include."""
    if not entry.included:
        return set()
    if entry.included not in review.trials:
        raise DataError(f"review.yaml, reproductions: trials.csv has no column {entry.included}")
    return set(review.trials.loc[review.trials[entry.included] == "no", "trial_id"])


def _theirs(own: Synthesis, known: pd.DataFrame) -> Pooled | None:
    values = known.dropna(subset=list(_MEANS))
    if len(values) < 3 or own.measure not in ("MD", "SMD"):
        return None
    sizes = _sizes(own.measure, values)
    return pool(sizes["effect"], sizes["variance"], labels=list(values["label"]))


def _sizes(measure: str, values: pd.DataFrame) -> pd.DataFrame:
    """Effect and variance of each comparison from the means, standard deviations and sizes of its arms."""
    arms: dict[str, Any] = {name: values[name].to_numpy(float) for name in _MEANS}
    return effect_size(measure, **arms)


def _trials(own: Synthesis, known: pd.DataFrame, absent: set[str]) -> pd.DataFrame:
    """Set what the other review has of each trial beside what these tables have."""
    reasons = own.not_poolable.drop_duplicates("trial_id").set_index("trial_id")
    here = own.effects.set_index("trial_id")
    rows: list[dict[str, Any]] = []
    for row in known.to_dict("records"):
        trial = str(row["trial_id"])
        values: dict[str, float] = {"their_effect": math.nan, "their_se": math.nan}
        if own.measure in ("MD", "SMD") and not any(math.isnan(row[name]) for name in _MEANS):
            size = _sizes(own.measure, pd.DataFrame([row])).iloc[0]
            values = {"their_effect": float(size["effect"]), "their_se": math.sqrt(float(size["variance"]))}
        place, reason = PLACES[2], ""
        if trial in here.index:
            place = PLACES[0]
        elif trial:
            # The first of several reasons is that of the preferred result.
            why = reasons["reason"].get(trial, "none of its comparisons answers this question")
            place, reason = PLACES[1], str(parts_of(why, OR)[0])
        if not row["comparison"] and not row["outcome"]:
            place = PLACES[5 if trial in here.index else 4]
        rows.append({"label": row["label"], "trial_id": trial, "place": place, **values, "reason": reason})
    listed = {row["trial_id"] for row in rows}
    ours: list[dict[str, Any]] = [
        {"label": row["label"], "trial_id": row["trial_id"], "effect": row["effect"], "se": row["se"]}
        for row in own.effects.to_dict("records")
    ]
    for one in ours:
        twin = next((row for row in rows if row["trial_id"] == one["trial_id"] and "effect" not in row), None)
        if twin is not None:
            twin |= {"effect": one["effect"], "se": one["se"]}
        else:
            own_place = 0 if one["trial_id"] in listed else 6 if one["trial_id"] in absent else 3
            rows.append({"place": PLACES[own_place], "reason": "", **one})
    columns = ["label", "trial_id", "place", "their_effect", "their_se", "effect", "se", "reason"]
    return pd.DataFrame(rows, columns=columns)
