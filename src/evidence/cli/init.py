"""The command ``evidence init``: a new review to start from."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.asking import ask, one_of, somebody_there

__all__ = ["Better", "StartMeasure", "init"]


class StartMeasure(StrEnum):
    """How the outcome of a new review is compared."""

    MD = "MD"
    SMD = "SMD"
    RR = "RR"
    OR = "OR"


class Better(StrEnum):
    """Which direction of an outcome is good."""

    LOWER = "lower"
    HIGHER = "higher"


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new review; it must not exist or be empty.")],
    title: Annotated[str | None, typer.Option(help="Title of the review.")] = None,
    population: Annotated[str | None, typer.Option(help="Whom it is about.")] = None,
    intervention: Annotated[str | None, typer.Option(help="What is studied.")] = None,
    comparator: Annotated[str | None, typer.Option(help="With what it is compared.")] = None,
    outcome: Annotated[str | None, typer.Option(help="By which outcome.")] = None,
    measure: Annotated[
        StartMeasure | None,
        typer.Option(help="MD or SMD for scores of one scale or several, RR or OR for people counted."),
    ] = None,
    better: Annotated[
        Better | None, typer.Option(help="Whether less (lower) or more (higher) of the outcome is good.")
    ] = None,
) -> None:
    """Write a new review: a protocol with comments, tables with fictional trials to replace, and notebooks.

    On a terminal it asks for what the options do not say. Elsewhere the fictional review is about bright light for
    fatigue.
    """
    from evidence.files import refuse_taken
    from evidence.tables.starting import init_review, start_line

    refuse_taken(folder)
    usual = {
        "title": "A new review",
        "population": "adults with fatigue",
        "intervention": "bright light",
        "comparator": "dim light",
        "outcome": "fatigue",
    }
    given = {
        "title": title,
        "population": population,
        "intervention": intervention,
        "comparator": comparator,
        "outcome": outcome,
    }
    words = {name: text for name, text in given.items() if text is not None}
    choices = {name: one.value for name, one in {"measure": measure, "better": better}.items() if one}
    if somebody_there():
        questions = {
            "title": "Title of the review",
            "population": "Whom is it about",
            "intervention": "What is studied",
            "comparator": "With what is it compared",
            "outcome": "By which outcome",
        }
        for name, question in questions.items():
            if name not in words:
                words[name] = ask(question, usual[name], partial(start_line, name))
        if "measure" not in choices:
            question = "How is it measured: MD (one scale), SMD (several scales), RR or OR (people counted)"
            choices["measure"] = ask(question, "MD", one_of([*StartMeasure]))
        if "better" not in choices:
            question = f"Is lower or higher better for {words['outcome']}"
            choices["better"] = ask(question, "lower", one_of([*Better]))
    place = init_review(folder, **words, **choices)
    print(f"A new review is in {place}; {place / 'README.md'} says how to go on.")
