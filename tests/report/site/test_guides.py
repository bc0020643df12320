from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import yaml

import evidence.figures
from evidence.report.site.guides import guide_html


def test_every_kind_of_figure_has_a_guide_in_steps() -> None:
    guides = yaml.safe_load(files("evidence.report.site").joinpath("figure_guides.yaml").read_text("utf-8"))
    sources = Path(evidence.figures.__file__).parent.rglob("*.py")
    kinds = [
        kind for path in sources for kind in re.findall(r'figure\.kind = "(.*)"', path.read_text("utf-8"))
    ]
    assert len(kinds) == len(set(kinds)) > 30
    assert set(kinds) == set(guides)
    assert all(steps and all(isinstance(step, str) for step in steps) for steps in guides.values())


def test_a_kind_has_its_own_guide() -> None:
    assert guide_html("influence plot").startswith('<details class="guide" id="read-influence-plot">')
    assert "<summary>How to read an influence plot</summary>" in guide_html("influence plot")
    assert guide_html("forest plot") != guide_html("network forest plot")


def test_a_figure_of_another_kind_has_no_guide() -> None:
    assert guide_html("pie chart") == guide_html("") == ""
