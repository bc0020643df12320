"""Bayesian network meta-analysis by deterministic integration, without sampling.

Given the between-study standard deviation tau all posteriors are normal, as in `evidence.models.bayes.fit`; only tau
is integrated numerically. The posterior of every comparison is a mixture of normals over tau.

References
----------
Dias S et al. (2013). Med Decis Making 33(5), 607-617 (the model).
Roever C (2020). J Stat Softw 93(6), 1-51 (the integration).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import log

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError, must_be
from evidence.models.bayes import priors
from evidence.models.bayes.grid import integrate
from evidence.models.bayes.marginal import NormalMixture, TauPosterior
from evidence.models.bayes.priors import EffectPrior, TauPrior
from evidence.models.core.weighted import Floats
from evidence.models.network.ranking import direction
from evidence.models.network.result import Network
from evidence.results import Shown, lasting_property, number, sentences, span

__all__ = ["NetworkPosterior", "bayes_network"]

CHUNK = 200_000
"""Entries of the largest temporary array."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetworkPosterior(Shown):
    """Result of `bayes_network`.

    Tables of treatments by treatments hold the effect of the row's treatment minus the column's.

    Examples
    --------
    >>> import evidence as ev
    >>> net = ev.network(["s1", "s2", "s3"], ["a", "b", "a"], ["b", "c", "c"], [0.5, 0.2, 0.6], [0.1, 0.1, 0.2])
    >>> posterior = ev.bayes_network(net, tau_prior=ev.priors.half_normal(0.5))
    >>> posterior.sucra("undesirable").index[0]
    'a'
    """

    net: Network
    """The network whose contrasts are used."""
    effect_prior: EffectPrior
    """Of the effect of each treatment v the reference."""
    tau_prior: TauPrior
    level: float
    tau: TauPosterior
    """Posterior of the between-study standard deviation."""
    positions: Floats
    """Conditional means of the effects v the reference at each node of tau, shape (g, t)."""
    covariances: Floats
    """Conditional covariance matrices, shape (g, t, t)."""
    has_mean: bool
    has_sd: bool
    note: str

    @property
    def treatments(self) -> tuple[str, ...]:
        """Treatments, in alphabetical order."""
        return self.net.treatments

    @property
    def reference(self) -> str:
        """Treatment against which results are told."""
        return self.net.reference

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.net.k

    def effect(self, treatment: str, against: str | None = None) -> NormalMixture:
        """Posterior of one effect; `against` is by default the reference."""
        return self._mixture(*self._places(treatment, against), new_study=False)

    def prediction(self, treatment: str, against: str | None = None) -> NormalMixture:
        """Predictive distribution of one effect in a new study."""
        return self._mixture(*self._places(treatment, against), new_study=True)

    @lasting_property
    def effects(self) -> pd.DataFrame:
        """Posterior medians."""
        return self._table("median")

    @lasting_property
    def ci_low(self) -> pd.DataFrame:
        """Lower ends of the shortest credible intervals."""
        return self._table("low")

    @lasting_property
    def ci_high(self) -> pd.DataFrame:
        """Upper ends of the shortest credible intervals."""
        return self._table("high")

    @lasting_property
    def below(self) -> pd.DataFrame:
        """Probability that the row's treatment has the smaller value than the column's; NaN on the diagonal."""
        size = len(self.treatments)
        out = np.full((size, size), np.nan)
        for i in range(size):
            for j in range(i):
                out[i, j] = float(self._mixture(i, j, new_study=False).cdf(0.0))
                out[j, i] = 1.0 - out[i, j]
        return pd.DataFrame(out, index=list(self.treatments), columns=list(self.treatments))

    def sucra(self, small_values: str = "desirable") -> pd.Series:
        """Surface under the cumulative ranking curve: mean probability to be better than another; best first."""
        better = self.below if direction(small_values) < 0 else 1.0 - self.below
        series = better.mean(axis=1).rename("sucra")
        return series.sort_values(ascending=False, kind="stable")

    def relative_to(self, reference: str | None = None) -> pd.DataFrame:
        """Effects of all other treatments minus the reference.

        Returns
        -------
        DataFrame
            Index treatment; columns estimate (median), ci_low, ci_high (shortest interval), mean, sd, below
            (probability that the effect is below zero), prediction_low, prediction_high, studies (that compare with
            the reference directly).
        """
        reference = self.reference if reference is None else reference
        studies = self.net.relative_to(reference)["studies"]
        rows = {}
        for name in self.treatments:
            if name == reference:
                continue
            true, new = self.effect(name, reference), self.prediction(name, reference)
            low, high = true.interval(self.level)
            new_low, new_high = new.interval(self.level)
            rows[name] = {
                "estimate": true.median,
                "ci_low": low,
                "ci_high": high,
                "mean": true.mean,
                "sd": true.sd,
                "below": float(true.cdf(0.0)),
                "prediction_low": new_low,
                "prediction_high": new_high,
                "studies": studies[name],
            }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "treatment"
        return frame

    def league_table(
        self, order: Sequence[str] | None = None, *, exponentiate: bool = False, digits: int = 2
    ) -> pd.DataFrame:
        """Write all medians with their intervals into one table of text, the column's treatment v the row's."""
        names = list(self.treatments if order is None else order)
        for name in names:
            self._places(name, name)

        def cell(row: str, column: str) -> str:
            values = np.array([part.loc[column, row] for part in (self.effects, self.ci_low, self.ci_high)])
            shown = np.exp(np.clip(values, -700.0, 700.0)) if exponentiate else values
            estimate, low, high = (f"{value:.{digits}f}" for value in shown)
            return f"{estimate} ({low} to {high})"

        table = [[row if row == column else cell(row, column) for column in names] for row in names]
        return pd.DataFrame(table, index=names, columns=names)

    @property
    def log_marginal_likelihood(self) -> float:
        """Log density of the studies' contrasts with one of their arms each; NaN under an improper prior."""
        if not (self.tau_prior.proper and np.isfinite(self.effect_prior.sd)):
            return np.nan
        # The independent rows of a study with a arms map its contrasts with a squared determinant of 2^(a - 1) / a.
        arms = np.array([len(study) for study in self.net.contrasts.arms], dtype=float)
        return self.tau.grid.log_evidence + 0.5 * float((log(2.0) * (arms - 1.0) - np.log(arms)).sum())

    def to_frame(self) -> pd.DataFrame:
        """Effects against the reference, as `relative_to`."""
        return self.relative_to()

    def summary(self) -> str:
        """Describe the posterior as text."""
        width = max(len(name) for name in self.treatments) + 2
        low, high = self.tau.interval(self.level)
        lines = [
            f"Bayesian network meta-analysis ({self.k} studies, {len(self.treatments)} treatments)",
            f"  priors: effects v {self.reference} {self.effect_prior}; tau {self.tau_prior}",
            "",
            f"  {'v ' + self.reference:<{width}}{'median':>10}   shortest {100 * self.level:g}% interval",
        ]
        for name, row in self.relative_to().iterrows():
            limits = span(row["ci_low"], row["ci_high"])
            lines.append(
                f"  {name:<{width}}{number(row['estimate']):>10}   {limits:<22} P(below 0) = {number(row['below'])}"
            )
        lines += ["", f"  tau {number(self.tau.median)} ({span(low, high)})"]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    def _places(self, treatment: str, against: str | None) -> tuple[int, int]:
        names = (treatment, self.reference if against is None else against)
        for name in names:
            if name not in self.treatments:
                raise DataError(
                    f"{name!r} is not in the network; choose one of {', '.join(self.treatments)}."
                )
        return self.treatments.index(names[0]), self.treatments.index(names[1])

    def _mixture(self, i: int, j: int, *, new_study: bool) -> NormalMixture:
        if i == j:
            raise DataError(f"{self.treatments[i]!r} is compared with itself; name two treatments.")
        tau, weight = self.tau.grid.nodes()
        c = self.covariances
        variance = c[:, i, i] + c[:, j, j] - 2.0 * c[:, i, j]
        if new_study:
            variance = variance + np.square(tau)
        means = self.positions[:, i] - self.positions[:, j]
        return NormalMixture(0.0, means, np.sqrt(variance), weight, self.has_mean, self.has_sd)

    def _table(self, what: str) -> pd.DataFrame:
        size = len(self.treatments)
        out = np.zeros((size, size))
        for i in range(size):
            for j in range(i):
                mixture = self._mixture(i, j, new_study=False)
                if what == "median":
                    out[i, j], out[j, i] = mixture.median, -mixture.median
                else:
                    low, high = mixture.interval(self.level)
                    out[i, j], out[j, i] = (low, -high) if what == "low" else (high, -low)
        return pd.DataFrame(out, index=list(self.treatments), columns=list(self.treatments))


