"""The results of a review as one JSON document, described by a JSON schema that is made from the same types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from evidence.appraisal.networks.findings import network_findings
from evidence.files import drafts, plain, write
from evidence.measures import measure_of
from evidence.report.export.codebook import DESCRIPTIONS
from evidence.synthesis.networks import ReviewNetwork, review_networks
from evidence.synthesis.rule import rule_of
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.review import Review
from evidence.version import __version__

__all__ = ["FORMAT", "ReviewResults", "read_json", "results_schema", "review_results", "write_json"]

FORMAT = 1
"""Number of the form of the document; it grows when a reader of the old form would misread the new one."""


def _of(name: str, **more: Any) -> Any:
    return Field(description=DESCRIPTIONS[name], **more)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelUsed(_Part):
    """How the analysis combines comparisons."""

    method: str = Field(description="estimator of the between-study variance")
    interval: str = Field(description="confidence interval of the mean")
    prediction: str = Field(description="distribution of the prediction interval")
    level: float = _of("level", gt=0, lt=1)
    counts: Literal["IV", "MH", "PETO"] = Field(description="how events of two groups are combined")
    minimum_trials: int = Field(description="fewer trials are shown and not combined")


class ShownResult(_Part):
    """The result on the scale on which it is told: ratios as ratios, proportions as shares."""

    estimate: float
    ci_low: float
    ci_high: float
    prediction_low: float | None
    prediction_high: float | None


class Combined(_Part):
    """A combined result on the scale of the analysis: ratios as logarithms."""

    estimate: float = Field(
        description="pooled effect, intervention minus comparator; of ratios the logarithm; of one group what it has"
    )
    se: float = _of("se")
    ci_low: float = _of("ci_low")
    ci_high: float = _of("ci_high")
    p_value: float | None = _of("p_value")
    prediction_low: float | None = _of("prediction_low")
    prediction_high: float | None = _of("prediction_high")
    tau2: float = _of("tau2")
    tau2_low: float | None = _of("tau2_low")
    tau2_high: float | None = _of("tau2_high")
    i2: float = _of("i2")
    q: float = _of("q")
    q_df: int = _of("q_df")
    q_p: float = _of("q_p")
    shown: ShownResult


class Bayesian(_Part):
    """With few trials, the result under a published distribution of the heterogeneity; ratios as logarithms."""

    estimate: float = _of("bayes_estimate")
    ci_low: float = _of("bayes_low")
    ci_high: float = _of("bayes_high")
    prior: str = Field(description="source of the distribution")


class Compared(_Part):
    """A comparison that bears on the analysis."""

    trial_id: str = _of("trial_id")
    study: str = _of("study")
    label: str = _of("label")
    arm_id: str = _of("arm_id")
    comparator_arm_id: str = _of("comparator_arm_id")
    arm: str = _of("arm")
    comparator: str = _of("comparator")
    instrument: str = _of("instrument")
    timepoint_weeks: float | None = _of("timepoint_weeks")
    effect: float | None = Field(description="effect of the comparison; of ratios the logarithm")
    se: float | None = Field(description="its standard error")
    weight: float | None = Field(description="its weight in the combined result, percent")
    n_arm: float | None = _of("n_arm")
    n_comparator: float | None = _of("n_comparator")
    events_arm: float | None = _of("events_arm")
    events_comparator: float | None = _of("events_comparator")
    derivation: str = _of("derivation")
    result_ids: str = _of("result_ids")
    source_url: str = _of("source_url")
    doi: str = _of("doi")
    reason: str = Field(description='why it is not poolable; "" if it is')


class AnalysisResult(_Part):
    """One analysis of the protocol."""

    id: str = _of("analysis")
    title: str = _of("title")
    outcome: str = _of("outcome")
    window: str = Field(description="window of follow-up")
    measure: str = Field(description="code of the measure")
    scale: str = _of("scale")
    k: int = Field(description="poolable comparisons", ge=0)
    trials: int = _of("trials", ge=0)
    n: float = _of("n", ge=0)
    model: ModelUsed
    result: Combined | None = Field(description="null where nothing is combined; the note says why")
    bayes: Bayesian | None
    note: str = _of("note")
    comparisons: tuple[Compared, ...] = Field(description="the poolable ones first")


class Against(_Part):
    """A treatment against the reference of its network; ratios as logarithms."""

    treatment: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    prediction_low: float | None
    prediction_high: float | None
    studies: int = Field(description="studies that compare the two directly", ge=0)
    rests_on: int = Field(
        description="studies on which it rests: paths between the two that share none", ge=1
    )
    certainty: Literal["high", "moderate", "low", "very low"]


class NetworkResult(_Part):
    """A network of trials of one outcome."""

    id: str
    outcome: str
    window: str
    nodes: str = Field(description="grouping of components into treatments, by its name in the protocol")
    measure: str
    method: str
    level: float = Field(gt=0, lt=1)
    reference: str
    k: int = Field(description="studies", ge=1)
    tau2: float
    i2: float | None
    q: float
    q_df: int
    treatments: tuple[Against, ...]
    not_told: dict[str, str] = Field(description="why, by treatment, where the protocol combines no result")


class ReviewResults(_Part):
    """All results of a review."""

    schema_: str = Field(alias="$schema", description="file that describes this one")
    format: Literal[1] = Field(description="number of the form of this document")
    made_with: str = Field(description="program and version")
    title: str
    analyses: tuple[AnalysisResult, ...]
    networks: tuple[NetworkResult, ...]
    networks_not_fitted: dict[str, str] = Field(description="why, by id")


SCHEMA_NAME = "results.schema.json"


def review_results(review: Review) -> ReviewResults:
    """Compute all results of a review under its protocol.

    Parameters
    ----------
    review : Review

    Returns
    -------
    ReviewResults
    """
    networks = review_networks(review)
    return ReviewResults.model_validate(
        {
            "$schema": SCHEMA_NAME,
            "format": FORMAT,
            "made_with": f"evidence {__version__}",
            "title": review.protocol.title,
            "analyses": [_analysis(review, synthesise(review, name)) for name in review.analyses],
            "networks": [_network(review, one) for one in networks if one.fit is not None],
            "networks_not_fitted": {one.id: one.hindrance for one in networks if one.fit is None},
        }
    )


def results_schema() -> dict[str, Any]:
    """Describe the document: JSON Schema, draft 2020-12."""
    schema = ReviewResults.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_json(review: Review, output: Path) -> list[Path]:
    """Write ``results.json`` and the schema that describes it, ``results.schema.json``.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If the folder cannot be written to; nothing is written then.
    ReportError
        If the disk is full, likewise.
    """
    document = review_results(review).model_dump(mode="json", by_alias=True)
    with drafts(output) as beside:
        for name, content in (("results.json", document), (SCHEMA_NAME, results_schema())):
            write(beside, name, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    return [output / "results.json", output / SCHEMA_NAME]


def read_json(path: str | Path) -> ReviewResults:
    """Read a document that `write_json` wrote.

    Raises
    ------
    pydantic.ValidationError
        If it is not as the schema says.
    """
    return ReviewResults.model_validate_json(Path(path).read_bytes())


def _numbers(of: object, kind: type[BaseModel], *leave: str) -> dict[str, Any]:
    """Take the fields of a part from a result, missing and infinite numbers as null."""
    return {name: plain(getattr(of, name)) for name in kind.model_fields if name not in leave}


def _analysis(review: Review, one: Synthesis) -> dict[str, Any]:
    rule = rule_of(review.protocol, one.analysis, one.measure)
    fit, bayes = one.fit, one.bayes
    weights = [None] * one.k if fit is None else [float(weight) for weight in fit.weights]
    pooled = one.effects.assign(reason="", weight=pd.Series(weights, index=one.effects.index, dtype=object))
    others = one.not_poolable.assign(weight=None)
    rows = [*pooled.to_dict("records"), *others.to_dict("records")]
    return {
        "id": one.analysis.id,
        "title": one.analysis.title,
        "outcome": one.analysis.outcome,
        "window": one.analysis.window,
        "measure": one.measure,
        "scale": measure_of(one.measure).name.lower(),
        "k": one.k,
        "trials": one.trials,
        "n": one.n,
        "model": {
            "method": rule.model["method"],
            "interval": rule.model["ci"],
            "prediction": rule.model["prediction"],
            "level": rule.model["level"],
            "counts": rule.counts if measure_of(one.measure).of == "events" else "IV",
            "minimum_trials": rule.minimum,
        },
        "result": None
        if fit is None
        else _numbers(fit, Combined, "shown")
        | ({} if measure_of(one.measure).has_null else {"p_value": None})
        | {"shown": {name: plain(one.shown(getattr(fit, name))) for name in ShownResult.model_fields}},
        "bayes": None
        if bayes is None
        else _numbers(bayes, Bayesian, "prior") | {"prior": str(bayes.tau_prior.source)},
        "note": one.note,
        "comparisons": [_compared(row) for row in rows],
    }


def _compared(row: dict[Any, Any]) -> dict[str, Any]:
    cells = {}
    for name, field in Compared.model_fields.items():
        value = plain(row.get(name))
        is_text = field.annotation is str
        cells[name] = ("" if value is None else str(row[name])) if is_text else value
    return cells


def _network(review: Review, one: ReviewNetwork) -> dict[str, Any]:
    fit = one.fit
    assert fit is not None
    found = network_findings(review, one.outcome, one.window, nodes=one.nodes, reference=fit.reference)
    rows = fit.relative_to().to_dict("index")
    told = [
        {**rows[each.one], "treatment": each.one, "rests_on": each.paths, "certainty": each.level}
        for each in found.against()
        if each.fit is not None
    ]
    return {
        **{name: getattr(one, name) for name in ("id", "outcome", "window", "nodes", "measure")},
        **{
            name: plain(getattr(fit, name))
            for name in ("method", "level", "reference", "k", "tau2", "i2", "q", "q_df")
        },
        "treatments": [{name: plain(row[name]) for name in Against.model_fields} for row in told],
        "not_told": {each.one: each.clause for each in found.against() if each.fit is None},
    }
