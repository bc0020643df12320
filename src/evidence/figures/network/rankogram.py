"""Rankograms: the probability of each rank, treatment by treatment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evidence.errors import takes
from evidence.figures.drawing.axis import Axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import add_plot, page
from evidence.figures.drawing.style import BLUE, MARGIN, SMALL, page_width, style
from evidence.figures.drawing.text import clean, wrap
from evidence.figures.network.treatments import treatment_name
from evidence.models.network.ranking import Ranking
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.models.network.result import Network

__all__ = ["rankogram"]

LEFT, APART, LINE, BELOW = 26.0, 14.0, 9.2, 24.0  # points


@redrawable
@takes("Network", "Ranking")
def rankogram(
    net: Network | Ranking,
    *,
    small_values: str = "desirable",
    cumulative: bool = False,
    draws: int = 100_000,
    seed: int = 1,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the probability of each rank in one panel a treatment, the highest SUCRA first.

    Parameters
    ----------
    net : Network or Ranking
        A network is ranked as by `Network.rankogram`, with `small_values`, `draws` and `seed`.
    cumulative : bool
        Whether to draw the probability of a rank or better, the area under which is the SUCRA.
    title : str, optional
    notes : sequence of str
        Lines under the plot, behind the warning about ranks.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a treatment and rank: treatment, rank, probability, cumulative, sucra.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> smoking = pd.read_csv("examples/smoking-cessation/smoking.csv")
    >>> smoking["study"] = smoking["author"] + " " + smoking["year"].astype(str)
    >>> contrasts = ev.contrasts_from_arms(
    ...     "study", "arm", events="events", n="n", measure="OR", data=smoking
    ... )
    >>> net = ev.network(contrasts, reference="no contact")
    >>> figure = ev.figures.rankogram(net, small_values="undesirable", draws=10000)
    """
    ranking = net if isinstance(net, Ranking) else net.rankogram(small_values, draws, seed)
    sucra = ranking.sucra.sort_values(ascending=False, kind="stable")
    chances = ranking.probabilities.loc[sucra.index].to_numpy(dtype=float)
    heights = np.minimum(chances.cumsum(axis=1), 1.0) if cumulative else chances
    size = len(sucra)
    columns = 3 if size <= 6 else 4 if size <= 12 else 5
    width = (page_width() - 2 * MARGIN - LEFT - APART * (columns - 1)) / columns
    tall = {3: 70.0, 4: 58.0, 5: 46.0}[columns]
    highest = 1.0 if cumulative else min(1.0, math.ceil(10 * heights.max()) / 10)
    x = Axis(0.4, size + 0.6, *_ticks(size))
    y = Axis(0.0, highest, (0.0, highest), ("0%", f"{number(100 * highest, 0)}%"))
    headings = [wrap(treatment_name(name), width, SMALL, "bold") for name in sucra.index]
    rows = [range(start, min(start + columns, size)) for start in range(0, size, columns)]
    rooms = [LINE * (max(len(headings[i]) for i in row) + 1) + 3 for row in rows]
    what = "the rank or a better one" if cumulative else "each rank"
    caption = (
        f"Bars: probability of {what}, from 1 (best) to {size}; small values are {ranking.small_values}. "
        f"{ranking.warning} {' '.join(notes)}"
    )
    with style():
        figure, top = page(
            sum(rooms) + (tall + BELOW) * len(rows), title=title, caption=clean(caption), width=page_width()
        )
        for row, room in zip(rows, rooms, strict=True):
            for i in row:
                left = MARGIN + LEFT + (width + APART) * (i - row[0])
                first = top + room - 3 - LINE * (len(headings[i]) + 1)
                for down, line in enumerate(headings[i]):
                    figure.write(left, first + LINE * down + SMALL, line, size=SMALL, weight="bold")
                score = f"SUCRA {number(100 * sucra.iloc[i], 0)}%"
                figure.write(left, first + LINE * len(headings[i]) + SMALL, score, size=SMALL)
                axes = add_plot(figure, (left, top + room, width, tall), x, y)
                axes.bar(range(1, size + 1), heights[i], width=0.85, color=BLUE, zorder=2)
                if i > row[0]:
                    axes.set_yticklabels([])
            top += room + tall + BELOW
    figure.numbers = pd.DataFrame(
        {
            "treatment": np.repeat(sucra.index.to_numpy(), size),
            "rank": np.tile(np.arange(1, size + 1), size),
            "probability": chances.ravel(),
            "cumulative": np.minimum(chances.cumsum(axis=1), 1.0).ravel(),
            "sucra": np.repeat(sucra.to_numpy(), size),
        }
    )
    texts = (
        f"{treatment_name(name)} {number(100 * score, 0)}% (rank 1 with probability {number(100 * chance, 0)}%)"
        for name, score, chance in zip(sucra.index, sucra, chances[:, 0], strict=True)
    )
    figure.kind = "rankogram"
    figure.alt_text = f"Rankogram of {size} treatments. SUCRA: {'; '.join(texts)}. {ranking.warning}"
    return figure


def _ticks(size: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """First rank, last rank and one between them where there is room."""
    ranks = sorted({1, (size + 1) // 2, size})
    return tuple(float(rank) for rank in ranks), tuple(str(rank) for rank in ranks)
