"""PET-PEESE: the effect that the studies' trend would leave to a study without error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from evidence.diagnostics.small_study.line import fit_line
from evidence.diagnostics.subsets import need
from evidence.errors import DataError, ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, sentences, table_text

__all__ = ["LineOfEffects", "PetPeese", "pet_peese"]


@dataclass(frozen=True)
class LineOfEffects:
    """One of the two regressions: the effect without error, and the trend."""

    estimate: float
    """Intercept: the effect at standard error zero."""
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    slope: float
    slope_se: float
    slope_p: float


@dataclass(frozen=True, repr=False)
class PetPeese(Shown):
    """Result of `pet_peese`."""

    k: int
    form: str
    alpha: float
    level: float
    pet: LineOfEffects
    """Effects regressed on standard errors."""
    peese: LineOfEffects
    """Effects regressed on variances."""
    chosen: str
    """"PET" or "PEESE", by the conditional rule."""
    note: str = ""

    @property
    def estimate(self) -> float:
        """Effect by the chosen regression."""
        return (self.pet if self.chosen == "PET" else self.peese).estimate

    @property
    def ci_low(self) -> float:
        """Lower limit of its interval."""
        return (self.pet if self.chosen == "PET" else self.peese).ci_low

    @property
    def ci_high(self) -> float:
        """Upper limit of its interval."""
        return (self.pet if self.chosen == "PET" else self.peese).ci_high

    def to_frame(self) -> pd.DataFrame:
        """Two rows, PET and PEESE: estimate, se, ci_low, ci_high, p_value, slope, slope_se, slope_p, chosen."""
        rows = [
            {"regression": name, **vars(one), "chosen": name == self.chosen}
            for name, one in (("PET", self.pet), ("PEESE", self.peese))
        ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Describe both regressions as a text table."""
        heading = (
            f"PET-PEESE ({self.form}, k = {self.k}): {self.chosen} applies, P of PET against {self.alpha:g}"
        )
        return table_text(heading, self.to_frame(), self.note)


@takes("Pooled")
def pet_peese(fit: Pooled, *, form: str = "WLS", alpha: float = 0.1) -> PetPeese:
    """Regress effects on standard errors (PET) and on variances (PEESE), weighted by inverse variances.

    Parameters
    ----------
    fit : Pooled
        Only its effects, variances and level matter. Three studies or more.
    form : str
        "WLS": unrestricted weighted least squares, errors scaled by the residual dispersion, t with k - 2
        degrees of freedom. "FE": errors from the sampling variances alone, normal distribution.
    alpha : float
        PEESE applies if the two-sided P value of PET's intercept is below this, else PET. The default is a
        one-sided test at 5% (Stanley 2017).

    Returns
    -------
    PetPeese

    Raises
    ------
    DataError
        If an option is unknown or out of range.
    ModelError
        With fewer than three studies, equal variances, or effects exactly on a line with "WLS".

    References
    ----------
    Stanley TD, Doucouliagos H (2014). Res Synth Methods 5(1), 60-78.
    Stanley TD (2017). Soc Psychol Personal Sci 8(5), 581-591.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> f"{ev.pet_peese(fit).estimate:.2f}"
    '-0.19'
    """
    if form not in ("WLS", "FE"):
        raise DataError(f"unknown form {form!r}; choose 'WLS' or 'FE'.")
    if not 0.0 < alpha < 1.0:
        raise DataError(f"alpha must lie between 0 and 1; got {alpha!r}.")
    need(fit, 3, "PET-PEESE")
    pet = _regression(fit, np.sqrt(fit.variance), form)
    peese = _regression(fit, fit.variance, form)
    heterogeneity = (
        "Effects differ more than chance explains (Q); with much heterogeneity PET-PEESE is unreliable."
        if fit.q_p < 0.1
        else ""
    )
    return PetPeese(
        fit.k,
        form,
        alpha,
        fit.level,
        pet,
        peese,
        "PEESE" if pet.p_value < alpha else "PET",
        sentences(few_studies(fit.k), heterogeneity),
    )


def _regression(fit: Pooled, x: Floats, form: str) -> LineOfEffects:
    line = fit_line(x, fit.effect, fit.variance, what="the standard error")
    scale = line.squares / (fit.k - 2) if form == "WLS" else 1.0
    if scale == 0.0:
        raise ModelError("the effects lie exactly on a line, so that WLS has no error; use form='FE'.")
    df = float(fit.k - 2) if form == "WLS" else np.inf
    se, slope_se = (float(np.sqrt(scale * v)) for v in (line.intercept_variance, line.slope_variance))
    estimate, slope = line.intercept, line.slope
    half = float(stdtrit(df, 0.5 + 0.5 * fit.level)) * se
    p_value, slope_p = (float(2.0 * stdtr(df, -abs(t))) for t in (estimate / se, slope / slope_se))
    return LineOfEffects(estimate, se, estimate - half, estimate + half, p_value, slope, slope_se, slope_p)
