"""League tables as heat maps: every treatment against every other, coloured by the effect."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from scipy.special import ndtri

from evidence.errors import ModelError, must_be
from evidence.figures.drawing.axis import Scale
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import page, plot_width
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.style import (
    BLUE,
    BODY,
    MARGIN,
    SMALL,
    VERMILLION,
    ink_on,
    style,
    superscript,
)
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.figures.network.treatments import (
    additivity_line,
    choose_treatments,
    components_line,
    network_line,
    not_shown,
    treatment_name,
)
from evidence.models.network.components_result import Components
from evidence.models.network.ranking import p_scores
from evidence.models.network.result import Network
from evidence.wording import number

__all__ = ["league"]

COLOURS = LinearSegmentedColormap.from_list("league", [BLUE, "#FFFFFF", VERMILLION])
EMPTY, DIAGONAL = "#F6F6F6", "#DDDDDD"
WITH_INTERVALS = 14  # treatments up to which the cells have room for intervals
LABEL_WIDEST, STEP, HEADING, KEY_WIDTH, KEY_ROOM = 165.0, 9.6, 14.0, 120.0, 36.0
SHOWN = [f"{source}{end}" for source in ("estimate", "direct") for end in ("", "_low", "_high")]


@redrawable
def league(
    net: Network | Components,
    *,
    treatments: Collection[str] | None = None,
    least_direct: int = 1,
    trials: Mapping[str, str] | None = None,
    small_values: str = "desirable",
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw all effects of a network as a table with coloured cells, treatments ordered by P-score.

    Below the diagonal stand the network estimates, above it the direct ones; of a component model those by sums of
    components below, and above those of the network in which every treatment has an effect of its own. Both compare
    the treatment higher up in the list with the one further down, so that cells mirrored at the diagonal tell of the
    same comparison. With more than 14 treatments the cells have estimates alone; the intervals are in `numbers`.

    Parameters
    ----------
    net : Network or Components
    treatments : collection of str, optional
        Those to show, at least two, such as those that enough studies connect; by default all. The others are named
        in the caption, and count in the P-scores.
    least_direct : int
        Direct estimates of fewer studies are left out (of networks).
    trials : mapping from str to str, optional
        Which trial a study belongs to, where several are strata of one and count as one for `least_direct`.
    small_values : str
        `desirable` or `undesirable`; decides the order, and blue favours the treatment higher up.
    measure_label, transform, title, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a pair: treatment (higher up), against, their p_score and p_score_against, estimate,
        estimate_low, estimate_high and direct, direct_low, direct_high (missing without direct evidence; of a
        component model: without a path of studies) on the shown scale.

    Raises
    ------
    DataError
        If an option or a treatment is not known, or the model of another class.
    ModelError
        If no treatments of a component model can be compared.

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
    >>> figure = ev.figures.league(net, small_values="undesirable")
    """
    must_be(net, (Network, Components), "league()")
    if isinstance(net, Components):
        scores, table = _component_pairs(net, small_values)
    else:
        scores = net.p_scores(small_values)
        table = _pairs(net, scores, least_direct, trials or {})
    others = ""
    if treatments is not None:
        chosen = choose_treatments(list(scores.index), treatments, least=2)
        others = not_shown(name for name in scores.index if name not in chosen)
        scores = scores[chosen]
        table = table[table["treatment"].isin(chosen) & table["against"].isin(chosen)].reset_index(drop=True)
    code = measure_code(measure_label, None)
    half = float((table.estimate_high - table.estimate_low).median() / 2)
    scale = choose_scale(half, code, transform, digits)
    limit = float(np.nanquantile(np.abs(table[["estimate", "direct"]].to_numpy(dtype=float)), 0.9)) or 1.0
    limit *= 1.0 if small_values == "desirable" else -1.0
    cells = _cells(table, len(scores), scale, limit)
    measure = measure_name(measure_label, code)
    caption = clean(" ".join(filter(None, [_caption(net, len(scores) <= WITH_INTERVALS), others, *notes])))
    with style():
        figure = _draw(scores, cells, scale, limit, measure, title, caption)
    figure.numbers = _numbers(table, scale)
    figure.kind = "league table"
    figure.alt_text = _describe(net, table, scores, scale, measure)
    return figure


@dataclass(frozen=True, slots=True)
class Cell:
    """A coloured cell: its lines with their font sizes, and its place on the colour scale, 0 to 1 (or NaN)."""

    lines: tuple[tuple[str, float], ...]
    weight: str
    shade: float

    @property
    def fill(self) -> Any:
        """Colour of the cell."""
        return EMPTY if math.isnan(self.shade) else COLOURS(self.shade)

    @property
    def ink(self) -> str:
        """Colour of its text."""
        return ink_on(self.fill)


