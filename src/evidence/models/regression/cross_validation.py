"""Cross-validation of a meta-regression: how well it predicts studies that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.regression.many import fit_many
from evidence.models.regression.result import Regression
from evidence.results import Shown, number, table_text

__all__ = ["CrossValidation", "cross_validate"]


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation(Shown):
    """Result of `cross_validate`.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> ev.cross_validate(fit).to_frame().shape
    (13, 6)
    """

    labels: tuple[str, ...]
    effect: Floats
    """Effects of the studies, shape (k,)."""
    predicted: Floats
    """What the regression without the study's fold predicts; NaN where that cannot be fitted."""
    mean: Floats
    """What the mean of the same studies, without moderators, predicts."""
    fold: Any
    """Fold of each study, from 0."""

    @property
    def rmse(self) -> float:
        """Root mean square error of the predictions."""
        return float(np.sqrt(np.nanmean(np.square(self.effect - self.predicted))))

    @property
    def r2(self) -> float:
        """Percent by which the mean square error is smaller than that of the mean; negative if it is larger.

        NaN where the mean has no error.
        """
        some = np.isfinite(self.predicted)
        errors = [np.square(self.effect - one)[some].mean() for one in (self.predicted, self.mean)]
        return float(100.0 * (1.0 - errors[0] / errors[1])) if errors[1] > 0.0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, fold, effect, predicted, error, mean."""
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "fold": self.fold,
                "effect": self.effect,
                "predicted": self.predicted,
                "error": self.effect - self.predicted,
                "mean": self.mean,
            }
        )

    def summary(self) -> str:
        """Describe the predictions as text."""
        missing = int((~np.isfinite(self.predicted)).sum())
        note = f"{missing} studies could not be predicted without their fold." if missing else ""
        said = "not defined" if np.isnan(self.r2) else f"{self.r2:.1f}%"
        head = f"Cross-validation: RMSE {number(self.rmse)}, R2 of prediction {said}"
        return table_text(head, self.to_frame(), note)


@takes("Regression")
def cross_validate(fit: Regression, *, folds: int | None = None, seed: int = 1) -> CrossValidation:
    """Predict each study from the regression fitted without it, or without its fold.

    All folds are fitted at once.

    Parameters
    ----------
    fit : Regression
    folds : int, optional
        Number of folds, at least 2, into which studies are dealt at random; by default each study is a fold.
    seed : int
        Seed of the folds.

    Returns
    -------
    CrossValidation

    Raises
    ------
    DataError
        If the number of folds does not lie between 2 and the number of studies.
    ModelError
        If no fold leaves enough studies.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> validated = ev.cross_validate(fit)
    >>> f"{validated.rmse:.2f}"
    '0.59'
    """
    k = fit.k
    if folds is not None and not 2 <= folds <= k:
        raise DataError(f"folds must lie between 2 and the number of studies, {k}, not {folds!r}.")
    fold = np.arange(k) if folds is None else np.random.default_rng(seed).permutation(np.arange(k) % folds)
    left_out = fold == np.arange(fold.max() + 1)[:, None]
    effects, variances = (np.where(left_out, np.nan, one) for one in (fit.effect, fit.variance))
    predictions = []
    plain = replace(fit.design, matrix=np.ones((k, 1)), names=("Intercept",), intercept=True)
    for design in (fit.design, plain):
        found = fit_many(design, effects, variances, fit.method, "z", fit.level)
        predictions.append((design.matrix * found.estimate[fold]).sum(axis=1))
    if not np.isfinite(predictions[0]).any():
        raise ModelError("without a fold too few studies are left for the coefficients; use more folds.")
    return CrossValidation(fit.labels, fit.effect, predictions[0], predictions[1], fold)
