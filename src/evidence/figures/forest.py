"""Forest plots: studies with intervals and weights, subgroups, pooled estimate, prediction interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Scale, check_shows, range_of
from evidence.figures.drawing.bias_signs import bias_signs
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row
from evidence.figures.drawing.measure import (
    as_told,
    choose_scale,
    has_null,
    measure_code,
    measure_name,
    on_axis,
)
from evidence.figures.drawing.reported import Count, Share
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import (
    between_groups_line,
    estimate_text,
    heterogeneity_line,
    interval_name,
    model_line,
)
from evidence.figures.drawing.studies import GROUPS, DrawnStudies, read_studies
from evidence.figures.drawing.text import clean, significant
from evidence.measures import Measure, measure_of
from evidence.models.on_scale import OnScale, read_fit
from evidence.models.pooled import Pooled
from evidence.models.refit import estimate_of

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import RiskOfBias
    from evidence.models.refit import Fit
    from evidence.models.regression.subgroups import Subgroups

__all__ = ["forest"]

FAVOURS = ("favours intervention", "favours comparator")
BOUNDS = {"proportion": (0.0, 1.0), "rate": (0.0, math.inf), "correlation": (-1.0, 1.0)}
"""Range of what has one on its natural scale."""


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "BinomialNormal", "Regression", "Multilevel", "Robust")
def forest(
    fit: Fit,
    *,
    data: pd.DataFrame | None = None,
    subgroups: Subgroups | None = None,
    beside: Pooled | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = FAVOURS,
    groups: tuple[str, str] = GROUPS,
    transform: Literal["natural", "exp", "identity"] | None = None,
    reference: float | Literal["measure"] | None = "measure",
    important: float | tuple[float, float] | None = None,
    title: str | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    risk_of_bias: pd.DataFrame | RiskOfBias | None = None,
    sort: str | None = None,
    show_prediction: bool = True,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw a forest plot of a fit of any class.

    The area of a square is proportional to the study's weight, or to its precision where the model has no
    weights; a diamond spans the confidence interval of a pooled estimate; the bar under it is the prediction
    interval. An arrow marks an interval that goes on beyond the axis. A model with moderators has no diamond: a pale
    bar behind each study is the interval of its fitted value.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression or Multilevel
        The fit with its studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order. Used where present: `label`, `n_arm`,
        `n_comparator`, `measure`, and for notes under the plot `adjusted`, `form`, `assumptions`.
    subgroups : Subgroups, optional
        The same studies by group, as from `evidence.subgroups`.
    beside : Pooled, optional
        Another fit of the same studies, such as under equal effects, for a second diamond and column of weights.
    measure_label : str, optional
        Heading of the axis, or a code such as `SMD`; by default from the column `measure` or the fit.
    favours : (str, str), optional
        What lies below and above the reference; not shown for a mean, proportion, rate or correlation by default.
    groups : (str, str)
        Names of the two groups, above their sizes.
    transform : {"natural", "exp", "identity"}, optional
        `natural`, the default, shows ratios for their logarithms, and proportions, rates, means and correlations for
        what was analysed; double arcsines with the sizes of the studies. `exp` shows effects on the log scale as
        ratios, `identity` what was analysed.
    reference : float, optional
        The value of no difference on the analysis scale (0 also for log ratios); by default 0, and none for a
        mean, proportion or rate.
    important : float or (float, float), optional
        The smallest important difference on the shown scale: the band of smaller ones is shaded. A number x stands
        for -x to x, for ratios from 1/x to x.
    title : str, optional
    columns : sequence of str or mapping of str to str, optional
        Columns of `data` to print beside the labels, with their headings; () for none. By default the group
        sizes, or what the studies reported: events of all, or means with SDs and sizes.
    risk_of_bias : DataFrame or RiskOfBias, optional
        Judgements, a column a domain, shown as signs on the right; with study labels as index paired by them.
        Words of the usual tools: low, unclear or some concerns, high, empty for none.
    sort : str, optional
        `effect`, `weight`, `label` or a column of `data`; by default the order of the fit.
    show_prediction : bool
        Whether to show prediction intervals, where there are any.
    xlim : (float, float), optional
        Range of the axis on the shown scale; chosen from the data by default.
    digits : int, optional
        Decimals of effects; by default 2, or 1 for measures in units with wide intervals and for proportions, which
        are printed in percent.
    notes : sequence of str
        Further lines under the plot, such as sources.

    Returns
    -------
    EvidenceFigure
        With `numbers` (one row for each study and pooled result, on the shown scale) and `alt_text`.

    Raises
    ------
    DataError
        If `data`, `subgroups` or `beside` do not belong to the fit, a column is missing, or the range is not usable.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.forest(fit)
    """
    code = measure_code(measure_label, data, fit)
    read, natural = on_axis(fit, code, transform, data)
    studies = read_studies(fit, data, columns, read=read, groups=groups)
    scale = as_told(
        choose_scale(studies.typical_half_width, code, transform, digits), code, transform, digits
    )
    order = studies.order(sort, data)
    parts = {} if subgroups is None else subgroups.groups
    members = {} if subgroups is None else _members(fit, subgroups, order)
    shown = {
        name: _on_axis_of(fit, part, code, transform, data, members[name]) for name, part in parts.items()
    }
    second = None if beside is None else _second(fit, beside, code, transform, data)
    null = has_null(code)
    if reference == "measure":
        reference = 0.0 if null else None
    elif reference is not None and natural is not None:
        reference = float(natural.natural(float(reference)))
    plain = not null or (natural is not None and natural.of == "correlation") or code == "COR"
    favours = None if favours is FAVOURS and plain else favours

    signs: list[tuple[Any, ...]] = [()] * len(studies.labels)
    letters: tuple[str, ...] = ()
    lines: list[str] = []
    if risk_of_bias is not None:
        letters, signs, meaning = bias_signs(risk_of_bias, fit, data)
        lines.append(meaning)
    bands = _fitted(fit, natural, read)

    def row(i: int) -> Row:
        return replace(
            studies.row(i),
            prediction=(math.nan, math.nan) if bands is None else bands[i],
            second_weight=math.nan if second is None else float(second.weights[i]),
            signs=signs[i],
        )

    rows: list[Row] = []
    for name, part in parts.items():
        inside = members[name]
        weight = float(np.sum(read.weights[inside]))
        more = math.nan if second is None else float(np.sum(second.weights[inside]))
        rows += [Row("heading", clean(name)), *(row(i) for i in inside)]
        rows += _summary("subtotal", shown[name], studies.totals(inside), weight, show_prediction, more)
        rows += [Row("note", heterogeneity_line(part)), Row("gap")]
    if not parts:
        rows += [*(row(i) for i in order), Row("gap")]
    totals = studies.totals(order)
    if second is None or beside is None:
        rows += _summary("pooled", read, totals, _whole(read), show_prediction)
    else:
        names = [_model_name(one) for one in (fit, beside)]
        rows += _summary("pooled", read, totals, _whole(read), show_prediction, name=names[0])
        cells = ("",) * len(totals)
        rows += _summary("pooled", second, cells, math.nan, show_prediction, 100.0, name=names[1])

    band = None if important is None else important_band(important, scale)
    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=axis_limits(rows, reference, band, natural)
        if xlim is None
        else check_shows(scale.limits(xlim), [*read.effect, read.estimate], scale),
        measure=axis_name(measure_label, code, natural, transform),
        interval_heading=f"{short_name(code, natural)} ({interval_name(fit.level)})",
        reference=reference,
        favours=favours,
        centre=None if math.isnan(read.estimate) else read.estimate,
        band=band,
        weight_headings=("Weight",)
        if second is None
        else tuple(f"Weight\n({one.method})" for one in (fit, beside)),  # type: ignore[union-attr]
        sign_headings=letters,
    )
    models = [model_line(one, test=null) for one in (fit, beside) if one is not None]
    lines = [*models, heterogeneity_line(fit), *_moderator_lines(fit, bands, transform, natural), *lines]
    if subgroups is not None:
        lines.insert(len(models) + 1, between_groups_line(subgroups))
    if band is not None:
        lows, highs = (scale.text(end) for end in band)
        lines.append(f"Shaded: differences too small to be important ({lows} to {highs}).")
    if read.note:
        lines.append(read.note)
    silent = [label for label, effect in zip(studies.labels, read.effect, strict=True) if math.isnan(effect)]
    if silent:
        lines.append(f"Not estimable from the study alone: {', '.join(silent)}.")
    lines += [studies.divided] if studies.divided else []
    footer = [*(("", line) for line in lines), *studies.legend, *(("", clean(note)) for note in notes)]
    figure = draw([block], studies.columns, title=title, footer=footer)
    figure.numbers = numbers_of(fit, studies, members or {"": order}, parts, shown, scale)
    if second is not None:
        record = _pooled_record("overall", "", beside, second, 100.0, scale) | {"label": _model_name(beside)}
        figure.numbers = pd.concat([figure.numbers, pd.DataFrame([record])], ignore_index=True)
    figure.kind = "forest plot"
    figure.alt_text = _describe(fit, studies, subgroups, shown, second, block)
    return figure


