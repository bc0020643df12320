"""What remains of a pooled result without trials at high risk of bias."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from evidence.credibility.show import Shown, table_text
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.synthesis import synthesise
from evidence.tables.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["BiasSensitivity", "bias_sensitivity"]

SETS = {
    "all trials": ("low", "some concerns", "not assessed", "high"),
    "without high risk": ("low", "some concerns", "not assessed"),
    "only low risk": ("low",),
}
"""Overall judgements, as in the effects' column `risk_of_bias`, that each set of trials holds."""


@dataclass(frozen=True, eq=False, repr=False)
class BiasSensitivity(Shown):
    """Result of `bias_sensitivity`: the pooled results of three sets of trials, each part of the one before."""

    analysis: Analysis
    measure: str
    better: str
    """Which direction favours the intervention: "lower" or "higher"."""
    fits: dict[str, Pooled | None]
    """By set; None with fewer comparisons than the protocol asks for."""
    effects: dict[str, pd.DataFrame]
    """The comparisons of each set."""

    def to_frame(self) -> pd.DataFrame:
        """One row a set.

        Returns
        -------
        DataFrame
            analysis, measure, set, k, trials, n (patients), estimate, se, ci_low, ci_high, p_value, tau2, i2 and
            difference: the estimate minus that of all trials, without an interval, as the sets share trials. Ratios
            are on the log scale. Missing where nothing was pooled.
        """
        whole = self.fits["all trials"]
        rows = []
        for name, fit in self.fits.items():
            effects = self.effects[name]
            row: dict[str, Any] = {
                "analysis": self.analysis.id,
                "measure": self.measure,
                "set": name,
                "k": len(effects),
                "trials": int(effects["trial_id"].nunique()),
                "n": float(effects["n"].sum(min_count=min(len(effects), 1))),
            }
            for value in ("estimate", "se", "ci_low", "ci_high", "p_value", "tau2", "i2"):
                row[value] = nan if fit is None else getattr(fit, value)
            row["difference"] = nan if fit is None or whole is None else fit.estimate - whole.estimate
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def note(self) -> str:
        """What the sets hold, and what could not be pooled, in words."""
        risk = self.effects["all trials"]["risk_of_bias"]
        unknown = int((risk == "not assessed").sum())
        parts = [
            f"{counted(int((risk == 'high').sum()), 'comparison')} at high risk, {unknown or 'none'} not assessed "
            "(these stay when trials at high risk leave, and go when only low risk is asked for)."
        ]
        empty = [name for name, fit in self.fits.items() if fit is None]
        if empty:
            parts.append(f"Too few comparisons to pool: {', '.join(empty)}.")
        return " ".join(parts)

    def summary(self) -> str:
        """Describe the sets as a text table."""
        columns = ["set", "k", "trials", "estimate", "ci_low", "ci_high", "difference"]
        heading = f"Sensitivity to risk of bias: {self.analysis.title} ({self.measure})"
        return table_text(heading, self.to_frame()[columns], self.note)


def bias_sensitivity(review: Review, analysis: str | Analysis, **overrides: Any) -> BiasSensitivity:
    """Pool all trials, those not at high risk of bias, and those at low risk as far as judged.

    A trial's overall judgement is its worst one (`overall_risk_of_bias`); a trial that was not assessed is in the
    first two sets and not in the third.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    **overrides
        As for `synthesise`.

    Returns
    -------
    BiasSensitivity

    Raises
    ------
    DataError
        If the analysis or an option is unknown.
    """
    result = synthesise(review, analysis, **overrides)
    fits: dict[str, Pooled | None] = {}
    effects: dict[str, pd.DataFrame] = {}
    for name, held in SETS.items():
        part = result.effects[result.effects["risk_of_bias"].isin(held)].reset_index(drop=True)
        effects[name] = part
        whole = result.fit
        if whole is None or len(part) < review.protocol.model.minimum_studies:
            fits[name] = None
        else:
            fits[name] = pool(
                part["effect"],
                part["variance"],
                method=whole.method,
                ci=whole.ci,
                level=whole.level,
                prediction=whole.prediction,
                labels=list(part["label"]),
            )
    better = review.protocol.outcomes[result.analysis.outcome].better
    return BiasSensitivity(result.analysis, result.measure, better, fits, effects)
