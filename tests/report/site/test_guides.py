from __future__ import annotations

from importlib.resources import files

import pytest
import yaml

from evidence.report.site.guides import figure_guide, guide_html


@pytest.mark.parametrize(
    ("alt", "kind"),
    [
        ("Forest plot of 14 studies. Mean difference, pooled", "forest plot"),
        ("Forest plot of 10 treatments in a network of 20 studies.", "network forest plot"),
        ("Forest plot of 5 components. Mean difference", "figure of components"),
        ("Leave-one-out forest plot of 14 studies.", "leave-one-out plot"),
        ("Comparison of 48 pooled estimates. Standardised", "comparison of estimates"),
        ("Funnel plot of 14 studies. Pooled estimate", "funnel plot"),
        ("Network graph. 20 studies", "network graph"),
        ("League table of 10 treatments, Mean difference.", "league table"),
        ("Risk of bias of 20 trials by RoB 2. Counts", "traffic-light plot"),
        ("Risk of bias by RoB 2, percent of the trials. Overall", "bar chart of the risk of bias"),
        (
            "Pooled results with and without trials at high risk of bias. Pain",
            "comparison with and without trials at high risk of bias",
        ),
        ("SD against mean of 132 scores as percent of their scales.", "plot of standard deviations"),
        ("Findings by rule: marked as doubtful 108 (64%)", "bar chart"),
        ("Verdicts on claims, with the deciding effects", "figure of verdicts"),
        ("Importance of the choices for Pain. Of the variance", "figure of the importance of choices"),
        ("Certainty of the evidence of 42 analyses. Pain", "table of certainty"),
        ("Flow of trials. Looked at: 241 trials.", "flow diagram"),
        ("Sequential analysis of 14 studies.", "plot of sequential analysis"),
    ],
)
def test_the_description_says_what_kind_a_figure_is(alt: str, kind: str) -> None:
    guide = figure_guide(alt)
    assert guide is not None
    assert guide["kind"] == kind


def test_a_figure_of_another_kind_has_no_guide() -> None:
    assert figure_guide("Counts: 3 trials") is None
    assert guide_html("Counts: 3 trials") == ""


def test_every_guide_explains_in_steps() -> None:
    guides = yaml.safe_load(files("evidence.report.site").joinpath("figure_guides.yaml").read_text("utf-8"))
    assert len({guide["kind"] for guide in guides}) == len(guides)
    assert all(isinstance(step, str) for guide in guides for step in guide["steps"])
    assert guide_html("Influence plot of 5 studies.").startswith(
        '<details class="guide" id="read-influence-plot">'
    )
    assert "<summary>How to read an influence plot</summary>" in guide_html("Influence plot of 5 studies.")
