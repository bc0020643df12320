"""The command ``evidence references``: what a search found, each once, and which of it a review has already."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.options import review_here
from evidence.cli.output import Format, print_frame

__all__ = ["references"]


def references(
    files: Annotated[
        list[Path], typer.Argument(help="References as RIS (.ris), PubMed (.nbib) or BibTeX (.bib).")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of a review: its trials are recognised among the references."),
    ] = None,
    add: Annotated[
        bool,
        typer.Option(
            "--add", help="Add those that the review does not have to its trials.csv, without results."
        ),
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="A table to read, or CSV or JSON with abstracts and all else.")
    ] = Format.table,
) -> None:
    """List the references of files, each once, and say which are trials of a review."""
    from evidence.errors import DataError
    from evidence.tables.adding import added_rows
    from evidence.tables.importing.references import read_references
    from evidence.tables.review import read_review
    from evidence.wording import counted

    folder = review_here(data) if data is not None else None
    if add and folder is None:
        raise DataError("--add needs the review: name its folder with --data")
    found = read_references(files, review=read_review(folder) if folder is not None else None)
    print_frame(
        found.frame,
        form,
        columns={name: name for name in ("label", "doi", "pmid", "registration", "known", "title")}
        if form is Format.table
        else None,
    )
    known = int((found.frame["known"] != "").sum())
    said = [counted(len(found.frame), "reference")]
    if found.twice:
        said.append(f"{counted(len(found.twice), 'more that is', 'more that are')} one of them again")
    if folder is not None:
        said.append(f"{known} in the review already")
    print("; ".join(said), file=sys.stderr)
    if add and folder is not None:
        rows = added_rows(folder, {"trials": found.trials()})
        rows.write()
        print(f"Added: {rows.words()}", file=sys.stderr)
