"""The protocol of a review: what is asked, and how tables are turned into answers (``review.yaml``)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from evidence.errors import DataError, Fault
from evidence.files import content as content_of
from evidence.measures import ReviewMeasure, measure_of
from evidence.tables.protocol.analysis import Analysis, AnalysisSpec, OwnChoices, QuestionGroup
from evidence.tables.protocol.audit import AuditRule
from evidence.tables.protocol.certainty import CertaintyRules
from evidence.tables.protocol.checks import CheckRules
from evidence.tables.protocol.model import ModelRules, Window
from evidence.tables.protocol.multiverse import MultiverseChoices
from evidence.tables.protocol.part import ProtocolPart
from evidence.tables.protocol.sequential import SequentialPlan
from evidence.wording import plain

__all__ = [
    "Analysis",
    "AnalysisSpec",
    "Deviation",
    "Outcome",
    "Protocol",
    "Published",
    "QuestionGroup",
    "Window",
    "read_protocol",
]


def _with_conditions(entry: Any, studied: Collection[Any]) -> Any:
    """Gather the keys of an analysis that name studied components under ``conditions``."""
    if not isinstance(entry, dict) or "conditions" in entry:
        return entry
    rest = {key: value for key, value in entry.items() if key not in studied}
    return {**rest, "conditions": {key: entry[key] for key in entry if key in studied}}


def _own_nodes() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every component is a node of its own."""
    return {"fine": {}}


class HeterogeneityPrior(ProtocolPart):
    """A published distribution of the heterogeneity between trials, for Bayesian results of few trials.

    ``distribution`` names a function of `evidence.models.bayes.priors`, ``outcome`` and ``comparison`` its setting.
    A distribution for standardised differences is put on the scale of mean differences by ``sd``.
    """

    distribution: Literal["rhodes2015", "turner2015"]
    outcome: str | None = None
    comparison: str | None = None
    sd: float = Field(default=1.0, gt=0)


class Outcome(ProtocolPart):
    """How an outcome is measured, put on one scale and presented.

    Attributes
    ----------
    title : str
        Words for a heading; by default the name.
    present_as : dict or None
        How results are told: a standardised difference in points of an ``instrument`` (``sd``), a rate of one group
        ``per`` so many of the ``unit`` of ``person_time``, a mean of one group in its ``unit``.
    widest : float or None
        Largest difference that the scale allows: an interval that goes beyond it says nothing. By default the
        width of the scale to which mean differences are rescaled, and 1 for a risk difference.
    heterogeneity : HeterogeneityPrior or None
        What is known of the heterogeneity of such outcomes.
    """

    title: str = ""
    measure: ReviewMeasure
    better: Literal["lower", "higher"] = "lower"
    hedges: Literal["exact", "RevMan"] = (
        "exact"  # RevMan approximates the correction of the SMD and its variance
    )
    rescale: tuple[float, float] | None = None
    prefer: tuple[str, ...] = ()
    rescalable: tuple[str, ...] = ()
    alternative_measure: ReviewMeasure | None = None
    minimal_important_difference: float | None = None
    present_as: dict[str, Any] | None = None
    widest: float | None = Field(default=None, gt=0)
    heterogeneity: HeterogeneityPrior | None = None

    @model_validator(mode="after")
    def _compares_or_not(self) -> Outcome:
        own = measure_of(self.measure)
        other = self.alternative_measure
        if other is not None and measure_of(other).one_group != own.one_group:
            raise ValueError(
                f"{self.measure} and {other} do not take the same number of groups; use one of a kind"
            )
        for name in ("minimal_important_difference", "widest", "heterogeneity"):
            if own.one_group and getattr(self, name) is not None:
                raise ValueError(f"{self.measure} takes one group, so {name} has no meaning; leave it out")
        per = (self.present_as or {}).get("per", 1)
        if not (isinstance(per, int | float) and 0 < per < math.inf):
            raise ValueError(f"present_as says per: {per}; give a number above 0, such as 1000")
        return self

    def limit(self, measure: str) -> float:
        """Largest difference that the scale of a measure allows; infinite where none is known."""
        if measure == self.measure and self.widest is not None:
            return self.widest
        if measure == "MD" and self.rescale is not None:
            return self.rescale[1] - self.rescale[0]
        return 1.0 if measure == "RD" else math.inf


