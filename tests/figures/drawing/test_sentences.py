"""What a fit of each class says of itself in one line."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.figures.drawing.sentences import heterogeneity_line, model_line

STUDIES = pd.DataFrame(
    {
        "effect": [0.1, 0.4, 0.2, 0.7, 0.5, 0.9], "variance": [0.05, 0.04, 0.06, 0.05, 0.03, 0.05],
        "dose": [1, 2, 3, 4, 5, 6], "lab": list("aabbcc"),
    }
)  # fmt: skip


def multilevel(formula: str, **options: Any) -> Any:
    return ev.multilevel(formula, "variance", levels=["lab"], data=STUDIES, **options)


@pytest.mark.parametrize(
    ("formula", "test", "model", "interval", "statistic"),
    [
        ("effect", "z", "Multilevel model (REML)", "normal", "test of no difference: z = 4.02, P < .001"),
        ("effect", "t", "Multilevel model (REML)", "t", "test of no difference: t = 4.02 on 5 df, P = .01"),
        (
            "effect ~ dose", "z", "Multilevel model (REML) of effect ~ dose", "normal",
            "test of moderators: χ² = 6.08, P = .01",
        ),
        (
            "effect ~ dose", "t", "Multilevel model (REML) of effect ~ dose", "t",
            "test of moderators: F = 6.08, P = .07",
        ),
        # One coefficient, but it is a slope and no mean.
        (
            "effect ~ 0 + dose", "z", "Multilevel model (REML) of effect ~ 0 + dose", "normal",
            "test of moderators: χ² = 36.40, P < .001",
        ),
    ],
)  # fmt: skip
def test_a_multilevel_model_is_named_with_its_formula(formula, test, model, interval, statistic):
    fit = multilevel(formula, test=test)
    assert model_line(fit) == f"{model}; 95% CI: {interval}; {statistic}"


def test_a_meta_regression_is_named_with_its_formula():
    line = model_line(ev.regress("effect ~ dose", STUDIES, variance="variance", method="DL"))
    assert line.startswith("Meta-regression (DL) of effect ~ dose; 95% CI: Hartung-Knapp-Sidik-Jonkman; ")


@pytest.mark.parametrize("formula", ["effect ~ dose", "effect ~ 0 + dose"])
def test_no_mean_is_tested_and_heterogeneity_is_what_moderators_leave(formula):
    fit = multilevel(formula)
    assert (
        model_line(ev.robust(fit, STUDIES["lab"]))
        == f"Multilevel model (REML) of {formula}; 95% CI: cluster-robust (CR2, 3 clusters)"
    )
    assert heterogeneity_line(fit).startswith("Residual heterogeneity: ")
    assert heterogeneity_line(multilevel("effect")).startswith("Heterogeneity: ")
