"""The plan of sequential analysis that a protocol holds, carried out for one of its analyses."""

from __future__ import annotations

from typing import Any

from evidence.diagnostics.sequential.analysis import sequential
from evidence.diagnostics.sequential.result import Sequential
from evidence.errors import DataError, ModelError
from evidence.measures import measure_of
from evidence.synthesis.synthesis import synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["sequential_analysis"]


def sequential_analysis(review: Review, analysis: str | Analysis, **overrides: Any) -> Sequential:
    """Run the sequential analysis that a protocol plans, trials by year of publication.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    **overrides
        ``delta`` (on the outcome's scale, a ratio as such), ``alpha``, ``power`` and ``heterogeneity`` that differ
        from the protocol's; all others go to `synthesise`.

    Returns
    -------
    Sequential

    Raises
    ------
    DataError
        If the analysis or an option is unknown, a trial has no year, or the outcome has neither a ``delta`` in the
        plan nor a minimal important difference.
    ModelError
        If nothing is pooled.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> type(ev.sequential_analysis(review, "massage-inactive-pain-short")).__name__
    'Sequential'
    """
    plan = review.protocol.sequential
    settings = {
        name: overrides.pop(name, getattr(plan, name)) for name in ("alpha", "power", "heterogeneity")
    }
    delta = overrides.pop("delta", None)
    result = synthesise(review, analysis, **overrides)
    outcome = review.protocol.outcomes[result.analysis.outcome]
    if result.analysis.one_group:
        raise DataError(f"{result.analysis.id} compares nothing, so there is no effect to be missed.")
    if result.fit is None:
        raise ModelError(f"{result.analysis.id}: {result.note}")
    if delta is None and result.measure == outcome.measure:
        delta = plan.delta.get(result.analysis.outcome, outcome.minimal_important_difference)
    if delta is None:
        raise DataError(
            f"{result.analysis.id}: no effect ({result.measure}) is planned that the analysis should not miss; give "
            f"sequential.delta.{result.analysis.outcome} in review.yaml, or delta=."
        )
    if measure_of(result.measure).ratio:
        if delta <= 0.0:
            raise DataError(f"{result.analysis.id}: delta is {delta}; a ratio is above 0.")
        delta = measure_of(result.measure).analysed(delta)
    effects = result.effects
    return sequential(
        result.fit,
        effects["year"],
        delta=delta,
        n=effects["n"],
        better=outcome.better,
        measure=result.measure,
        **settings,
    )
