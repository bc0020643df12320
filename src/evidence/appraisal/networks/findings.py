"""What a network says of its treatments, in words: each estimate with its trials, directness and certainty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations, product
from typing import Any

import pandas as pd

from evidence.appraisal.certainty.evidence import untimed
from evidence.appraisal.certainty.network import NetworkEvidence, network_evidence, rate_network
from evidence.appraisal.certainty.network_base import NetworkBase, gather_network
from evidence.appraisal.effect_words import outcome_words, word
from evidence.appraisal.statements import Finding
from evidence.effects.choosing.network_data import network_data
from evidence.models.network.result import Network
from evidence.results import Shown
from evidence.synthesis.rule import count_trials
from evidence.tables.protocol.protocol import Protocol
from evidence.tables.review import Review
from evidence.wording import Listed, capital, counted, in_words, joined, number

__all__ = ["NetworkFinding", "NetworkFindings", "network_findings", "networks_of", "node_words"]

ALONE = 0.5
"""Share of an estimate from which on the one trial that gives it is named (most of it)."""

NAMED = 3
"""Trials that compare two treatments up to which a statement names them."""


def node_words(protocol: Protocol, node: str) -> str:
    """Name a treatment of a network: ``massage with exercise and education``."""
    first, *others = (word(protocol, part) for part in node.split("+"))
    return " with ".join([first, *([joined(others)] if others else [])])


@dataclass(frozen=True, eq=False, repr=False)
class NetworkFinding(Finding):
    """What a network found of one treatment against another; a `Finding` that says how direct it is.

    Attributes
    ----------
    one, other : str
        The treatments; the effect is of the first minus the other.
    effects : DataFrame
        The trials that compare the two directly, as `Review.effects` has them.
    trials : int
        Trials that contribute to the estimate; where nothing is combined, those that compare the two.
    contributing : DataFrame
        All that contribute: trial_id, study, label, n, risk_of_bias, share (0 to 1).
    direct_share : float
        Share of the estimate that is direct evidence, 0 to 1.
    worth : float
        People of one trial that would tell as much as the estimate; NaN where sizes are not known.
    paths : int
        Trials on which the comparison rests: paths between the two that share no trial.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.network_findings(review, "disability", "long", reference="usual care")
    >>> one = found.finding("manual_therapy", "usual care")
    >>> one.direct, one.paths
    (('UK BEAM 2004',), 3)
    """

    one: str
    other: str
    contributing: pd.DataFrame
    direct_share: float
    worth: float
    paths: int

    @property
    def k(self) -> int:
        """Number of trials."""
        return self.trials

    @property
    def sizes(self) -> pd.Series[float]:
        """People in each trial that stands behind the result; NaN where that is not known."""
        return (self.effects if self.fit is None else self.contributing)["n"].astype(float)

    @property
    def direct(self) -> tuple[str, ...]:
        """Labels of the trials that compare the two directly."""
        return tuple(dict.fromkeys(self.effects["label"]))

    @property
    def directness(self) -> str:
        """On what the result rests, and how much of it is direct: ``direct and indirect (74% direct)``.

        Where no estimate of the network is told, that is the trials that compare the two.
        """
        if not self.direct:
            return "indirect only"
        if self.fit is None or self.direct_share == 1.0:
            return "direct only"
        return f"direct and indirect ({number(100.0 * self.direct_share, 0)}% direct)"

    @property
    def lone(self) -> str:
        """The one trial of several that gives most of an estimate, with its share; empty if none does.

        Empty, too, if that trial is all the direct evidence, as the same share is then told of it already.
        """
        most = self.contributing.sort_values("share").iloc[-1]
        share, direct = (number(100.0 * part, 0) for part in (most["share"], self.direct_share))
        told = self.direct == (most["label"],) and share == direct
        if len(self.contributing) < 2 or most["share"] < ALONE or told:
            return ""
        return f"{share}% from {most['label']} alone"

    @property
    def base(self) -> str:
        """On how many trials and people an estimate rests, how many compare the two, and what all of it is worth."""
        if self.fit is None:
            return super().base
        direct = count_trials(self.effects)
        which = f"{direct} of which compare{'s' if direct == 1 else ''} the two"
        if direct < self.trials and direct:
            named = f"{joined(self.direct)}; " if len(self.direct) <= NAMED else ""
            which += f" ({named}{number(100.0 * self.direct_share, 0)}% of the evidence)"
        elif not direct:
            which = "none of which compares the two"
        elif direct == self.trials:
            which = "all of which compare the two"
        parts = [f"{counted(self.trials, 'trial')}, {which}, with {self.people} people", self.lone]
        if direct < self.trials and not math.isnan(self.worth):
            parts.append(f"together they tell as much as one trial of {self.worth:,.0f} people")
        return "; ".join(filter(None, parts))

    @cached_property
    def clause(self) -> str:
        """The statement without numbers, without a full stop."""
        if self.fit is not None or self.paths >= self.minimum or self.direct_share == 1.0:
            return super().clause
        what, outcome, _ = self.names
        few = in_words(self.minimum)
        through = f"passes through fewer than {few} trials"
        if not self.direct:
            return (
                f"No trial with usable numbers tells the effect of {what} on {outcome} {self.where}, and what "
                f"connects the two in the network {through}; no result is told"
            )
        return f"{super().clause}, for what else connects the two in the network {through}"

    def to_frame(self) -> pd.DataFrame:
        """One row as of `Finding`, with the treatments, their direct trials, and what all of it rests on."""
        return (
            super()
            .to_frame()
            .assign(
                treatment=self.one,
                against=self.other,
                direct_trials=count_trials(self.effects),
                direct=Listed.of(self.direct),
                direct_share=self.direct_share,
                paths=self.paths,
                worth=self.worth,
            )
        )


@dataclass(frozen=True, eq=False, repr=False)
class NetworkFindings(Shown):
    """Result of `network_findings`.

    Attributes
    ----------
    source : NetworkBase
        The network with what its rating looks at.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.network_findings(review, "pain", "short", reference="usual care")
    >>> [one.one for one in found.against()][:2]
    ['exercise', 'exercise+other active']
    """

    source: NetworkBase

    @property
    def net(self) -> Network:
        """The fitted network."""
        return self.source.net

    @property
    def data(self) -> pd.DataFrame:
        """Its contrasts, as `network_data` gives them."""
        return self.source.data

    @property
    def protocol(self) -> Protocol:
        """The protocol of its review."""
        return self.source.review.protocol

    @property
    def title(self) -> str:
        """Outcome and time: ``pain, short term``."""
        term = self.source.question(*self.net.treatments[:2]).term
        return ", ".join(filter(None, [word(self.protocol, self.source.outcome), term]))

    @property
    def trials(self) -> int:
        """Number of trials, strata of one trial as one."""
        return count_trials(self.source.trials)

    @property
    def enough(self) -> bool:
        """Whether it has as many trials as the protocol asks for where something is combined."""
        return self.trials >= self.protocol.model.minimum_studies

    @cached_property
    def told(self) -> tuple[NetworkFinding, ...]:
        """What is told of other treatments against the reference; empty where too few trials connect them."""
        return tuple(one for one in self.against() if one.fit is not None)

    @property
    def contributing(self) -> int:
        """Number of trials that contribute to what is told."""
        return count_trials(pd.concat([one.contributing for one in self.told])) if self.told else 0

    @cached_property
    def both(self) -> pd.DataFrame:
        """The comparisons with direct and indirect evidence, rows of `Network.split`."""
        split = self.source.pairs
        return split[split["difference"].notna()]

    def finding(self, one: str, other: str) -> NetworkFinding:
        """Say what the network found of one treatment against another.

        Raises
        ------
        DataError
            If a treatment is not in the network, or both are the same.
        """
        return _finding(self.source, one, other)

    def against(self, reference: str | None = None) -> tuple[NetworkFinding, ...]:
        """Say what it found of each other treatment against one; by default the reference of the network."""
        other = self.net.reference if reference is None else reference
        return tuple(self.finding(one, other) for one in self.net.treatments if one != other)

    def added(self, component: str) -> tuple[NetworkFinding, ...]:
        """Say what it found of a component together with another under study, against either alone."""
        studied = set(self.protocol.components.studied)
        return tuple(
            self.finding(node, part)
            for node in self.net.treatments
            for part in node.split("+")
            if len(parts := set(node.split("+"))) == 2
            and component in parts <= studied
            and part in self.net.treatments
        )

    def every(self) -> tuple[NetworkFinding, ...]:
        """Say what it found of each pair of treatments, each pair once."""
        return tuple(self.finding(one, other) for one, other in combinations(self.net.treatments, 2))

    def to_frame(self) -> pd.DataFrame:
        """One row for each pair of treatments, as `NetworkFinding.to_frame`."""
        return pd.concat([one.to_frame() for one in self.every()], ignore_index=True)

    def summary(self) -> str:
        """What was found of each treatment against the reference."""
        return "\n".join(one.sentence for one in self.against())


@lru_cache(maxsize=1024)
def _finding(source: NetworkBase, one: str, other: str) -> NetworkFinding:
    protocol = source.review.protocol
    whole = network_evidence(source, one, other)
    body, certainty = rate_network(whole)
    told = isinstance(body, NetworkEvidence) and not body.rule.leaves_scale(body.fit.ci_low, body.fit.ci_high)
    effects, key, lacking = source.direct(one, other), source.key(one, other), source.lacking(one, other)
    names = node_words(protocol, one), word(protocol, source.outcome), node_words(protocol, other)
    spec = body.analysis.spec.model_copy(update={"title": capital(f"{names[0]} v {names[2]}")})
    return NetworkFinding(
        analysis=body.analysis.model_copy(update={"spec": spec}),
        words=replace(outcome_words(source.review, source.outcome, source.measure), mid=body.told_mid),
        effects=effects,
        fit=whole.fit if told else None,
        certainty=certainty,
        trials=body.trials,
        reported=lacking["study"].nunique(),
        untimed=untimed(lacking),
        left_out=0,
        in_words=0,
        names=names,
        limits=(body.rules.slight, body.rules.large),
        minimum=body.rule.minimum,
        one=one,
        other=other,
        contributing=whole.effects.assign(share=whole.share),
        direct_share=float(source.split[key]["direct_share"]),
        worth=whole.n,
        paths=source.paths(one, other),
    )


def network_findings(
    review: Review,
    outcome: str,
    window: str,
    *,
    nodes: str = "coarse",
    reference: str | None = None,
    mid: float | None = None,
    **options: Any,
) -> NetworkFindings:
    """Say what a network of the trials of a review found, and how certain each of its estimates is.

    Certainty is rated by the five domains of GRADE for each pair of treatments, with the share that each trial
    contributes to the network's estimate in the place of its weight, as CINeMA does; inconsistency takes in how far
    direct and indirect evidence disagree. An estimate that rests on fewer trials than the protocol combines is not
    told, and the trials that compare the two are shown. It rests on as many trials as there are paths between the two
    that share none.

    Parameters
    ----------
    review : Review
    outcome, window, nodes : str
        Names in the protocol; `nodes` groups components into treatments.
    reference : str, optional
        Treatment against which results are told. Of several parts that no trial connects, the one with it is taken;
        without a reference the largest.
    mid : float, optional
        Important difference in place of the protocol's, in the units of the measure (a ratio for ratios).
    **options
        Fields of `evidence.effects.choosing.choices.Choices` that differ from the protocol.

    Returns
    -------
    NetworkFindings

    Raises
    ------
    DataError
        If a name or option is unknown, no trial has a contrast that can be used, or none has the reference.

    References
    ----------
    Nikolakopoulou A et al. (2020). CINeMA. PLoS Med 17(4), e1003082.
    Papakonstantinou T et al. (2018). F1000Research 7, 610.
    Brignardello-Petersen R et al. (2018). J Clin Epidemiol 93, 36-44; (2019) 108, 77-85.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.network_findings(review, "pain", "short", reference="usual care")
    >>> found.finding("massage", "usual care").directness
    'direct and indirect (74% direct)'
    """
    source = gather_network(review, outcome, window, nodes=nodes, reference=reference, mid=mid, **options)
    return NetworkFindings(source)


def networks_of(
    review: Review,
    outcomes: Iterable[str],
    windows: Iterable[str],
    *,
    nodes: str = "coarse",
    reference: str | None = None,
) -> tuple[NetworkFindings, ...]:
    """Say what the networks of several outcomes and windows found.

    Parameters
    ----------
    review : Review
    outcomes, windows, nodes : str
        Names in the protocol; `nodes` groups components into treatments.
    reference : str, optional
        Treatment against which results are told. A network without it takes one of its own.

    Returns
    -------
    tuple of NetworkFindings
        The windows of an outcome stand together.

    Raises
    ------
    DataError
        If a name is unknown, or no trial has a contrast that can be used.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> [one.title for one in ev.networks_of(review, ["disability"], ["short", "long"])]
    ['disability, short term', 'disability, long term']
    """
    found = []
    for outcome, window in product(outcomes, windows):
        data = network_data(review, outcome, window, nodes=nodes)
        held = reference in {*data["treat1"], *data["treat2"]}
        own = reference if held else None
        found.append(network_findings(review, outcome, window, nodes=nodes, reference=own))
    return tuple(found)
