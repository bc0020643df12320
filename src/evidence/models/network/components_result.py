"""The result of a component network meta-analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.network.components_design import ComponentDesign, estimable
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.least_squares import fit_network
from evidence.results import Shown, lasting_property, number, p_text, q_text, span

__all__ = ["ComponentFit", "Components"]

COLUMNS = ["estimate", "se", "ci_low", "ci_high", "z", "p_value"]


class ComponentFit(NamedTuple):
    """Estimates of the components for given tau2."""

    tau2: float
    effect: Floats
    """Shape (c,); the smallest solution where some cannot be estimated."""
    transform: Floats
    """Shape (c, rank)."""
    root: Floats
    """Shape (rank, rank); the covariance matrix is F F' with F = transform root."""
    q: float


@dataclass(frozen=True, eq=False, repr=False)
class Components(Shown):
    """A fitted additive component model; estimates of the random-effects model unless a name says common.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> contrasts = pd.DataFrame(
    ...     {
    ...         "study": ["A", "B", "C", "D", "E"],
    ...         "treat1": ["massage", "exercise", "massage+exercise", "massage+exercise", "massage"],
    ...         "treat2": ["usual", "usual", "exercise", "usual", "usual"],
    ...         "effect": [-0.4, -0.3, -0.3, -0.8, -0.5],
    ...         "se": [0.2, 0.2, 0.25, 0.3, 0.2],
    ...     }
    ... )
    >>> net = ev.network(contrasts, reference="usual")
    >>> comp = ev.components(net, inactive="usual")
    >>> comp.effects.round(3)
    component
    exercise   -0.324
    massage    -0.423
    Name: effect, dtype: float64
    """

    contrasts: Contrasts
    design: ComponentDesign
    method: str
    level: float
    tau2: float
    tau2_given: bool
    common: ComponentFit
    random: ComponentFit
    blind: Floats
    """Orthonormal directions of the components about which the studies say nothing, shape (c, c - rank)."""
    reasons: dict[str, str]
    """Why a component cannot be estimated, by component."""
    q_additive: float
    """Cochran's Q of the additive common-effects model."""
    df_additive: int
    q_network: float
    """Cochran's Q of the network model, in which every treatment has an effect of its own (by connected part)."""
    df_network: int

    @property
    def components(self) -> tuple[str, ...]:
        """Components, and interactions behind them."""
        return self.design.names

    @property
    def inactive(self) -> str | None:
        """Component whose effect is zero."""
        return self.design.inactive

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.contrasts.studies)

    @lasting_property
    def effects(self) -> pd.Series:
        """Effect of each component and interaction; NaN where it cannot be estimated."""
        return self._table["estimate"].rename("effect")

    @lasting_property
    def se(self) -> pd.Series:
        """Standard errors of `effects`."""
        return self._table["se"]

    @property
    def effects_common(self) -> pd.Series:
        """Effects of the common-effects model."""
        return self._units(self.common)["estimate"].rename("effect")

    @property
    def se_common(self) -> pd.Series:
        """Standard errors of `effects_common`."""
        return self._units(self.common)["se"]

    @property
    def estimable(self) -> tuple[str, ...]:
        """Components whose effects can be estimated."""
        return tuple(name for name in self.components if name not in self.reasons)

    @property
    def p_additive(self) -> float:
        """P value of `q_additive`; NaN without degrees of freedom."""
        return _p(self.q_additive, self.df_additive)

    @property
    def q_difference(self) -> float:
        """Test of additivity: Q of the additive model less Q of the network model."""
        return max(0.0, self.q_additive - self.q_network) if self.df_difference else 0.0

    @property
    def df_difference(self) -> int:
        """Degrees of freedom of the test of additivity."""
        return self.df_additive - self.df_network

    @property
    def p_difference(self) -> float:
        """P value of the test of additivity; NaN if the model is no narrower than the network."""
        return _p(self.q_difference, self.df_difference)

    @property
    def i2(self) -> float:
        """Percent of the additive Q beyond its degrees of freedom; NaN without them."""
        if not self.df_additive:
            return nan
        return 100.0 * max(0.0, 1.0 - self.df_additive / self.q_additive) if self.q_additive else 0.0

    def combination(self, label: str, against: str | None = None) -> pd.Series:
        """Effect of any combination of components.

        Parameters
        ----------
        label : str
            Components with the separator between them; the inactive one may be among them.
        against : str, optional
            A combination to compare with; by default nothing (equally, the inactive component).

        Returns
        -------
        Series
            estimate, se, ci_low, ci_high, z, p_value; NaN if the studies do not determine it.
        """
        row = self.design.row(label) - (self.design.row(against) if against is not None else 0.0)
        name = label if against is None else f"{label} v {against}"
        return pd.Series(self._infer(row, self.random), index=COLUMNS, name=name)

    def is_estimable(self, label: str, against: str | None = None) -> bool:
        """Whether the studies determine the effect of a combination."""
        row = self.design.row(label) - (self.design.row(against) if against is not None else 0.0)
        return estimable(row, self.blind)

    def combinations(self) -> pd.DataFrame:
        """Effect of each treatment of the network by the additive model, against none of the components.

        Returns
        -------
        DataFrame
            Index treatment; columns as in `combination`. If the inactive component is itself a treatment of a
            connected network, also network and network_se: the effect against it when every treatment has its own
            effect (same tau2).
        """
        names = list(self.contrasts.treatments)
        rows = [self._infer(row, self.random) for row in self.design.matrix]
        frame = pd.DataFrame(rows, columns=COLUMNS, index=pd.Index(names, name="treatment"))
        if self.inactive in names and len(self.contrasts.parts) == 1:
            net, place = fit_network(self.contrasts, self.tau2), names.index(self.inactive)
            frame["network"] = net.effects[:, place]
            frame["network_se"] = np.sqrt(net.variances[:, place])
        return frame.drop(
            [name for name, row in zip(names, self.design.matrix, strict=True) if not row.any()]
        )

    def pairs(self) -> pd.DataFrame:
        """Every treatment of the network against every other, by sums of components and by the network.

        Returns
        -------
        DataFrame
            treat1, treat2, estimate, se (treat1 minus treat2 by the additive model; NaN where the studies do not
            determine it), network, network_se (when every treatment has its own effect, same tau2; NaN where no path
            of studies connects the two).
        """
        names, size = self.contrasts.treatments, len(self.contrasts.treatments)
        net = fit_network(self.contrasts, self.tau2)
        part = {node: number for number, nodes in enumerate(self.contrasts.parts) for node in nodes}
        effects, variances = net.effects, net.variances
        rows = []
        for i in range(size):
            for j in range(i + 1, size):
                estimate, se = self._infer(self.design.matrix[i] - self.design.matrix[j], self.random)[:2]
                linked = part[i] == part[j]
                rows.append(
                    {
                        "treat1": names[i],
                        "treat2": names[j],
                        "estimate": estimate,
                        "se": se,
                        "network": effects[i, j] if linked else nan,
                        "network_se": np.sqrt(variances[i, j]) if linked else nan,
                    }
                )
        return pd.DataFrame(rows)

    def league_table(
        self, order: Sequence[str] | None = None, *, exponentiate: bool = False, digits: int = 2
    ) -> pd.DataFrame:
        """Write the effects of all treatments of the network on each other into one table of text.

        Parameters
        ----------
        order : sequence of str, optional
            Treatments in the order wanted, some or all; by default alphabetical.
        exponentiate : bool
            Whether effects are logarithms, to be shown as ratios.
        digits : int
            Decimals.

        Returns
        -------
        DataFrame
            Below the diagonal the column's treatment v the row's by sums of components, above it the row's v the
            column's when every treatment has its own effect; so both compare the earlier treatment with the later.
            Empty where the studies do not determine an effect.
        """
        names = list(self.contrasts.treatments if order is None else order)
        unknown = [name for name in names if name not in self.contrasts.treatments]
        if unknown:
            raise DataError(
                f"{unknown[0]!r} is not in the network; choose one of {', '.join(self.contrasts.treatments)}."
            )
        z = float(ndtri(0.5 + 0.5 * self.level))
        found = {(one["treat1"], one["treat2"]): one for one in self.pairs().to_dict("records")}

        def cell(first: str, second: str, source: str, error: str) -> str:
            sign = 1.0 if (first, second) in found else -1.0
            one = found.get((first, second)) or found[second, first]
            if np.isnan(one[error]):
                return ""
            half = z * one[error]
            values = sign * one[source] + np.array([0.0, -half, half])
            if exponentiate:
                values = np.exp(np.clip(values, -700.0, 700.0))
            estimate, low, high = (f"{value:.{digits}f}" for value in values)
            return f"{estimate} ({low} to {high})"

        table = [
            [
                row
                if i == j
                else cell(column, row, "estimate", "se")
                if i > j
                else cell(row, column, "network", "network_se")
                for j, column in enumerate(names)
            ]
            for i, row in enumerate(names)
        ]
        return pd.DataFrame(table, index=names, columns=names)

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        notes = list(self.contrasts.notes)
        if len(self.contrasts.parts) > 1:
            notes.append(
                f"No study connects the {len(self.contrasts.parts)} parts of the network; what is said across them "
                "rests on additivity."
            )
        notes += [f"{name} cannot be estimated: {reason}" for name, reason in self.reasons.items()]
        if self.method != "EE" and not self.tau2_given and self.tau2 == 0.0 and self.df_additive:
            notes.append("The estimate of tau2 is on its boundary, zero.")
        return " ".join(notes)

    def to_frame(self) -> pd.DataFrame:
        """One row a component: estimate, se, ci_low, ci_high, z, p_value."""
        return self._table.copy()

    def summary(self) -> str:
        """Describe the fit as text."""
        model = (
            "common effects"
            if self.method == "EE"
            else f"random effects, tau2 {'given' if self.tau2_given else 'by ' + self.method}"
        )
        width = max(len(name) for name in self.components) + 2
        lines = [
            f"Additive component model, {model} ({self.k} studies, {len(self.contrasts.treatments)} treatments)",
            "",
            f"  {'component':<{max(width, 11)}}{'estimate':>10}   {100 * self.level:g}% interval",
        ]
        for name, row in self._table.iterrows():
            if np.isnan(row["se"]):
                text = "cannot be estimated"
            else:
                limits = span(row["ci_low"], row["ci_high"])
                text = f"{number(row['estimate']):>10}   {limits:<22} P {p_text(row['p_value'])}"
            lines.append(f"  {name:<{max(width, 11)}}{text}")
        lines += ["", f"  tau2 {number(self.tau2)}"]
        if self.df_additive:
            lines.append(
                f"  Q {q_text(self.q_additive)}, df = {self.df_additive}, P {p_text(self.p_additive)}"
            )
        if self.df_difference:
            lines.append(
                f"  Additivity: Q difference {q_text(self.q_difference)}, df = {self.df_difference}, "
                f"P {p_text(self.p_difference)}"
            )
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    @lasting_property
    def _table(self) -> pd.DataFrame:
        return self._units(self.random)

    def _units(self, fit: ComponentFit) -> pd.DataFrame:
        rows = [self._infer(unit, fit) for unit in np.eye(len(self.components))]
        return pd.DataFrame(rows, columns=COLUMNS, index=pd.Index(self.components, name="component"))

    def _infer(self, row: Floats, fit: ComponentFit) -> list[float]:
        """Estimate, se, limits, z and P of a combination; NaN if it cannot be estimated."""
        if not estimable(row, self.blind):
            return [nan] * len(COLUMNS)
        estimate, se = float(row @ fit.effect), float(np.linalg.norm(row @ fit.transform @ fit.root))
        half = float(ndtri(0.5 + 0.5 * self.level)) * se
        z = estimate / se if se else nan
        return [estimate, se, estimate - half, estimate + half, z, 2.0 * float(ndtr(-abs(z)))]


def _p(q: float, df: int) -> float:
    return float(chdtrc(df, q)) if df else nan