def _whole(read: OnScale) -> float:
    """All weights together, where there are any."""
    return math.nan if np.isnan(read.weights).all() else 100.0


def _on_axis_of(
    fit: Any, part: Any, code: str, transform: str | None, data: pd.DataFrame | None, inside: Sequence[int]
) -> OnScale:
    """Read a subgroup as the axis shows it."""
    rows = None if data is None else data.iloc[sorted(inside)]
    return on_axis(part, code, transform, rows, whole=(fit, sorted(inside)))[0]


def _second(fit: Any, beside: Pooled, code: str, transform: str | None, data: pd.DataFrame | None) -> OnScale:
    """Read the fit beside as the axis shows it.

    Raises
    ------
    DataError
        If one of the two is no fit by `pool`, or they have other studies.
    """
    for one in (fit, beside):
        if not isinstance(one, Pooled):
            raise DataError(f"fits beside each other are fits by pool; got {type(one).__name__}.")
    if not (np.array_equal(fit.effect, beside.effect) and np.array_equal(fit.variance, beside.variance)):
        raise DataError("the fit beside has other studies: pool the same effects and variances twice.")
    return on_axis(beside, code, transform, data, whole=(fit, range(fit.k)))[0]


def _model_name(fit: Any) -> str:
    return "Equal effects" if fit.method == "EE" else f"Random effects, {fit.method}"


