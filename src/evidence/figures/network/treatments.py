"""What figures of networks share: names of treatments as printed, and models in one line."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from evidence.errors import DataError
from evidence.figures.drawing.sentences import interval_name
from evidence.figures.drawing.text import clean, significant
from evidence.measures import INTERVALS
from evidence.models.bayes.network import NetworkPosterior
from evidence.models.network.rare.result import METHODS, CountNetwork
from evidence.wording import number, p_value, plain

if TYPE_CHECKING:
    from evidence.models.network.components_result import Components
    from evidence.models.network.result import Network

__all__ = [
    "additivity_line",
    "choose_treatments",
    "component_name",
    "components_line",
    "network_line",
    "not_shown",
    "treatment_name",
]


def treatment_name(name: object) -> str:
    """Name as printed: spaces for underscores and around every plus, so that long combinations can break."""
    return clean(plain(str(name)))


def choose_treatments(known: Sequence[str], chosen: Collection[str], *, least: int) -> list[str]:
    """Take some treatments of a network, in its order; refuse unknown ones, and fewer than `least`."""
    for name in chosen:
        if name not in known:
            raise DataError(f"{name!r} is not in the network; choose of {', '.join(known)}.")
    if len(set(chosen)) < least:
        raise DataError(f"treatments holds {len(set(chosen))}; give at least {least}.")
    return [name for name in known if name in chosen]


def not_shown(names: Iterable[str]) -> str:
    """Name the treatments that a figure leaves out; empty if there are none."""
    left = [treatment_name(name) for name in names]
    return f"In the network and not shown: {'; '.join(left)}." if left else ""


def component_name(comp: Components, name: str) -> str:
    """Name of a component or an interaction as printed."""
    return " × ".join(map(treatment_name, comp.design.interactions.get(name, (name,))))


def network_line(net: Network | CountNetwork | NetworkPosterior) -> str:
    """Model, heterogeneity and size of a network."""
    size = f"{net.k} studies, {len(net.treatments)} treatments"
    if isinstance(net, CountNetwork):
        test = f"; between designs {_q(net.q, net.q_df, net.q_p)}" if net.q_df else ""
        return f"{METHODS[net.method]} network, common effects, of {size}; {interval_name(net.level)}: normal{test}"
    if isinstance(net, NetworkPosterior):
        tau = net.tau.interval(net.level)
        return (
            f"Bayesian random-effects network of {size}; τ {significant(net.tau.median)} "
            f"({100 * net.level:.12g}% interval {significant(tau[0])} to {significant(tau[1])})"
        )
    method = "given" if net.tau2_given else net.method
    model = "Common-effects network" if net.method == "EE" else f"Random-effects network (τ² {method})"
    tau2 = "" if net.method == "EE" else f"τ² = {significant(net.tau2)}, "
    test = "no test of heterogeneity"
    if net.q_df:
        test = f"I² = {number(net.i2, 0)}%, {_q(net.q, net.q_df, net.q_p)}"
    return f"{model} of {size}; {interval_name(net.level)}: {INTERVALS[net.ci].name}; {tau2}{test}"


def components_line(comp: Components) -> str:
    """Model, heterogeneity and size of a component model."""
    method = "given" if comp.tau2_given else comp.method
    model = "common effects" if comp.method == "EE" else f"random effects (τ² {method})"
    tau2 = "" if comp.method == "EE" else f"; τ² = {significant(comp.tau2)}"
    size = f"{comp.k} studies, {len(comp.contrasts.treatments)} treatments"
    return f"Additive component model, {model}, of {size}; {interval_name(comp.level)}: normal{tau2}"


def additivity_line(comp: Components) -> str:
    """Test whether combinations have the sum of their components' effects."""
    if not comp.df_difference:
        return "Additivity: cannot be tested, because the network has no more treatments than components"
    test = _q(comp.q_difference, comp.df_difference, comp.p_difference)
    return f"Test of additivity (network against sums of components): {test}"


def _q(q: float, df: int, p: float) -> str:
    return f"Q = {number(q, 2)} on {df} df, {p_value(p)}" if math.isfinite(q) else ""
