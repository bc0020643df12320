"""Baujat plots: which studies make the results differ, and which move the pooled estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from evidence.diagnostics.coordinates import baujat as coordinates
from evidence.errors import takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, add_plot, dots, left_margin, page, plot_width
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.style import BODY, MARGIN, ORANGE, style
from evidence.figures.drawing.text import significant, wrap
from evidence.models.core.studies import Floats
from evidence.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evidence.models.pooled import Pooled

__all__ = ["baujat"]

HEIGHT = 270.0


@redrawable
@takes("Pooled")
def baujat(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    names: int = 5,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw a Baujat plot: heterogeneity to the right, influence upwards.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    names : int
        How many studies to name and to colour: those furthest from the origin, the axes taken as equally long.
    measure_label, transform, title, digits
        As for `forest`; they serve the caption.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study: label, heterogeneity, influence, and whether it is named. A study whose
        influence is not defined has no point.

    Raises
    ------
    ModelError
        With one study.

    References
    ----------
    Baujat B, Mahé C, Pignon J-P, Hill C (2002). Stat Med 21(18), 2641-2652.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.baujat(fit)
    """
    studies, points = read_studies(fit, data, ()), coordinates(fit)
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    across, up = points.heterogeneity, points.influence
    named = _furthest(across, up, names)
    # Room at the right for names, and at the top for points on the edge.
    x = make_axis((0.0, 1.1 * _end(across)), plot_width(), ratio=False)
    y = make_axis((0.0, 1.08 * _end(up)), HEIGHT, ratio=False)
    variance = "variance + τ²" if fit.tau2 else "variance"
    x_name = f"Contribution to heterogeneity: squared residual / ({variance})"
    y_name = "Influence on the pooled estimate: squared change / variance"
    furthest = [studies.labels[i] for i in np.argsort(-_distance(across, up)) if named[i]]
    caption = (
        f"{counted(fit.k, 'study', 'studies')}; pooled estimate {pooled_text(fit, scale)}, {fit.method}. "
        "Diamonds: the studies furthest from the origin."
    )
    with style():
        left = left_margin(y)
        lines = wrap(x_name, plot_width() - MARGIN - left, BODY)
        below = BELOW + 10.0 * (len(lines) - 1)
        figure, top = page(HEIGHT + below, title=title, caption=caption)
        axes = add_plot(figure, (left, top, plot_width() - MARGIN - left, HEIGHT), x, y, x_name, y_name)
        dots(axes, across[~named], up[~named])
        dots(axes, across[named], up[named], color=ORANGE, marker="D", markersize=4.5)
        drawn = np.isfinite(up)
        shown = [name if mark else "" for name, mark in zip(studies.labels, named, strict=True)]
        place_labels(axes, across[drawn], up[drawn], [n for n, d in zip(shown, drawn, strict=True) if d])
    figure.numbers = pd.DataFrame(
        {"label": studies.labels, "heterogeneity": across, "influence": up, "named": named}
    )
    figure.kind = "Baujat plot"
    figure.alt_text = (
        f"Baujat plot of {counted(fit.k, 'study', 'studies')}. {measure_name(measure_label, code)}, pooled: "
        f"{pooled_text(fit, scale)}. Contributions to heterogeneity run up to {significant(float(across.max()))}, "
        f"influences up to {significant(float(np.nanmax(up, initial=0.0)))}. "
        f"Furthest from the origin: {', '.join(furthest) or 'none'}."
    )
    return figure


def _end(values: Floats) -> float:
    """Largest value; 1 if none differs from zero by more than rounding."""
    largest = float(np.nanmax(values, initial=0.0))
    return largest if largest > 1e-12 else 1.0


def _distance(across: Floats, up: Floats) -> Floats:
    """Distance from the origin, both axes from 0 to 1; zero for a study that has no point."""
    return np.nan_to_num(np.hypot(across / _end(across), up / _end(up)))


def _furthest(across: Floats, up: Floats, names: int) -> NDArray[np.bool_]:
    distance = _distance(across, up)
    chosen = np.zeros(across.size, dtype=bool)
    chosen[np.argsort(-distance, kind="stable")[: max(names, 0)]] = True
    return chosen & (distance > 0)
