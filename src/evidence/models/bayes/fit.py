"""Bayesian random-effects meta-analysis by deterministic integration, without sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from evidence.columns import left_out_note
from evidence.errors import DataError, ModelError
from evidence.models.bayes import priors
from evidence.models.bayes.grid import conditional, integrate
from evidence.models.bayes.marginal import NormalMixture, TauPosterior
from evidence.models.bayes.posterior import Posterior
from evidence.models.bayes.priors import EffectPrior, TauPrior
from evidence.models.pool import pool
from evidence.results import sentences

__all__ = ["bayes"]


def bayes(
    effect: Any,
    variance: Any = None,
    *,
    effect_prior: EffectPrior | None = None,
    tau_prior: TauPrior | None = None,
    level: float = 0.95,
    labels: Any = None,
    se: Any = None,
    data: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
) -> Posterior:
    """Fit the normal-normal hierarchical model of Bayesian meta-analysis.

    Parameters
    ----------
    effect : array-like, shape (k,), str or DataFrame
        Study effects, on an additive scale (log for ratios); as for `pool`.
    variance : array-like, shape (k,), or str
        Sampling variances, strictly positive.
    effect_prior : EffectPrior, optional
        `evidence.models.bayes.priors.normal(mean, sd)`; by default flat.
    tau_prior : TauPrior, optional
        A prior of `evidence.models.bayes.priors` for the between-study standard deviation: `half_normal`,
        `half_cauchy`, `half_t`, `exponential`, `uniform`, `log_normal`, `log_t`, `rhodes2015` or `turner2015`. By
        default the improper uniform prior, which needs three studies (two with a normal effect prior).
    level : float
        Level of the intervals, between 0 and 1.
    labels, se, data, missing, measure
        As for `pool`.

    Returns
    -------
    Posterior

    Raises
    ------
    DataError
        If effects, variances or options are wrong; the message names the study.
    ModelError
        If the posterior is improper: too few studies for an improper prior.

    References
    ----------
    Roever C (2020). J Stat Softw 93(6), 1-51. doi:10.18637/jss.v093.i06.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> result = ev.bayes(effect, variance, tau_prior=ev.priors.half_normal(0.5))
    >>> f"{result.estimate:.2f} ({result.ci_low:.2f} to {result.ci_high:.2f})"
    '-0.98 (-1.51 to -0.48)'
    """
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
    read = pool(
        effect,
        variance,
        method="EE",
        ci="z",
        level=level,
        labels=labels,
        se=se,
        data=data,
        missing=missing,
        measure=measure,
    )
    flat = not np.isfinite(effect_prior.sd)
    tail = tau_prior.tail + read.k - flat
    if not tau_prior.proper and tail <= 0.0:
        raise ModelError(
            f"the posterior is improper: the improper uniform prior for tau needs {3 if flat else 2} studies, "
            f"not {read.k}. Give a proper tau_prior, for example priors.half_normal(0.5)."
        )
    origin = float(read.effect[np.argmin(read.variance)])
    at = conditional(read.effect, read.variance, effect_prior, origin)
    grid = integrate(at, tau_prior, read.effect, read.variance)
    tau, weight = grid.nodes()
    _, means, sds = at(tau)
    has_mean, has_sd = tail > 1.0, tail > 2.0
    return Posterior(
        effect=read.effect,
        variance=read.variance,
        labels=read.labels,
        effect_prior=effect_prior,
        tau_prior=tau_prior,
        level=level,
        mean_effect=NormalMixture(origin, means, sds, weight, has_mean or not flat, has_sd or not flat),
        tau=TauPosterior(grid, has_mean, has_sd),
        prediction=NormalMixture(origin, means, np.hypot(sds, tau), weight, has_mean, has_sd),
        note=sentences(left_out_note(read.left_out, "effect or variance"), _note(has_mean, has_sd)),
        measure=read.measure,
        origin=read.origin,
    )


def _note(has_mean: bool, has_sd: bool) -> str:
    if has_sd:
        return ""
    what = "standard deviation" if has_mean else "mean and standard deviation"
    return (
        f"With this prior and so few studies the tail of tau is too heavy for a posterior {what} of tau (and of the "
        "effect, under a flat prior); medians and intervals exist."
    )
