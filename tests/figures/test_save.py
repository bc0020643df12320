from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from evidence.errors import DataError
from evidence.figures import EvidenceFigure, forest, save

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
        assert image.size[0] == pytest.approx(200 * figure.get_figwidth(), abs=1)


def test_replaces_an_older_figure(trials, fit, tmp_path):
    (tmp_path / "figure.svg").write_text("old")
    save(forest(fit(trials(3))), tmp_path / "figure", ("svg",))
    assert "<svg" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_refuses_an_unknown_format(trials, fit, tmp_path):
    with pytest.raises(DataError, match="'gif'"):
        save(forest(fit(trials(3))), tmp_path / "figure", ("gif",))
    assert list(tmp_path.iterdir()) == []


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
