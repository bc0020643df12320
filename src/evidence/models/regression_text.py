"""What a meta-regression says in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from evidence.models.regression import Regression

__all__ = ["describe", "remarks"]


def describe(fit: Regression) -> str:
    """Coefficients, heterogeneity and tests as a text table."""
    percent = f"{100 * fit.level:g}%"
    kind = "Equal-effects" if fit.method == "EE" else "Mixed-effects"
    tau2 = "" if fit.method == "EE" else f", tau2 by {fit.method}"
    with pd.option_context("display.width", 110, "display.max_columns", 10):
        table = fit.coefficients.rename_axis(None).to_string(float_format=lambda x: f"{x:.4f}")
    degrees = f"{fit.qm_df}" if np.isinf(fit.df) else f"{fit.qm_df} and {fit.df:g}"
    lines = [f"{kind} meta-regression (k = {fit.k}{tau2}): {fit.formula}", "", table, ""]
    if fit.method != "EE":
        lines.append(
            f"  Residual tau2 {fit.tau2:.4f} ({percent} CI {fit.tau2_low:.4f} to {fit.tau2_high:.4f}), "
            f"I2 {fit.i2:.1f}%, R2 {fit.r2:.1f}%"
        )
    lines += [
        f"  Test of moderators {fit.qm:.4f}, df = {degrees}, P = {fit.qm_p:.4f} ({fit.ci})",
        f"  Residual heterogeneity Q {fit.qe:.4f}, df = {fit.qe_df}, P = {fit.qe_p:.4f}",
    ]
    return "\n".join([*lines, "", fit.note] if fit.note else lines)


def remarks(fit: Regression) -> str:
    """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
    notes = []
    if fit.dropped:
        notes.append(f"Left out, a moderator is missing: {', '.join(fit.dropped)}.")
    if not fit.qe_df:
        notes.append(
            "There are as many coefficients as studies: tau2 cannot be estimated, and intervals rest on the "
            "sampling variances alone (normal distribution)."
        )
    elif fit.method != "EE" and fit.tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    if fit.qe_df and fit.ci == "HKSJ" and fit.qe == 0.0:
        notes.append("The regression fits without error, so HKSJ intervals have no width; prefer HKSJ-adhoc.")
    if fit.qe_df and fit.k < 10 * fit.qm_df:
        notes.append(f"{fit.k} studies for {fit.qm_df} moderator coefficients: fewer than ten each.")
    return " ".join(notes)