def _pairs(net: Network, scores: pd.Series, least_direct: int, trials: Mapping[str, str]) -> pd.DataFrame:
    """One row a pair, the treatment with the higher P-score first, row by row of the upper triangle."""
    split = net.split().set_index(["treat1", "treat2"])
    arms = [{net.treatments[place] for place in own} for own in net.contrasts.arms]
    records = []
    for i, one in enumerate(scores.index):
        for other in scores.index[i + 1 :]:
            turned = (one, other) not in split.index
            both = zip(net.studies, arms, strict=True)
            direct = {trials.get(study, study) for study, own in both if {one, other} <= own}
            found = split.loc[(other, one) if turned else (one, other)]
            record = {
                "treatment": one,
                "against": other,
                "p_score": scores[one],
                "p_score_against": scores[other],
            }
            for name, source in (("estimate", "network"), ("direct", "direct")):
                values = [found[source], found[f"{source}_low"], found[f"{source}_high"]]
                if turned:
                    values = [-values[0], -values[2], -values[1]]
                if name == "direct" and len(direct) < least_direct:
                    values = [math.nan] * 3
                record |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
            records.append(record)
    return pd.DataFrame(records)


def _component_pairs(comp: Components, small_values: str) -> tuple[pd.Series, pd.DataFrame]:
    """P-scores of the treatments by the additive model, and one row a pair as of `_pairs`."""
    rows = comp.pairs()
    names = list(comp.contrasts.treatments)
    blind = {
        name
        for name in names
        if rows.loc[(rows.treat1 == name) | (rows.treat2 == name), "estimate"].isna().all()
    }
    names = [name for name in names if name not in blind]
    known = rows[rows.treat1.isin(names) & rows.treat2.isin(names)]
    if len(names) < 2 or known["estimate"].isna().any():
        raise ModelError(
            "the component model cannot compare all treatments with each other, so that they have no order; see the "
            "note of the model."
        )
    place = {name: i for i, name in enumerate(names)}
    effects, variances = np.zeros((2, len(names), len(names)))
    for one in known.to_dict("records"):
        i, j = place[one["treat1"]], place[one["treat2"]]
        effects[i, j], effects[j, i] = one["estimate"], -one["estimate"]
        variances[i, j] = variances[j, i] = one["se"] ** 2
    scores = pd.Series(p_scores(effects, variances, small_values), index=names, name="p_score")
    scores = scores.sort_values(ascending=False, kind="stable")
    z = float(ndtri(0.5 + 0.5 * comp.level))
    by_pair = known.set_index(["treat1", "treat2"])
    records = []
    for i, one in enumerate(scores.index):
        for other in scores.index[i + 1 :]:
            turned = (one, other) not in by_pair.index
            found = by_pair.loc[(other, one) if turned else (one, other)]
            record = {
                "treatment": one,
                "against": other,
                "p_score": scores[one],
                "p_score_against": scores[other],
            }
            sign = -1.0 if turned else 1.0
            for name, value, error in (
                ("estimate", found["estimate"], found["se"]),
                ("direct", found["network"], found["network_se"]),
            ):
                centre = sign * value
                record |= {
                    name: centre,
                    f"{name}_low": centre - z * error,
                    f"{name}_high": centre + z * error,
                }
            records.append(record)
    return scores, pd.DataFrame(records)


def _cells(table: pd.DataFrame, size: int, scale: Scale, limit: float) -> dict[tuple[int, int], Cell]:
    """Cells by row and column: network estimates below the diagonal, direct ones above it."""
    cells = {}
    upper = zip(*np.triu_indices(size, 1), strict=True)
    for (i, j), one in zip(upper, table.to_dict("records"), strict=True):
        for place, source in (((j, i), "estimate"), ((i, j), "direct")):
            estimate, low, high = one[source], one[f"{source}_low"], one[f"{source}_high"]
            lines: tuple[tuple[str, float], ...] = ()
            if not math.isnan(estimate):
                lines = ((scale.text(estimate), SMALL),)
                if size <= WITH_INTERVALS:
                    lines = (*lines, (f"{scale.text(low)} to {scale.text(high)}", superscript()))
            weight = "bold" if low > 0 or high < 0 else "normal"
            shade = 0.5 + 0.5 * min(max(estimate / limit, -1.0), 1.0) if lines else math.nan
            cells[int(place[0]), int(place[1])] = Cell(lines, weight, shade)
    return cells


