"""The model of a protocol, its parts that one analysis may have for itself, and the times of follow-up."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from evidence.measures import ESTIMATORS, choose_interval, choose_method, choose_prediction
from evidence.tables.protocol.part import ProtocolPart

__all__ = ["ModelRules", "OwnModel", "Window"]

METHODS = tuple(code for code in ESTIMATORS if code != "GENQ")  # which needs weights of its own
Method = Annotated[str, AfterValidator(lambda name: choose_method(name, METHODS))]
Interval = Annotated[str, AfterValidator(choose_interval)]
Prediction = Annotated[str, AfterValidator(choose_prediction)]
Counts = Literal["IV", "MH", "PETO"]


class Window(ProtocolPart):
    """A span of follow-up, in weeks from randomisation; without ends it takes results of any time, stated or not."""

    title: str = ""  # words for a heading; by default made of the name
    start: float = Field(default=0.0, alias="from", ge=0)
    end: float = Field(default=math.inf, alias="to")
    target: float | None = None  # without one no time is preferred to another
    include_from: bool = True

    @model_validator(mode="after")
    def _has_an_extent(self) -> Window:
        if self.start > self.end:
            raise ValueError(f"from is {self.start:g} and to {self.end:g}; from may not be later than to")
        return self

    @property
    def any_time(self) -> bool:
        """Whether it takes results of any time."""
        return self.start == 0.0 and math.isinf(self.end)

    def term(self, name: str) -> str:
        """Words for a window of that name: ``short term``; its title if it has one; empty if it takes any time."""
        return self.title or ("" if self.any_time else f"{name.replace('_', ' ')} term")

    @property
    def words(self) -> str:
        """The span as in a sentence: ``after 1 to 13 weeks``."""
        if self.any_time:
            return "at any time"
        return f"after {self.start:g} weeks or more" if math.isinf(self.end) else f"after {self.span}"

    @property
    def span(self) -> str:
        """The span as a phrase: ``1 to 13 weeks``."""
        if self.any_time:
            return "any time"
        return (
            f"{self.start:g} weeks or more"
            if math.isinf(self.end)
            else f"{self.start:g} to {self.end:g} weeks"
        )

    def holds(self, weeks: float) -> bool:
        """Tell whether a time lies in the window; one that is not stated (NaN) lies in a window without ends."""
        if math.isnan(weeks):
            return self.any_time
        after_start = weeks >= self.start if self.include_from else weeks > self.start
        return after_start and weeks <= self.end

    def distance(self, weeks: float) -> float:
        """Give the distance from the wanted time: 0 if none is wanted, infinite if the time is not stated."""
        if self.target is None:
            return 0.0
        return math.inf if math.isnan(weeks) else abs(weeks - self.target)


class ModelRules(ProtocolPart):
    """The default model, and how results of one trial are chosen and combined.

    `counts` says how events of two groups are combined: by inverse variance (IV), by Mantel and Haenszel (MH) or by
    Peto, whose estimates need no variance of a single trial. With MH and a variance between trials, DerSimonian and
    Laird's moment is taken about the Mantel-Haenszel estimate, as RevMan does.

    Fewer trials than `minimum_studies` are shown and not combined; comparisons of one trial count as one. Up to
    `few_studies` trials, a Bayesian result stands beside the pooled one if the outcome has a published distribution
    of the heterogeneity. `indirect` and `mixed` say whether results that the protocol lists as indirect, and arms
    that the tables mark as packages in which the studied component is one of many, take part; where not, a
    sensitivity analysis adds them.
    """

    method: Method = "REML"
    counts: Counts = "IV"
    interval: Interval = "HKSJ"
    prediction: Prediction = "V"
    level: float = Field(default=0.95, gt=0, lt=1)
    multi_arm: Literal["split_comparator", "average", "correlated"] = "split_comparator"
    statistic: tuple[Literal["post", "change"], ...] = ("post", "change")
    adjusted: Literal["prefer", "avoid", "ignore"] = "prefer"
    minimum_studies: int = Field(default=3, ge=1)
    few_studies: int = Field(default=4, ge=1)
    indirect: bool = True
    mixed: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> ModelRules:
        if self.interval == "KR" and self.method != "REML":
            raise ValueError("the interval KR needs the method REML")
        if self.counts == "PETO" and self.method != "EE":
            raise ValueError(
                "counts: PETO needs the method EE, for Peto's method knows no variance between trials"
            )
        if self.counts != "IV" and self.method == "EE" and self.interval != "z":
            raise ValueError(f"counts: {self.counts} with the method EE needs the interval z")
        return self


class OwnModel(ProtocolPart):
    """What an analysis has for itself instead of the protocol's model; what is absent is the protocol's."""

    method: Method | None = None
    counts: Counts | None = None
    interval: Interval | None = None
    prediction: Prediction | None = None
    level: float | None = Field(default=None, gt=0, lt=1)
    minimum_studies: int | None = Field(default=None, ge=1)

    def of(self, model: ModelRules) -> ModelRules:
        """Put its parts into a model."""
        own: dict[str, Any] = self.model_dump(exclude_none=True)
        return ModelRules.model_validate(model.model_dump() | own)
