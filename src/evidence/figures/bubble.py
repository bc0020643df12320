"""Bubble plots: effects against one moderator of a meta-regression, with the line that it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    keys_height,
    left_margin,
    padded,
    page,
    plot_width,
    write_keys,
)
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.style import BLUE, GREY, HAIRLINE, MARGIN, SMALL, VERMILLION, style
from evidence.figures.drawing.text import clean, significant, wrap
from evidence.models.core.studies import Floats
from evidence.wording import counted, number, p_value

if TYPE_CHECKING:
    from evidence.models.regression.result import Regression

__all__ = ["bubble"]

HEIGHT = 270.0
LARGEST, SMALLEST = 17.0, 3.0  # diameters in points
BAND, WIDE = "#F3C9AE", "#F9E9DE"
POINTS, HALF = 101, 0.32


@dataclass(frozen=True, slots=True)
class Moderator:
    """The moderator on the horizontal axis: values of the studies, and the stretches over which lines run.

    Attributes
    ----------
    x : ndarray, shape (k,)
    limits : (low, high)
    stretches : list of (places, values)
        One for a number; for a factor one for each level.
    levels : list of str
        Of a factor; empty for a number.
    """

    x: Floats
    limits: tuple[float, float]
    stretches: list[tuple[Floats, list[Any]]]
    levels: list[str]


@redrawable
@takes("Regression")
def bubble(
    regression: Regression,
    moderator: str,
    *,
    data: pd.DataFrame,
    labels: bool = False,
    measure_label: str | None = None,
    moderator_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    reference: float | None = 0.0,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw effects against a moderator, bubbles as large as the studies' weights.

    The line is the predicted mean effect with its confidence interval and, paler, its prediction interval.
    Other moderators of the model stay at their mean, factors at their reference level.

    Parameters
    ----------
    regression : Regression
    moderator : str
        Column of `data` that the formula uses: a number, or a factor, whose levels stand side by side.
    data : DataFrame
        The table that was given to `regress`.
    labels : bool
        Name the studies where there is room.
    moderator_label : str, optional
        Heading of the horizontal axis; by default the column's name.
    measure_label, transform, reference, title, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has a row for each study (row, label, x, estimate, weight in percent) and for each point of
        the line (row, x, estimate, ci_low, ci_high, prediction_low, prediction_high), on the shown scale.

    Raises
    ------
    DataError
        If the table is not that of the regression, or the formula does not use the moderator.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> table = pd.concat([effects, bcg["ablat"]], axis=1)
    >>> fit = ev.regress("effect ~ ablat", table)
    >>> figure = ev.figures.bubble(fit, "ablat", data=table, moderator_label="Latitude (degrees)")
    """
    table = _check(regression, moderator, data)
    axis_of = _moderator(table[moderator])
    code = measure_code(measure_label, table)
    scale = choose_scale(float(np.median(np.sqrt(regression.variance))) * 2, code, transform, digits)
    lines = [_predict(regression, moderator, table, *stretch) for stretch in axis_of.stretches]
    bounds = np.concatenate([line.drop(columns=["x", "place"]).to_numpy().ravel() for line in lines])
    low, high = range_of(list(regression.effect), list(regression.effect), list(bounds), reference)
    y = make_axis((low, high), HEIGHT, ratio=scale.ratio)
    left = left_margin(y)
    width = plot_width() - MARGIN - left
    x = make_axis(axis_of.limits, width, ratio=False)
    below = 0.0
    if axis_of.levels:
        room = width / len(axis_of.levels) - 6
        levels = tuple("\n".join(wrap(level, room, SMALL)) for level in axis_of.levels)
        x = Axis(*axis_of.limits, tuple(range(len(levels))), levels)
        below = 9.0 * max(level.count("\n") for level in levels)

    names = [clean(label) for label in regression.labels]
    measure = measure_name(measure_label, code)
    heading = clean(moderator_label or moderator.replace("_", " "))
    others = ", ".join(name for name in _used(regression, table) if name != moderator)
    held = f" Held at mean or reference level: {clean(others).replace('_', ' ')}." if others else ""
    text = _sentences(regression, moderator, heading, scale.ratio)
    keys: list[Key] = [
        ("predicted mean", {"color": VERMILLION, "linewidth": 1.6}),
        (interval_name(regression.level), {"marker": "s", "color": BAND, "markersize": 7.0}),
    ]
    if lines[0]["prediction_low"].notna().all():
        keys.append(("prediction interval", {"marker": "s", "color": WIDE, "markersize": 7.0}))
    with style():
        key_room = keys_height(keys, left)
        body = key_room + HEIGHT + BELOW + below
        figure, top = page(body, title=title, caption=f"{text} Area of a bubble: weight.{held}")
        write_keys(figure, left, top, keys)
        top += key_room
        axes = add_plot(figure, (left, top, width, HEIGHT), x, y, "", measure)
        figure.write(left + width / 2, top + HEIGHT + below + 28, heading, ha="center")
        for line in lines:
            for name, colour in (("prediction", WIDE), ("ci", BAND)):
                band = (line[f"{name}_low"], line[f"{name}_high"])
                axes.fill_between(line.place, *band, color=colour, linewidth=0, zorder=1)
            axes.plot(line.place, line.estimate, color=VERMILLION, linewidth=1.6, zorder=3)
        if reference is not None:
            axes.axhline(reference, color=GREY, linewidth=HAIRLINE, zorder=2)
        sizes = np.maximum(LARGEST * np.sqrt(regression.weights / regression.weights.max()), SMALLEST)
        look: dict[str, Any] = {"facecolor": BLUE, "alpha": 0.55, "edgecolor": "white", "linewidth": 0.6}
        axes.scatter(axis_of.x, regression.effect, s=np.square(sizes), clip_on=False, zorder=4, **look)
        if labels:
            per_unit = np.array([width / (x.high - x.low), HEIGHT / (y.high - y.low)])
            places = np.column_stack([axis_of.x, regression.effect])
            rims = _rims(places, sizes / 2, per_unit)
            taken = np.vstack([places, rims])
            place_labels(axes, taken[:, 0], taken[:, 1], [*names, *[""] * len(rims)])
    figure.numbers = _numbers(regression, names, table[moderator], lines, scale)
    ends = [line.iloc[0] for line in lines] if axis_of.levels else [lines[0].iloc[0], lines[0].iloc[-1]]
    predictions = "; ".join(
        f"at {clean(row.x) if axis_of.levels else significant(row.x)} "
        f"{estimate_text(row.estimate, row.ci_low, row.ci_high, scale, regression.level)}"
        for row in ends
    )
    figure.kind = "bubble plot"
    figure.alt_text = f"Bubble plot of {measure} against {heading}. {text} Predicted mean {predictions}."
    return figure