class ComponentClasses(ProtocolPart):
    """Components of arms, in the classes that decide what a comparator is."""

    studied: tuple[str, ...]
    inactive: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    active: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every component that an arm may have."""
        return self.studied + self.inactive + self.usual + self.active


class SetAside(ProtocolPart):
    """Results that are left out of the analyses (or, under ``indirect``, of a sensitivity analysis), and why."""

    reason: str
    trial: str | None = None
    instrument: str | None = None
    result: str | None = None

    @model_validator(mode="after")
    def _names_something(self) -> SetAside:
        if not (self.trial or self.instrument or self.result):
            raise ValueError("name a trial, an instrument or a result")
        return self


class SamePatients(ProtocolPart):
    """Trials that may hold the same patients: an analysis takes the first of them that has a result."""

    trials: tuple[str, ...]
    reason: str


class Strata(ProtocolPart):
    """Strata of one trial that stand as trials of their own: they are one trial, and never count with the whole."""

    whole: str
    parts: tuple[str, ...]


class Deviation(ProtocolPart):
    """A change of the protocol: when, what, and why."""

    date: date
    change: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class Article(ProtocolPart):
    """The text whose claims are audited."""

    title: str
    description: str = ""


class ExtraColumn(ProtocolPart):
    """A column that this review's table has beside the usual ones."""

    description: str = ""
    choices: tuple[str, ...] = ()
    in_readings: bool = False  # whether the independent readings of the table have it too


class SensitivityAnalysis(OwnChoices):
    """A look at what other choices of results change (``sensitivity`` in ``review.yaml``)."""

    title: str = Field(min_length=1)


class BiasRules(ProtocolPart):
    """How the overall risk of bias of a trial is judged.

    ``key_domains`` are those that must have been judged before a trial is called anything better than high; by
    default every domain that the table of judgements has.
    """

    key_domains: tuple[str, ...] = ()


class Reproduction(ProtocolPart):
    """A published pooled result whose own frame an analysis follows, so that both can be compared trial by trial."""

    title: str
    review: str
    analysis: str
    where: dict[str, str] = Field(default_factory=dict)
    included: str = ""
    """Column of the trials that says whether the other review includes each: yes, no, or what else if not known."""
    note: str = ""


class PublishedMatch(ProtocolPart):
    """Rows of ``reviews.csv`` that stand beside an analysis: those whose columns have these values."""

    where: dict[str, str]
    turn: bool = False  # the review counts benefit as positive, or compares the other way round


class Published(ProtocolPart):
    """Pooled results of this review and of published ones that answer about the same question."""

    group: str
    analyses: tuple[str, ...]
    measure: ReviewMeasure | None = None
    reviews: tuple[PublishedMatch, ...] = ()


class Licence(ProtocolPart):
    """Terms under which the tables of the review may be used."""

    name: str  # identifier of SPDX
    title: str
    url: str


