"""The command ``evidence export``: results for other programs, for a manuscript, and the report as one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.options import Data

__all__ = ["Kind", "export"]


class Kind(StrEnum):
    """What is written."""

    data = "data"
    manuscript = "manuscript"
    page = "page"
    pdf = "pdf"
    archive = "archive"
    r = "r"
    revman = "revman"
    excel = "excel"
    frictionless = "frictionless"
    json = "json"


def export(
    kinds: Annotated[
        list[Kind],
        typer.Argument(
            help="data: CSV, JSON and Parquet with a codebook; manuscript: tables for LaTeX and word processors; "
            "page: the report as one HTML file; pdf: the same as PDF, printed by Chromium; archive: RO-Crate "
            "metadata, written into the report; r: scripts that pool it all again with metafor, and their data; "
            "revman: tables as RevMan Web has them; excel: a workbook with a codebook; frictionless: a data package; "
            "json: all results as one document, with its schema."
        ),
    ],
    data: Data = Path("data"),
    output: Annotated[Path, typer.Option(help="Folder of the files; it is made if need be.")] = Path(
        "export"
    ),
    report: Annotated[Path, typer.Option(help="Report that page, pdf and archive start from.")] = Path(
        "report"
    ),
) -> None:
    """Write the results in other forms."""
    import evidence as ev
    from evidence.files import drafts
    from evidence.report.export.crate import write_crate
    from evidence.report.export.excel import write_excel
    from evidence.report.export.frictionless import write_frictionless
    from evidence.report.export.json_results import write_json
    from evidence.report.export.listed import list_export
    from evidence.report.export.manuscript import write_manuscript
    from evidence.report.export.one_page import write_one_page
    from evidence.report.export.pdf import write_pdf
    from evidence.report.export.r.scripts import write_r
    from evidence.report.export.results import write_results
    from evidence.report.export.revman import write_revman

    review = ev.read_review(data)
    for kind in dict.fromkeys(kinds):
        match kind:
            case Kind.data:
                written = write_results(review, output)
            case Kind.manuscript:
                written = write_manuscript(review, output)
            case Kind.page | Kind.pdf:
                with drafts(output) as beside:
                    made = [write_one_page(report, beside / "report.html")]
                    if kind is Kind.pdf:
                        made.append(write_pdf(made[0], beside / "report.pdf"))
                written = [output / path.name for path in made]
            case Kind.archive:
                written = [write_crate(review, report)]
            case Kind.r:
                written = write_r(review, output / "r")
            case Kind.revman:
                written = write_revman(review, output / "revman")
            case Kind.excel:
                written = write_excel(review, output)
            case Kind.frictionless:
                written = write_frictionless(review, output / "frictionless")
            case Kind.json:
                written = write_json(review, output / "json")
        list_export(output, written)
        for path in written:
            print(path)