def _draw(
    scores: pd.Series,
    cells: dict[tuple[int, int], Cell],
    scale: Scale,
    limit: float,
    measure: str,
    title: str | None,
    caption: str,
) -> EvidenceFigure:
    """Draw names with their P-scores, the table beside them, and the key of colours below."""
    names = [treatment_name(name) for name in scores.index]
    widths = [text_width(text, size, cell.weight) for cell in cells.values() for text, size in cell.lines]
    wide = max([*widths, 18.0]) + 6
    label_width = min(max(text_width(name) for name in names), LABEL_WIDEST)
    labels = [wrap(name, label_width) for name in names]
    lines_most = max(len(cell.lines) for cell in cells.values())
    tall = max(8.0 + 8.0 * lines_most, STEP * max(map(len, labels)) + 3)
    first = MARGIN + 17
    score_at = first + label_width + 38
    left = score_at + 8
    width = max(left + wide * len(names) + MARGIN, plot_width())
    figure, top = page(HEADING + tall * len(names) + KEY_ROOM, title=title, caption=caption, width=width)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(figure.get_figheight() * 72, 0))
    axes.axis("off")
    figure.write(score_at, top + HEADING - 4, "P-score", size=SMALL, ha="right")
    top += HEADING
    for place, lines in enumerate(labels):
        base = top + tall * (place + 0.5) + 0.36 * BODY
        figure.write(first - 5, base, str(place + 1), ha="right")
        for down, line in enumerate(lines):
            figure.write(first, base + STEP * (down - (len(lines) - 1) / 2), line)
        figure.write(score_at, base, number(scores.iloc[place], 2), ha="right")
        figure.write(left + wide * (place + 0.5), top - 4, str(place + 1), size=SMALL, ha="center")
        _fill(axes, left + wide * place, top + tall * place, wide, tall, DIAGONAL)
    for (row, column), cell in cells.items():
        x, y = left + wide * column, top + tall * row
        _fill(axes, x, y, wide, tall, cell.fill)
        for down, (text, size) in enumerate(cell.lines):
            base = y + tall / 2 + 8.0 * (down - (len(cell.lines) - 1) / 2) + 0.36 * size
            figure.write(x + wide / 2, base, text, size=size, weight=cell.weight, color=cell.ink, ha="center")
    _write_key(figure, axes, left, top + tall * len(names) + 8, scale, limit, measure)
    return figure


def _fill(axes: Axes, x: float, y: float, width: float, height: float, colour: Any) -> None:
    axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=0.8))


def _write_key(
    figure: EvidenceFigure, axes: Axes, left: float, top: float, scale: Scale, limit: float, measure: str
) -> None:
    """Bar of colours from the strongest effect for the treatment higher up to the strongest against it."""
    step = KEY_WIDTH / 60
    for i in range(60):
        patch = Rectangle(
            (left + step * i, top), step + 0.2, 7, facecolor=COLOURS((i + 0.5) / 60), edgecolor="none"
        )
        axes.add_patch(patch)
    for share in (0.0, 0.5, 1.0):
        text = scale.text((2 * share - 1) * limit)
        figure.write(left + KEY_WIDTH * share, top + 16, text, size=SMALL, ha="center")
    figure.write(left + KEY_WIDTH + 8, top + 6.5, measure, size=SMALL)


def _numbers(table: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    shown = table.copy()
    for name in SHOWN:
        shown[name] = [scale.show(value) for value in shown[name]]
    return shown


def _caption(net: Network | Components, intervals: bool) -> str:
    where = "" if intervals else " The intervals are in the table of numbers."
    if isinstance(net, Components):
        return (
            "Treatments by P-score of the component model, best first; read it beside the effects, as it knows "
            "neither their size nor the certainty of the evidence. Below the diagonal: sums of components, column v "
            "row; above it: the network in which every treatment has an effect of its own, row v column. Blue "
            f"favours the treatment higher up in the list. Bold: {interval_name(net.level)} excludes no difference."
            f"{where} {components_line(net)}. {additivity_line(net)}."
        )
    return (
        "Treatments by P-score, best first; read it beside the effects, as it knows neither their size nor the "
        "certainty of the evidence. Below the diagonal: network estimates, column v row; above it: direct estimates, "
        "row v column. Blue favours the treatment higher up in the list. "
        f"Bold: {interval_name(net.level)} excludes no difference.{where} {network_line(net)}."
    )


def _describe(
    net: Network | Components, table: pd.DataFrame, scores: pd.Series, scale: Scale, measure: str
) -> str:
    of = " by sums of their components" if isinstance(net, Components) else ""
    ranked = ", ".join(f"{treatment_name(name)} {number(score, 2)}" for name, score in scores.items())
    clear = table[(table.estimate_low > 0) | (table.estimate_high < 0)]
    texts = [
        f"{treatment_name(one['treatment'])} v {treatment_name(one['against'])} "
        + estimate_text(one["estimate"], one["estimate_low"], one["estimate_high"], scale, net.level)
        for one in clear.to_dict("records")
    ]
    return (
        f"League table of {len(scores)} treatments{of}, {measure}. By P-score: {ranked}. The interval excludes no "
        f"difference in {len(clear)} of {len(table)} comparisons{': ' if texts else ''}{'; '.join(texts)}. "
        f"{components_line(net) if isinstance(net, Components) else network_line(net)}."
    )
