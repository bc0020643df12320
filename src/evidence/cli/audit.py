"""The command ``evidence audit``: claims and citations against the evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.options import Data
from evidence.cli.output import Format, print_frame

__all__ = ["audit"]


def audit(
    data: Data = Path("data"),
    claims: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV with the columns of claims.csv; by default that of the review."
        ),
    ] = None,
    citations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV with the columns of citations.csv; by default that of the review."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 if a claim is contradicted, too uncertain or supported for a shorter time only, or if "
            "a citation is wrong. Claims that the evidence does not address do not count.",
        ),
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="A table to read, or CSV or JSON with all columns and digits.")
    ] = Format.table,
) -> None:
    """Judge each claim by the results of the review, and check each citation field by field."""
    import evidence as ev

    result = ev.audit(ev.read_review(data), claims, citations=citations)
    shown = ("claim_id", "verdict", "certainty", "claim", "why")
    print_frame(result.claims, form, columns={name: name for name in shown})
    sentences = list(result.citations["sentence"])
    sentences += [text for text in result.citations["doubts"] if text]
    if form is Format.table and sentences:
        print("\n" + "\n".join(sentences))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in result.counts.items() if count)
    print(counts or "No claims: give some with --claims", file=sys.stderr)
    if strict and result.failed:
        raise typer.Exit(1)
