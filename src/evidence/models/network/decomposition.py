"""Where the heterogeneity of a network comes from: Cochran's Q within and between designs.

A design is a set of treatments that a study compares. Q within designs measures heterogeneity of like studies, Q
between designs inconsistency: the same comparison answered differently by different designs.

References
----------
Krahn U, Binder H, König J (2013). BMC Med Res Methodol 13, 35.
Higgins JPT et al. (2012). Res Synth Methods 3(2), 98-110 (design-by-treatment interaction).
Jackson D, White IR, Riley RD (2012). Stat Med 31(29), 3805-3820 (tau2 within designs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats, Model
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.graph import connected_parts
from evidence.models.network.least_squares import NetworkFit, fit_network
from evidence.models.network.tau2 import moments
from evidence.results import Shown, lasting_property, number, p_text, q_text

__all__ = [
    "Decomposition",
    "DesignFit",
    "NetHeat",
    "between",
    "decompose",
    "detach",
    "fit_designs",
    "net_heat",
]


class DesignFit(NamedTuple):
    """Pooled estimate of the studies of one design, for given tau2."""

    name: str
    arms: tuple[int, ...]
    studies: int
    effect: Floats
    """Effects of the second to last arm against the first, shape (a - 1,)."""
    covariance: Floats
    precision: Floats
    """Covariance matrix of the effects and its inverse, shape (a - 1, a - 1)."""
    q: float
    """Heterogeneity of the studies."""
    df: int
    trace: float
    """Trace of the projection, by which tau2 enters the expectation of Q."""

    def residual(self, position: Floats) -> Floats:
        """Effects less what the network says, shape (a - 1,)."""
        first, *others = self.arms
        return self.effect - (position[others] - position[first])


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Shown):
    """Cochran's Q of the common-effects model, by design, and the design-by-treatment interaction test.

    With the random-effects interaction test tau2 is that within designs, by the method of moments.
    """

    contrasts: Contrasts
    designs: tuple[DesignFit, ...]
    fit: NetworkFit
    """Common-effects fit."""
    tau2_within: float
    q_interaction: float
    """Q between designs in the random-effects model with `tau2_within`."""

    @property
    def q_within(self) -> float:
        """Q within designs."""
        return sum(design.q for design in self.designs)

    @property
    def df_within(self) -> int:
        """Degrees of freedom within designs."""
        return sum(design.df for design in self.designs)

    @lasting_property
    def q_between(self) -> float:
        """Q between designs."""
        return between(self.designs, self.fit.position)

    @property
    def df_between(self) -> int:
        """Degrees of freedom between designs, of both models."""
        return sum(len(design.arms) - 1 for design in self.designs) - len(self.contrasts.treatments) + 1

    @property
    def p_interaction(self) -> float:
        """P value of the design-by-treatment interaction (random effects); NaN without degrees of freedom."""
        return _p(self.q_interaction, self.df_between)

    @lasting_property
    def table(self) -> pd.DataFrame:
        """Q, df, p_value and tau2 of: whole network, within designs, between designs, interaction (random)."""
        rows = [
            ("whole network", self.fit.q, self.df_within + self.df_between, 0.0),
            ("within designs", self.q_within, self.df_within, 0.0),
            ("between designs", self.q_between, self.df_between, 0.0),
            ("between designs, random effects", self.q_interaction, self.df_between, self.tau2_within),
        ]
        frame = pd.DataFrame(rows, columns=["source", "q", "df", "tau2"]).set_index("source")
        frame.insert(2, "p_value", [_p(q, df) for _, q, df, _ in rows])
        return frame

    @lasting_property
    def within(self) -> pd.DataFrame:
        """Heterogeneity of each design: studies, q, df, p_value (NaN with a single study)."""
        rows = [(d.name, d.studies, d.q, d.df, _p(d.q, d.df)) for d in self.designs]
        return pd.DataFrame(rows, columns=["design", "studies", "q", "df", "p_value"]).set_index("design")

    @lasting_property
    def detached(self) -> pd.DataFrame:
        """Q between designs that is left when one design is given effects of its own: q, df, p_value.

        Only designs without which the network stays connected can differ from the rest of it.
        """
        rows = []
        for i, design in enumerate(self.designs):
            rest = self.designs[:i] + self.designs[i + 1 :]
            position = detach(self.contrasts, design.arms, 0.0)
            if position is not None:
                q, df = between(rest, position), self.df_between - len(design.arms) + 1
                rows.append((design.name, q, df, _p(q, df)))
        return pd.DataFrame(rows, columns=["design", "q", "df", "p_value"]).set_index("design")

    def to_frame(self) -> pd.DataFrame:
        """The table of Q statistics."""
        return self.table.copy()

    def summary(self) -> str:
        """Describe the decomposition as text."""
        lines = ["Cochran's Q by design", ""]
        for source, row in self.table.iterrows():
            p = "" if np.isnan(row["p_value"]) else f", P {p_text(row['p_value'])}"
            lines.append(f"  {source:<33}{q_text(row['q']):>10}   df = {int(row['df'])}{p}")
        lines.append(f"\n  tau2 within designs {number(self.tau2_within)}")
        return "\n".join(lines)


def decompose(contrasts: Contrasts, common: NetworkFit) -> Decomposition:
    """Decompose Q of a connected network; `common` is its fit with tau2 = 0."""
    designs = fit_designs(contrasts, 0.0)
    df, trace = sum(d.df for d in designs), sum(d.trace for d in designs)
    within = moments(sum(d.q for d in designs), df, trace) if df else 0.0
    fit = fit_network(contrasts, within)
    return Decomposition(
        contrasts, designs, common, within, between(fit_designs(contrasts, within), fit.position)
    )


def fit_designs(contrasts: Contrasts, tau2: float) -> tuple[DesignFit, ...]:
    """Pool the studies of each design, for given tau2."""
    studies_of: dict[tuple[int, ...], list[int]] = {}
    for study, arms in enumerate(contrasts.arms):
        studies_of.setdefault(arms, []).append(study)
    designs = []
    for arms, studies in sorted(studies_of.items()):
        rows = np.isin(contrasts.row_study, studies)
        matrix = contrasts.matrix[rows][:, arms[1:]]
        weighted = Model(matrix, contrasts.response[rows], contrasts.variance[rows]).at(tau2)
        precision = matrix.T @ (weighted.weight[:, None] * matrix)
        df = int(rows.sum()) - len(arms) + 1
        designs.append(
            DesignFit(
                ":".join(contrasts.treatments[arm] for arm in arms),
                arms,
                len(studies),
                weighted.coefficients,
                weighted.covariance,
                precision,
                float(weighted.rss) if df else 0.0,
                df,
                float(weighted.trace_p) if df else 0.0,
            )
        )
    return tuple(designs)


def between(designs: tuple[DesignFit, ...], position: Floats) -> float:
    """Q between designs, given the positions of the treatments in the network."""
    return float(sum(r @ d.precision @ r for d in designs for r in [d.residual(position)]))


def detach(contrasts: Contrasts, arms: tuple[int, ...], tau2: float) -> Floats | None:
    """Positions of the treatments by the studies of all other designs; None if these do not connect them."""
    size = len(contrasts.treatments)
    keep = [study for study, own in enumerate(contrasts.arms) if own != arms]
    if len(connected_parts(size, [contrasts.arms[study] for study in keep])) > 1:
        return None
    rows = np.isin(contrasts.row_study, keep)
    model = Model(contrasts.matrix[rows, 1:], contrasts.response[rows], contrasts.variance[rows])
    return np.append(0.0, model.at(tau2).coefficients)


def _p(q: float, df: int) -> float:
    return float(chdtrc(df, q)) if df else float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class NetHeat(Shown):
    """Change in inconsistency when one design is given effects of its own.

    Rows are the effects that designs estimate (a design with three arms has two, against its first arm), columns the
    designs that are detached. Only designs without which the network stays connected appear.
    """

    heat: pd.DataFrame
    """Inconsistency of the row's effect less what is left of it after detaching the column's design. Positive (warm):
    the column's design explains it; negative (cool): it supported the row. On the diagonal: the row's own share."""
    hat: pd.DataFrame
    """Coefficient of each effect of a design (columns) in the network estimate of the row's effect."""
    q_design: pd.Series
    """Share of each effect in Q between designs."""
    tau2: float

    def to_frame(self) -> pd.DataFrame:
        """The heat."""
        return self.heat.copy()

    def summary(self) -> str:
        """Describe the heat as text."""
        return f"Net heat (tau2 = {self.tau2:.4g})\n\n{self.heat.round(2).to_string()}"


