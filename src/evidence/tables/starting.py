"""A new review to start from: small, valid, with fictional trials to be replaced."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from evidence.errors import DataError, choose
from evidence.files import new_folder
from evidence.measures import measure_of
from evidence.tables.write import write_table
from evidence.version import __version__
from evidence.wording import capital, slug

__all__ = ["START_MEASURES", "init_review", "start_line", "write_readme", "write_surroundings"]

START_MEASURES = ("MD", "SMD", "RR", "OR")
"""Measures of which a new review has an example."""
_KNOWN = ("no_treatment", "usual_care", "other")
"""What arms of the example receive besides what the review asks about."""
_OWN_NAMES = {"gitignore": ".gitignore", "workflows": ".github/workflows"}
"""Names that would mean something in this package itself."""
_PRINTED = {
    "MD": (-7.4, -14.3, -0.5),
    "SMD": (-0.4, -0.77, -0.03),
    "RR": (1.45, 1.02, 2.06),
    "OR": (1.92, 1.02, 3.62),
}
"""What the fictional trial that prints a comparison alone reports where the intervention is the better one."""


def init_review(
    folder: str | Path,
    *,
    title: str = "A new review",
    population: str = "adults with fatigue",
    intervention: str = "bright light",
    comparator: str = "dim light",
    outcome: str = "fatigue",
    measure: str = "MD",
    better: str = "lower",
) -> Path:
    """Write the folder of a new review that can be checked, pooled and reported at once.

    Parameters
    ----------
    folder : str or Path
        Where; it must not exist or be empty.
    title, population, intervention, comparator, outcome : str
        What the review is called and asks, a line each; the fictional trials are about it.
    measure : {"MD", "SMD", "RR", "OR"}
        How the outcome is compared: mean difference, standardised mean difference, risk ratio or odds ratio.
    better : {"lower", "higher"}
        Whether less or more of the outcome is good.

    Returns
    -------
    Path
        The folder: ``review.yaml`` with a comment for each key, the tables with three fictional trials, notebooks, a
        ``README.md`` with the next steps, a ``Makefile``, and a workflow by which GitHub publishes the report.

    Raises
    ------
    DataError
        If a text is not one line, the intervention and the comparator are the same, or the folder holds something or
        cannot be written; nothing is left behind then.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import evidence as ev
    >>> folder = ev.init_review(mkdtemp() + "/my-review", title="A first review")
    >>> ev.read_review(folder).protocol.title
    'A first review'
    """
    measure = choose("measure", measure, START_MEASURES)
    better = choose("direction", better, ("lower", "higher"))
    texts = {
        name: start_line(name, text)
        for name, text in {
            "title": title,
            "population": population,
            "intervention": intervention,
            "comparator": comparator,
            "outcome": outcome,
        }.items()
    }
    studied, control, measured = (_name(texts, key) for key in ("intervention", "comparator", "outcome"))
    if studied == control or studied in _KNOWN:
        raise DataError(
            f"the intervention is '{intervention}', which is what others are compared with; name what is studied"
        )
    counted = measure_of(measure).counted
    kind, both = ("count" if counted else "score"), outcome == "fatigue" and not counted
    outcomes = {kind: measured} | ({"count": "responder"} if both else {})
    scale = f"VAS {texts['outcome']}"
    event = f"{scale} >=30% reduction" if both else texts["outcome"]
    means = "worse" if better == "lower" else "better"
    words = {
        "TITLE": texts["title"],
        "POPULATION": texts["population"],
        "INTERVENTION": texts["intervention"],
        "COMPARATOR": texts["comparator"],
        "OUTCOME": texts["outcome"],
        "ARM": capital(texts["intervention"]),
        "CONTROL": capital(texts["comparator"]),
        "STUDIED": studied,
        "CONTROL_COMPONENT": control,
        "SCALE": scale,
        "EVENT": event,
        "EVENT_NAME": "Fall of the visual analogue scale by 30% or more" if both else capital(event),
        "SCORE_MEANS": means,
        "COUNT_MEANS": "better" if both else means,
        "INACTIVE": ", ".join(
            dict.fromkeys([control, "no_treatment"] if control not in _KNOWN else ["no_treatment"])
        ),
        "OUTCOMES": ", ".join(outcomes.values()),
        "ENTRY": studied.replace("_", "-"),
        "ANALYSIS": f"{studied}-{measured}-short".replace("_", "-"),
        "MEASURED": _outcomes(outcomes, measure, better, scale),
    }
    place = Path(folder)
    with new_folder(place) as fresh:
        for entry in _templates("init"):
            text = entry.read_text(encoding="utf-8")
            name = entry.name.removesuffix(".csv")
            if name == entry.name:
                as_yaml = name.endswith(".yaml")
                (fresh / name).write_text(
                    _filled(text, words, as_yaml=as_yaml), encoding="utf-8", newline="\n"
                )
                continue
            # A template holds the columns that it fills in; the schema knows the others.
            rows = [
                {column: _filled(cell, words) for column, cell in row.items()}
                for row in csv.DictReader(text.splitlines())
            ]
            write_table(fresh, name, _about(rows, outcomes, measure, better))
        write_surroundings(fresh)
    return place


def write_surroundings(folder: Path, *, most_pages: int | None = None) -> None:
    """Write what every new review has beside its tables: notebooks, a Makefile and a workflow that publishes.

    Parameters
    ----------
    folder : Path
    most_pages : int, optional
        How many questions get a page of the report each; by default all.
    """
    _copy(files("evidence.tables").joinpath("templates", "every"), folder)
    if most_pages is not None:
        path = folder / "notebooks" / "01-question.ipynb"
        notebook = json.loads(path.read_text("utf-8"))
        notebook["metadata"]["evidence"]["most"] = most_pages
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")


def write_readme(folder: Path, kind: str, words: Mapping[str, str]) -> None:
    """Write the README of a review that was imported.

    Parameters
    ----------
    folder : Path
    kind : str
        Name of the folder of its template.
    words : mapping of str to str
        What is filled in.
    """
    text = files("evidence.tables").joinpath("templates", kind, "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(_filled(text, words), encoding="utf-8", newline="\n")


def _copy(source: Traversable, target: Path) -> None:
    for entry in source.iterdir():
        place = target / _OWN_NAMES.get(entry.name, entry.name)
        if entry.is_dir():
            place.mkdir(parents=True)
            _copy(entry, place)
        else:
            text = _filled(entry.read_text(encoding="utf-8"), {"VERSION": __version__})
            place.write_text(text, encoding="utf-8", newline="\n")


def _templates(name: str) -> list[Traversable]:
    return sorted(
        files("evidence.tables").joinpath("templates", name).iterdir(), key=lambda entry: entry.name
    )


def _filled(text: str, words: Mapping[str, str], *, as_yaml: bool = False) -> str:
    """Put words in the place of their names; in YAML texts of the user are quoted, for they may hold any sign."""

    def word(found: re.Match[str]) -> str:
        name = found[1]
        if name not in words:
            return found[0]
        own = as_yaml and name in ("TITLE", "POPULATION", "INTERVENTION", "COMPARATOR")
        return _quoted(words[name]) if own else words[name]

    return re.sub("@([A-Z_]+)@", word, text)


def _quoted(text: str) -> str:
    """Write a text as one YAML value."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()


