"""Names from the tables are never paths or pages: a whole report and all figures of trials with hostile ids."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import nbformat.v4 as nb
from bs4 import BeautifulSoup

from evidence import tables
from evidence.files import file_name
from evidence.report.build import build_report
from evidence.report.export.excel import write_excel
from evidence.report.export.frictionless import write_frictionless
from evidence.report.export.json_results import write_json
from evidence.report.export.manuscript import write_manuscript
from evidence.report.export.r.scripts import write_r
from evidence.report.export.results import write_results
from evidence.report.export.revman import write_revman
from evidence.report.gallery import write_gallery
from evidence.report.verify import verify_report

CELL = """\
import evidence as ev
from evidence.report.publish import publish_figure, publish_table
review = ev.read_review(data_dir)
for number, name in enumerate(review.analyses):
    result = ev.synthesise(review, name)
    if result.fit is not None:
        publish_figure(ev.figures.forest(result.fit, data=result.effects), f"forest-{number}", caption="A")
        publish_table(result.effects, f"effects-{number}", caption="B")
"""
NAMES = (
    *(
        "../../x",
        "{}/absolute",
        "smith/jones",
        "a\\b",
        "C:\\x",
        "~root",
        "-rf",
        ".hidden",
        "con",
        "aux.txt",
        "x" * 400,
    ),
    *(
        "first\nsecond",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "__proto__",
    ),
    *("=1+1", "a?b#c%2e", "Émile 日本", "{{x}}", "${x}", "a&b", "Smith", "smith", " "),
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names_of_the_tables_reach_no_other_folder_and_run_nothing(tmp_path: Path, small: Any) -> None:
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        trial = name.format(tmp_path) if "{}" in name else name
        if not trial.strip():
            continue
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        small.rows["trials"][-1]["label"] = trial
        small.arm(trial, "song", mean=3 + number / 10, sd=2.0, n=40)
        small.arm(trial, "quiet", mean=5.0, sd=2.5, n=50)
    data = small.write()
    cells = [nb.new_code_cell('data_dir = "data"', metadata={"tags": ["parameters"]}), nb.new_code_cell(CELL)]
    (deep / "notebooks").mkdir()
    nbformat.write(nb.new_notebook(cells=cells), deep / "notebooks" / "01-all.ipynb")
    before = files(tmp_path)
    report, figures, export = deep / "report", deep / "figures", deep / "export"
    build_report(data, deep / "notebooks", report, cache=deep / "cache")
    review = small.read()
    drawn, _ = write_gallery(review, figures)
    for write_form in (write_results, write_manuscript, write_excel, write_r, write_revman, write_json):
        write_form(review, export / write_form.__name__)
    write_frictionless(review, export / "package")
    assert drawn
    own = (report, figures, export, deep / "cache")
    after = {
        name: content
        for name, content in files(tmp_path).items()
        if not any((tmp_path / name).is_relative_to(place) for place in own)
    }
    assert after == before
    assert verify_report(report) == []
    names = {path.name.lower() for place in own for path in place.rglob("*")}
    assert not names & {"con.html", "aux.txt.html", "nul.html", "con", "aux.txt"}
    assert max(map(len, names)) < 150
    assert len(list(report.rglob("*.html"))) > len(NAMES)  # one for each trial
    leads_nowhere_else(report)


def test_a_question_may_have_any_id(tmp_path: Path, filled: Any) -> None:
    asked = "../My_Question <b>1</b>"
    filled.protocol["analyses"][0]["id"] = asked
    data = filled.write()
    notebooks, report = tmp_path / "notebooks", tmp_path / "report"
    shutil.copytree(Path(tables.__file__).with_name("templates") / "every" / "notebooks", notebooks)
    before = files(tmp_path)
    build_report(data, notebooks, report, cache=tmp_path / "cache")
    after = files(tmp_path)
    assert {name for name in set(after) - set(before) if not name.startswith(("report/", "cache/"))} == set()
    page = report / f"{file_name(asked)}.html"
    assert "Ben" in page.read_text("utf-8")
    assert page.name in BeautifulSoup((report / "index.html").read_text("utf-8"), "html.parser").decode()
    leads_nowhere_else(report)


def leads_nowhere_else(report: Path) -> None:
    """No page of a report runs a text of the tables, or links to what is not there."""
    for page in sorted(report.rglob("*.html")):
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        assert not soup.find_all(lambda tag: any(name.startswith("on") for name in tag.attrs)), page
        assert not [
            script
            for script in soup.find_all("script")
            if "alert(1)" in script.text and not script.get("type")
        ]
        for tag in soup.find_all(["a", "img", "script", "link"]):
            address = str(tag.get("href") or tag.get("src") or "")
            parts = urlsplit(address)
            assert parts.scheme != "javascript", page
            if not parts.scheme and not parts.netloc and parts.path:
                target = (page.parent / unquote(parts.path)).resolve()
                assert target.is_relative_to(report.resolve()), (page, address)
                assert target.exists(), (page, address)
