"""A review as the tables that RevMan Web exports and imports: data rows, settings, studies and risk of bias."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.effects.choosing.candidates import on_scale
from evidence.effects.reported.contrasts import Contrast
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.files import draft, drafts, plain, write, write_csv
from evidence.measures import measure_of
from evidence.synthesis.rule import PoolingRule, rule_of
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.review import Review
from evidence.wording import parts_of

__all__ = ["write_revman"]

_MEASURES = {
    "MD": "Mean Difference",
    "SMD": "Std. Mean Difference",
    "ROM": "Ratio of Means",
    "RR": "Risk Ratio",
    "OR": "Odds Ratio",
    "RD": "Risk Difference",
    "HR": "Hazard Ratio",
    "IRR": "Rate Ratio",
}
_DOMAINS = {
    "randomisation": "Random sequence generation (selection bias)",
    "allocation_concealment": "Allocation concealment (selection bias)",
    "blinding_participants": "Blinding of participants and personnel (performance bias)",
    "blinding_assessors": "Blinding of outcome assessment (detection bias)",
    "missing_outcomes": "Incomplete outcome data (attrition bias)",
    "selective_reporting": "Selective reporting (reporting bias)",
    "other": "Other bias",
}
_JUDGEMENTS = {"low": "Low risk", "high": "High risk", "unclear": "Unclear risk", "some": "Some concerns"}
_ROW = (
    *(
        "Analysis group",
        "Analysis number",
        "Analysis name",
        "Subgroup",
        "Applicability",
        "Study",
        "Study year",
    ),
    *(
        "GIV Mean",
        "GIV SE",
        "Experimental cases",
        "Experimental N",
        "Control cases",
        "Control N",
        "O-E",
        "Variance",
    ),
    *("Experimental mean", "Experimental SD", "Control mean", "Control SD", "Footnotes"),
)
_WHOLE = ("Study year", "Experimental cases", "Experimental N", "Control cases", "Control N")
_INCOMPLETE = {"no events", "no size", "no mean", "no spread"}
"""Reasons for which RevMan does not pool a row either, so that it can stand among those that are pooled."""
_SETTINGS = (
    *("Analysis group", "Analysis number", "Analysis name", "Analysis group name", "Data type"),
    *(
        "Experimental group label",
        "Control group label",
        "Statistical method",
        "Effect measure",
        "Analysis model",
    ),
    *("Heterogeneity estimator", "CI method", "Overall estimates", "Subgroup estimates", "Estimate CI"),
    *(
        "Graph label (left)",
        "Graph label (right)",
        "Studies",
        "Mean",
        "CI start",
        "CI end",
        "Heterogeneity I²",
    ),
)


def write_revman(review: Review, output: Path) -> list[Path]:
    """Write the comparisons of each analysis as RevMan Web has them.

    Counts of two groups are written where every effect of an analysis follows from whole numbers of them; all other
    effects as estimates with standard errors (ratios as logarithms), which keep every digit, with the counts or means
    that the arms report beside them. Comparisons that are not poolable are written where RevMan does not pool their
    counts or means either; ``README.md`` lists the others. RevMan takes a study once in an analysis, so a further
    comparison of a trial becomes a study of its own name.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be.

    Returns
    -------
    list of Path
        ``review-data-rows.csv`` and beside it ``...-overall-estimates-and-settings.csv``,
        ``...-study-information.csv`` and ``...-risk-of-bias.csv``; and ``README.md``, which says what RevMan does
        not have and what was not written. `import_revman` reads the first, with the others.

    Raises
    ------
    DataError
        If the folder cannot be written to, or no analysis compares two groups; nothing is written then.
    ReportError
        If the disk is full, likewise.
    """
    every = [synthesise(review, name) for name in review.analyses]
    done = [one for one in every if one.k]
    if done and all(one.analysis.one_group for one in done):
        raise DataError(
            "RevMan has no outcome of single groups, and no analysis compares two: "
            f"{', '.join(one.analysis.id for one in done)}; export r, excel, json or frictionless instead"
        )
    labels = _labels(review)
    groups: dict[str, int] = {}
    numbers: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    settings: list[dict[str, Any]] = []
    studies: dict[str, str] = {}
    remarks: list[str] = []
    missing: list[_Missing] = []
    reports: dict[str, list[str]] = {}
    for one in every:
        if one.measure not in _MEASURES:
            what = (
                "has no outcome of single groups" if one.analysis.one_group else "does not have its measure"
            )
            if one.k:
                remarks.append(f"Not written, for RevMan {what}: {one.analysis.id} ({one.measure}).")
            known = pd.concat([one.effects, one.not_poolable]) if one.k else one.not_poolable
            missing += [
                _Missing.of(one, row, labels, f"RevMan {what}" if one.k else row["reason"])
                for row in known.to_dict("records")
            ]
            continue
        rule = rule_of(review.protocol, one.analysis, one.measure)
        kind = _kind(one, rule)
        reported = _reported(review, one)
        found = [(row, _numbers(row, kind, reported)) for row in one.effects.to_dict("records")]
        if kind == "Contrast level":
            for what, column in (("counts", "cases"), ("means and SDs", "mean")):
                if any(f"Experimental {column}" in cells for _, cells in found):
                    reports.setdefault(what, []).append(one.analysis.id)
        for row, cells in found:
            counted = any(each.statistic == "count" for each, _ in _of_row(row, reported))
            if counted and "Experimental cases" not in cells:
                why = "counts, which do not fit the numbers of patients of the estimate; the estimate is written"
                missing.append(_Missing.of(one, row, labels, why))
        for row in one.not_poolable.to_dict("records"):
            cells = _incomplete(row, kind, reported, one.measure)
            if cells:
                found.append((row, cells))
            else:
                missing.append(_Missing.of(one, row, labels, row["reason"]))
        if not found:
            continue
        comparison = one.analysis.comparison
        group = groups.setdefault(comparison, len(groups) + 1)
        numbers[comparison] += 1
        key = {
            "Analysis group": group,
            "Analysis number": numbers[comparison],
            "Analysis name": one.analysis.title.removeprefix(f"{comparison}: "),
        }
        better = review.protocol.outcomes[one.analysis.outcome].better
        settings.append({**key, "Analysis group name": comparison, **_settings(one, rule, kind, better)})
        remarks += _remarks(one, rule)
        seen: Counter[str] = Counter()
        for row, cells in found:
            trial = str(row["trial_id"])
            seen[trial] += 1
            name = labels[trial]
            if seen[trial] > 1:
                name = f"{name} ({row['arm']} v {row['comparator']}, {seen[trial]})"
            studies[name] = trial
            rows.append({**key, "Study": name, "Study year": row["year"], **cells})
    remarks += [
        f"What is pooled are the estimates; the {what} beside them are as reported, in: {', '.join(analyses)}."
        for what, analyses in reports.items()
    ]
    bias, left = _risk_of_bias(review, studies)
    remarks += left
    tables = {
        "data-rows": pd.DataFrame(rows, columns=_ROW).astype(dict.fromkeys(_WHOLE, "Int64")),
        "overall-estimates-and-settings": pd.DataFrame(settings, columns=_SETTINGS).astype(
            {"Studies": "Int64"}
        ),
        "study-information": _studies(review, studies),
        "risk-of-bias": bias,
    }
    names = [f"review-{name}.csv" for name, table in tables.items() if len(table) or name == "data-rows"]
    with drafts(output) as beside:
        for name in names:
            with draft(beside / name) as path:
                write_csv(tables[name.removeprefix("review-").removesuffix(".csv")], path)
        write(beside, "README.md", _readme(review.protocol.title, remarks, missing))
    return [output / name for name in [*names, "README.md"]]


def _labels(review: Review) -> dict[str, str]:
    """Name each trial; two with one label are told apart by their ids."""
    label = {str(row["trial_id"]): str(row["label"]) for row in review.trials.to_dict("records")}
    times = Counter(label.values())
    return {trial: text if times[text] == 1 else f"{text} [{trial}]" for trial, text in label.items()}


@dataclass(frozen=True)
class _Missing:
    """A comparison that is not among the rows, or not with its counts."""

    analysis: str
    trial: str
    reason: str

    @classmethod
    def of(cls, one: Synthesis, row: dict[Any, Any], labels: dict[str, str], reason: str) -> _Missing:
        arms = " v ".join(str(row[name]) for name in ("arm", "comparator") if row[name])
        return cls(one.analysis.id, f"{labels[str(row['trial_id'])]} ({arms})", reason)


Reported = dict[tuple[str, str, str], list[tuple[Contrast, dict[str, Any]]]]


def _reported(review: Review, one: Synthesis) -> Reported:
    """Give what the arms of each pair report within the window of an analysis, with its cells."""
    found: Reported = {}
    held = {str(row["result_id"]): row for row in review.arm_results.to_dict("records")}
    for each in on_scale(review, one.analysis.outcome, one.analysis.window, one.measure):
        contrast = each.contrast
        if contrast.from_arms:
            key = contrast.trial_id, contrast.arm_id, contrast.comparator_arm_id
            arms = {row["arm_id"]: row for row in (held[name] for name in contrast.result_ids)}
            cells = _cells(contrast, arms[contrast.arm_id], arms[contrast.comparator_arm_id])
            found.setdefault(key, []).append((contrast, cells))
    return found


def _of_row(row: dict[Any, Any], reported: Reported) -> list[tuple[Contrast, dict[str, Any]]]:
    """Give what the arms report at the time and on the instrument of an effect; what it was made from is first."""
    known = reported.get((row["trial_id"], row["arm_id"], row["comparator_arm_id"]), [])
    weeks = row["timepoint_weeks"]
    same = [
        each
        for each in known
        if each[0].instrument == row["instrument"]
        and (each[0].weeks == weeks or (math.isnan(each[0].weeks) and math.isnan(weeks)))
    ]
    own = set(parts_of(row["result_ids"], "; "))
    return sorted(
        same, key=lambda each: (not own & {*each[0].result_ids}, each[0].statistic != row["statistic"])
    )


def _kind(one: Synthesis, rule: PoolingRule) -> str:
    """Name the type of the data: of an analysis without poolable comparisons that of its measure."""
    of = measure_of(one.measure).of
    if one.k:
        return "Dichotomous" if _follows_from_counts(one, rule) else "Contrast level"
    return {"events": "Dichotomous", "means": "Continuous"}.get(of, "Contrast level")


def _follows_from_counts(one: Synthesis, rule: PoolingRule) -> bool:
    """Tell whether the effects are those of whole numbers of events and people."""
    if measure_of(one.measure).of != "events":
        return False
    cells = one.effects[["events_arm", "n_arm", "events_comparator", "n_comparator"]].to_numpy(float)
    if np.isnan(cells).any() or (cells != np.round(cells)).any():
        return False
    if rule.counts == "PETO":
        return True
    a, n1, c, n2 = cells.T
    plain_effects = effect_size(one.measure, a=a, b=n1 - a, c=c, d=n2 - c)
    return bool(
        np.allclose(plain_effects["effect"], one.effects["effect"], rtol=1e-9, atol=1e-12)
        and np.allclose(plain_effects["variance"], one.effects["variance"], rtol=1e-9)
    )


def _settings(one: Synthesis, rule: PoolingRule, kind: str, better: str) -> dict[str, Any]:
    fit, model = one.fit, rule.model
    lower = better == "lower"
    counts = rule.counts if kind == "Dichotomous" else "IV"
    made: dict[str, Any] = {
        "Data type": kind,
        "Experimental group label": " or ".join(one.analysis.spec.intervention).replace("_", " "),
        "Control group label": " or ".join(one.analysis.spec.comparator).replace("_", " "),
        "Statistical method": {"MH": "Mantel-Haenszel", "PETO": "Peto"}.get(counts, "Inverse Variance"),
        "Effect measure": "Peto Odds Ratio" if counts == "PETO" else _MEASURES[one.measure],
        "Analysis model": "Fixed effect" if model["method"] == "EE" else "Random effects",
        "Heterogeneity estimator": "DerSimonian and Laird"
        if model["method"] == "DL"
        else "Restricted Maximum-Likelihood",
        "CI method": "HKSJ" if str(model["ci"]).startswith("HKSJ") else "Wald",
        "Overall estimates": "false" if fit is None else "true",
        "Subgroup estimates": "false",
        "Estimate CI": f"{100 * model['level']:.12g}%",
        "Graph label (left)": f"Favours {'experimental' if lower else 'control'}",
        "Graph label (right)": f"Favours {'control' if lower else 'experimental'}",
    }
    if fit is not None:
        made |= {
            "Studies": one.k,
            "Mean": one.shown(fit.estimate),
            "CI start": one.shown(fit.ci_low),
            "CI end": one.shown(fit.ci_high),
            "Heterogeneity I²": fit.i2,
        }
    return made


def _numbers(row: dict[Any, Any], kind: str, reported: Reported) -> dict[str, Any]:
    """Give the cells of a poolable comparison."""
    said = {"Applicability": "OVERALL_ONLY", "Footnotes": str(row["derivation"])}
    if kind == "Dichotomous":
        names = {
            "Experimental cases": "events_arm",
            "Experimental N": "n_arm",
            "Control cases": "events_comparator",
            "Control N": "n_comparator",
        }
        return said | {name: int(row[cell]) for name, cell in names.items()}
    sizes = {"Experimental N": plain(row["n_arm"]), "Control N": plain(row["n_comparator"])}
    whole = {name: max(1, round(size)) for name, size in sizes.items() if size is not None}
    # A shared arm may be divided among its comparisons: its events are those of more patients than stand here.
    fitting = [
        cells
        for _, cells in _of_row(row, reported)
        if "Experimental mean" in cells
        or all(name in whole and cells.get(name) == whole[name] for name in sizes)
    ]
    return said | {"GIV Mean": row["effect"], "GIV SE": row["se"]} | (fitting[0] if fitting else {}) | whole


def _cells(contrast: Contrast, arm: dict[Any, Any], comparator: dict[Any, Any]) -> dict[str, Any]:
    """Give the counts, or the means and SDs, that two arms report; what RevMan cannot hold is left out."""
    cells: dict[str, Any] = {}
    sides = (("Experimental", arm, contrast.n_arm), ("Control", comparator, contrast.n_comparator))
    for side, row, size in sides:
        given = {"N": size}
        given |= (
            {"cases": row["events"]}
            if contrast.statistic == "count"
            else {"mean": row["mean"], "SD": row["sd"]}
        )
        for name, value in given.items():
            if not math.isnan(value):
                cells[f"{side} {name}"] = value
        for name in (f"{side} N", f"{side} cases"):
            if name in cells and cells[name] != round(cells[name]):
                return {}
            if name in cells:
                cells[name] = round(cells[name])
        if cells.get(f"{side} cases", 0) > cells.get(f"{side} N", math.inf):
            return {}
    return cells


def _incomplete(row: dict[Any, Any], kind: str, reported: Reported, measure: str) -> dict[str, Any]:
    """Give the cells of a comparison that is not poolable; none if RevMan has no place for it, or would pool it."""
    known = reported.get((row["trial_id"], row["arm_id"], row["comparator_arm_id"]), [])
    if len(known) != 1 or not set(parts_of(row["reason_kind"], "; ")) <= _INCOMPLETE:
        return {}
    contrast, cells = known[0]
    counted = contrast.statistic == "count"
    if not any(name.endswith(("cases", "mean")) for name in cells) or (
        kind != "Contrast level" and counted != (kind == "Dichotomous")
    ):
        return {}
    whole = [
        cells.get(name) for name in ("Experimental cases", "Experimental N", "Control cases", "Control N")
    ]
    if kind == "Dichotomous" and None not in whole:
        a, n1, c, n2 = whole
        alike = (a == c == 0) or (a == n1 and c == n2)
        if measure == "RD" or not alike:
            return {}
    if kind == "Continuous" and measure != "ROM" and len(cells) == 6:
        return {}
    return {"Applicability": "OVERALL_ONLY", "Footnotes": f"Not poolable: {row['reason']}"} | cells


def _remarks(one: Synthesis, rule: PoolingRule) -> list[str]:
    """Say what of the model of an analysis RevMan does not have."""
    model = rule.model
    said = []
    if model["method"] not in ("EE", "DL", "REML"):
        said.append(f"the estimator {model['method']} (REML is set)")
    if model["ci"] in ("HKSJ-adhoc", "KR", "t"):
        instead = "HKSJ" if model["ci"] == "HKSJ-adhoc" else "Wald"
        said.append(f"the interval {model['ci']} ({instead} is set)")
    return [f"RevMan's settings do not name {text}." for text in said if one.fit is not None]


def _studies(review: Review, studies: dict[str, str]) -> pd.DataFrame:
    known = review.trials.set_index("trial_id")
    rows = []
    for name, trial in studies.items():
        row = known.loc[trial]
        rows.append(
            {
                "Study": name,
                "Study year": plain(row["year"]),
                "DOI": row["doi"],
                "PubMed ID": row["pmid"],
                "char: Participants": row["population"],
                "char: Methods": row["design"],
                "char: Country": row["country"],
                "char: Notes": row["notes"],
            }
        )
    return pd.DataFrame(rows).astype({"Study year": "Int64"}) if rows else pd.DataFrame()


def _risk_of_bias(review: Review, studies: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Lay out the judgements a study a row; name the domains that RevMan's tool of 2011 does not have."""
    judged = review.bias_judgements
    known = judged[judged["domain"].isin(_DOMAINS)]
    others = sorted(set(judged["domain"]) - set(_DOMAINS))
    cells = {
        (str(row["trial_id"]), row["domain"]): (row["judgement"], row["basis"])
        for row in known.to_dict("records")
    }
    rows = []
    for name, trial in studies.items():
        row = {"Study": name}
        for domain, words in _DOMAINS.items():
            judgement, basis = cells.get((trial, domain), ("", ""))
            row[f"Domain (judgement): {words}"] = _JUDGEMENTS.get(judgement, "")
            row[f"Domain (support): {words}"] = basis
        rows.append(row)
    left = (
        [f"Not written, for RevMan's tool of 2011 has no such domain: {', '.join(others)}."] if others else []
    )
    return pd.DataFrame(rows if len(known) else []), left


def _readme(title: str, remarks: list[str], missing: list[_Missing]) -> str:
    lines = [
        f"# {title}: tables for RevMan",
        "",
        "`review-data-rows.csv` has the numbers of each study in each analysis; the tables beside it the settings",
        "with the results, the studies and their risk of bias, in the form in which RevMan Web exports them.",
        "`evidence import review-data-rows.csv --output my-review` reads them back.",
        "",
        "- Estimates (GIV Mean, GIV SE) are on the scale of the analysis: of ratios the logarithm.",
        "- The results of the settings are those of the review, under its own model.",
        "- A row whose footnote begins with `Not poolable` takes no part in the results.",
        *(f"- {text}" for text in dict.fromkeys(remarks)),
        "",
    ]
    if missing:
        lines += ["## Not written", ""]
        analyses: dict[str, dict[str, list[str]]] = {}
        for one in missing:
            analyses.setdefault(one.analysis, {}).setdefault(one.reason, []).append(one.trial)
        for analysis, reasons in analyses.items():
            lines += [f"- `{analysis}`"]
            lines += [f"  - {reason}: {', '.join(trials)}" for reason, trials in reasons.items()]
        lines.append("")
    return "\n".join(lines)
