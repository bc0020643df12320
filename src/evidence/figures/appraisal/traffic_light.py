"""Judgements on risk of bias: trials by domains, each a coloured disc with a sign."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from evidence.errors import DataError, takes
from evidence.figures.appraisal.bias_marks import Look, looks
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import page as blank_page
from evidence.figures.drawing.style import BODY, FAINT, INK, MARGIN, SMALL, page_width, style
from evidence.figures.drawing.text import clean, text_width

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import RiskOfBias

__all__ = ["traffic_light"]

ROW, CELL, RADIUS = 13.0, 17.0, 5.2
HEADING, KEY = 16.0, 16.0
LABEL_WIDEST, BETWEEN = 170.0, 18.0
ONE_COLUMN = 30  # trials up to which they stand in one column


@redrawable
@takes("RiskOfBias")
def traffic_light(
    bias: RiskOfBias, *, title: str | None = None, page: int | None = None, per_page: int = 80
) -> EvidenceFigure:
    """Draw the judgements on every trial in every domain, and the overall ones.

    Parameters
    ----------
    bias : RiskOfBias
        From `evidence.risk_of_bias`.
    title : str, optional
    page : int, optional
        Draw only this page of `per_page` trials, the first being 1; by default all trials on one page as high as
        needed, in two columns when there are more than thirty.
    per_page : int

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a drawn trial: label and the level of each domain and overall.

    Raises
    ------
    DataError
        If there is no trial, or no such page.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> bias = ev.risk_of_bias(review, "massage-inactive-pain-short")
    >>> figure = ev.figures.traffic_light(bias)
    """
    trials = _on_page(bias.trials, page, per_page)
    domains = dict(bias.tool.domains)
    look = looks(bias)
    columns = 2 if len(trials) > ONE_COLUMN else 1
    rows = ceil(len(trials) / columns)
    grid = CELL * (len(domains) + 1) + 6
    room = (page_width() - 2 * MARGIN - BETWEEN * (columns - 1)) / columns - grid
    label_width = min(max(text_width(clean(name)) for name in trials["label"]) + 6, LABEL_WIDEST, room)
    codes = [f"D{place}" for place in range(1, len(domains) + 1)]
    named = "; ".join(f"{code} {name}" for code, name in zip(codes, domains.values(), strict=True))
    pages = ceil(len(bias.trials) / per_page)
    part = "" if page is None or pages == 1 else f" Page {page} of {pages}."
    caption = f"{named}. All: the worst judgement, as far as judged. {bias.note}{part}"
    with style():
        figure, top = blank_page(
            HEADING + ROW * rows + KEY + 6, title=title, caption=caption, width=page_width()
        )
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, page_width()), ylim=(figure.get_figheight() * 72, 0))
        axes.axis("off")
        for column in range(columns):
            left = MARGIN + column * (label_width + grid + BETWEEN)
            first = left + label_width
            for place, code in enumerate([*codes, "All"]):
                at = first + CELL * (place + 0.5) + (6 if code == "All" else 0)
                figure.write(at, top + HEADING - 6, code, size=SMALL, weight="bold", ha="center")
            held = trials.iloc[column * rows : (column + 1) * rows]
            for down, record in enumerate(held.to_dict("records")):
                middle = top + HEADING + ROW * (down + 0.5)
                figure.write(left, middle + BODY / 3, _fitted(clean(record["label"]), label_width - 4))
                for place, domain in enumerate([*domains, "overall"]):
                    at = first + CELL * (place + 0.5) + (6 if domain == "overall" else 0)
                    _disc(figure, axes, at, middle, look[record[domain]])
        _write_key(figure, axes, top + HEADING + ROW * rows + 12, look)
    figure.numbers = trials[["label", *domains, "overall"]].reset_index(drop=True)
    figure.kind = "traffic-light plot"
    figure.alt_text = _describe(bias, trials, part)
    return figure


def _on_page(trials: pd.DataFrame, page: int | None, per_page: int) -> pd.DataFrame:
    if trials.empty:
        raise DataError("There is nothing to draw: no trial.")
    if page is None:
        return trials
    pages = ceil(len(trials) / per_page)
    if not 1 <= page <= pages:
        raise DataError(f"There is no page {page}: {len(trials)} trials make {pages} of {per_page} each.")
    return trials.iloc[(page - 1) * per_page : page * per_page]


def _fitted(text: str, width: float) -> str:
    """Shorten a label that is too long; `numbers` has it in full."""
    if text_width(text) <= width:
        return text
    while text and text_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip(' (,')}…"


def _disc(figure: EvidenceFigure, axes: Axes, x: float, y: float, look: Look) -> None:
    if not look.sign:
        axes.plot([x - 2.5, x + 2.5], [y, y], color=FAINT, linewidth=0.8)
        return
    axes.add_patch(Circle((x, y), RADIUS, facecolor=look.colour, edgecolor=INK, linewidth=0.4))
    figure.write(x, y + 0.36 * BODY, look.sign, weight="bold", color=look.ink, ha="center")


def _write_key(figure: EvidenceFigure, axes: Axes, y: float, look: dict[str, Look]) -> None:
    x = MARGIN + RADIUS
    for one in look.values():
        _disc(figure, axes, x, y, one)
        figure.write(x + RADIUS + 4, y + SMALL / 3, one.name, size=SMALL)
        x += 2 * RADIUS + 18 + text_width(one.name, SMALL)


def _describe(bias: RiskOfBias, trials: pd.DataFrame, part: str) -> str:
    counts = "; ".join(
        f"{heading} " + ", ".join(f"{int((trials[domain] == level).sum())} {level}" for level in bias.levels)
        for domain, heading in {**bias.tool.domains, "overall": "overall as far as judged"}.items()
    )
    of = "1 trial" if len(trials) == 1 else f"{len(trials)} trials"
    return f"Risk of bias of {of} by {bias.tool.name}.{part} {counts}."
