"""Outlying and influential studies: what changes when one is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtr

from evidence.diagnostics.model_influence import ModelInfluence, model_influence
from evidence.diagnostics.subsets import deleted_scale, drop_each, need
from evidence.errors import must_be
from evidence.models.core.studies import Floats, others
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.results import Shown, table_text

__all__ = ["Influence", "ModelInfluence", "influence", "standardised_residuals"]


@dataclass(frozen=True, eq=False, repr=False)
class Influence(Shown):
    """Result of `influence`: arrays of shape (k,), in the order of the studies."""

    labels: tuple[str, ...]
    standardised: Floats
    """Residuals from the mean over their standard errors."""
    studentised: Floats
    """Residuals from the mean of the other studies over their standard errors."""
    dffits: Floats
    """Change of the mean in standard errors, the error taken at the study."""
    dfbetas: Floats
    """Change of the mean in standard errors of the mean, tau2 estimated without the study."""
    cook: Floats
    """Squared change of the mean over its variance (Cook's distance)."""
    covariance_ratio: Floats
    """Variance of the mean without the study over that with it."""
    tau2_deleted: Floats
    q_deleted: Floats
    hat: Floats
    """Share of the study in the mean, from 0 to 1."""
    weights: Floats
    """The same in percent."""
    influential: NDArray[np.bool_]
    """Whether one of the four rules of Viechtbauer and Cheung (2010) flags the study."""

    @property
    def note(self) -> str:
        """Name the flagged studies; say so if a value is not defined."""
        flagged = ", ".join(name for name, flag in zip(self.labels, self.influential, strict=True) if flag)
        notes = [f"Influential: {flagged}."] if flagged else []
        if np.isnan(self.studentised).any():
            notes.append(
                "Values are missing where the other studies agree exactly, so that HKSJ leaves no error."
            )
        return " ".join(notes)

    def to_frame(self) -> pd.DataFrame:
        """One row a study, one column a measure."""
        names = ["standardised", "studentised", "dffits", "dfbetas", "cook", "covariance_ratio"]
        names += ["tau2_deleted", "q_deleted", "hat", "weights", "influential"]
        return pd.DataFrame({"label": list(self.labels)} | {name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Describe the measures as a text table."""
        return table_text(f"Influence of single studies (k = {len(self.labels)})", self.to_frame(), self.note)


@overload
def influence(fit: Pooled, *, cluster: None = None) -> Influence: ...


@overload
def influence(fit: Regression | Multilevel | Robust, *, cluster: Any = None) -> ModelInfluence: ...


@overload
def influence(fit: Pooled, *, cluster: Any) -> ModelInfluence: ...


def influence(
    fit: Pooled | Regression | Multilevel | Robust, *, cluster: Any = None
) -> Influence | ModelInfluence:
    """Measure how far each study, or cluster, lies from the others and how much it changes the result.

    Of one pooled mean a study is flagged as influential if the absolute DFFITS exceeds 3 sqrt(1 / (k - 1)), the
    lower tail of a chi-squared distribution (1 df) at Cook's distance exceeds 0.5, the hat value exceeds 3 / k, or
    the absolute DFBETAS exceeds 1; of other models if the lower tail (as many df as coefficients) at Cook's distance
    exceeds 0.5, or an absolute DFBETAS 1.

    Parameters
    ----------
    fit : Pooled, Regression, Multilevel or Robust
        A fit of at least two studies. Variances between studies are estimated anew without each.
    cluster : array-like, shape (k,), optional
        Cluster of each effect, all of whose effects are left out together; paired by labels. By default the clusters
        of `robust`, of other fits each effect by itself.

    Returns
    -------
    Influence, or of other fits than `Pooled` and with clusters ModelInfluence
        NaN where a standard error is zero, which happens with HKSJ when effects are exactly equal, and where the
        model cannot be fitted without a study. Cook's distance and DFBETAS of `robust` are in units of the robust
        covariance; its residuals and hat values are those of the model under it.

    Raises
    ------
    DataError
        If the fit is of another class, or `cluster` does not fit the data.
    ModelError
        With one study, or one cluster.

    References
    ----------
    Viechtbauer W, Cheung MW-L (2010). Res Synth Methods 1(2), 112-125.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.influence(fit).to_frame().columns[:4].tolist()
    ['label', 'standardised', 'studentised', 'dffits']
    """
    must_be(fit, (Pooled, Regression, Multilevel, Robust), "influence()")
    if not isinstance(fit, Pooled) or cluster is not None:
        need(fit, 2, "a measure of influence")
        return model_influence(fit, cluster)
    need(fit, 2, "a measure of influence")
    deleted, k = drop_each(fit), fit.k
    scale = deleted_scale(fit, deleted)
    hat = fit.weights / 100.0
    change = fit.estimate - deleted.estimate
    spread = fit.variance + deleted.tau2
    if fit.given_weights is None:
        at_study = hat * spread
        of_mean = 1.0 / (1.0 / (fit.variance + deleted.tau2[:, None])).sum(axis=1)
    else:
        at_study = of_mean = (np.square(hat) * (fit.variance + deleted.tau2[:, None])).sum(axis=1)
    dffits = _ratio(change, np.sqrt(scale * at_study))
    dfbetas = _ratio(change, np.sqrt(scale * of_mean))
    cook = np.square(_ratio(change, np.full(k, fit.se)))
    influential = (
        (abs(dffits) > 3.0 * np.sqrt(1.0 / (k - 1)))
        | (chdtr(1.0, cook) > 0.5)
        | (hat > 3.0 / k)
        | (abs(dfbetas) > 1.0)
    )
    return Influence(
        fit.labels,
        standardised_residuals(fit),
        _ratio(fit.effect - deleted.estimate, np.sqrt(spread * scale + np.square(deleted.se))),
        dffits,
        dfbetas,
        cook,
        np.square(_ratio(deleted.se, np.full(k, fit.se))),
        deleted.tau2,
        deleted.q,
        hat,
        fit.weights,
        influential,
    )


def standardised_residuals(fit: Pooled) -> Floats:
    """Residuals from the mean over their standard errors, shape (k,).

    The variance of a residual is entry i, i of (I - H) M (I - H)', M being the diagonal matrix of variance +
    tau2 and H the matrix whose rows are the studies' shares in the mean.
    """
    spread = fit.variance + fit.tau2
    share = fit.weights / 100.0
    rest = others(share)
    if fit.given_weights is None:
        variance = spread * rest
    else:
        variance = spread * np.square(rest) + others(np.square(share) * spread)
    return _ratio(fit.effect - fit.estimate, np.sqrt(variance))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is zero."""
    return numerator / np.where(denominator > 0.0, denominator, np.nan)
