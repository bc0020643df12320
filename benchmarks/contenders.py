"""One fit of the same studies by each package: ours first, then what of each other package comes nearest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import meta_analyze
import numpy as np
import pimeta
from pymare import Dataset
from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

import evidence as ev

__all__ = ["Contender", "contenders"]


@dataclass(frozen=True)
class Contender:
    """One way to fit, and what it gives."""

    name: str
    gives: str
    complete: bool
    """Whether it gives estimate, standard error, interval, P value, tau2, I2 and Q, as ours does."""
    fit: Callable[[], Any]


def contenders(effect: np.ndarray, variance: np.ndarray) -> list[Contender]:
    """List the ways to fit these studies: ours with all quantities read, the bare call of ours, and the others."""
    column, columns, ones = effect[:, None], variance[:, None], np.ones((effect.size, 1))

    def ours(method: str = "REML") -> tuple[float, ...]:
        fit = ev.pool(effect, variance, method=method, ci="HKSJ")
        return fit.estimate, fit.se, fit.ci_low, fit.ci_high, fit.p_value, fit.tau2, fit.i2, fit.q

    def statsmodels_interval() -> Any:
        return combine_effects(effect, variance, method_re="dl", use_t=True).conf_int()

    def statsmodels_complete() -> Any:
        fit = combine_effects(effect, variance, method_re="dl", use_t=True)
        interval = fit.conf_int()[3]
        p_value = 2.0 * stats.t.sf(abs(fit.mean_effect_re / fit.sd_eff_w_re_hksj), fit.df_resid)
        return fit.mean_effect_re, fit.sd_eff_w_re_hksj, interval, p_value, fit.tau2, fit.i2, fit.q

    def pymare(estimator: Any) -> Any:
        fit = estimator.fit_dataset(Dataset(y=effect, v=variance)).summary()
        return fit.get_fe_stats(), fit.tau2, fit.get_heterogeneity_stats()

    def pymetaanalysis() -> Any:
        return meta_analyze.meta_analysis(
            effect=effect, variance=variance, tau2_method="REML", ci_method="hartung_knapp"
        )

    return [
        Contender("evidence", "REML, HKSJ: estimate, SE, interval, P, tau2, I2, Q", True, ours),
        Contender(
            "evidence, bare",
            "REML alone; the rest waits until it is asked for",
            False,
            lambda: ev.pool(effect, variance, method="REML", ci="HKSJ"),
        ),
        Contender("evidence, DL", "DL, HKSJ: the same quantities", True, lambda: ours("DL")),
        Contender(
            "statsmodels, bare",
            "DL: estimate, SE, tau2, I2, Q; no interval, no P",
            False,
            lambda: combine_effects(effect, variance, method_re="dl"),
        ),
        Contender("statsmodels", "DL with intervals (t, HKSJ); no P", False, statsmodels_interval),
        Contender(
            "statsmodels + scipy", "DL, HKSJ; P by hand: the same quantities", True, statsmodels_complete
        ),
        Contender(
            "PyMARE, bare",
            "DL: estimate, its variance and tau2 alone",
            False,
            lambda: DerSimonianLaird().fit(column, columns, ones),
        ),
        Contender("PyMARE, DL", "DL, normal: the same quantities", True, lambda: pymare(DerSimonianLaird())),
        Contender(
            "PyMARE, REML",
            "REML, normal: the same quantities",
            True,
            lambda: pymare(VarianceBasedLikelihoodEstimator(method="REML")),
        ),
        Contender(
            "pimeta",
            "REML, HKSJ: the same and more",
            True,
            lambda: pimeta.rma(effect, vi=variance, method="REML", test="knha"),
        ),
        Contender("PyMetaAnalysis", "REML, HKSJ: the same and more", True, pymetaanalysis),
    ]