def net_heat(contrasts: Contrasts, common: NetworkFit, *, random: bool) -> NetHeat:
    """Compute the net heat of a connected network.

    Parameters
    ----------
    contrasts : Contrasts
    common : NetworkFit
        Common-effects fit.
    random : bool
        Whether to use the random-effects model with tau2 within designs, in place of common effects.

    Raises
    ------
    ModelError
        If no design can be detached.
    """
    tau2 = decompose(contrasts, common).tau2_within if random else 0.0
    designs = fit_designs(contrasts, tau2)
    fit = fit_network(contrasts, tau2) if tau2 else common
    own = [_shares(design, fit.position) for design in designs]
    columns: dict[str, Floats] = {}
    kept: list[int] = []
    for i, design in enumerate(designs):
        position = detach(contrasts, design.arms, tau2)
        if position is None:
            continue
        kept.append(i)
        left = [np.zeros(len(own[i])) if j == i else _shares(d, position) for j, d in enumerate(designs)]
        columns[design.name] = np.concatenate(own) - np.concatenate(left)
    if len(kept) < 2:
        raise ModelError(
            "net heat needs at least two designs without which the network stays connected; this network has "
            f"{len(kept)}. Compare direct with indirect evidence instead."
        )
    labels = _labels(contrasts, designs)
    inside = np.concatenate([np.full(len(own[i]), i in kept) for i in range(len(designs))])
    heat = pd.DataFrame(columns, index=labels)[inside]
    hat = pd.DataFrame(_hat(designs, fit), index=labels, columns=labels).loc[inside, inside]
    return NetHeat(heat, hat, pd.Series(np.concatenate(own), index=labels, name="q"), tau2)


def _shares(design: DesignFit, position: Floats) -> Floats:
    """Share of each effect of a design in Q between designs."""
    residual = design.residual(position)
    return (design.precision @ residual) * residual


def _hat(designs: tuple[DesignFit, ...], fit: NetworkFit) -> Floats:
    """Coefficients of the designs' effects in the network estimates of the same effects."""
    steps = [(fit.transform[list(d.arms[1:])] - fit.transform[d.arms[0]]) @ fit.root for d in designs]
    weighted = [design.precision @ step for design, step in zip(designs, steps, strict=True)]
    return np.concatenate(steps) @ np.concatenate(weighted).T


def _labels(contrasts: Contrasts, designs: tuple[DesignFit, ...]) -> list[str]:
    """Name the effects: "b v a", with the design behind it if it has more than two arms."""
    names = contrasts.treatments
    return [
        f"{names[arm]} v {names[design.arms[0]]}" + (f" ({design.name})" if len(design.arms) > 2 else "")
        for design in designs
        for arm in design.arms[1:]
    ]
