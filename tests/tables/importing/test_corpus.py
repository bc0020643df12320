"""One made-up review with every kind of analysis that RevMan has, written in its three formats."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from scipy.stats import norm

import evidence as ev
from evidence.synthesis.stored import stored_totals

Row = dict[str, Any]
Numbers = list[tuple[float, ...]]
STUDIES = ("Ann 2001", "Bob 2002", "Cyd 2003", "Dee 2004")
COUNTS: Numbers = [(10, 100, 30, 101), (60, 201, 40, 200), (0, 50, 4, 52), (100, 1000, 121, 990)]
FULL: Numbers = [(30, 30, 28, 30), (45, 50, 30, 50), (0, 20, 0, 22)]
RARE: Numbers = [(4, 100, 0, 100), (3, 100, 0, 100), (3, 200, 1, 200)]
MEANS: Numbers = [(5.0, 4.7, 13, 6.5, 3.8, 13), (4.9, 1.7, 30, 6.1, 2.3, 50), (22.5, 9.4, 35, 24.9, 10.6, 35)]
LOGS: Numbers = [(-0.35, 0.20), (-0.10, 0.15), (0.20, 0.31)]
O_E: Numbers = [(-4.2, 12.5), (-2.1, 8.1), (1.3, 4.4)]


@dataclass
class Case:
    """One outcome: its rows of numbers, with the subgroup of each, and how RevMan is asked to pool them."""

    name: str
    kind: str
    measure: str
    rows: Numbers
    method: str = "IV"
    random: bool = False
    totals: str = "YES"
    level: float = 95
    swap: bool = False
    subgroups: tuple[str, ...] = ()
    studies: tuple[int, ...] = ()
    number: int = field(default=0)

    def entries(self) -> list[tuple[str, str, tuple[float, ...]]]:
        groups = self.subgroups or ("",) * len(self.rows)
        which = self.studies or range(len(self.rows))
        return [(STUDIES[i], group, row) for i, group, row in zip(which, groups, self.rows, strict=True)]

    def total(self, group: str | None = None) -> dict[str, float]:
        """The total by the formulae of Deeks and Higgins (2010), written out here once more."""
        rows = [row for _, of, row in self.entries() if group in (None, of)]
        return total(self, rows)


CASES = [
    Case("Risk ratio fixed", "DICH", "RR", COUNTS),
    Case("Risk ratio random", "DICH", "RR", COUNTS, random=True),
    Case("Odds ratio Mantel", "DICH", "OR", COUNTS, method="MH"),
    Case("Odds ratio Mantel random", "DICH", "OR", COUNTS, method="MH", random=True),
    Case("Risk ratio Mantel random", "DICH", "RR", COUNTS, method="MH", random=True, level=90),
    Case("Risk difference Mantel", "DICH", "RD", COUNTS, method="MH"),
    Case("Everybody and nobody", "DICH", "RR", FULL, method="MH"),
    Case("Rare", "DICH", "PETO_OR", RARE, method="PETO"),
    Case("Swapped", "DICH", "RR", COUNTS, method="MH", swap=True),
    Case("Mean", "CONT", "MD", MEANS, random=True, level=99),
    Case("Standardised", "CONT", "SMD", MEANS),
    Case("Generic", "IV", "Hazard Ratio", LOGS, random=True),
    Case("Survival", "IPD", "HR", O_E, method="EXP_O_E"),
    Case("Doses", "DICH", "RR", COUNTS, method="MH", subgroups=("Low", "Low", "High", "High")),
    Case(
        "Months",
        "DICH",
        "RR",
        [*COUNTS[:2], (12, 100, 33, 101), (66, 201, 41, 200)],
        totals="SUB",
        subgroups=("At 3 months", "At 3 months", "At 12 months", "At 12 months"),
        studies=(0, 1, 0, 1),
    ),
    Case("Twice", "CONT", "MD", [*MEANS[:2], MEANS[0]], subgroups=("A", "B", "B"), studies=(0, 1, 0)),
    Case("Listed", "CONT", "MD", MEANS, totals="NO"),
]
for _number, _case in enumerate(CASES, 1):
    _case.number = _number


def cells(rows: Numbers, swap: bool) -> tuple[np.ndarray, ...]:
    a, n1, c, n2 = np.array(rows, float).T
    return (n1 - a, a, n2 - c, c) if swap else (a, n1 - a, c, n2 - c)


def total(case: Case, rows: Numbers) -> dict[str, float]:
    ratio = case.measure not in ("RD", "MD", "SMD")
    common = None
    if case.kind == "DICH":
        a, b, c, d = cells(rows, case.swap)
        told = np.ones(len(a), bool) if case.measure == "RD" else a + c > 0
        a, b, c, d = a[told], b[told], c[told], d[told]
        if case.method == "PETO":
            n1, n2, m = a + b, c + d, a + c
            n = n1 + n2
            v = n1 * n2 * m * (n - m) / (n**2 * (n - 1))
            y, variance = (a - m * n1 / n) / v, 1 / v
        else:
            empty = 0.5 * ((a == 0) | (b == 0) | (c == 0) | (d == 0))
            a0, b0, c0, d0 = a + empty, b + empty, c + empty, d + empty
            n1, n2 = a0 + b0, c0 + d0
            n = n1 + n2
            if case.measure == "OR":
                y, variance = np.log(a0 * d0 / (b0 * c0)), 1 / a0 + 1 / b0 + 1 / c0 + 1 / d0
                r, s = a0 * d0 / n, b0 * c0 / n
                p, q = (a0 + d0) / n, (b0 + c0) / n
                spread = (p * r).sum() / (2 * r.sum() ** 2) + (q * s).sum() / (2 * s.sum() ** 2)
                common = np.log(r.sum() / s.sum()), spread + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
            elif case.measure == "RR":
                y, variance = np.log(a0 / n1 / (c0 / n2)), 1 / a0 - 1 / n1 + 1 / c0 - 1 / n2
                r, s = a0 * n2 / n, c0 * n1 / n
                spread = ((n1 * n2 * (a0 + c0) - a0 * c0 * n) / n**2).sum()
                common = np.log(r.sum() / s.sum()), spread / (r.sum() * s.sum())
            else:
                y, variance = a0 / n1 - c0 / n2, a0 * b0 / n1**3 + c0 * d0 / n2**3
                n1, n2 = a + b, c + d
                weight = n1 * n2 / (n1 + n2)
                spread = (weight**2 * (a * b / n1**3 + c * d / n2**3)).sum()
                common = (weight * (a / n1 - c / n2)).sum() / weight.sum(), spread / weight.sum() ** 2
    elif case.kind == "CONT":
        m1, s1, n1, m2, s2, n2 = np.array(rows, float).T
        y, variance = m1 - m2, s1**2 / n1 + s2**2 / n2
        if case.measure == "SMD":
            n = n1 + n2
            pooled = np.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / (n - 2))
            y = (m1 - m2) / pooled * (1 - 3 / (4 * n - 9))
            variance = n / (n1 * n2) + y**2 / (2 * (n - 3.94))
    elif case.kind == "IPD":
        o_e, v = np.array(rows, float).T
        y, variance = o_e / v, 1 / v
    else:
        y, se = np.array(rows, float).T
        variance = se**2
    weight = 1 / variance
    estimate, spread = (weight * y).sum() / weight.sum(), 1 / weight.sum()
    if case.method == "MH" and common is not None:
        estimate, spread = common
    if case.random and len(y) > 1:
        q = (weight * (y - estimate) ** 2).sum()
        tau2 = max(0.0, (q - len(y) + 1) / (weight.sum() - (weight**2).sum() / weight.sum()))
        weight = 1 / (variance + tau2)
        estimate, spread = (weight * y).sum() / weight.sum(), 1 / weight.sum()
    half = norm.ppf(0.5 + case.level / 200) * math.sqrt(spread)
    shown: Callable[[float], float] = math.exp if ratio else float
    return {
        "estimate": shown(estimate),
        "low": shown(estimate - half),
        "high": shown(estimate + half),
        "k": len(y),
    }


NAMES = {
    "DICH": ("EVENTS_1", "TOTAL_1", "EVENTS_2", "TOTAL_2"),
    "CONT": ("MEAN_1", "SD_1", "TOTAL_1", "MEAN_2", "SD_2", "TOTAL_2"),
    "IV": ("ESTIMATE", "SE"),
    "IPD": ("O_E", "VAR"),
}


def stored(case: Case, group: str | None = None) -> Row:
    if case.totals == "NO" or (group is None and case.totals != "YES"):
        return {}
    found = case.total(group)
    return {
        "EFFECT_SIZE": found["estimate"],
        "CI_START": found["low"],
        "CI_END": found["high"],
        "STUDIES": found["k"],
    }


def element(name: str, *inside: str, **attributes: Any) -> str:
    words = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{words}>" + "".join(inside) + f"</{name}>\n"


def as_rm5(path: Path) -> Path:
    outcomes = []
    for case in CASES:
        made: dict[str, list[str]] = {}
        for study, group, row in case.entries():
            values = dict(zip(NAMES[case.kind], row, strict=True))
            made.setdefault(group, []).append(
                element(f"{case.kind}_DATA", element("FOOTNOTE", "a note"), STUDY_ID=study, **values)
            )
        inside = made.pop("", [])
        for number, (group, rows) in enumerate(made.items(), 1):
            total = (
                {"ESTIMABLE": "YES", **stored(case, group)} if case.totals != "NO" else {"ESTIMABLE": "NO"}
            )
            inside.append(element(f"{case.kind}_SUBGROUP", element("NAME", group), *rows, NO=number, **total))
        words = element("EFFECT_MEASURE", case.measure) if case.kind == "IV" else ""
        measure = {} if case.kind == "IV" else {"EFFECT_MEASURE": case.measure}
        outcomes.append(
            element(
                f"{case.kind}_OUTCOME",
                element("NAME", case.name),
                words,
                element("GROUP_LABEL_1", "Drug"),
                element("GROUP_LABEL_2", "Placebo"),
                element("GRAPH_LABEL_1", "Favours drug"),
                *inside,
                NO=case.number,
                METHOD=case.method,
                RANDOM="YES" if case.random else "NO",
                TOTALS=case.totals,
                CI_TOTAL=case.level,
                SWAP_EVENTS="YES" if case.swap else "NO",
                ESTIMABLE="YES" if case.totals == "YES" else "NO",
                **measure,
                **stored(case),
            )
        )
    studies = "".join(element("STUDY", ID=name, NAME=name, YEAR=name[-4:]) for name in STUDIES)
    text = element(
        "COCHRANE_REVIEW",
        element("COVER_SHEET", element("TITLE", "Made up")),
        element("STUDIES_AND_REFERENCES", element("STUDIES", element("INCLUDED_STUDIES", studies))),
        element(
            "ANALYSES_AND_DATA", element("COMPARISON", element("NAME", "Drug v placebo"), *outcomes, NO=1)
        ),
    )
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', "utf-8")
    return path


def table(path: Path, rows: list[Row]) -> Path:
    header = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


TYPES = {"DICH": "DIC", "CONT": "CON", "IV": "INV", "IPD": "IPD"}
OLD = {
    **{f"EVENTS_{arm}": f"Events {arm}" for arm in "12"},
    **{f"MEAN_{arm}": f"Mean {arm}" for arm in "12"},
    **{f"SD_{arm}": f"SD {arm}" for arm in "12"},
    **{f"TOTAL_{arm}": f"Total {arm}" for arm in "12"},
    "ESTIMATE": "Effect Estimate",
    "SE": "SE",
    "O_E": "O-E",
    "VAR": "Variance",
}


def totals_of_revman_5(found: Row) -> Row:
    names = {
        "EFFECT_SIZE": "Effect Estimate",
        "CI_START": "CI Start",
        "CI_END": "CI End",
        "STUDIES": "Studies",
    }
    return {names[key]: value for key, value in found.items()}


def as_revman_5_csv(path: Path) -> Path:
    head = {"Comparison Number": 1, "Outcome Number": 0, "Subgroup Number": 0}
    rows: list[Row] = [{**head, "Name": "Drug v placebo"}]
    for case in CASES:
        here = {**head, "Outcome Number": case.number}
        rows.append(
            {
                **here,
                "Name": case.name,
                "Data Type": TYPES[case.kind],
                "Statistical Method": {"EXP_O_E": "Exp[(O-E) / Var]"}.get(case.method, case.method),
                "Effect Measure": case.measure,
                "Analysis Model": "Random" if case.random else "Fixed",
                "Totals": {"YES": "Totals and subtotals", "SUB": "Subtotals only", "NO": "No totals"}[
                    case.totals
                ],
                "Total Confidence Interval": f"{case.level}%",
                "Swap event and non-event": "Yes" if case.swap else "No",
                "Group Label 1": "Drug",
                "Group Label 2": "Placebo",
                "Left Graph Label": "Favours drug",
                "df": 3,
                **totals_of_revman_5(stored(case)),
            }
        )
        last = ""
        for study, group, row in case.entries():
            if group != last:
                total = totals_of_revman_5(stored(case, group))
                rows.append({**here, "Name": group, "df": 1, **total})
                last = group
            values = {OLD[key]: value for key, value in zip(NAMES[case.kind], row, strict=True)}
            rows.append({**here, "Name": study, "Year of study": study[-4:], **values})
    return table(path, rows)


NEW = {
    **{f"EVENTS_{arm}": f"{word} cases" for arm, word in (("1", "Experimental"), ("2", "Control"))},
    **{f"MEAN_{arm}": f"{word} mean" for arm, word in (("1", "Experimental"), ("2", "Control"))},
    **{f"SD_{arm}": f"{word} SD" for arm, word in (("1", "Experimental"), ("2", "Control"))},
    **{f"TOTAL_{arm}": f"{word} N" for arm, word in (("1", "Experimental"), ("2", "Control"))},
    "ESTIMATE": "GIV Mean",
    "SE": "GIV SE",
    "O_E": "O-E",
    "VAR": "Variance",
}


def totals_of_revman_web(found: Row) -> Row:
    names = {"EFFECT_SIZE": "Mean", "CI_START": "CI start", "CI_END": "CI end"}
    return {names[key]: value for key, value in found.items() if key in names}


def as_revman_web(path: Path) -> Path:
    settings, subgroups, rows = [], [], []
    words = {"RR": "Risk Ratio", "OR": "Odds Ratio", "RD": "Risk Difference", "PETO_OR": "Peto Odds Ratio",
             "MD": "Mean Difference", "SMD": "Std. Mean Difference", "HR": "Hazard Ratio"}  # fmt: skip
    kinds = {"DICH": "Dichotomous", "CONT": "Continuous", "IV": "Contrast level", "IPD": "O-E and variance"}
    for case in CASES:
        key = {"Analysis group": 1, "Analysis number": case.number}
        settings.append(
            {
                **key,
                "Analysis name": case.name,
                "Analysis group name": "Drug v placebo",
                "Data type": kinds[case.kind],
                "Experimental group label": "Drug",
                "Control group label": "Placebo",
                "Statistical method": {"MH": "Mantel-Haenszel", "PETO": "Peto"}.get(case.method, case.method),
                "Effect measure": words.get(case.measure, case.measure),
                "Analysis model": "Random effects" if case.random else "Fixed effect",
                "Heterogeneity estimator": "DerSimonian and Laird",
                "CI method": "Wald",
                "Overall estimates": str(case.totals == "YES").lower(),
                "Subgroup estimates": str(case.totals != "NO").lower(),
                "Swap event and non-event": str(case.swap).lower(),
                "Estimate CI": f"{case.level:g}%",
                "Graph label (left)": "Favours drug",
                **totals_of_revman_web(stored(case)),
            }
        )
        for number, group in enumerate(dict.fromkeys(case.subgroups), 1):
            total = totals_of_revman_web(stored(case, group))
            subgroups.append({**key, "Subgroup": group, "Subgroup number": number, **total})
        for study, group, row in case.entries():
            values = {NEW[name]: value for name, value in zip(NAMES[case.kind], row, strict=True)}
            rows.append(
                {
                    **key,
                    "Analysis name": case.name,
                    "Subgroup": group,
                    "Applicability": "SUBGROUP_AND_OVERALL" if group else "OVERALL_ONLY",
                    "Study": study,
                    "Study year": study[-4:],
                    **dict.fromkeys(NEW.values(), ""),
                    **values,
                    "Footnotes": "a note",
                }
            )
    for name, content in (("overall-estimates-and-settings", settings), ("subgroup-estimates", subgroups)):
        table(path.with_name(path.name.replace("data-rows", name)), content)
    return table(path, rows)


FORMATS = {
    "made.rm5": as_rm5,
    "made.csv": as_revman_5_csv,
    "made-data-rows.csv": as_revman_web,
}


@pytest.fixture(scope="module", params=list(FORMATS))
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("corpus")
    made = ev.import_revman(FORMATS[request.param](folder / request.param))
    return made, made.write(folder / "review")


def test_every_stored_total_is_computed_from_the_rows(imported: tuple[Any, Any]) -> None:
    _, review = imported
    totals = stored_totals(review)
    wanted = [case.name for case in CASES if case.totals == "YES"]
    groups = [case for case in CASES if case.subgroups]
    assert len(totals) == len(wanted) + 2 * len(groups)
    assert totals["agrees"].all(), totals[~totals["agrees"]].to_string()
    for name in ("", "_low", "_high"):
        np.testing.assert_allclose(totals[f"computed{name}"], totals[f"stored{name}"], rtol=1e-7)


def test_the_formats_give_the_same_analyses(imported: tuple[Any, Any]) -> None:
    made, review = imported
    results = {name: ev.synthesise(review, name) for name in made.analyses}
    overall = {case.name: case for case in CASES if case.totals != "SUB"}
    for case in overall.values():
        name = f"drug-{case.name.lower().replace(' ', '-')}-any"
        fit = results[name].fit
        if case.totals == "NO":
            assert fit is None
            assert results[name].k == 3
            continue
        assert fit is not None
        found = case.total()
        assert results[name].shown(fit.estimate) == pytest.approx(found["estimate"], rel=1e-9)
        assert results[name].shown(fit.ci_high) == pytest.approx(found["high"], rel=1e-9)
        assert fit.level == pytest.approx(case.level / 100)
        assert fit.method == ("DL" if case.random else "EE")
    assert not any(name.startswith("drug-months-any") for name in results)
    for month in ("3", "12"):
        part = results[f"drug-months-at-{month}-months-any"]
        assert set(part.effects["trial_id"]) == {"ann-2001", "bob-2002"}
    assert results["drug-twice-any"].k == 3
    assert set(results["drug-b-twice-any"].effects["label"]) == {"Ann 2001 (B)", "Bob 2002"}


def test_the_importer_writes_nothing_that_its_own_checks_complain_of(imported: tuple[Any, Any]) -> None:
    _, review = imported
    findings = ev.check(review)
    assert findings.empty, findings[["rule", "file", "row", "column", "message"]].to_string()


def test_footnotes_are_kept(imported: tuple[Any, Any]) -> None:
    made, review = imported
    notes = review.arm_results["note"].str.contains("a note")
    assert notes.all() == (made.file != "made.csv")
