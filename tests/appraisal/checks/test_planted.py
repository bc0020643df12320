"""Errors of many kinds, planted into a copy of the repository's data, are found at their place."""

from __future__ import annotations

import csv
import math
import random
import shutil
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest

import evidence as ev

DATA = Path(__file__).parents[3] / "data"
Rows = list[dict[str, str]]
Places = list[tuple[str, int, str]]


class Copy:
    """The tables of the review as text, to be changed cell by cell; row numbers are those of a spreadsheet."""

    def __init__(self) -> None:
        self.tables: dict[str, Rows] = {}
        for name in ("trials", "arms", "arm_results", "contrast_results"):
            with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                self.tables[name] = list(csv.DictReader(file))
        self.touched: set[tuple[str, int]] = set()

    def rows(self, table: str, *columns: str, **equal: str) -> list[int]:
        """Indices of rows that have all these cells and hold these values, not yet touched and "
        "not marked as doubtful."""
        return [
            place
            for place, row in enumerate(self.tables[table])
            if all(row[name] for name in columns)
            and all(row[name] == value for name, value in equal.items())
            and not row.get("note", "").startswith("CHECK:")
            and (table, place) not in self.touched
        ]

    def set(self, table: str, place: int, **cells: str) -> Places:
        self.tables[table][place].update(cells)
        self.touched.add((table, place))
        return [(f"{table}.csv", place + 2, column) for column in cells]

    def time(self, place: int) -> float:
        return float(self.tables["arm_results"][place]["timepoint_weeks"])

    def n(self, row: dict[str, str]) -> float:
        own = row.get("n") or next(
            arm["n_randomised"]
            for arm in self.tables["arms"]
            if (arm["trial_id"], arm["arm_id"]) == (row["trial_id"], row["arm_id"])
        )
        return float(own or "nan")

    def write(self, folder: Path, *, bare: bool = False) -> Path:
        """Write the folder; a bare one has neither the printed phrases nor what the readers agreed on."""
        left_out = ("readings", "agreement.csv") if bare else ("readings",)
        shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns(*left_out))
        for name, rows in self.tables.items():
            if bare and name.endswith("results"):
                rows = [row | {"as_reported": ""} for row in rows]
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        return folder


def number(value: float) -> str:
    return f"{value:.6g}"


def scaled(table: str, column: str, factor: float) -> Callable[[Copy, random.Random], Places]:
    def plant(copy: Copy, rng: random.Random) -> Places:
        places = [i for i in copy.rows(table, column) if float(copy.tables[table][i][column]) != 0]
        i = rng.choice(places)
        return copy.set(table, i, **{column: number(float(copy.tables[table][i][column]) * factor)})

    return plant


