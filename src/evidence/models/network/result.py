"""The result of a network meta-analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.core.weighted_tau2 import q_profile_interval
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.contribution import contribution_table
from evidence.models.network.decomposition import Decomposition, NetHeat, decompose, net_heat
from evidence.models.network.graph import independent_paths
from evidence.models.network.intervals import against_reference, prediction_quantile
from evidence.models.network.least_squares import NetworkFit, fit_network, network_model
from evidence.models.network.measures import funnel_data, path_measures
from evidence.models.network.ranking import Ranking, p_scores, rankogram
from evidence.models.network.split import direct_evidence, split_evidence
from evidence.results import Shown, lasting_property, number, p_text, q_text, span

__all__ = ["Network", "league", "network_remarks", "network_summary"]


@dataclass(frozen=True, eq=False, repr=False)
class Network(Shown):
    """A fitted network meta-analysis.

    Tables of treatments by treatments hold the effect of the row's treatment minus the column's, as in
    "row v column". Estimates are those of the random-effects model unless a name says common.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> smoking = pd.read_csv("examples/smoking-cessation/smoking.csv")
    >>> smoking["study"] = smoking["author"] + " " + smoking["year"].astype(str)
    >>> contrasts = ev.contrasts_from_arms(
    ...     "study", "arm", events="events", n="n", measure="OR", data=smoking
    ... )
    >>> net = ev.network(contrasts, reference="no contact")
    >>> net.effects.loc["individual counselling", "no contact"].round(3)
    np.float64(0.709)
    >>> net.p_scores(small_values="undesirable").round(2)
    group counselling         0.85
    individual counselling    0.72
    self-help                 0.40
    no contact                0.04
    Name: p_score, dtype: float64
    """

    contrasts: Contrasts
    """The checked data."""
    reference: str
    method: str
    level: float
    prediction: str
    tau2: float
    """Between-study variance, the same for all comparisons."""
    tau2_given: bool
    random: NetworkFit
    """Fit with the tau2 above."""

    @property
    def treatments(self) -> tuple[str, ...]:
        """Treatments, in alphabetical order."""
        return self.contrasts.treatments

    @property
    def studies(self) -> tuple[str, ...]:
        """Studies, in the order given."""
        return self.contrasts.studies

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.studies)

    @property
    def designs(self) -> int:
        """Number of designs: sets of treatments that a study compares."""
        return len(set(self.contrasts.arms))

    @property
    def ci(self) -> str:
        """Code of the confidence intervals, as for `pool`: always "z", the normal distribution."""
        return "z"

    @property
    def tau(self) -> float:
        """Between-study standard deviation."""
        return sqrt(self.tau2)

    @lasting_property
    def common(self) -> NetworkFit:
        """Fit with tau2 = 0."""
        return fit_network(self.contrasts, 0.0) if self.tau2 else self.random

    @lasting_property
    def effects(self) -> pd.DataFrame:
        """Effect of the row's treatment minus the column's."""
        return self._square(self.random.effects)

    @lasting_property
    def se(self) -> pd.DataFrame:
        """Standard errors of `effects`."""
        return self._square(np.sqrt(self.random.variances))

    @lasting_property
    def effects_common(self) -> pd.DataFrame:
        """Effects of the common-effects model."""
        return self._square(self.common.effects)

    @lasting_property
    def se_common(self) -> pd.DataFrame:
        """Standard errors of `effects_common`."""
        return self._square(np.sqrt(self.common.variances))

    @property
    def ci_low(self) -> pd.DataFrame:
        """Lower limits of the confidence intervals (normal distribution)."""
        return self.effects - self._z * self.se

    @property
    def ci_high(self) -> pd.DataFrame:
        """Upper limits of the confidence intervals."""
        return self.effects + self._z * self.se

    @property
    def prediction_low(self) -> pd.DataFrame:
        """Lower limits of the intervals for the effect in a new study; NaN if they are not defined."""
        return self._square(self.random.effects - self._prediction_half)

    @property
    def prediction_high(self) -> pd.DataFrame:
        """Upper limits of the intervals for the effect in a new study."""
        return self._square(self.random.effects + self._prediction_half)

    @property
    def q(self) -> float:
        """Cochran's Q of the common-effects model: heterogeneity and inconsistency."""
        return self.common.q

    @property
    def q_df(self) -> int:
        """Degrees of freedom of Q: independent contrasts less treatments plus one."""
        return len(self.contrasts.response) - len(self.treatments) + 1

    @property
    def q_p(self) -> float:
        """P value of Q; NaN without degrees of freedom."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else nan

    @property
    def h(self) -> float:
        """Square root of Q over its degrees of freedom, at least 1; NaN without degrees of freedom."""
        return sqrt(max(1.0, self.q / self.q_df)) if self.q_df else nan

    @property
    def i2(self) -> float:
        """Percent of Q beyond its degrees of freedom; NaN without them."""
        return 100.0 * (1.0 - 1.0 / self.h**2)

    @lasting_property
    def tau2_interval(self) -> tuple[float, float]:
        """Q-profile interval of tau2; NaN if it was not estimated."""
        if self.method == "EE" or self.tau2_given or not self.q_df:
            return nan, nan
        return q_profile_interval(network_model(self.contrasts), self.level)

    @lasting_property
    def independent_paths(self) -> pd.DataFrame:
        """Number of paths between two treatments that share no study: on so many studies their comparison rests.

        Without so many studies, chosen badly, nothing would connect the two.
        """
        return self._square(independent_paths(len(self.treatments), self.contrasts.arms))

    def relative_to(self, reference: str | None = None) -> pd.DataFrame:
        """Effects of all other treatments minus the reference.

        Parameters
        ----------
        reference : str, optional
            By default the reference of the fit.

        Returns
        -------
        DataFrame
            Index treatment; columns estimate, se, ci_low, ci_high, z, p_value, prediction_low, prediction_high,
            studies (that compare with the reference directly).
        """
        place = self._place(self.reference if reference is None else reference)
        return against_reference(self.contrasts, self.random, place, self._z, self._prediction_half)

    def p_scores(self, small_values: str = "desirable") -> pd.Series:
        """P-scores, 0 to 1: mean certainty that a treatment is better than another; best first.

        Parameters
        ----------
        small_values : str
            "desirable" or "undesirable".
        """
        scores = p_scores(self.random.effects, self.random.variances, small_values)
        series = pd.Series(scores, index=list(self.treatments), name="p_score")
        return series.sort_values(ascending=False, kind="stable")

    def rankogram(self, small_values: str = "desirable", draws: int = 100_000, seed: int = 1) -> Ranking:
        """Probability of each rank, with SUCRA; `evidence.models.network.ranking` has a warning that goes with it."""
        names = list(self.treatments)
        factor = self.random.transform @ self.random.root
        chances = rankogram(self.random.position, factor, small_values, draws, seed)
        return Ranking(
            pd.DataFrame(chances, index=names, columns=range(1, len(names) + 1)),
            self.p_scores(small_values)[names].rename("sucra"),
            small_values,
            draws,
        )

    def sucra(self, small_values: str = "desirable") -> pd.Series:
        """Surface under the cumulative ranking curve, 0 to 1; for normal estimates it is the P-score."""
        return self.p_scores(small_values).rename("sucra")

    def league_table(
        self, order: Sequence[str] | None = None, *, exponentiate: bool = False, digits: int = 2
    ) -> pd.DataFrame:
        """Write all effects with their intervals into one table of text.

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
            Below the diagonal network estimates of the column's treatment v the row's, above it direct estimates of
            the row's v the column's, so both compare the earlier treatment with the later; empty without direct
            evidence.
        """
        names = list(self.treatments if order is None else order)
        places = [self._place(name) for name in names]
        return league(self.contrasts, self.random, places, self._z, exponentiate, digits)

    def split(self, method: str = "back-calculation") -> pd.DataFrame:
        """Direct and indirect evidence of each comparison; see `evidence.models.network.split.split_evidence`."""
        return split_evidence(self.contrasts, self.random, method, self.level)

    def decomposition(self) -> Decomposition:
        """Cochran's Q within and between designs, and the design-by-treatment interaction test."""
        return decompose(self.contrasts, self.common)

    def net_heat(self, *, random: bool = False) -> NetHeat:
        """Which design drives the inconsistency of which other."""
        return net_heat(self.contrasts, self.common, random=random)

    def contributions(self, of: str = "comparisons", *, common: bool = False) -> pd.DataFrame:
        """Percent that each direct comparison, or each study (of="studies"), contributes to each estimate."""
        return contribution_table(self.contrasts, self.common if common else self.random, of)

    def measures(self, *, common: bool = False) -> pd.DataFrame:
        """Direct evidence, path lengths and parallelism of each estimate; see `path_measures`."""
        return path_measures(self.contrasts, self.common if common else self.random)

    def funnel(self, order: Sequence[str]) -> pd.DataFrame:
        """Data for a comparison-adjusted funnel plot; `order` from the oldest treatment to the newest."""
        return funnel_data(self.contrasts, self.tau2, order)

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        return network_remarks(self)

    def to_frame(self) -> pd.DataFrame:
        """Effects against the reference, as `relative_to`."""
        return self.relative_to()

    def summary(self) -> str:
        """Describe the fit as text."""
        return network_summary(self)

    @property
    def _z(self) -> float:
        return float(ndtri(0.5 + 0.5 * self.level))

    @lasting_property
    def _prediction_half(self) -> Floats:
        wide = nan if self.method == "EE" else prediction_quantile(self.prediction, self.q_df, self.level)
        half = wide * np.sqrt(self.random.variances + self.tau2)
        np.fill_diagonal(half, 0.0)
        return half

    def _square(self, values: Floats | NDArray[np.int64]) -> pd.DataFrame:
        return pd.DataFrame(values, index=list(self.treatments), columns=list(self.treatments))

    def _place(self, treatment: str) -> int:
        if treatment not in self.treatments:
            raise DataError(
                f"{treatment!r} is not in the network; choose one of {', '.join(self.treatments)}."
            )
        return self.treatments.index(treatment)