def axis_name(label: str | None, code: str, natural: Measure | None, transform: str | None) -> str:
    named = label is not None and label.upper() != code
    if natural is not None and not named:
        return natural.name
    return measure_name(label, code)


def short_name(code: str, natural: Measure | None) -> str:
    """Heading of the numbers: the code, which people know for differences and ratios, else the name."""
    measure = natural or measure_of(code)
    return measure.name if natural is not None or measure.one_group else code or "Estimate"


def important_band(important: float | tuple[float, float], scale: Scale) -> tuple[float, float]:
    """The band of differences that are too small, on the scale of the axis."""
    if isinstance(important, tuple):
        low, high = important
    elif scale.ratio:
        if not important > 0:
            raise DataError(f"important={important!r} must be a ratio above 0, or a pair.")
        low, high = sorted((important, 1 / important))
    else:
        low, high = -abs(important), abs(important)
    if not low < high:
        raise DataError(f"important={important!r} must be a number, or a pair with the lower end first.")
    return scale.limits((float(low), float(high)))


def _fitted(fit: Any, natural: Measure | None, read: OnScale) -> list[tuple[float, float]] | None:
    """Interval of each study's fitted value, of a model with moderators."""
    if not hasattr(fit, "coefficients") or not math.isnan(read.estimate):
        return None
    found = fit.predict()
    back = (lambda value: value) if natural is None else natural.natural
    limits = zip(found["ci_low"], found["ci_high"], strict=True)
    return [(float(back(float(low))), float(back(float(high)))) for low, high in limits]