class Protocol(ProtocolPart):
    """The protocol of a review, as read from ``review.yaml``."""

    title: str
    version: int | str = 1
    question: dict[str, Any] = Field(default_factory=dict)
    scope_note: str = ""
    licence: Licence | None = None
    columns: dict[str, dict[str, ExtraColumn]] = Field(default_factory=dict)
    components: ComponentClasses
    outcomes: dict[str, Outcome]
    windows: dict[str, Window]
    comparator_groups: dict[str, tuple[str, ...]]
    model: ModelRules = ModelRules()
    set_aside: tuple[SetAside, ...] = ()
    indirect: tuple[SetAside, ...] = ()
    same_patients: tuple[SamePatients, ...] = ()
    strata: tuple[Strata, ...] = ()
    groups: dict[str, QuestionGroup] = Field(default_factory=dict)
    analyses: tuple[AnalysisSpec, ...]
    subgroups: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    sensitivity: tuple[SensitivityAnalysis, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    article: Article | None = None
    nodes: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=_own_nodes)
    checks: CheckRules = CheckRules()
    multiverse: MultiverseChoices = MultiverseChoices()
    certainty: CertaintyRules = CertaintyRules()
    risk_of_bias: BiasRules = BiasRules()
    sequential: SequentialPlan = SequentialPlan()
    audit: AuditRule = AuditRule()

    @model_validator(mode="before")
    @classmethod
    def _move_conditions(cls, data: Any) -> Any:
        """Gather the keys of an analysis that name studied components into ``conditions``."""
        if not isinstance(data, dict):
            return data
        # What is not of the expected shape is left as it is, for the model to complain about.
        components, entries = data.get("components"), data.get("analyses")
        studied = components.get("studied") if isinstance(components, dict) else None
        if not isinstance(studied, list | tuple) or not isinstance(entries, list | tuple):
            return data
        return {**data, "analyses": [_with_conditions(entry, studied) for entry in entries]}

    @model_validator(mode="after")
    def _models_fit_together(self) -> Protocol:
        for spec in self.analyses:
            try:
                spec.model.of(self.model)
            except ValidationError as error:
                words = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"the model of the analysis {spec.id}: {words}") from None
        return self

    @property
    def co_components(self) -> tuple[str, ...]:
        """Studied components on which an analysis sets a condition, in the protocol's order."""
        named = {name for spec in self.analyses for name in spec.conditions}
        return tuple(name for name in self.components.studied if name in named)

    def outcome_title(self, name: str) -> str:
        """Name an outcome in words: its title, or else its own name."""
        return (self.outcomes[name].title if name in self.outcomes else "") or plain(name)

    def expand(self) -> Iterator[Analysis]:
        """Give one analysis for each entry, outcome and window, in the protocol's order."""
        for spec in self.analyses:
            for outcome in spec.outcomes:
                for window in spec.windows:
                    yield Analysis(
                        id=f"{spec.id}-{outcome}-{window}".replace("_", "-"),
                        spec=spec,
                        outcome=outcome,
                        window=window,
                        outcome_title=self.outcomes[outcome].title if outcome in self.outcomes else "",
                        window_title=self.windows[window].title if window in self.windows else "",
                        term=self.windows.get(window, Window()).term(window),
                    )

    def model_of(self, analysis: Analysis) -> ModelRules:
        """Give the model of an analysis: the protocol's with what the analysis has for itself."""
        return analysis.spec.model.of(self.model)

    @property
    def question_groups(self) -> dict[str, tuple[Analysis, ...]]:
        """Analyses by question group, in the protocol's order; those without a group stand under "" at the end."""
        found: dict[str, list[Analysis]] = {name: [] for name in (*self.groups, "")}
        for analysis in self.expand():
            found[analysis.spec.group].append(analysis)
        return {name: tuple(analyses) for name, analyses in found.items() if analyses}

    def pooled_measure(self, analysis: Analysis) -> str:
        """Give the measure of an analysis: its own, or that of its outcome."""
        return analysis.spec.choices.measure or self.outcomes[analysis.outcome].measure

    def trial_of(self, trial_id: str) -> str:
        """Give the trial that a stratum belongs to, or the trial itself: what counts as one trial."""
        wholes = {part: strata.whole for strata in self.strata for part in strata.parts}
        return wholes.get(trial_id, trial_id)

    def count_trials(self, trial_ids: Iterable[str]) -> int:
        """Count trials, strata of one trial as one."""
        return len(set(map(self.trial_of, trial_ids)))


