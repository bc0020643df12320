"""A small review on lullabies, written into a temporary folder, and the review that the repository holds."""

from __future__ import annotations

import copy
import csv
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from evidence.tables.review import Review, read_review, tables_of
from evidence.tables.schema import TABLES

# A slow machine is no reason to fail.
settings.register_profile("evidence", deadline=None)
settings.load_profile("evidence")

DATA = Path(__file__).parents[1] / "data"

PROTOCOL: dict[str, Any] = {
    "title": "Singing to infants, with or without rocking",
    "components": {
        "studied": ["singing", "rocking"],
        "inactive": ["silence", "humming"],
        "usual": ["routine"],
        "active": ["storytelling"],
    },
    "outcomes": {
        "crying": {
            "measure": "MD",
            "rescale": [0, 100],
            "prefer": ["CRY", "FUSS"],
            "rescalable": ["CRY", "FUSS"],
            "alternative_measure": "SMD",
        },
        "sleep": {"measure": "SMD", "prefer": ["SLEEP", "NAP"]},
        "settled": {"measure": "RR", "better": "higher", "prefer": ["settled at once", "settled"]},
    },
    "windows": {
        "short": {"from": 1, "to": 13, "target": 10},
        "long": {"from": 13, "to": 78, "target": 52, "include_from": False},
    },
    "comparator_groups": {
        "inactive": ["silence", "humming"],
        "usual": ["routine"],
        "active": ["storytelling", "rocking", "singing"],
    },
    "analyses": [
        {
            "id": "singing",
            "intervention": "singing",
            "rocking": "either",
            "comparator": ["inactive", "usual"],
            "outcomes": ["crying", "sleep", "settled"],
            "windows": ["short", "long"],
        },
        {
            "id": "added",
            "intervention": "singing",
            "rocking": "both_arms",
            "comparator": "rocking",
            "outcomes": ["crying"],
            "windows": ["short"],
        },
        {
            "id": "alone",
            "intervention": "singing",
            "rocking": False,
            "comparator": ["active"],
            "outcomes": ["crying"],
            "windows": ["short"],
        },
    ],
    # Two trials are enough here, so that small reviews can be pooled; the default is three.
    "model": {"minimum_studies": 2},
    "subgroups": ["rocking", "risk_of_bias"],
}

INSTRUMENTS = (
    # name, construct, family, higher means, range
    ("CRY", "crying", "CRY", "worse", 0, 10),
    ("CRY now", "crying", "CRY", "worse", 0, 10),
    ("FUSS", "crying", "FUSS", "worse", "", ""),
    ("WAIL", "crying", "WAIL", "worse", "", ""),
    ("SLEEP", "sleep", "SLEEP", "better", 0, 24),
    ("NAP", "sleep", "NAP", "better", 0, 24),
    ("settled", "settled", "settled", "better", "", ""),
    ("settled at once", "settled", "settled", "better", "", ""),
)


class SmallReview:
    """Builds a review row by row; a cell that is not given is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.protocol = copy.deepcopy(PROTOCOL)
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
        for name, construct, family, higher, low, high in INSTRUMENTS:
            self.add(
                "instruments",
                instrument=name,
                construct=construct,
                family=family,
                higher_means=higher,
                scale_min=low,
                scale_max=high,
            )

    def add(self, table: str, /, **cells: Any) -> dict[str, Any]:
        """Add one row to a table."""
        self.rows[table].append(cells)
        return cells

    def trial(self, trial: str, n: Any = "", **arms: str) -> None:
        """Add a trial and its arms, each given as ``name="components"`` or ``name="components, n, kind"``."""
        self.add(
            "trials",
            trial_id=trial,
            label=trial.title(),
            year=2001,
            design="parallel",
            n_randomised=n,
            citation=f"{trial}, J Lullabies",
        )
        for arm, text in arms.items():
            components, size, kind = (*(part.strip() for part in text.split(",")), "", "")[:3]
            self.add(
                "arms",
                trial_id=trial,
                arm_id=arm,
                label=arm.title(),
                components=components,
                kind=kind or "randomised",
                n_randomised=size,
            )

    def arm(self, trial: str, arm: str, instrument: str = "CRY", **cells: Any) -> dict[str, Any]:
        """Add a result of one arm, by default a final score of CRY at 10 weeks."""
        return self._result("arm_results", {"trial_id": trial, "arm_id": arm}, instrument, cells)

    def contrast(
        self, trial: str, arm: str, comparator: str, instrument: str = "CRY", **cells: Any
    ) -> dict[str, Any]:
        """Add a reported difference of two arms, by default of final scores of CRY at 10 weeks."""
        arms = {"trial_id": trial, "arm_id": arm, "comparator_arm_id": comparator}
        return self._result("contrast_results", arms, instrument, {"measure": "MD", **cells})

    def _result(
        self, table: str, arms: dict[str, str], instrument: str, cells: dict[str, Any]
    ) -> dict[str, Any]:
        construct = next((row[1] for row in INSTRUMENTS if row[0] == instrument), "crying")
        return self.add(
            table,
            **{
                "result_id": f"{table}-{len(self.rows[table]) + 1}",
                **arms,
                "outcome": construct,
                "instrument": instrument,
                "timepoint_weeks": 10,
                "statistic": "count" if construct == "settled" else "post",
                "adjusted": "no",
                "source_url": "https://example.org/lullabies",
                "source_kind": "full_text",
                "status": "single",
                **cells,
            },
        )

    def write(self) -> Path:
        """Write the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "review.yaml").write_text(yaml.safe_dump(self.protocol), encoding="utf-8")
        for table in tables_of(None):
            names = [column.name for column in table.columns]
            with (self.folder / table.file).open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, names, restval="")
                writer.writeheader()
                writer.writerows(self.rows[table.name])
        return self.folder

    def read(self) -> Review:
        """Write the folder and read it."""
        return read_review(self.write())


def two_trials(small: SmallReview) -> SmallReview:
    """Fill a small review with two trials that have means and SDs."""
    for trial, mean in (("ava", 3.0), ("ben", 4.0)):
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        small.arm(trial, "song", mean=mean, sd=2.0, n=40)
        small.arm(trial, "quiet", mean=5.0, sd=2.5, n=50)
    return small


@pytest.fixture
def small(tmp_path: Path) -> SmallReview:
    """Give a review without trials, to be filled and read."""
    return SmallReview(tmp_path / "lullabies")


@pytest.fixture
def filled(small: SmallReview) -> SmallReview:
    """Give a review of two trials, to be changed and read."""
    return two_trials(small)


@pytest.fixture(scope="session")
def review() -> Review:
    """Give the review in the repository's folder ``data``."""
    return read_review(DATA)


@pytest.fixture(scope="session")
def combining_two(review: Review) -> Review:
    """The review with two trials enough to be combined, for what few of its analyses can show otherwise."""
    model = review.protocol.model.model_copy(update={"minimum_studies": 2})
    return replace(review, protocol=review.protocol.model_copy(update={"model": model}))


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give a command in a folder as from a terminal; returns the exit code, standard output and standard error.

    In this process, because to start one takes longer than most commands do.
    """
    from evidence import cli

    def give(folder: Path, *arguments: str) -> tuple[int, str, str]:
        with monkeypatch.context() as here:
            here.chdir(folder)
            here.setattr(sys, "argv", ["evidence", *arguments])
            here.setattr(sys, "stdin", io.StringIO())
            with pytest.raises(SystemExit) as ended:
                cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return give
