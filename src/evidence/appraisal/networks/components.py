"""What the parts of combined treatments add, if their effects add up: additive models of networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from evidence.appraisal.networks.findings import NetworkFinding, NetworkFindings
from evidence.measures import measure_of
from evidence.models.network.components import components
from evidence.models.network.components_result import Components
from evidence.wording import capital, counted, interval, p_value, plain

__all__ = [
    "AdditiveModel",
    "additive_models",
    "combinations_table",
    "component_table",
    "components_statement",
]

REJECTED = 0.05
"""P value below which the parts do not add up."""


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """A network and its additive model.

    Attributes
    ----------
    found : NetworkFindings
    model : Components
    base : str
        Treatment that adds nothing.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> [model] = ev.additive_models(ev.networks_of(review, ["disability"], ["long"]), "usual care")
    >>> model.rejected
    False
    """

    found: NetworkFindings
    model: Components
    base: str

    @property
    def rejected(self) -> bool:
        """Whether the trials contradict that parts add up; what a part adds is then not told."""
        return self.model.p_difference < REJECTED

    @cached_property
    def combinations(self) -> tuple[NetworkFinding, ...]:
        """What is told of combinations of studied parts of which the model knows the sum; empty where rejected."""
        studied = set(self.found.protocol.components.studied)
        return tuple(
            one
            for one in self.found.told
            if not self.rejected
            and len(parts := one.one.split("+")) > 1
            and set(parts) <= studied
            and self.model.is_estimable(one.one, one.other)
        )

    def trials_of(self, part: str) -> int:
        """Count the trials that tell a part apart: one group had it, another had not."""
        data = self.found.data
        sides = zip(data["treat1"].str.split("+"), data["treat2"].str.split("+"), strict=True)
        apart = [part in {*one} ^ {*other} for one, other in sides]
        return self.found.protocol.count_trials(data["trial_id"][apart])

    def written(self, estimate: float, low: float, high: float) -> str:
        """Write an effect with its interval, in the digits of the measure."""
        digits, level = measure_of(self.found.source.measure).digits, self.found.protocol.model.level
        return interval(estimate, low, high, digits=digits, level=level)


def additive_models(networks: Iterable[NetworkFindings], inactive: str) -> tuple[AdditiveModel, ...]:
    """Fit the additive model of each network of as many trials as the protocol combines.

    Parameters
    ----------
    networks : iterable of NetworkFindings
    inactive : str
        Treatment that adds nothing; a network without it takes its reference.

    Returns
    -------
    tuple of AdditiveModel

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> networks = ev.networks_of(review, ["disability"], ["long"], reference="usual care")
    >>> [one.base for one in ev.additive_models(networks, "no treatment")]
    ['usual care']
    """
    made = []
    for found in networks:
        if found.enough:
            base = inactive if inactive in found.net.treatments else found.net.reference
            made.append(AdditiveModel(found, components(found.data, inactive=base), base))
    return tuple(made)


def components_statement(models: Iterable[AdditiveModel]) -> str:
    """Say of each network whether parts add up, as a list in Markdown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> models = ev.additive_models(ev.networks_of(review, ["disability"], ["long"]), "usual care")
    >>> ev.components_statement(models).partition(" (")[0]
    '- **Disability, long term**: additivity is not rejected'
    """
    return "\n".join(
        f"- **{capital(one.found.title)}**: additivity is {'' if one.rejected else 'not '}rejected "
        f"({p_value(one.model.p_difference)}; {counted(one.found.trials, 'trial')}); "
        + ("what a part adds is not told." if one.rejected else "what each part adds is in the table.")
        for one in models
    )


def component_table(models: Iterable[AdditiveModel]) -> pd.DataFrame:
    """Say what each part adds, where the trials do not contradict that parts add up.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> models = ev.additive_models(ev.networks_of(review, ["disability"], ["long"]), "usual care")
    >>> ev.component_table(models)["Part"].tolist()[:2]
    ['exercise', 'manual therapy']
    """
    rows = []
    for one in models:
        found, model = one.found, one.model
        least = found.protocol.model.minimum_studies
        for part, row in {} if one.rejected else model.to_frame().to_dict("index").items():
            trials = one.trials_of(str(part))
            few = trials < least or part not in model.estimable
            rows.append(
                {
                    "Outcome": capital(found.title),
                    "Part": plain(str(part)),
                    "Against": plain(one.base),
                    "Trials in which one group had it": trials,
                    "Trials in the model": found.trials,
                    "Adds": "too few trials"
                    if few
                    else one.written(row["estimate"], row["ci_low"], row["ci_high"]),
                    "Certainty": "not rated",
                }
            )
    return pd.DataFrame(rows)


def combinations_table(models: Iterable[AdditiveModel]) -> pd.DataFrame:
    """Set the sum of the parts of each combination beside what the network found of it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> networks = ev.networks_of(review, ["disability"], ["long"], reference="usual care")
    >>> ev.combinations_table(ev.additive_models(networks, "no treatment"))["Combination"].tolist()
    ['manual therapy + exercise']
    """
    rows = []
    for model in models:
        for one in model.combinations:
            total, net = model.model.combination(one.one, one.other), one.fit
            assert net is not None  # it is told
            rows.append(
                {
                    "Outcome": capital(model.found.title),
                    "Combination": plain(one.one),
                    "Trials": one.k,
                    "Sum of the parts": model.written(total["estimate"], total["ci_low"], total["ci_high"]),
                    "Network": model.written(net.estimate, net.ci_low, net.ci_high),
                    "Certainty of the network estimate": one.level,
                }
            )
    return pd.DataFrame(rows)
