from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from evidence.figures import EvidenceFigure, save
from evidence.report.shrink import shrink_png, shrink_svg


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    figure = EvidenceFigure(300, 120)
    figure.alt_text = "Words & more"
    axes = figure.add_axes((0.1, 0.2, 0.8, 0.7))
    axes.plot(np.linspace(0, 1, 50), np.sin(np.linspace(0, 6, 50)), color="#0072B2")
    figure.write(20, 20, "Letters WAV 0123456789 −")
    svg, png, _ = save(figure, tmp_path_factory.mktemp("figures") / "plot")
    return svg, png


def test_svg_is_smaller_and_keeps_letters_and_description(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    path.write_bytes(files[0].read_bytes())
    shrink_svg(path)
    text = path.read_text("utf-8")
    assert len(text) < 0.7 * len(files[0].read_text("utf-8"))
    assert "scale(0.125)" in text
    root = ElementTree.fromstring(text)
    names = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(names) == len(set(names))
    uses = [
        value[1:] for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")
    ]
    assert uses
    assert set(uses) <= set(names)
    assert "Words &amp; more" in text
    once = path.read_bytes()
    shrink_svg(path)
    assert path.read_bytes() == once


def test_png_is_smaller_and_looks_the_same(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(files[1].read_bytes())
    shrink_png(path)
    assert path.stat().st_size < files[1].stat().st_size
    with Image.open(io.BytesIO(files[1].read_bytes())) as before, Image.open(path) as after:
        assert after.size == before.size
        assert after.text["Description"] == "Words & more"  # type: ignore[attr-defined]
        one, two = (np.asarray(image.convert("RGB"), float) for image in (before, after))
    assert np.abs(one - two).mean() < 1
    assert (two[0, 0] == 255).all()
    assert [name.name for name in tmp_path.iterdir()] == ["plot.png"]