def read_protocol(path: Path) -> Protocol:
    """Read and check the protocol of a review.

    Parameters
    ----------
    path : Path
        The file ``review.yaml``.

    Returns
    -------
    Protocol

    Raises
    ------
    DataError
        If the file is missing, is not YAML, or does not describe a protocol; every fault is named.
    """
    file = path.name
    try:
        content = yaml.load(content_of(path).decode("utf-8-sig"), _OneOfEachKey)
    except OSError as error:
        raise DataError([Fault(file, None, "", "", f"cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError:
        raise DataError([Fault(file, None, "", "", "is not UTF-8; save it as UTF-8")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        row = mark.line + 1 if mark else None
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise DataError([Fault(file, row, "", "", f"is not well-formed YAML: {problem}")]) from None
    except (ValueError, RecursionError) as error:
        raise DataError([Fault(file, None, "", "", f"holds a value that cannot be read: {error}")]) from None
    if not isinstance(content, dict):
        raise DataError(
            [Fault(file, None, "", "", "needs keys such as title, components, outcomes, analyses")]
        )
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        raise DataError([_fault(file, detail) for detail in error.errors()]) from None
    faults = list(_dangling(protocol, file))
    if faults:
        raise DataError(faults)
    return protocol


class _OneOfEachKey(yaml.SafeLoader):
    """Reads only plain values, and refuses a key that stands twice, of which the last would win in silence.

    References to other places (``*name``) are refused, too: a few lines of them stand for more than a computer holds.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            problem = f"*{event.anchor} stands for another place; write out what stands there"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in seen and name != "<<":
                problem = f"the key '{name}' stands here and in row {seen[name]}; keep one of them"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen[name] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def _whole_number(loader: _OneOfEachKey, node: yaml.ScalarNode) -> int:
    """Read a whole number that other numbers can stand beside."""
    value = int(loader.construct_yaml_int(node))
    if abs(value) > _LARGEST:
        problem = "the number is too large"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return value


_LARGEST = 10**18
_OneOfEachKey.add_constructor("tag:yaml.org,2002:int", _whole_number)


def _fault(file: str, detail: Any) -> Fault:
    place = ".".join(str(part) for part in detail["loc"])
    value = "" if detail["type"] == "missing" else str(detail["input"])[:60]
    words = str(detail["msg"]).removeprefix("Value error, ")
    return Fault(file, None, place, value, words[0].lower() + words[1:])


def _dangling(protocol: Protocol, file: str) -> Iterator[Fault]:
    """Find names that the protocol uses without defining them, and identifiers that it uses twice."""
    groups = set(protocol.comparator_groups)
    known = {
        "intervention": set(protocol.components.studied),
        "comparator": groups | set(protocol.components.all),
        "outcomes": set(protocol.outcomes),
        "windows": set(protocol.windows),
    }
    for number, spec in enumerate(protocol.analyses):
        for key, names in known.items():
            for name in getattr(spec, key):
                if name not in names:
                    yield Fault(file, None, f"analyses.{number}.{key}", name, f"use one of {_listed(names)}")
        yield from _wrong_groups(protocol, spec, file, f"analyses.{number}")
        if spec.group and spec.group not in protocol.groups:
            expected = (
                f"use one of {_listed(set(protocol.groups))}" if protocol.groups else "define it in groups"
            )
            yield Fault(file, None, f"analyses.{number}.group", spec.group, expected)
    for grouping, groups_of_nodes in protocol.nodes.items():
        for name, parts in groups_of_nodes.items():
            for part in parts:
                if part not in protocol.components.all:
                    expected = f"use one of {_listed(set(protocol.components.all))}"
                    yield Fault(file, None, f"nodes.{grouping}.{name}", part, expected)
    for group, members in protocol.comparator_groups.items():
        for member in members:
            if member not in known["comparator"]:
                expected = f"use one of {_listed(known['comparator'])}"
                yield Fault(file, None, f"comparator_groups.{group}", member, expected)
    seen: set[str] = set()
    for analysis in protocol.expand():
        if analysis.id in seen:
            yield Fault(file, None, "analyses", analysis.id, "two analyses have this id; give each its own")
        seen.add(analysis.id)
        if analysis.outcome in protocol.outcomes and protocol.model_of(analysis).counts == "PETO":
            measure = protocol.pooled_measure(analysis)
            if measure_of(measure).of == "events" and measure != "OR":
                words = f"Peto's method gives odds ratios, not {measure}; use counts: MH or the measure OR"
                yield Fault(file, None, "analyses", analysis.id, words)
    named = [("published", name) for published in protocol.published for name in published.analyses]
    named += [("reproductions", entry.analysis) for entry in protocol.reproductions]
    for place, name in named:
        if name not in seen:
            yield Fault(file, None, place, name, "the protocol has no such analysis")


def _wrong_groups(protocol: Protocol, spec: AnalysisSpec, file: str, place: str) -> Iterator[Fault]:
    """Find analyses that compare with nothing, and measures of one group that are to be compared."""
    for outcome in spec.outcomes:
        measure = spec.choices.measure or (
            protocol.outcomes[outcome].measure if outcome in protocol.outcomes else ""
        )
        alone = measure_of(measure).one_group
        if alone and spec.comparator:
            words = f"{measure} of {outcome} takes one group; leave the comparator out"
            yield Fault(file, None, f"{place}.comparator", ", ".join(spec.comparator), words)
        elif measure and not alone and not spec.comparator:
            words = f"{measure} of {outcome} takes two groups; say with what the intervention is compared"
            yield Fault(file, None, f"{place}.comparator", "", words)
    both = [name for name, condition in spec.conditions.items() if condition == "both_arms"]
    if both and not spec.comparator:
        words = "without a comparator there are no two arms; use yes, no or either"
        yield Fault(file, None, f"{place}.{both[0]}", "both_arms", words)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
