"""Tables for a manuscript: LaTeX, and HTML that a word processor takes as a table when it is opened or pasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from evidence.files import drafts, guarded, write
from evidence.measures import measure_of
from evidence.report.site.tables import table_html
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review
from evidence.wording import number

__all__ = ["manuscript_tables", "write_manuscript"]

# Word processors take the look of a table from its tags; a rule above and below, as journals set them.
_STYLE = (
    "body{font-family:Calibri,Arial,sans-serif;font-size:11pt}caption{text-align:left;font-weight:bold}"
    "table{border-collapse:collapse;border-top:1.5pt solid;border-bottom:1.5pt solid}"
    "th{border-bottom:.75pt solid;text-align:left}td,th{padding:2pt 6pt;vertical-align:top}"
    ".number{text-align:right}"
)


_COUNTS = ("Comparisons", "Trials", "Patients", "Weeks")
LONG = 24
"""Letters above which a column of LaTeX breaks its lines."""


def manuscript_tables(review: Review) -> dict[str, tuple[str, pd.DataFrame]]:
    """Set the pooled results of a review as a reader of a journal expects them.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict of str to (str, DataFrame)
        By name of the file: the caption, and the table with every number written out. Ratios are on their own
        scale. ``results`` has a row for each analysis, ``studies`` one for each comparison pooled in any of them.
    """
    level = f"{100 * review.protocol.model.level:.12g}%"
    done = [synthesise(review, name) for name in review.analyses]
    results = pd.DataFrame([_result(one) for one in done])
    studies = pd.DataFrame(
        [_study(one.analysis.title, row, level) for one in done for row in one.effects.to_dict("records")]
    )
    return {
        "results": (f"Pooled results with {level} confidence and prediction intervals", results),
        "studies": (f"Comparisons in the analyses, with {level} confidence intervals", studies),
    }


def write_manuscript(review: Review, output: Path) -> list[Path]:
    """Write each table as LaTeX (``.tex``, for the package booktabs) and as HTML for a word processor (``.html``).

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If the folder cannot be written to; nothing is written then.
    ReportError
        If the disk is full, likewise.
    """
    names = []
    with drafts(output) as beside:
        for name, (caption, table) in manuscript_tables(review).items():
            write(beside, f"{name}.tex", _latex(table, name, caption))
            write(beside, f"{name}.html", _html(table.map(guarded), caption))
            names += [f"{name}.tex", f"{name}.html"]
    return [output / name for name in names]


def _scale(measure: str, values: list[float]) -> list[str]:
    one = measure_of(measure)
    return [f"{number(one.told(value), one.digits)}{one.sign}" * (value == value) for value in values]


def _range(low: str, high: str) -> str:
    return f"{low} to {high}" if low and high else ""


def _result(one: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Question": one.analysis.title,
        "Measure": one.measure,
        "Comparisons": one.k,
        "Trials": one.trials,
        "Patients": number(one.n, 0),
    }
    fit = one.fit
    if fit is None:
        return row | dict.fromkeys(("Estimate (CI)", "Prediction interval", "I²", "τ²"), "not pooled")
    shown = _scale(
        one.measure, [fit.estimate, fit.ci_low, fit.ci_high, fit.prediction_low, fit.prediction_high]
    )
    return row | {
        "Estimate (CI)": f"{shown[0]} ({_range(*shown[1:3])})",
        "Prediction interval": _range(*shown[3:]),
        "I²": f"{number(fit.i2, 0)}%",
        "τ²": f"{fit.tau2:.3g}",
    }


def _study(title: str, row: dict[Any, Any], level: str) -> dict[str, Any]:
    shown = _scale(row["measure"], [row["effect"], row["ci_low"], row["ci_high"]])
    return {
        "Question": title,
        "Trial": row["label"],
        "Intervention": row["arm"],
        "Comparator": row["comparator"],
        "Instrument": row["instrument"],
        "Weeks": f"{row['timepoint_weeks']:.3g}",
        "Patients": number(row["n"], 0),
        f"Effect ({level} CI)": f"{shown[0]} ({_range(*shown[1:])})",
        "DOI": row["doi"],
    }


def _latex(table: pd.DataFrame, name: str, caption: str) -> str:
    style = table.style.hide(axis="index").format(_signs, escape="latex")
    styled = style.format_index(_signs, axis=1, escape="latex").to_latex(
        hrules=True,
        environment="longtable",  # may run over pages
        caption=caption.replace("%", r"\%"),
        label=f"tab:{name}",
        column_format="".join(_column(str(column), table[column]) for column in table),
    )
    return f"% \\usepackage{{booktabs,longtable}}\n{styled}"


def _column(name: str, values: pd.Series) -> str:
    """Align counts to the right; let long texts break."""
    if name in _COUNTS:
        return "r"
    return r"p{0.2\linewidth}" if values.astype(str).str.len().max() > LONG else "l"


def _signs(text: Any) -> str:
    """Write the signs of numbers as LaTeX sets them."""
    return str(text).translate(_SIGNS)


_SIGNS = str.maketrans(
    {
        "\u2212": "$-$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "∞": r"$\infty$",
        "²": r"\textsuperscript{2}",
        "τ": r"$\tau$",
    }
)


def _html(table: pd.DataFrame, caption: str) -> str:
    body = table_html(table)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{caption}</title>'
        f"<style>{_STYLE}</style></head>\n<body><p><b>{caption}</b></p>\n{body}\n</body></html>\n"
    )
