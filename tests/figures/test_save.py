from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from matplotlib.text import Text
from PIL import Image

from evidence.errors import DataError
from evidence.figures import EvidenceFigure, baujat, drapery, forest, funnel, leave_one_out, qq, radial, save
from evidence.figures.drawing.text import text_width
from evidence.figures.save import JOURNAL_WIDTHS

saving = sys.modules["evidence.figures.save"]

SCRIPT = """
import sys
from evidence.figures import forest, funnel, save
from evidence.models.pool import pool
fit = pool([-0.5, -0.2, 0.1], [0.04, 0.09, 0.05])
save(forest(fit, title="One"), sys.argv[1] + "/forest", ("svg", "png", "pdf"))
save(funnel(fit, labels=True, contours=True), sys.argv[1] + "/funnel", ("svg", "png", "pdf"))
"""


def test_same_bytes_in_every_run(tmp_path):
    runs = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        if seed == "2":
            # A reader's own configuration must not show.
            (tmp_path / "matplotlibrc").write_text("savefig.bbox: tight\nfont.size: 20\nsvg.fonttype: none\n")
            environment["MATPLOTLIBRC"] = str(tmp_path)
        runs.append(subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], env=environment))
    assert [run.wait() for run in runs] == [0, 0]
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / seed).iterdir()}
        for seed in ("1", "2")
    ]
    assert len(digests[0]) == 8
    assert digests[0] == digests[1]


def test_writes_every_format_and_the_numbers(trials, fit, tmp_path):
    table = trials(4)
    figure = forest(fit(table), data=table)
    paths = save(figure, tmp_path / "new" / "pain.short", ("svg", "png", "pdf"))
    assert [path.name for path in paths] == [f"pain.short.{kind}" for kind in ("svg", "png", "pdf", "json")]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    content = json.loads(paths[-1].read_text(encoding="utf-8"))
    assert content["alt_text"] == figure.alt_text
    assert len(content["numbers"]) == 5
    assert content["numbers"][0]["estimate"] == pytest.approx(table.effect[0], rel=1e-11)
    assert content["numbers"][0]["tau2"] is None


def test_files_carry_the_description_and_no_date(trials, fit, tmp_path):
    figure = forest(fit(trials(3)))
    svg, png, _ = save(figure, tmp_path / "figure")
    text = svg.read_text(encoding="utf-8")
    assert f"<title>{figure.alt_text}</title>" in text
    assert "dc:date" not in text
    with Image.open(png) as image:
        assert {name: image.info[name] for name in image.info if name != "dpi"} == {
            "Description": figure.alt_text
        }
        assert image.size[0] == pytest.approx(300 * figure.get_figwidth(), abs=1)


def test_replaces_an_older_figure(trials, fit, tmp_path):
    (tmp_path / "figure.svg").write_text("old")
    save(forest(fit(trials(3))), tmp_path / "figure", ("svg",))
    assert "<svg" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_refuses_an_unknown_format(trials, fit, tmp_path):
    with pytest.raises(DataError, match="'gif'"):
        save(forest(fit(trials(3))), tmp_path / "figure", ("gif",))
    assert list(tmp_path.iterdir()) == []


def test_the_ending_names_the_format(trials, fit, tmp_path):
    figure = forest(fit(trials(3)))
    for name in ("one.pdf", "two.tif", "three.svg"):
        image, numbers = save(figure, tmp_path / name, dpi=60)
        assert image.stat().st_size
        assert numbers.name == f"{name.partition('.')[0]}.json"
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".json"} == {
        "one.pdf",
        "two.tiff",
        "three.svg",
    }
    assert save(figure, tmp_path / "x.svg", format="svg")[0].name == "x.svg"


def test_a_pdf_holds_its_fonts(trials, fit, tmp_path):
    path, _ = save(forest(fit(trials(3))), tmp_path / "figure.pdf")
    written = path.read_bytes()
    assert b"/FontFile2" in written  # TrueType programs, and not outlines of each letter
    assert b"/Type3" not in written
    assert re.search(rb"/FontDescriptor|/FontFile2", written)


