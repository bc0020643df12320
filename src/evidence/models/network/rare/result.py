"""The result of a network of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.ranking import p_scores
from evidence.models.network.rare.trials import Trials
from evidence.results import Shown, lasting_property, number, p_text, q_text, span

__all__ = ["METHODS", "CountNetwork"]

METHODS = {
    "MH": "Mantel-Haenszel",
    "NCH": "non-central hypergeometric",
}


@dataclass(frozen=True, eq=False, repr=False)
class CountNetwork(Shown):
    """Result of `network_counts`: log odds ratios under common effects.

    Tables of treatments by treatments hold the effect of the row's treatment minus the column's.

    Examples
    --------
    >>> import evidence as ev
    >>> net = ev.network_counts(list("aabbcc"), list("xyyzxz"), [1, 3, 2, 5, 0, 4], [100] * 6, reference="x")
    >>> net.p_scores("undesirable").index[0]
    'z'
    """

    trials: Trials
    """The data."""
    reference: str
    method: str
    """A key of `METHODS`."""
    level: float
    position: Floats
    """Log odds ratio of each treatment against the first, shape (t,)."""
    covariance: Floats
    """Their covariance matrix, shape (t, t)."""
    q: float
    """MH: Cochran's Q between designs, the inconsistency of the network; NaN for NCH."""
    q_df: int
    """Degrees of freedom of Q; 0 if designs cannot disagree."""
    designs: Contrasts | None
    """MH: the estimates of each design, of which the network is made."""
    log_likelihood: float
    """NCH: maximum of the conditional log-likelihood; NaN for MH."""
    measure: str = "OR"

    @property
    def treatments(self) -> tuple[str, ...]:
        """Treatments, in alphabetical order."""
        return self.trials.treatments

    @property
    def studies(self) -> tuple[str, ...]:
        """Studies in the model."""
        return tuple(trial.name for trial in self.trials.used)

    @property
    def k(self) -> int:
        """Number of studies in the model."""
        return len(self.trials.used)

    @property
    def q_p(self) -> float:
        """P value of Q; NaN without degrees of freedom."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else nan

    @lasting_property
    def effects(self) -> pd.DataFrame:
        """Log odds ratio of the row's treatment v the column's."""
        return self._square(self.position[:, None] - self.position)

    @lasting_property
    def se(self) -> pd.DataFrame:
        """Standard errors of `effects`."""
        own = np.diagonal(self.covariance)
        variance = own[:, None] + own - 2.0 * self.covariance
        np.fill_diagonal(variance, 0.0)
        return self._square(np.sqrt(variance))

    @property
    def ci_low(self) -> pd.DataFrame:
        """Lower limits of the confidence intervals (normal distribution)."""
        return self.effects - self._z * self.se

    @property
    def ci_high(self) -> pd.DataFrame:
        """Upper limits of the confidence intervals."""
        return self.effects + self._z * self.se

    def relative_to(self, reference: str | None = None) -> pd.DataFrame:
        """Log odds ratios of all other treatments v the reference.

        Returns
        -------
        DataFrame
            Index treatment; columns estimate, se, ci_low, ci_high, z, p_value, prediction_low and prediction_high
            (NaN: effects are common to all studies), studies (that compare with the reference
            directly).
        """
        reference = self.reference if reference is None else reference
        if reference not in self.treatments:
            raise DataError(
                f"{reference!r} is not in the network; choose one of {', '.join(self.treatments)}."
            )
        place = self.treatments.index(reference)
        estimate, se = self.effects[reference], self.se[reference]
        direct = [
            sum({place, i} <= {*trial.arms} for trial in self.trials.used)
            for i in range(len(self.treatments))
        ]
        frame = pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - self._z * se,
                "ci_high": estimate + self._z * se,
            }
        )
        frame["prediction_low"] = frame["prediction_high"] = nan
        frame["studies"] = direct
        frame.index.name = "treatment"
        frame = frame.drop(reference)
        frame.insert(4, "z", frame["estimate"] / frame["se"])
        frame.insert(5, "p_value", 2.0 * ndtr(-frame["z"].abs()))
        return frame

    def p_scores(self, small_values: str = "desirable") -> pd.Series:
        """P-scores, 0 to 1: mean certainty that a treatment is better than another; best first."""
        scores = p_scores(self.effects.to_numpy(), np.square(self.se.to_numpy()), small_values)
        series = pd.Series(scores, index=list(self.treatments), name="p_score")
        return series.sort_values(ascending=False, kind="stable")

    def league_table(
        self, order: Sequence[str] | None = None, *, exponentiate: bool = True, digits: int = 2
    ) -> pd.DataFrame:
        """Write all odds ratios with their intervals into one table of text, the column's treatment v the row's.

        Parameters
        ----------
        order : sequence of str, optional
            Treatments in the order wanted, some or all; by default alphabetical.
        exponentiate : bool
            Whether to show ratios, not their logarithms.
        digits : int
            Decimals.
        """
        names = list(self.treatments if order is None else order)
        unknown = [name for name in names if name not in self.treatments]
        if unknown:
            raise DataError(
                f"{unknown[0]!r} is not in the network; choose one of {', '.join(self.treatments)}."
            )

        def cell(row: str, column: str) -> str:
            values = np.array([part.loc[column, row] for part in (self.effects, self.ci_low, self.ci_high)])
            shown = np.exp(np.clip(values, -700.0, 700.0)) if exponentiate else values
            estimate, low, high = (f"{value:.{digits}f}" for value in shown)
            return f"{estimate} ({low} to {high})"

        table = [[row if row == column else cell(row, column) for column in names] for row in names]
        return pd.DataFrame(table, index=names, columns=names)

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        return " ".join([*(self.designs.notes if self.designs else ()), *filter(None, [self.trials.note])])

    def to_frame(self) -> pd.DataFrame:
        """Log odds ratios against the reference, as `relative_to`."""
        return self.relative_to()

    def summary(self) -> str:
        """Describe the fit as text, odds ratios as ratios."""
        width = max(len(name) for name in self.treatments) + 2
        lines = [
            f"Network meta-analysis of counts, {METHODS[self.method]}, common effects ({self.k} studies, "
            f"{len(self.treatments)} treatments)",
            "",
            f"  {'v ' + self.reference:<{width}}{'odds ratio':>12}   {100 * self.level:g}% interval",
        ]
        for name, row in self.relative_to().iterrows():
            estimate, low, high = np.exp(row[["estimate", "ci_low", "ci_high"]].to_numpy(float))
            lines.append(
                f"  {name:<{width}}{number(estimate):>12}   {span(low, high):<22} P {p_text(row['p_value'])}"
            )
        if self.q_df:
            lines += ["", f"  Q between designs {q_text(self.q)}, df = {self.q_df}, P {p_text(self.q_p)}"]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    @property
    def _z(self) -> float:
        return float(ndtri(0.5 + 0.5 * self.level))

    def _square(self, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, index=list(self.treatments), columns=list(self.treatments))