def bayes_network(
    net: Network,
    *,
    effect_prior: EffectPrior | None = None,
    tau_prior: TauPrior | None = None,
    level: float | None = None,
) -> NetworkPosterior:
    """Fit the Bayesian random-effects model of a network to the contrasts of a fitted one.

    Parameters
    ----------
    net : Network
        Its contrasts and its reference are used, not its tau2.
    effect_prior : EffectPrior, optional
        Of the effect of every treatment v the reference: `priors.normal(mean, sd)`; by default flat.
    tau_prior : TauPrior, optional
        As for `bayes`; by default the improper uniform prior, which needs two more independent contrasts than
        effects (one more than none with a normal effect prior).
    level : float, optional
        Level of the intervals; by default that of the network.

    Returns
    -------
    NetworkPosterior

    Raises
    ------
    DataError
        If the network is of another class, or a prior or the level is wrong.
    ModelError
        If the posterior is improper.

    References
    ----------
    Dias S, Sutton AJ, Ades AE, Welton NJ (2013). Med Decis Making 33(5), 607-617.

    Examples
    --------
    >>> import evidence as ev
    >>> net = ev.network(["s1", "s2", "s3"], ["a", "b", "a"], ["b", "c", "c"], [0.5, 0.2, 0.6], [0.1, 0.1, 0.2])
    >>> posterior = ev.bayes_network(net, tau_prior=ev.priors.half_normal(0.5))
    >>> round(posterior.effect("a", "c").median, 2)
    0.65
    """
    must_be(net, Network, "bayes_network()")
    effect_prior = priors.flat() if effect_prior is None else effect_prior
    tau_prior = priors.uniform() if tau_prior is None else tau_prior
    if not isinstance(effect_prior, EffectPrior):
        raise DataError(
            f"effect_prior must come from priors.normal() or priors.flat(), not {effect_prior!r}."
        )
    if not isinstance(tau_prior, TauPrior):
        raise DataError(
            f"tau_prior must come from evidence.models.bayes.priors, for example half_normal(0.5); got {tau_prior!r}."
        )
    level = net.level if level is None else level
    if not 0.0 < level < 1.0:
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")
    contrasts = net.contrasts
    place = contrasts.treatments.index(net.reference)
    others = [i for i in range(len(contrasts.treatments)) if i != place]
    design, y, variance = contrasts.matrix[:, others], contrasts.response, contrasts.variance
    flat = not np.isfinite(effect_prior.sd)
    tail = tau_prior.tail + y.size - len(others) * flat
    if not tau_prior.proper and tail <= 0.0:
        raise ModelError(
            "the posterior is improper: the improper uniform prior for tau needs more independent contrasts than "
            f"{y.size} for {len(others)} effects. Give a proper tau_prior, for example priors.half_normal(0.5)."
        )
    at = partial(_given_tau, design, y, variance, effect_prior)
    # The grid is refined until the posterior of one contrast is exact; the one that depends most on tau is taken.
    _, ends, spread = at(np.array([0.0, 10.0 * float(np.ptp(y) + np.sqrt(variance.max()))]))
    moved = np.abs(ends[1] - ends[0]) / np.sqrt(np.diagonal(spread[0]))
    watched = int(moved.argmax())
    grid = integrate(partial(_one_effect, at, watched), tau_prior, y, variance)
    tau, _ = grid.nodes()
    _, mean, covariance = at(tau)
    positions = np.zeros((tau.size, len(contrasts.treatments)))
    covariances = np.zeros((tau.size, len(contrasts.treatments), len(contrasts.treatments)))
    positions[:, others] = mean
    covariances[np.ix_(range(tau.size), others, others)] = covariance
    has_mean, has_sd = tail > 1.0, tail > 2.0
    exist = (
        ""
        if has_sd
        else (
            "With this prior and so few studies the tail of tau is too heavy for posterior standard deviations; "
            "medians and intervals exist."
        )
    )
    return NetworkPosterior(
        net=net,
        effect_prior=effect_prior,
        tau_prior=tau_prior,
        level=level,
        tau=TauPosterior(grid, has_mean, has_sd),
        positions=positions,
        covariances=covariances,
        has_mean=has_mean or not flat,
        has_sd=has_sd or not flat,
        note=sentences(*contrasts.notes, exist),
    )


