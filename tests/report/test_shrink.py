from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from evidence.figures import EvidenceFigure, save
from evidence.report.shrink import shrink_svg


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    figure = EvidenceFigure(300, 120)
    figure.alt_text = "Words & more"
    axes = figure.add_axes((0.1, 0.2, 0.8, 0.7))
    axes.plot(np.linspace(0, 1, 50), np.sin(np.linspace(0, 6, 50)), color="#0072B2")
    figure.write(20, 20, "Letters WAV 0.123456789 −")
    figure.write(20, 40, "turned", rotation=90, color="#0072B2", size=7)
    return save(figure, tmp_path_factory.mktemp("figures") / "plot.svg", text="text")[0]


def test_svg_is_smaller_and_keeps_texts_and_description(svg: Path, tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    path.write_bytes(svg.read_bytes())
    shrink_svg(path)
    text = path.read_text("utf-8")
    assert len(text) < 0.7 * len(svg.read_text("utf-8"))
    root = ElementTree.fromstring(text)
    names = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(names) == len(set(names))
    uses = [
        value[1:] for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")
    ]
    assert uses
    assert set(uses) <= set(names)
    assert "Words &amp; more" in text
    said = {one.text: one.attrib for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "style" not in said["Letters WAV 0.123456789 −"]  # of the usual look, which the style sheet has
    assert said["turned"]["transform"].endswith("rotate(-90)")
    assert said["turned"]["style"] == "font-size:7px;fill:#0072b2"
    once = path.read_bytes()
    shrink_svg(path)
    assert path.read_bytes() == once
    assert [name.name for name in tmp_path.iterdir()] == ["plot.svg"]


def test_a_group_of_many_marks_that_holds_a_group_is_soon_done(tmp_path: Path) -> None:
    """Each mark is read in one way: with two, this would take hours."""
    marks = '<path d="M 0 0"/><use href="#x"/>' * 30
    path = tmp_path / "plot.svg"
    path.write_text(f'<svg><g>{marks}<g id="a"><path d="M 1 1"/></g></g><g>{marks}</g></svg>', "utf-8")
    shrink_svg(path)
    root = ElementTree.parse(path).getroot()
    assert [element.tag for element in root].count("use") == 60
    assert len(list(root.iter("path"))) == 61
