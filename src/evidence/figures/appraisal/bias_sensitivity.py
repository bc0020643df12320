"""Pooled results of all trials beside those without trials at high risk of bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.text import clean
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import BiasSensitivity

__all__ = ["bias_sensitivity"]


@redrawable
@takes("BiasSensitivity", "list", "tuple")
def bias_sensitivity(
    results: BiasSensitivity | Sequence[BiasSensitivity],
    *,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    title: str | None = None,
) -> EvidenceFigure:
    """Draw the pooled results of the sets of trials of one or more analyses, a panel for each measure.

    Parameters
    ----------
    results : BiasSensitivity or sequence of them
        From `evidence.bias_sensitivity`; those in which nothing was pooled are left out and named below.
    favours : (str, str) or None
        What lies left and right of no difference where lower is better; turned where higher is.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a set of each drawn analysis (see `BiasSensitivity.to_frame`) with estimate, ci_low and
        ci_high on the shown scale.

    Raises
    ------
    DataError
        If nothing was pooled in any of them.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> results = ev.bias_sensitivity(review, "massage-inactive-pain-short")
    >>> figure = ev.figures.bias_sensitivity(results)
    """
    given: list[Any] = list(results) if isinstance(results, (list, tuple)) else [results]
    for one in given:
        if type(one).__name__ != "BiasSensitivity":
            raise DataError(
                f"bias_sensitivity() draws results of class BiasSensitivity; got {type(one).__name__}."
            )
    drawn = [one for one in given if one.fits["all trials"] is not None]
    if not drawn:
        raise DataError("There is nothing to draw: none of the analyses has a pooled result.")
    level = next(fit.level for fit in drawn[0].fits.values() if fit is not None)
    blocks, shown, texts = [], [], []
    for measure, better in dict.fromkeys((one.measure, one.better) for one in drawn):
        part = [one for one in drawn if (one.measure, one.better) == (measure, better)]
        frame = pd.concat([one.to_frame() for one in part], ignore_index=True)
        scale = choose_scale(float((frame["ci_high"] - frame["ci_low"]).median() / 2), measure, None, None)
        rows = [row for one in part for row in _rows(one)][1:]
        known = frame.dropna(subset=["estimate"])
        bounds = [*known["ci_low"], *known["ci_high"]]
        block = Block(
            rows=tuple(rows),
            scale=scale,
            limits=range_of(list(known["estimate"]), bounds, (), 0.0),
            measure=measure_name(None, measure),
            interval_heading=f"{measure} ({interval_name(level)})",
            reference=0.0,
            favours=favours[::-1] if favours and better == "higher" else favours,
        )
        blocks.append(block)
        for name in ("estimate", "ci_low", "ci_high"):
            frame[name] = [scale.show(float(value)) for value in frame[name]]
        shown.append(frame)
        texts += [_describe(one, scale, level) for one in part]
    footer = [
        (
            "",
            "A trial counts by its worst judgement; those not judged stay until only low risk is asked for.",
        )
    ]
    left = [one.analysis.id for one in given if one not in drawn]
    if left:
        footer.append(("", f"Not drawn, nothing was pooled: {', '.join(left)}."))
    columns = [TextColumn("k", "right"), TextColumn("Patients", "right")]
    figure = draw(blocks, columns, title=title, label_heading="Trials", footer=footer)
    figure.numbers = pd.concat(shown, ignore_index=True)
    figure.kind = "comparison with and without trials at high risk of bias"
    figure.alt_text = f"Pooled results with and without trials at high risk of bias. {' '.join(texts)}"
    return figure


def _rows(result: BiasSensitivity) -> list[Row]:
    rows = [Row("gap"), Row("heading", clean(result.analysis.title))]
    for record in result.to_frame().to_dict("records"):
        pooled = not pd.isna(record["estimate"])
        label = record["set"] if pooled else f"{record['set']} (not pooled)"
        rows.append(
            Row(
                "own" if record["set"] == "all trials" else "published",
                clean(label[0].upper() + label[1:]),
                cells=(number(record["k"], 0), number(record["n"], 0)),
                interval=(record["estimate"], record["ci_low"], record["ci_high"]) if pooled else None,
                area=0.6,
            )
        )
    return rows


def _describe(result: BiasSensitivity, scale: Scale, level: float) -> str:
    sets = "; ".join(
        f"{row['set']} (k = {row['k']}) {estimate_text(row['estimate'], row['ci_low'], row['ci_high'], scale, level)}"
        for row in result.to_frame().to_dict("records")
    )
    return f"{result.analysis.title}: {sets}."