def standard_error_as_sd(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    i = rng.choice([i for i in copy.rows("arm_results", "sd") if copy.n(rows[i]) >= 10])
    return copy.set("arm_results", i, sd=f"{float(rows[i]['sd']) / math.sqrt(copy.n(rows[i])):.2f}")


def bounds_exchanged(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["contrast_results"]
    i = rng.choice(
        [i for i in copy.rows("contrast_results", "ci_low") if rows[i]["ci_low"] != rows[i]["ci_high"]]
    )
    return copy.set("contrast_results", i, ci_low=rows[i]["ci_high"], ci_high=rows[i]["ci_low"])


def bound_shifted(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["contrast_results"]
    i = rng.choice(copy.rows("contrast_results", "ci_low", "estimate", measure="MD"))
    width = float(rows[i]["ci_high"]) - float(rows[i]["ci_low"])
    if rng.random() < 0.5:
        return copy.set("contrast_results", i, ci_low=number(float(rows[i]["ci_low"]) - 0.4 * width))
    return copy.set("contrast_results", i, ci_high=number(float(rows[i]["ci_high"]) + 0.4 * width))


def p_against_interval(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["contrast_results"]
    i = rng.choice(copy.rows("contrast_results", "ci_low", "estimate", "p_value", p_operator="="))
    return copy.set("contrast_results", i, p_value="0.6" if float(rows[i]["p_value"]) < 0.1 else "0.002")


def estimate_turned(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["contrast_results"]
    known = copy.rows("contrast_results", "estimate", "ci_low", measure="MD")
    i = rng.choice([i for i in known if float(rows[i]["estimate"])])
    turned = {"estimate": number(-float(rows[i]["estimate"]))}
    turned |= {"ci_low": number(-float(rows[i]["ci_high"])), "ci_high": number(-float(rows[i]["ci_low"]))}
    return copy.set("contrast_results", i, **turned)


def estimate_alone_turned(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["contrast_results"]
    i = rng.choice(
        [i for i in copy.rows("contrast_results", "estimate", measure="MD") if float(rows[i]["estimate"])]
    )
    return copy.set("contrast_results", i, estimate=number(-float(rows[i]["estimate"])))


def events_above_n(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    i = rng.choice(copy.rows("arm_results", "events", "n"))
    return copy.set("arm_results", i, events=str(int(float(rows[i]["n"])) + rng.randint(1, 30)))


def digits_exchanged(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]

    def exchanged(text: str) -> str:
        digits = [i for i, letter in enumerate(text) if letter.isdigit()]
        first, second = digits[0], digits[1]
        letters = list(text)
        letters[first], letters[second] = letters[second], letters[first]
        return "".join(letters)

    places = [
        i
        for i in copy.rows("arm_results", "mean")
        if sum(map(str.isdigit, rows[i]["mean"])) > 1
        and float(exchanged(rows[i]["mean"])) != float(rows[i]["mean"])
    ]
    i = rng.choice(places)
    return copy.set("arm_results", i, mean=exchanged(rows[i]["mean"]))


def copied_to_another_trial(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    i = rng.choice(
        [i for i in copy.rows("arm_results", "mean", "sd") if len(rows[i]["mean"] + rows[i]["sd"]) >= 6]
    )
    arm = rng.choice([arm for arm in copy.tables["arms"] if arm["trial_id"] != rows[i]["trial_id"]])
    rows.append(
        rows[i] | {"trial_id": arm["trial_id"], "arm_id": arm["arm_id"], "result_id": f"copied-{len(rows)}"}
    )
    copy.touched.add(("arm_results", len(rows) - 1))
    return [("arm_results.csv", len(rows) + 1, "")]


def point_lost(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    column = rng.choice(["mean", "sd"])
    i = rng.choice([i for i in copy.rows("arm_results", column) if "." in rows[i][column]])
    return copy.set("arm_results", i, **{column: str(int(rows[i][column].replace(".", "")))})


def outside_scale(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    i = rng.choice(copy.rows("arm_results", "mean", "scale_max", statistic="post"))
    return copy.set("arm_results", i, mean=number(1.2 * float(rows[i]["scale_max"])))


def baseline_shifted(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    i = rng.choice(copy.rows("arm_results", "mean", "sd", timepoint_weeks="0"))
    return copy.set("arm_results", i, mean=number(float(rows[i]["mean"]) + 1.5 * float(rows[i]["sd"])))


def trial_total_changed(copy: Copy, rng: random.Random) -> Places:
    trials, arms = copy.tables["trials"], copy.tables["arms"]
    complete = {
        trial["trial_id"]
        for trial in trials
        if all(arm["n_randomised"] for arm in arms if arm["trial_id"] == trial["trial_id"])
    }
    known = copy.rows("trials", "n_randomised", design="parallel")
    i = rng.choice([i for i in known if trials[i]["trial_id"] in complete])
    total = int(float(trials[i]["n_randomised"])) + rng.choice([-9, 9, 10, 90])
    return copy.set("trials", i, n_randomised=str(total))


def arm_size_changed(copy: Copy, rng: random.Random) -> Places:
    arms = copy.tables["arms"]
    designs = {trial["trial_id"]: trial for trial in copy.tables["trials"]}
    whole = [
        i
        for i in copy.rows("arms", "n_randomised", kind="randomised")
        if designs[arms[i]["trial_id"]]["n_randomised"]
        and designs[arms[i]["trial_id"]]["design"] == "parallel"
        and all(arm["n_randomised"] for arm in arms if arm["trial_id"] == arms[i]["trial_id"])
    ]
    i = rng.choice(whole)
    return copy.set("arms", i, n_randomised=str(int(float(arms[i]["n_randomised"])) * 10))


def doi_of_another(copy: Copy, rng: random.Random) -> Places:
    first, second = rng.sample(copy.rows("trials", "doi"), 2)
    return copy.set("trials", first, doi=copy.tables["trials"][second]["doi"])


def retracted(copy: Copy, rng: random.Random) -> Places:
    table, column = rng.choice([("trials", "notes"), ("arm_results", "note"), ("contrast_results", "note")])
    i = rng.choice(copy.rows(table))
    text = rng.choice(["Retracted 2021.", "RETRACTED: see notice", "This article has been retracted"])
    return copy.set(table, i, **{column: f"{copy.tables[table][i][column]} {text}".strip()})


def months_as_weeks(copy: Copy, rng: random.Random) -> Places:
    places = [i for i in copy.rows("arm_results", "timepoint_weeks") if copy.time(i) >= 12]
    i = rng.choice(places)
    return copy.set("arm_results", i, timepoint_weeks=f"{copy.time(i) / 4.345:.0f}")


def year_wrong(copy: Copy, rng: random.Random) -> Places:
    trials = copy.tables["trials"]
    i = rng.choice(copy.rows("trials", "year"))
    return copy.set("trials", i, year=str(int(float(trials[i]["year"])) + rng.choice([-10, -1, 1, 10])))


def change_turned(copy: Copy, rng: random.Random) -> Places:
    rows = copy.tables["arm_results"]
    known = copy.rows("arm_results", "mean", statistic="change")
    i = rng.choice([i for i in known if float(rows[i]["mean"]) and not rows[i]["ci_low"]])
    return copy.set("arm_results", i, mean=number(-float(rows[i]["mean"])))


KINDS: dict[str, Callable[[Copy, random.Random], Places]] = {
    "standard error as SD": standard_error_as_sd,
    "mean times 10": scaled("arm_results", "mean", 10),
    "mean divided by 10": scaled("arm_results", "mean", 0.1),
    "SD times 10": scaled("arm_results", "sd", 10),
    "bounds exchanged": bounds_exchanged,
    "bound shifted": bound_shifted,
    "P against the interval": p_against_interval,
    "estimate and interval turned": estimate_turned,
    "estimate turned": estimate_alone_turned,
    "n times 10": scaled("arm_results", "n", 10),
    "n of a contrast times 10": scaled("contrast_results", "n_arm", 10),
    "events above n": events_above_n,
    "digits exchanged": digits_exchanged,
    "copied to another trial": copied_to_another_trial,
    "decimal point lost": point_lost,
    "outside the scale": outside_scale,
    "baseline shifted": baseline_shifted,
    "total of a trial changed": trial_total_changed,
    "size of an arm times 10": arm_size_changed,
    "DOI of another trial": doi_of_another,
    "retracted": retracted,
    "year wrong": year_wrong,
    "months as weeks": months_as_weeks,
    "sign of a change": change_turned,
}


def plant(seed: int, count: int) -> tuple[Copy, list[tuple[str, Places]]]:
    """Plant errors of as many kinds as there are, in turn."""
    rng, copy = random.Random(seed), Copy()
    kinds = rng.sample(list(KINDS), len(KINDS))
    return copy, [(kind, KINDS[kind](copy, rng)) for kind in islice(cycle(kinds), count)]


def is_found(planted: Places, new: set[tuple[str, int, str]]) -> bool:
    """Tell whether a finding names one of the cells; a whole row that was copied may be named by any of its cells."""
    return any(
        cell in new or (cell[2] == "" and any(cell[:2] == other[:2] for other in new)) for cell in planted
    )


@pytest.mark.parametrize(("bare", "may_be_missed"), [(False, 2), (True, 6)])
def test_planted_errors_are_found_at_their_place(bare: bool, may_be_missed: int, tmp_path: Path) -> None:
    untouched = ev.check(Copy().write(tmp_path / "untouched", bare=bare))
    place = ["file", "row", "column", "rule"]
    before = set(untouched[place].itertuples(index=False, name=None))
    copy, planted = plant(1, 40)
    findings = ev.check(copy.write(tmp_path / "planted", bare=bare))
    new = {key[:3] for key in findings[place].itertuples(index=False, name=None) if key not in before}
    missed = [(kind, cells) for kind, cells in planted if not is_found(cells, new)]
    assert len({kind for kind, _ in planted}) >= 12
    assert len(missed) <= may_be_missed, missed
