"""Figures as SVG and the places of texts, against what matplotlib itself makes of them."""

import matplotlib
import pytest
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

import evidence as ev
from evidence.figures.drawing.renderers import Ruler, write_svg
from evidence.figures.drawing.style import style


@pytest.fixture(params=["forest", "funnel"])
def figure(request):
    fit = ev.pool(
        [-0.89, -1.59, -1.35, -0.22], [0.326, 0.195, 0.415, 0.051], labels=["Aß", "李 2004", "fi", "d"]
    )
    return getattr(ev.figures, request.param)(fit)


def test_svg_is_what_matplotlib_writes(figure, tmp_path):
    metadata = {"Date": None, "Creator": None, "Title": "one"}
    with style(), matplotlib.rc_context({"svg.fonttype": "none"}):
        write_svg(figure, tmp_path / "ours.svg", metadata, 300)
        Figure.savefig(figure, tmp_path / "theirs.svg", metadata=metadata, dpi=300)
    assert (tmp_path / "ours.svg").read_text("utf-8") == (tmp_path / "theirs.svg").read_text("utf-8")
    assert figure.dpi == 100


def test_texts_stand_where_outlines_put_them(figure, tmp_path):
    with style(), (tmp_path / "x.svg").open("w") as file:
        outlines = RendererSVG(100, 100, file)
        for text in figure.texts:
            box, own = (text.get_window_extent(one, dpi=72).bounds for one in (outlines, Ruler(72)))
            assert own == pytest.approx(box, abs=1e-6)
            larger = text.get_window_extent(Ruler(144), dpi=144).bounds
            assert larger == pytest.approx([2 * length for length in own], abs=1e-6)