def _moderator_lines(fit: Any, bands: Any, transform: str | None, natural: Measure | None) -> list[str]:
    """Coefficients of a model with moderators."""
    if bands is None:
        return []
    shown = "; ".join(
        f"{clean(name)} {significant(row.estimate)} ({significant(row.ci_low)} to {significant(row.ci_high)})"
        for name, row in fit.coefficients.iterrows()
    )
    return [
        f"Coefficients, on the scale of the analysis: {shown}.",
        f"Pale bars: fitted value of each study, {interval_name(fit.level)}.",
    ]


def _members(fit: Any, subgroups: Subgroups, order: Sequence[int]) -> dict[str, list[int]]:
    """Give the studies of every group in the order of the plot."""
    grouped = np.full(len(fit.labels), False)
    for name, group in subgroups.groups.items():
        places = subgroups.rows[name]
        whole, part = read_fit(fit), read_fit(group)
        same = places[-1] < len(fit.labels) and all(
            np.array_equal(getattr(part, value), getattr(whole, value)[places], equal_nan=True)
            for value in ("effect", "low")
        )
        if not same:
            raise DataError(
                f"Group '{name}' does not hold the studies of the fit: give groups and fit the same rows."
            )
        grouped[places] = True
    if not grouped.all():
        raise DataError(f"Study '{fit.labels[int(np.argmin(grouped))]}' is in the fit but in no group.")
    return {name: [i for i in order if i in places] for name, places in subgroups.rows.items()}


def _summary(
    kind: Literal["pooled", "subtotal"],
    read: OnScale,
    cells: tuple[str, ...],
    weight: float,
    prediction: bool,
    second_weight: float = math.nan,
    name: str = "",
) -> list[Row]:
    """Diamond and prediction interval; nothing for a model with moderators."""
    if math.isnan(read.estimate):
        return []
    label = f"{name or ('All studies' if kind == 'pooled' else 'Subtotal')} (k = {read.k})"
    interval = (read.estimate, read.ci_low, read.ci_high)
    rows = [Row(kind, label, cells=cells, interval=interval, weight=weight, second_weight=second_weight)]
    if prediction and math.isfinite(read.prediction_low):
        bounds = (math.nan, read.prediction_low, read.prediction_high)
        rows.append(Row("prediction", "Prediction interval", interval=bounds))
    return rows


def axis_limits(
    rows: Sequence[Row],
    reference: float | None,
    band: tuple[float, float] | None,
    natural: Measure | None,
) -> tuple[float, float]:
    studies = [row.interval for row in rows if row.interval is not None and row.kind == "study"]
    summaries = [row.interval for row in rows if row.interval is not None and row.kind != "study"]
    estimates, *bounds = zip(*studies, strict=True)
    others = [value for row in summaries for value in row] + list(band or ())
    low, high = range_of(estimates, [*bounds[0], *bounds[1]], others, reference)
    least, most = (
        BOUNDS.get(natural.of, (-math.inf, math.inf)) if natural is not None else (-math.inf, math.inf)
    )
    room = 0.08 * (high - low)  # for the mark at a bound, which else is cut
    return max(low, least - room), min(high, most + room)