def league(
    contrasts: Contrasts, fit: NetworkFit, places: Sequence[int], z: float, exponentiate: bool, digits: int
) -> pd.DataFrame:
    """Write the table; see `Network.league_table`. `places` are the treatments, `z` the normal quantile."""
    direct, direct_variance, _ = direct_evidence(contrasts, fit.tau2)
    effects, variances = fit.effects, fit.variances
    names = [contrasts.treatments[place] for place in places]

    def cell(effect: float, variance: float) -> str:
        if np.isnan(effect):
            return ""
        half = z * np.sqrt(variance)
        values = np.array([effect, effect - half, effect + half])
        if exponentiate:
            values = np.exp(np.clip(values, -700.0, 700.0))
        estimate, low, high = (f"{value:.{digits}f}" for value in values)
        return f"{estimate} ({low} to {high})"

    table = [
        [
            names[row]
            if row == column
            else cell(effects[b, a], variances[b, a])
            if row > column
            else cell(direct[a, b], direct_variance[a, b])
            for column, b in enumerate(places)
        ]
        for row, a in enumerate(places)
    ]
    return pd.DataFrame(table, index=names, columns=names)


def network_summary(net: Network) -> str:
    """Describe a fit: effects against the reference, heterogeneity and what to know."""
    if net.method == "EE":
        model = "common effects"
    else:
        model = f"random effects, tau2 {'given' if net.tau2_given else 'by ' + net.method}"
    width = max(len(name) for name in net.treatments) + 2
    lines = [
        f"Network meta-analysis, {model} ({net.k} studies, {len(net.treatments)} treatments)",
        "",
        f"  {'v ' + net.reference:<{width}}{'estimate':>10}   {100 * net.level:g}% interval",
    ]
    for name, row in net.relative_to().iterrows():
        limits = span(row["ci_low"], row["ci_high"])
        lines.append(
            f"  {name:<{width}}{number(row['estimate']):>10}   {limits:<22} P {p_text(row['p_value'])}"
        )
    lines += ["", f"  tau2 {number(net.tau2)}"]
    if net.q_df:
        lines.append(f"  Q {q_text(net.q)}, df = {net.q_df}, P {p_text(net.q_p)}; I2 {net.i2:.1f}%")
    return "\n".join([*lines, *(["", net.note] if net.note else [])])


def network_remarks(net: Network) -> str:
    """Say what a reader should know about a fit, in plain sentences; empty if there is nothing."""
    notes = list(net.contrasts.notes)
    if not net.q_df:
        notes.append("No effect is estimated twice, so heterogeneity and inconsistency cannot be judged.")
    elif net.method != "EE" and not net.tau2_given and net.tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    return " ".join(notes)
