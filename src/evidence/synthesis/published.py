"""Pooled results of a review beside those that other reviews published."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from evidence.errors import DataError, Fault
from evidence.measures import measure_of
from evidence.synthesis.synthesis import synthesise
from evidence.tables.protocol.protocol import Published
from evidence.tables.review import Review

__all__ = ["beside_published"]

_COLUMNS = [
    *(
        "group",
        "kind",
        "label",
        "measure",
        "estimate",
        "ci_low",
        "ci_high",
        "prediction_low",
        "prediction_high",
    ),
    *("k", "n", "certainty", "comparison", "population", "timeframe", "source_url", "note"),
]


def beside_published(review: Review, **overrides: Any) -> pd.DataFrame:
    """Set the pooled results of this review beside published ones.

    Parameters
    ----------
    review : Review
        Its protocol says under ``published`` which belong together.
    **overrides
        Options of `synthesise` for the results of this review.

    Returns
    -------
    DataFrame
        One row per pooled result: group, kind ("this review" or "published"), label, measure, estimate, ci_low,
        ci_high, prediction_low, prediction_high, k, n, certainty, comparison, population, timeframe, source_url,
        note. Ratios are on their own scale. An estimate is NaN where this review could not pool; the note then says
        why.

    Raises
    ------
    DataError
        If an entry of the protocol matches no row of ``reviews.csv``.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.beside_published(review)["kind"].unique().tolist()
    ['this review', 'published']
    """
    rows: list[dict[str, Any]] = []
    for group in review.protocol.published:
        rows.extend(_own(review, group, name, overrides) for name in group.analyses)
        rows.extend(_theirs(review, group))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _own(review: Review, group: Published, name: str, overrides: dict[str, Any]) -> dict[str, Any]:
    result = synthesise(review, name, **({"measure": group.measure} if group.measure else {}), **overrides)
    window = review.protocol.windows[result.analysis.window]
    fit, usual = result.fit, review.protocol.pooled_measure(result.analysis)
    by = f"By {measure_of(result.measure).title}, as published; this review pools by {measure_of(usual).title}."
    numbers = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
    # Publications print ratios as they are, not as logarithms.
    shown = measure_of(result.measure).natural
    return {
        "group": group.group,
        "kind": "this review",
        # The same term may be another time elsewhere, so the label says which.
        "label": ", ".join(
            filter(None, ("This review", result.analysis.term and f"{result.analysis.term} ({window.span})"))
        ),
        "measure": result.measure,
        **{key: shown(getattr(fit, key)) if fit else math.nan for key in numbers},
        "k": result.k,
        "n": result.n,
        "comparison": result.analysis.title,
        "population": str(review.protocol.question.get("population", "")),
        "timeframe": window.span,
        "note": result.note if result.measure == usual else f"{by} {result.note}",
    }


def _theirs(review: Review, group: Published) -> list[dict[str, Any]]:
    found = []
    asked = {part for name in group.analyses for part in review.analyses[name].spec.intervention}
    for match in group.reviews:
        rows = review.reviews
        for column, value in match.where.items():
            if column not in rows:
                raise DataError(
                    [Fault("review.yaml", None, "published", column, "reviews.csv has no such column")]
                )
            rows = rows[rows[column] == value]
        if rows.empty:
            words = ", ".join(f"{column} = {value}" for column, value in match.where.items())
            raise DataError([Fault("review.yaml", None, "published", words, "no row of reviews.csv fits")])
        sign = -1 if match.turn else 1
        for row in rows.to_dict("records"):
            reverse = not set(row["intervention"].split("+")) & asked
            why = "compares the other way round" if reverse else "counts benefit as positive"
            low, high = sign * row["ci_low"], sign * row["ci_high"]
            found.append(
                {
                    "group": group.group,
                    "kind": "published",
                    "label": ", ".join(
                        part
                        for part in (row["label"], row["population"], row["timeframe"] or "time not stated")
                        if part
                    ),
                    "measure": row["measure"],
                    "estimate": sign * row["estimate"],
                    "ci_low": min(low, high),
                    "ci_high": max(low, high),
                    "k": row["k"],
                    "n": row["n"],
                    "certainty": row["certainty"],
                    "comparison": row["comparison"],
                    "population": row["population"],
                    "timeframe": row["timeframe"],
                    "source_url": row["source_url"],
                    "note": f"sign turned: the source {why}" if match.turn else "",
                }
            )
    return found