@pytest.mark.parametrize("dpi", [300, 600])
def test_images_have_the_width_and_the_resolution_that_journals_ask_for(trials, fit, tmp_path, dpi):
    png, tiff, _ = save(funnel(fit(trials(5))), tmp_path / "figure", ("png", "tiff"), width=85, dpi=dpi)
    for path in (png, tiff):
        with Image.open(path) as image:
            assert image.size[0] == pytest.approx(85 / 25.4 * dpi, abs=2)
            assert float(image.info["dpi"][0]) == pytest.approx(dpi, rel=1e-3)
    with Image.open(tiff) as image:
        assert image.info["compression"] == "tiff_lzw"


PLOTS = {
    "forest": lambda fit, data: forest(fit, data=data, columns=[]),
    "funnel": lambda fit, data: funnel(fit, labels=True),
    "drapery": lambda fit, data: drapery(fit),
    "baujat": lambda fit, data: baujat(fit),
    "radial": lambda fit, data: radial(fit),
    "qq": lambda fit, data: qq(fit),
}


@pytest.mark.parametrize(
    ("name", "width"),
    # Names, numbers and weights beside a panel take more than the narrowest column.
    [(name, width) for name in PLOTS for width in JOURNAL_WIDTHS if (name, width) != ("forest", 85)],
)
def test_at_the_widths_of_journals_letters_can_be_read(
    trials, fit, faults, tmp_path, monkeypatch, name, width
):
    table = trials(12)
    laid_out = []

    def keep(figure, path, *_):
        laid_out.append(figure)
        path.touch()

    monkeypatch.setattr(saving, "_write", keep)
    save(PLOTS[name](fit(table), table), tmp_path / "figure.png", width=width)
    (figure,) = laid_out
    assert figure.get_figwidth() * 25.4 == pytest.approx(width, abs=0.6)
    assert min(one.get_fontsize() for one in figure.findobj(Text) if one.get_text()) >= 7
    assert faults(figure) == []


def test_a_figure_that_cannot_be_narrower_says_how_wide_it_must_be(trials, fit, tmp_path):
    table = trials(4)
    figure = leave_one_out(fit(table))
    with pytest.raises(DataError, match=r"At 50 mm .* it needs 1?\d\d mm"):
        save(figure, tmp_path / "figure.pdf", width=50)
    assert list(tmp_path.iterdir()) == []


def test_a_width_leaves_the_figure_as_it_was(trials, fit, tmp_path):
    figure = funnel(fit(trials(5)))
    before = figure.get_figwidth()
    save(figure, tmp_path / "narrow.svg", width=85)
    assert figure.get_figwidth() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 3}, "3 mm is out of range"),
        ({"dpi": 5}, "5 dots per inch"),
        ({"text": "curves"}, "'curves'"),
        ({"format": "gif"}, "'gif'"),
    ],
)
def test_refuses_what_makes_no_figure(trials, fit, tmp_path, options, said):
    with pytest.raises(DataError, match=said):
        save(forest(fit(trials(3))), tmp_path / "figure", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_svg_holds_text_as_text_on_request(trials, fit, tmp_path):
    figure = funnel(fit(trials(4)), labels=True, title="Fish & <chips>")
    path, _ = save(figure, tmp_path / "figure.svg", text="text")
    root = ElementTree.parse(path).getroot()
    texts = {one.text: one for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "Fish & <chips>" in texts
    assert "Author 1 2001" in texts
    title = texts["Fish & <chips>"]
    assert float(title.attrib["textLength"]) == pytest.approx(
        text_width("Fish & <chips>", 10, "bold"), abs=0.01
    )
    assert "sans-serif" in title.attrib["style"]
    assert 'class="halo"' in path.read_text("utf-8")
    assert all(one.get_path_effects() for one in figure.findobj(Text) if one.get_text() == "Author 1 2001")
    outlines, _ = save(figure, tmp_path / "outlines.svg")
    assert "<text" not in outlines.read_text("utf-8")


def test_places_are_where_the_texts_stand() -> None:
    figure = EvidenceFigure(200, 100)
    figure.write(50, 75, "halfway down and more")
    figure.write(0, 10, "")
    ((text, left, top, width, height),) = figure.places()
    assert text == "halfway down and more"
    assert left == pytest.approx(25, abs=1)
    assert top < 75 < top + height + 2  # the baseline is near the foot of the letters
    assert 20 < width < 75
    wider = EvidenceFigure(400, 100)
    wider.write(50, 75, "halfway down and more")
    assert wider.places()[0][3] == pytest.approx(width / 2, rel=0.02)
