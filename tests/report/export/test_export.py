from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence import cli
from evidence.files import draft, folder
from evidence.report.export import crate, pdf
from evidence.report.export.codebook import codebook
from evidence.report.export.listed import list_export
from evidence.report.export.manuscript import manuscript_tables, write_manuscript
from evidence.report.export.one_page import write_one_page
from evidence.report.export.results import result_tables, write_results
from evidence.report.manifest import GENERATOR, add_output
from evidence.report.running.inputs import visible
from evidence.report.site.shell import PageEntry, page
from evidence.report.verify import verify_report

if TYPE_CHECKING:
    from tests.conftest import SmallReview

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of two pages, the second in a folder."""
    place = tmp_path / "report"
    (place / "trace").mkdir(parents=True)
    entries = [PageEntry("index", "Start"), PageEntry("trace/one", "One")]
    first = (
        '<h2 id="what">What</h2><p><a href="trace/one.html#top">see</a> <a href="table.csv">numbers</a></p>'
    )
    second = (
        '<h2 id="top">Top</h2><p><img src="../dot.png" alt="a dot"> <a href="#top">up</a> '
        '<a href="https://example.org/">out</a> &lt;script&gt;</p>'
    )
    (place / "index.html").write_text(page("Lullabies", first, active="index", entries=entries), "utf-8")
    (place / "trace" / "one.html").write_text(
        page("One trial", second, active="trace/one", entries=entries, root="../"), "utf-8"
    )
    (place / "site.css").write_text("main > p { color: black }", "utf-8")
    (place / "dot.png").write_bytes(PIXEL)
    manifest = {
        "generator": GENERATOR,
        "started": "2026-01-02T03:04:05+00:00",
        "finished": "2026-01-02T03:05:05+00:00",
        "python": "3.11.7",
        "packages": {"evidence": "0.1.0", "numpy": "2.0"},
        "inputs": {"data/trials.csv": "0" * 64},
        "outputs": {
            "dot.png": hashlib.sha256(PIXEL).hexdigest(),
            "index.html": hashlib.sha256((place / "index.html").read_bytes()).hexdigest(),
        },
    }
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return place


def test_data_files_hold_every_digit_of_the_library(filled: SmallReview, tmp_path: Path) -> None:
    review = filled.read()
    paths = write_results(review, tmp_path / "out")
    assert sorted(path.name for path in paths) == [
        "codebook.csv",
        *(f"{name}.{kind}" for name in ("comparisons", "results") for kind in ("csv", "json", "parquet")),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)
    fit = ev.synthesise(review, "singing-crying-short").fit
    assert fit is not None
    import fastparquet

    with (tmp_path / "out/results.parquet").open("rb") as file:
        parquet = fastparquet.ParquetFile(file).to_pandas()
    for frame in (
        pd.read_csv(tmp_path / "out/results.csv"),
        pd.DataFrame(json.loads((tmp_path / "out/results.json").read_text("utf-8"))),
        parquet,
    ):
        row = frame[frame["analysis"] == "singing-crying-short"].iloc[0]
        assert (row["estimate"], row["ci_low"], row["tau2"]) == (fit.estimate, fit.ci_low, fit.tau2)
        assert frame["estimate"].notna().sum() == sum(
            ev.synthesise(review, name).fit is not None for name in review.analyses
        )


def test_comparisons_are_those_of_the_review(filled: SmallReview) -> None:
    review = filled.read()
    table = result_tables(review)["comparisons"]
    wanted = [review.comparisons(name) for name in review.analyses]
    assert len(table) == sum(map(len, wanted))
    pooled = table[table["status"] == "pooled"]
    effects = pd.concat([review.effects(name) for name in review.analyses if len(review.effects(name))])
    np.testing.assert_array_equal(pooled["effect"], effects["effect"])


def test_codebook_describes_each_column_once(review: ev.Review) -> None:
    tables = result_tables(review)
    book = codebook(review, tables)
    assert [*zip(book["table"], book["column"], strict=True)] == [
        (name, column) for name, table in tables.items() for column in table
    ]
    assert book["description"].str.len().min() > 3
    row = book[(book["table"] == "results") & (book["column"] == "estimate")].iloc[0]
    assert row["missing"] == tables["results"]["estimate"].isna().sum()
    with pytest.raises(ev.ReportError, match="'mystery' of 'results'"):
        codebook(review, {"results": pd.DataFrame({"mystery": [1]})})


def test_manuscript_writes_out_the_pooled_result(filled: SmallReview, tmp_path: Path) -> None:
    review = filled.read()
    _, table = manuscript_tables(review)["results"]
    fit = ev.synthesise(review, "singing-crying-short").fit
    assert fit is not None
    shown = table.set_index("Question").loc[review.analyses["singing-crying-short"].title]
    numbers = [
        float(part.replace("\u2212", "-"))
        for part in re.findall("[\u2212]?[0-9.]+", str(shown["Estimate (CI)"]))
    ]
    np.testing.assert_allclose(numbers, [fit.estimate, fit.ci_low, fit.ci_high], atol=0.05001)
    assert (table["Estimate (CI)"] == "not pooled").sum() == len(table) - sum(
        ev.synthesise(review, name).fit is not None for name in review.analyses
    )
    tex, page_, *_ = write_manuscript(review, tmp_path / "out")
    body = tex.read_text("utf-8").split(r"\endlastfoot")[1]
    assert body.count(r"\\") == len(table)
    assert len(BeautifulSoup(page_.read_text("utf-8"), "html.parser").select("tbody tr")) == len(table)


def test_latex_keeps_special_letters(filled: SmallReview, tmp_path: Path) -> None:
    filled.rows["trials"][0]["label"] = "A&B_50% {x} #1 ~ ^ \\ $"
    tex = write_manuscript(filled.read(), tmp_path)[2].read_text("utf-8")
    assert (
        r"A\&B\_50\% \{x\} \#1 \textasciitilde \space \textasciicircum \space \textbackslash \space \$ &"
        in tex
    )


def test_one_page_needs_nothing_beside_it(report: Path, tmp_path: Path) -> None:
    text = write_one_page(report, tmp_path / "all.html").read_text("utf-8")
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.select("h1")) == 1
    assert not soup.select("script, link, nav, button")
    assert "main > p { color: black }" in text
    image = soup.select_one("img")
    assert image is not None
    assert base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,")) == PIXEL
    ids = [tag["id"] for tag in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    targets = [str(link["href"]) for link in soup.select("a[href]")]
    assert all(target[1:] in ids for target in targets if target.startswith("#"))
    assert [target for target in targets if not target.startswith("#")] == ["https://example.org/"]
    assert "numbers" in soup.get_text()  # the link to the file is gone, its words are not
    assert "&lt;script&gt;" in text


def test_one_page_leaves_out_what_scripts_would_fill(report: Path, tmp_path: Path) -> None:
    path = report / "trace" / "one.html"
    path.write_text(
        path.read_text("utf-8").replace('<h2 id="top">', '<noscript>Scripts</noscript><h2 id="top">')
    )
    text = write_one_page(report, tmp_path / "all.html").read_text("utf-8")
    assert "One trial" not in text
    assert "see" in BeautifulSoup(text, "html.parser").get_text()


def test_one_page_wants_a_report(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="holds no report"):
        write_one_page(tmp_path, tmp_path / "all.html")
    assert list(tmp_path.iterdir()) == []


def test_crate_names_every_file_and_publication(report: Path, filled: SmallReview) -> None:
    filled.rows["trials"][0]["doi"] = "10.1000/ava"
    filled.protocol["licence"] = {
        "name": "CC-BY-4.0",
        "title": "Attribution",
        "url": "https://example.org/by",
    }
    review = filled.read()
    metadata = json.loads(crate.write_crate(review, report).read_text("utf-8"))
    graph = {entry["@id"]: entry for entry in metadata["@graph"]}
    assert len(graph) == len(metadata["@graph"])
    assert graph[crate.FILE_NAME]["about"] == {"@id": "./"}
    root = graph["./"]
    assert root["license"] == {"@id": "https://example.org/by"}
    assert root["datePublished"] == "2026-01-02"
    assert root["citation"] == [{"@id": "https://doi.org/10.1000/ava"}]
    assert [part["@id"] for part in root["hasPart"]] == ["dot.png", "index.html"]
    assert graph["dot.png"]["contentSize"] == str(len(PIXEL))
    assert graph["dot.png"]["encodingFormat"] == "image/png"

    def mentioned(value: Any) -> list[str]:
        if isinstance(value, list):
            return [name for part in value for name in mentioned(part)]
        return [value["@id"]] if isinstance(value, dict) else []

    named = {name for entry in graph.values() for value in entry.values() for name in mentioned(value)}
    assert named - set(graph) == {"https://w3id.org/ro/crate/1.1"}


def test_crate_wants_a_report_and_a_review_may_be_silent_about_its_licence(
    report: Path, filled: SmallReview, tmp_path: Path
) -> None:
    review = filled.read()
    assert {"not stated"} == {
        entry["name"]
        for entry in crate.crate_metadata(review, report)["@graph"]
        if entry["@id"] == "#licence"
    }
    with pytest.raises(ev.DataError, match="holds no report"):
        crate.write_crate(review, tmp_path / "nothing")


def test_pdf_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    with pytest.raises(ev.ReportError, match="apt install chromium"):
        pdf.write_pdf(tmp_path / "page.html", tmp_path / "page.pdf")


@pytest.mark.parametrize(
    ("program", "message"),
    [("#!/bin/sh\necho no display >&2\nexit 3\n", "exit code 3.*no display"), ("", "not be")],
)
def test_pdf_passes_on_what_the_browser_said(
    program: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    if program:
        browser.write_text(program)
        browser.chmod(0o755)
    monkeypatch.setenv(pdf.VARIABLE, str(browser))
    with pytest.raises(ev.ReportError, match=message):
        pdf.write_pdf(tmp_path / "page.html", tmp_path / "page.pdf")
    assert not list(tmp_path.glob("*.pdf"))


def test_pdf_is_what_the_browser_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        '#!/bin/sh\nfor a; do case $a in --print-to-pdf=*) echo "%PDF" > "${a#*=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setenv(pdf.VARIABLE, str(browser))
    assert pdf.write_pdf(tmp_path / "page.html", tmp_path / "page.pdf").read_text() == "%PDF\n"


def test_a_draft_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("before")

    def write() -> None:
        with draft(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("kept.txt", "before")]
    with pytest.raises(ev.DataError, match="cannot be made"):
        folder(path / "below")


def test_command_writes_each_form(
    report: Path,
    filled: SmallReview,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = ["--data", str(filled.write()), "--report", str(report), "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["evidence", "export", "data", "manuscript", "page", "archive", *places])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    printed = [Path(line) for line in capsys.readouterr().out.split()]
    assert all(path.is_file() for path in printed)
    assert {"results.parquet", "studies.tex", "report.html", crate.FILE_NAME} <= {
        path.name for path in printed
    }


def test_a_report_verifies_after_its_archive_was_described(report: Path, filled: SmallReview) -> None:
    for name in ("site.css", "trace/one.html"):
        add_output(report, name)
    assert verify_report(report) == []
    for _ in range(2):
        crate.write_crate(filled.read(), report)
        assert verify_report(report) == []


def test_exports_beside_the_tables_are_no_data(
    filled: SmallReview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled.write()
    before = {path.name for path in visible(data)}
    for kind in ("data", "manuscript"):
        arguments = ["export", kind, "--data", str(data), "--output", str(data / "export")]
        monkeypatch.setattr(sys, "argv", ["evidence", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
    listed = json.loads((data / "export" / "manifest.json").read_text("utf-8"))["files"]
    held = {path.name for path in (data / "export").iterdir()}
    assert set(listed) == held - {"manifest.json"}
    assert {"results.csv", "studies.tex"} <= set(listed)
    assert {path.name for path in visible(data)} == before
    # A list of something else stays, and the folder of a review is never marked.
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.csv").write_text("x", "utf-8")
    for text in ("{}", "[" * 100_000):
        (own / "manifest.json").write_text(text, "utf-8")
        assert list_export(own, [own / "a.csv"]) is None
        assert (own / "manifest.json").read_text("utf-8") == text
    assert list_export(data, [data / "trials.csv"]) is None
    assert list_export(tmp_path, [own.parent.parent / "elsewhere.csv"]) is None
