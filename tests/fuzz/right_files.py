"""Right files of every kind, to be corrupted: tables, workbooks, exports of RevMan, folders of reviews."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev

from .draw import Rng, pick

CORPUS = Path(__file__).parents[1] / "tables" / "importing" / "test_corpus.py"
FIRST = {"study": ["Ann 2001", "Bob 2002", "Cyd 2003", "Dee/Li 2004"]}
NUMBERS = {
    "m1i": "m", "m2i": "m", "sd1i": "s", "sd2i": "s", "n1i": "n", "n2i": "n", "mean": "m", "sd": "s", "n": "n",
    "ai": "c", "bi": "c", "ci": "c", "di": "c", "x1i": "c", "x2i": "c", "events": "c", "t1i": "n", "t2i": "n",
    "time": "n", "yi": "e", "vi": "v", "sei": "v", "or": "e", "pval": "p", "lower": "l", "upper": "u",
}  # fmt: skip
SHAPES = (
    "yi vi", "yi sei", "yi lower upper", "or lower upper", "m1i sd1i n1i m2i sd2i n2i", "ai bi ci di",
    "ai n1i ci n2i", "x1i t1i x2i t2i", "yi pval", "arm events n", "arm mean sd n", "arm events time",
    "yi vi treat1 treat2 outcome subgroup year country",
)  # fmt: skip


@dataclass(frozen=True)
class Right:
    """Files in a folder that can be read, and the arguments of the command that reads them."""

    kind: str
    file: str
    """Name of the file or the folder that the command is given."""
    options: tuple[str, ...] = ()


def number(rng: Rng, kind: str) -> str:
    """Draw a number of a kind: mean, SD, count, size, effect, variance, lower or upper limit, P value."""
    match kind:
        case "c":
            return str(rng.integers(0, 20))
        case "n":
            return str(rng.integers(20, 200))
        case "l":
            return f"{rng.uniform(0.2, 0.5):.3f}"
        case "u":
            return f"{rng.uniform(1.5, 3):.3f}"
        case "e":
            return f"{rng.uniform(0.6, 1.2):.3f}"
        case "m":
            return f"{rng.normal():.3f}"
        case _:
            return f"{rng.uniform(0.01, 1):.3f}"


def of_shape(rng: Rng, shape: str) -> pd.DataFrame:
    """Draw a table with the columns of metafor, meta or people."""
    rows: list[dict[str, Any]] = []
    for study in FIRST["study"]:
        for arm in ("drug", "placebo", "both")[: 3 if "arm" in shape else 1]:
            row = {"study": study}
            for name in shape.split():
                text = {"arm": arm, "treat1": arm, "treat2": "placebo", "outcome": "pain", "year": "2001"}
                row[name] = text.get(name) or (
                    number(rng, NUMBERS[name]) if name in NUMBERS else f"{name} {len(rows) % 2}"
                )
            rows.append(row)
    return pd.DataFrame(rows)


def effects(rng: Rng, folder: Path) -> Right:
    """Write a table as text in some encoding, with some separator."""
    shape = pick(rng, SHAPES)
    frame = of_shape(rng, shape)
    separator, encoding = pick(rng, [",", ",", ";", "\t"]), pick(rng, ["utf-8", "utf-8", "utf-16", "cp1252"])
    name = f"table{pick(rng, ['.csv', '.csv', '.tsv', '.txt'])}"
    frame.to_csv(folder / name, sep=separator, index=False, encoding=encoding)
    return Right("effects", name, ("--measure", "MD") if shape.startswith("yi") else ())


def workbook(rng: Rng, folder: Path) -> Right:
    """Write a table as a workbook."""
    shape = pick(rng, SHAPES)
    of_shape(rng, shape).to_excel(folder / "table.xlsx", index=False)
    return Right("workbook", "table.xlsx", ("--measure", "MD") if shape.startswith("yi") else ())


@cache
def corpus() -> tuple[ModuleType, list[Any]]:
    """Load the made-up review of the tests of importing, and its analyses: every kind that RevMan has."""
    spec = importlib.util.spec_from_file_location("revman_corpus", CORPUS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module, list(module.CASES)


def revman(rng: Rng, folder: Path) -> Right:
    """Write the review of the corpus, or some of its analyses, in one of the formats of RevMan."""
    module, cases = corpus()
    module.CASES[:] = [case for case in cases if rng.random() < 0.25] or cases[:1]
    name = pick(rng, list(module.FORMATS))
    module.FORMATS[name](folder / name)
    if name.endswith("data-rows.csv"):
        of = "Allocation concealment: All outcomes"
        table(
            folder / "made-study-information.csv",
            ["Study", "Year", "Char: Participants"],
            ["Ann 2001", "2001", "x"],
        )
        heading = [f"Domain (judgement): {of}", f"Domain (support): {of}"]
        table(folder / "made-risk-of-bias.csv", ["Study", *heading], ["Ann 2001", "High risk", "open list"])
    return Right(f"RevMan {'5' if name.endswith('rm5') else 'CSV'}", name)


def table(path: Path, *rows: list[str]) -> None:
    """Write rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), "utf-8")


def begun(rng: Rng, folder: Path) -> Right:
    """Begin a review as `evidence init` does, with two readings."""
    ev.init_review(folder / "review", title="Made")
    for reader in "ab":
        place = folder / "review" / "readings" / reader
        place.mkdir(parents=True)
        for name in ("trials.csv", "arms.csv", "arm_results.csv"):
            (place / name).write_bytes((folder / "review" / name).read_bytes())
    return Right("review", "review")


def came(rng: Rng, folder: Path) -> Right:
    """Import a review from a table."""
    shape = pick(rng, SHAPES)
    path = folder / "table.csv"
    of_shape(rng, shape).to_csv(path, index=False)
    ev.import_effects(path, measure="MD" if shape.startswith("yi") else None).write(folder / "review")
    path.unlink()
    return Right("review", "review")


MAKERS: dict[str, tuple[float, Callable[[Rng, Path], Right]]] = {
    "effects": (5, effects),
    "workbook": (1, workbook),
    "revman": (4, revman),
    "begun": (1, begun),
    "came": (2, came),
}


def make(rng: Rng, folder: Path) -> Right:
    """Write a right file of some kind into a folder."""
    weights = np.array([weight for weight, _ in MAKERS.values()])
    name = list(MAKERS)[rng.choice(weights.size, p=weights / weights.sum())]
    return MAKERS[name][1](rng, folder)