def _one_effect(
    at: Callable[[Floats], tuple[Floats, Floats, Floats]], which: int, tau: Floats
) -> tuple[Floats, Floats, Floats]:
    """Marginal log-likelihood at each tau, and mean and standard deviation of one effect given it."""
    value, mean, covariance = at(tau)
    return value, mean[:, which], np.sqrt(covariance[:, which, which])


def _given_tau(
    design: Floats, y: Floats, variance: Floats, prior: EffectPrior, tau: Floats
) -> tuple[Floats, Floats, Floats]:
    """Marginal log-likelihood at each tau, and means (g, p) and covariances (g, p, p) of the effects given it."""
    n, p = design.shape
    value, means, covariances = np.empty(tau.size), np.empty((tau.size, p)), np.empty((tau.size, p, p))
    step = max(1, CHUNK // (n * p))
    finite = bool(np.isfinite(prior.sd))
    for start in range(0, tau.size, step):
        part = slice(start, start + step)
        spread = variance + np.square(tau[part])[:, None]
        w = 1.0 / spread
        information = np.einsum("ni,gn,nj->gij", design, w, design)
        moment = (w * y) @ design
        if finite:
            information += np.eye(p) / prior.sd**2
            moment += prior.mean / prior.sd**2
        scale = 1.0 / np.sqrt(np.einsum("gii->gi", information))
        scaled = information * scale[:, :, None] * scale[:, None, :]
        inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
        mean = (inverse @ moment[:, :, None])[:, :, 0]
        residual = y - mean @ design.T
        log_determinant = np.linalg.slogdet(scaled)[1] - 2.0 * np.log(scale).sum(axis=1)
        own = np.log(2.0 * np.pi * spread).sum(axis=1) + (w * np.square(residual)).sum(axis=1)
        total = own + log_determinant
        if finite:
            total += np.square((mean - prior.mean) / prior.sd).sum(axis=1) + 2.0 * p * log(prior.sd)
        else:
            total -= p * log(2.0 * np.pi)
        value[part], means[part], covariances[part] = -0.5 * total, mean, inverse
    return value, means, covariances
