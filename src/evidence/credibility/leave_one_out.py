"""Does the result hang on one study? Pool k times, each time without one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from evidence.credibility.show import Shown, table_text
from evidence.credibility.subsets import drop_each, need
from evidence.models.pool_many import PooledMany
from evidence.models.pooled import Pooled

__all__ = ["LeaveOneOut", "leave_one_out"]


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Shown):
    """Result of `leave_one_out`: the fit of all studies and, in the order of its studies, the fits without one."""

    fit: Pooled
    deleted: PooledMany

    @property
    def note(self) -> str:
        """Name the studies without which the interval changes sides of zero; empty if there is none."""
        covers = self.fit.ci_low <= 0.0 <= self.fit.ci_high
        turned = ((self.deleted.ci_low <= 0.0) & (self.deleted.ci_high >= 0.0)) != covers
        names = ", ".join(label for label, turns in zip(self.fit.labels, turned, strict=True) if turns)
        if not names:
            return ""
        return f"The interval {'no longer includes' if covers else 'includes'} zero without: {names}."

    def to_frame(self) -> pd.DataFrame:
        """One row a left-out study: omitted, estimate, se, ci_low, ci_high, p_value, tau2, i2, q, q_p and so on."""
        frame = self.deleted.to_frame()
        frame.insert(0, "omitted", list(self.fit.labels))
        return frame

    def summary(self) -> str:
        """Describe the fits as a text table."""
        columns = ["omitted", "estimate", "ci_low", "ci_high", "p_value", "tau2", "i2", "q"]
        heading = (
            f"Leave-one-out (k = {self.fit.k}); all studies: {self.fit.estimate:.4f} "
            f"({self.fit.ci_low:.4f} to {self.fit.ci_high:.4f})"
        )
        return table_text(heading, self.to_frame()[columns], self.note)


def leave_one_out(fit: Pooled) -> LeaveOneOut:
    """Pool without each study in turn, with the method, interval and level of the fit.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    ModelError
        With one study.
    """
    need(fit, 2, "leave-one-out")
    return LeaveOneOut(fit, drop_each(fit))
