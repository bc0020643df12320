"""Best linear unbiased predictions: what each study estimates, once it borrows strength from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from evidence.errors import ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, table_text

__all__ = ["Blup", "blup"]


@dataclass(frozen=True, eq=False, repr=False)
class Blup(Shown):
    """Result of `blup`: arrays of shape (k,), in the order of the studies."""

    labels: tuple[str, ...]
    effect: Floats
    """Effect as reported."""
    prediction: Floats
    """Predicted true effect."""
    se: Floats
    low: Floats
    high: Floats
    shrinkage: Floats
    """Weight of the mean in the prediction, variance / (variance + tau2); 1 - shrinkage is that of the study."""

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, effect, prediction, se, low, high, shrinkage."""
        names = ["effect", "prediction", "se", "low", "high", "shrinkage"]
        return pd.DataFrame({"label": list(self.labels)} | {name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Describe the predictions as a text table."""
        return table_text(f"Predicted true effects of the studies (k = {len(self.labels)})", self.to_frame())


@takes("Pooled")
def blup(fit: Pooled) -> Blup:
    """Predict the true effect of each study (best linear unbiased prediction, or empirical Bayes estimate).

    Parameters
    ----------
    fit : Pooled
        Its interval (normal or t) and level are those of the predictions. tau2 counts as known.

    Returns
    -------
    Blup

    Raises
    ------
    ModelError
        For GENQ, whose weights are not those of the model.

    References
    ----------
    Raudenbush SW, Bryk AS (1985). J Educ Stat 10(2), 75-98.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.blup(fit).to_frame().iloc[:, :3].round(3).head(3)
                  label  effect  prediction
    0           Aronson  -0.889      -0.800
    1  Ferguson & Simes  -1.585      -1.252
    2   Rosenthal et al  -1.348      -0.987
    """
    if fit.given_weights is not None:
        raise ModelError(
            "true effects are predicted with inverse-variance weights; pool by another method than GENQ."
        )
    shrinkage = fit.variance / (fit.variance + fit.tau2)
    own = fit.tau2 / (fit.variance + fit.tau2)
    prediction = own * fit.effect + shrinkage * fit.estimate
    se = np.sqrt(own * fit.variance + np.square(shrinkage * fit.se))
    half = stdtrit(fit.df, 0.5 + 0.5 * fit.level) * se
    return Blup(fit.labels, fit.effect, prediction, se, prediction - half, prediction + half, shrinkage)