def _rims(places: Floats, radii: Floats, per_unit: Floats) -> Floats:
    """Points around every bubble, which count as points without names, so that no name covers a bubble.

    Parameters
    ----------
    places : ndarray, shape (k, 2)
        In data units.
    radii : ndarray, shape (k,)
        In points.
    per_unit : ndarray, shape (2,)
        Points for each data unit.
    """
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    inside = np.maximum(radii - 2.5, 0.0)
    return np.asarray((places[:, None] + inside[:, None, None] * circle / per_unit).reshape(-1, 2))


def _numbers(
    regression: Regression, names: list[str], values: pd.Series[Any], lines: list[pd.DataFrame], scale: Scale
) -> pd.DataFrame:
    studies = pd.DataFrame({"row": "study", "label": names, "x": values, "estimate": regression.effect})
    line = pd.concat(lines).drop(columns="place").drop_duplicates().assign(row="line")
    numbers = pd.concat([studies.assign(weight=regression.weights), line], ignore_index=True)
    for name in ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high"):
        numbers[name] = [scale.show(value) for value in numbers[name]]
    return numbers


def _check(regression: Regression, moderator: str, data: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table that the regression kept."""
    kept = regression.design.kept
    if len(data) != kept.size:
        raise DataError(
            f"The table has {len(data)} rows, that of the regression {kept.size}: give the same one."
        )
    table = data[kept].reset_index(drop=True)
    if moderator not in _used(regression, table):
        used = ", ".join(_used(regression, table)) or "no column"
        raise DataError(f"The regression does not use '{moderator}': it uses {used}.")
    try:
        same = np.array_equal(regression.predict(table)["estimate"], regression.predict()["estimate"])
    except DataError:
        same = False
    if not same:
        raise DataError("The moderators of the table are not those of the regression: give the same rows.")
    return table


def _used(regression: Regression, table: pd.DataFrame) -> list[str]:
    """Columns that the right side of the formula uses."""
    return [str(name) for name in table if name in regression.design.spec.required_variables]


def _is_number(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _levels(values: pd.Series[Any]) -> list[Any]:
    """Levels of a factor that occur, the reference level first."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return list(values.cat.remove_unused_categories().cat.categories)
    return sorted(values.unique())


def _moderator(values: pd.Series[Any]) -> Moderator:
    if _is_number(values):
        x = values.to_numpy(dtype=float)
        grid = np.linspace(x.min(), x.max(), POINTS)
        return Moderator(x, padded(x), [(grid, list(grid))], [])
    levels = _levels(values)
    x = np.empty(len(values))
    for place, level in enumerate(levels):
        inside = (values == level).to_numpy()
        # Side by side, so that studies of one level do not cover each other.
        share = (np.arange(inside.sum()) + 0.5) / inside.sum() - 0.5
        x[inside] = place + 1.6 * HALF * share
    stretches = [(place + np.array([-HALF, HALF]), [level] * 2) for place, level in enumerate(levels)]
    return Moderator(x, (-0.5, len(levels) - 0.5), stretches, [clean(level) for level in levels])


def _predict(
    regression: Regression, moderator: str, table: pd.DataFrame, places: Floats, values: list[Any]
) -> pd.DataFrame:
    """Predictions for values of the moderator, all else at the mean or the reference level."""
    new = pd.DataFrame(index=range(len(values)))
    for name in _used(regression, table):
        column = table[name]
        if name == moderator:
            new[name] = pd.Series(values, dtype=float if _is_number(column) else column.dtype)
        elif _is_number(column):
            new[name] = float(column.mean())
        else:
            new[name] = pd.Series([_levels(column)[0]] * len(values), dtype=column.dtype)
    return regression.predict(new).drop(columns="se").assign(place=places, x=values)


def _sentences(regression: Regression, moderator: str, heading: str, ratio: bool) -> str:
    """The model, and the test of the moderator's main term where it has one."""
    lines = [counted(regression.k, "study", "studies")]
    if moderator in regression.design.terms:
        names = [regression.names[j] for j in regression.design.terms[moderator]]
        if len(names) == 1 and names[0] == moderator:
            columns = ["estimate", "ci_low", "ci_high", "p_value"]
            estimate, low, high, p = map(float, regression.coefficients.loc[moderator, columns])
            interval = f"{interval_name(regression.level)} {significant(low)} to {significant(high)}"
            scaled = " (log scale)" if ratio else ""
            lines.append(
                f"coefficient of {heading}{scaled} {significant(estimate)} ({interval}), {p_value(p)}"
            )
        else:
            lines.append(f"test of {heading}: {p_value(float(regression.test(names)['p_value']))}")
    if regression.method != "EE":
        lines.append(f"residual τ² = {significant(regression.tau2)} ({regression.method})")
    if np.isfinite(regression.r2):
        lines.append(f"R² = {number(regression.r2, 0)}%")
    return "; ".join(lines) + "."
