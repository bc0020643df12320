from __future__ import annotations

from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

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


def test_rasters_of_few_colours_are_written_with_a_palette_and_keep_every_pixel(tmp_path: Path) -> None:
    few = np.zeros((60, 200, 4), np.uint8)
    few[10:20, 3:], few[30:, ::3], few[:, 7] = (0, 114, 178, 255), (0, 114, 178, 100), (213, 94, 0, 255)
    many = np.random.default_rng(3).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    path = tmp_path / "plot.svg"
    tags = "".join(f'<image href="data:image/png;base64,{encoded(one)}"/>' for one in (few, many))
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{tags}</svg>', "utf-8")
    before = path.stat().st_size
    shrink_svg(path)
    images = [tag.attrib["href"].partition(",")[2] for tag in ElementTree.parse(path).getroot()]
    for image, pixels in zip(images, (few, many), strict=True):
        assert (np.asarray(Image.open(BytesIO(b64decode(image))).convert("RGBA")) == pixels).all()
    assert images[1] == encoded(many)
    assert len(images[0]) < 0.7 * len(encoded(few))
    assert path.stat().st_size < before


def encoded(pixels: np.ndarray) -> str:
    """Write pixels as matplotlib does."""
    made = BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return b64encode(made.getvalue()).decode("ascii")


def test_marks_cut_off_by_one_outline_say_so_once(tmp_path: Path) -> None:
    mark, turned = (
        '<path d="M 0 0" clip-path="url(#c)"/>',
        '<path transform="rotate(9)" clip-path="url(#c)"/>',
    )
    path = tmp_path / "plot.svg"
    path.write_text(
        f'<svg><clipPath id="c"><path d="M 1 1"/></clipPath>{mark * 4}{turned}{mark}{mark}</svg>', "utf-8"
    )
    shrink_svg(path)
    group = '<g clip-path="url(#c)">' + '<path d="M0 0"/>' * 4 + "</g>"
    text = path.read_text("utf-8")
    assert group in text
    assert text.count("clip-path=") == 4  # the group, the mark that is turned, and the two after it