def numbers_of(
    fit: Any,
    studies: DrawnStudies,
    members: Mapping[str, Sequence[int]],
    parts: Mapping[str, Any],
    shown: Mapping[str, OnScale],
    scale: Scale,
) -> pd.DataFrame:
    """One row for each study and pooled result, in the order of the plot."""
    weights, analysed = studies.read.weights, read_fit(fit)
    variance = fit.to_frame()["variance"] if not hasattr(fit, "variance") else fit.variance
    variance = np.asarray(variance if np.ndim(variance) == 1 else np.diagonal(variance), dtype=float)
    records: list[dict[str, object]] = []
    for name, inside in members.items():
        for i in inside:
            record = _record("study", name, studies.labels[i], studies.interval(i), scale)
            record |= {"weight": float(weights[i]), "effect": analysed.effect[i], "variance": variance[i]}
            cells = {
                " ".join(str(column).split("\n")): studies.cells[column].iloc[i] for column in studies.cells
            }
            records.append(record | {column: _plain(cell) for column, cell in cells.items()})
        if name in parts:
            weight = float(np.sum(weights[list(inside)]))
            records.append(_pooled_record("subtotal", name, parts[name], shown[name], weight, scale))
    if not math.isnan(studies.read.estimate):
        records.append(_pooled_record("overall", "", fit, studies.read, _whole(studies.read), scale))
    return pd.DataFrame.from_records(records)


def _plain(cell: object) -> object:
    if isinstance(cell, Count):
        return cell.value
    return str(cell) if isinstance(cell, Share) else cell


def _record(
    row: str, group: str, label: str, interval: tuple[float, float, float], scale: Scale
) -> dict[str, object]:
    estimate, low, high = (scale.show(value) for value in interval)
    return {"row": row, "group": group, "label": label, "estimate": estimate, "ci_low": low, "ci_high": high}


def _pooled_record(
    row: str, group: str, fit: Any, read: OnScale, weight: float, scale: Scale
) -> dict[str, object]:
    record = _record(row, group, "", (read.estimate, read.ci_low, read.ci_high), scale)
    record |= {
        "prediction_low": scale.show(read.prediction_low),
        "prediction_high": scale.show(read.prediction_high),
    }
    found = estimate_of(fit)._asdict()
    record |= {name: found[name] for name in ("k", "p_value", "tau2", "i2", "q", "q_p")}
    df = getattr(fit, "q_df", getattr(fit, "qe_df", math.nan))
    return record | {"q_df": df, "weight": weight}


def _describe(
    fit: Any,
    studies: DrawnStudies,
    subgroups: Subgroups | None,
    shown: Mapping[str, OnScale],
    second: OnScale | None,
    block: Block,
) -> str:
    """Say what the plot shows."""
    read, scale = studies.read, block.scale

    def pooled(one: OnScale) -> str:
        return estimate_text(one.estimate, one.ci_low, one.ci_high, scale, one.level)

    k = len(studies.labels)
    count = "1 study" if k == 1 else f"{k} studies"
    known = read.effect[~np.isnan(read.effect)]
    effects = [scale.text(float(value)) for value in (known.min(), known.max())] if known.size else []
    sentences = [
        f"Forest plot of {count}. {block.measure}"
        + ("." if math.isnan(read.estimate) else f", pooled: {pooled(read)}."),
        f"Estimates of single studies run from {effects[0]} to {effects[1]}." if len(known) > 1 else "",
        "" if second is None else f"Under the second model: {pooled(second)}.",
    ]
    if block.reference is not None and block.favours is not None:
        below, above = block.favours
        sentences.append(f"Values below {scale.show(block.reference):g}: {below}; above: {above}.")
    if math.isfinite(read.prediction_low):
        bounds = (scale.text(read.prediction_low), scale.text(read.prediction_high))
        sentences.append(f"Prediction interval {bounds[0]} to {bounds[1]}.")
    if subgroups is not None:
        groups = (f"{name}: {pooled(part)}, k = {part.k}" for name, part in shown.items())
        sentences += ["; ".join(groups) + ".", between_groups_line(subgroups) + "."]
    sentences.append(heterogeneity_line(fit) + ".")
    return " ".join(sentence for sentence in sentences if sentence)
