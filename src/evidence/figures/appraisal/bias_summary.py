"""Risk of bias by domain, as bars of the trials or of their weight in the pooled result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from evidence.errors import DataError, takes
from evidence.figures.appraisal.bias_marks import looks
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import page
from evidence.figures.drawing.style import GREY, INK, MARGIN, SMALL, page_width, style
from evidence.figures.drawing.text import clean, text_width

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import RiskOfBias

__all__ = ["bias_summary"]

STEP, BAR, KEY, SWATCH, TICKS = 20.0, 13.0, 18.0, 11.0, 16.0


@redrawable
@takes("RiskOfBias")
def bias_summary(
    bias: RiskOfBias, *, weighted: bool | None = None, title: str | None = None
) -> EvidenceFigure:
    """Draw one bar for each domain, cut into the shares of its judgements.

    Parameters
    ----------
    bias : RiskOfBias
        From `evidence.risk_of_bias`.
    weighted : bool, optional
        Count trials by their weight in the pooled result, or each as one. By default by weight where there is one.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` are the shares (see `RiskOfBias.shares`), with `shown`, the percentage drawn.

    Raises
    ------
    DataError
        If there is no trial, or weights are asked for and there are none.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> bias = ev.risk_of_bias(review, "massage-inactive-pain-short")
    >>> figure = ev.figures.bias_summary(bias)
    """
    if bias.trials.empty:
        raise DataError("There is nothing to draw: no trial.")
    if weighted and not bias.weighted:
        raise DataError("These trials have no weights: nothing was pooled. Draw them unweighted.")
    by_weight = bias.weighted if weighted is None else weighted
    table = bias.shares()
    table["shown"] = table["weight" if by_weight else "percent"]
    headings = list(dict.fromkeys(table["heading"]))
    look = looks(bias)
    unit = "Percent of the weight in the pooled result" if by_weight else "Percent of the trials"
    left = MARGIN + max(text_width(clean(text)) for text in headings) + 8
    wide = page_width() - MARGIN - left - 8
    caption = bias.note
    with style():
        body = STEP * len(headings) + 6 + TICKS + 14 + KEY
        figure, top = page(body, title=title, caption=caption, width=page_width())
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, page_width()), ylim=(figure.get_figheight() * 72, 0))
        axes.axis("off")
        for place, heading in enumerate(headings):
            last = place == len(headings) - 1
            middle = top + STEP * (place + 0.5) + (6 if last else 0)
            weight = "bold" if last else "normal"
            figure.write(
                left - 6, middle + SMALL / 3, clean(heading), size=SMALL + 0.5, weight=weight, ha="right"
            )
            at = left
            for row in table[table["heading"] == heading].to_dict("records"):
                one, length = look[row["judgement"]], wide * row["shown"] / 100
                if not length:
                    continue
                corner = (at, middle - BAR / 2)
                axes.add_patch(Rectangle(corner, length, BAR, facecolor=one.colour, linewidth=0))
                axes.add_patch(
                    Rectangle(
                        corner,
                        length,
                        BAR,
                        fill=False,
                        edgecolor=INK,
                        linewidth=0.4,
                        hatch=one.hatch,
                        alpha=0.55,
                    )
                )
                text = f"{one.sign} {row['shown']:.0f}%".strip()
                if text_width(text, SMALL, "bold") + 4 <= length:
                    box = {"facecolor": one.colour, "edgecolor": "none", "pad": 0.8}
                    figure.write(
                        at + length / 2, middle + SMALL / 3, text, size=SMALL, weight="bold",
                        color=one.ink, ha="center", bbox=box,
                    )  # fmt: skip
                at += length
        base = top + STEP * len(headings) + 8
        for tick in (0, 25, 50, 75, 100):
            x = left + wide * tick / 100
            axes.plot([x, x], [base, base + 3], color=GREY, linewidth=0.5)
            figure.write(x, base + 11, f"{tick}", size=SMALL, color=GREY, ha="center")
        figure.write(left + wide / 2, base + 22, unit, size=SMALL, ha="center")
        x = left
        for one in look.values():
            corner = (x, base + TICKS + 14)
            axes.add_patch(Rectangle(corner, SWATCH, 8, facecolor=one.colour, linewidth=0))
            axes.add_patch(Rectangle(corner, SWATCH, 8, fill=False, edgecolor=INK, linewidth=0.4))
            name = f"{one.sign} {one.name}".strip()
            figure.write(x + SWATCH + 3, base + TICKS + 21, name, size=SMALL)
            x += SWATCH + 16 + text_width(name, SMALL)
    figure.numbers = table
    shares = "; ".join(
        f"{heading}: "
        + ", ".join(
            f"{row['judgement']} {row['shown']:.0f}%"
            for row in table[table["heading"] == heading].to_dict("records")
        )
        for heading in headings
    )
    figure.kind = "bar chart of the risk of bias"
    figure.alt_text = f"Risk of bias by {bias.tool.name}, {unit[0].lower()}{unit[1:]}. {shares}. {bias.note}"
    return figure