def start_line(name: str, text: str) -> str:
    """Return a text of the protocol without spaces around it.

    Raises
    ------
    DataError
        If it is not one line.
    """
    text = text.strip()
    if not text or not text.isprintable():
        raise DataError(f"the {name} must be one line of text")
    return text


def _name(texts: Mapping[str, str], key: str) -> str:
    """Make the name by which tables and protocol know a thing."""
    name = slug(texts[key], "_", 40)
    if not isinstance(yaml.safe_load(name), str):  # nothing is left of it, or it is a number or "no" in YAML
        raise DataError(f"the {key} is '{texts[key]}'; name it with words in Latin letters")
    return name


def _outcomes(outcomes: Mapping[str, str], measure: str, better: str, scale: str) -> str:
    """Write the outcomes of the protocol."""
    first, *more = outcomes.values()
    lines = [
        f"  {first}:",
        f"    measure: {measure:<22} # MD, SMD (different instruments), RR, OR or RD (counts)",
        f"    better: {better:<23} # which direction is good: lower or higher",
    ]
    if measure == "MD":
        lines += [
            "    rescale: [0, 100]              # put every instrument on this range before pooling",
            f"    prefer: [{_quoted(scale)}] # instruments, the most wanted first",
            "    minimal_important_difference: 10",
        ]
    for name in more:
        lines += [f"  {name}:", "    measure: RR", "    better: higher"]
    return "\n".join(lines) + "\n"


def _about(
    rows: list[dict[str, str]], outcomes: Mapping[str, str], measure: str, better: str
) -> list[dict[str, str]]:
    """Keep the fictional rows on outcomes of the review, turned so that the intervention is the better one."""
    column = next((name for name in ("outcome", "construct") if rows and name in rows[0]), "")
    if not column:
        return rows
    kept = [row for row in rows if row[column] in outcomes]
    kind = next(iter(outcomes))
    turned = better == ("higher" if kind == "score" else "lower")
    own = [row for row in kept if row[column] == kind]
    if "estimate" in rows[0]:
        for row in own:
            estimate, low, high = (f"{value:g}" for value in _printed(measure, turned=turned))
            printed = f"{estimate} (95% CI {low} to {high})"
            row.update(measure=measure, estimate=estimate, ci_low=low, ci_high=high, as_reported=printed)
    elif "events" in rows[0] and turned:
        for one, other in zip(own[::2], own[1::2], strict=True):  # the two arms of a trial
            for name in ("n", "mean", "sd", "events", "as_reported"):
                one[name], other[name] = other[name], one[name]
    for row in kept:
        row[column] = outcomes[row[column]]
    return kept


def _printed(measure: str, *, turned: bool) -> tuple[float, ...]:
    """Give the fictional comparison and its interval, or the same seen from the other side."""
    estimate, low, high = _PRINTED[measure]
    if not turned:
        return estimate, low, high
    if measure_of(measure).ratio:
        return tuple(round(1 / value, 2) for value in (estimate, high, low))
    return -estimate, -high, -low
