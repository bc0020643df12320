"""Forests of pooled estimates: one row for every time that the studies were pooled again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evidence.columns import beside
from evidence.diagnostics.subsets import cumulative as growing
from evidence.diagnostics.subsets import leave_one_out as without_each
from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, has_null, measure_code, measure_name, on_axis
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import heterogeneity_line, interval_name, model_line
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.text import clean, significant
from evidence.measures import Measure
from evidence.models.core.studies import Floats
from evidence.models.on_scale import harmonic_mean, needs_size, study_sizes
from evidence.models.refit import choose_coefficient, estimate_of
from evidence.wording import counted, interval, number, p_number

if TYPE_CHECKING:
    from evidence.models.refit import Fit

__all__ = ["cumulative", "draw_refits", "leave_one_out", "refit_scale"]


NUMBERS = ["label", "estimate", "ci_low", "ci_high", "k", "p_value", "tau2", "i2", "q"]


@dataclass(frozen=True, slots=True)
class ShownFit:
    """How the estimates of a fit, and of its refits, are shown.

    Attributes
    ----------
    code : str
        The measure; empty if it is not known, and for the coefficient of a moderator.
    natural : Measure or None
        The measure to whose scale estimates are taken back before they are drawn; None if they stay.
    sizes : ndarray or None
        Sizes of the studies, where the way back needs them.
    scale : Scale
    coefficient : str or None
        Which coefficient of a model with moderators the estimates are.
    """

    code: str
    natural: Measure | None
    sizes: Floats | None
    scale: Scale
    coefficient: str | None = None

    @property
    def has_null(self) -> bool:
        """Whether zero on the scale of the analysis means no difference."""
        return has_null(self.code) or self.slope

    @property
    def slope(self) -> bool:
        """Whether the estimates are the coefficient of a moderator."""
        return self.coefficient not in (None, "Intercept")

    def name(self, label: str | None) -> str:
        """What the axis shows."""
        measure = measure_name(label, self.code) if self.natural is None else self.natural.name
        return f"{measure}, coefficient of {clean(self.coefficient)}" if self.slope else measure

    def back(self, value: float, present: np.ndarray | None = None) -> float:
        """Take an estimate of some of the studies to the scale of the axis."""
        if self.natural is None:
            return float(value)
        size = math.nan
        if self.sizes is not None:
            size = harmonic_mean(self.sizes if present is None else self.sizes[present])
        return float(self.natural.natural(float(value), size))


def refit_scale(
    fit: Any,
    data: pd.DataFrame | None,
    measure_label: str | None,
    transform: str | None,
    digits: int | None,
    coefficient: str | None = None,
) -> ShownFit:
    """Scale and decimals of pooled estimates: those that suit the interval of the fit."""
    code = measure_code(measure_label, data, fit)
    # A slope has no natural scale, but for a ratio its factor.
    natural = None if coefficient not in (None, "Intercept") else on_axis(fit, code, transform, data)[1]
    sizes = None
    if natural is not None and needs_size(natural):
        name = "time" if natural.of == "rate" else "n"
        given = data[name].to_numpy() if data is not None and name in data else None
        sizes = study_sizes(fit, natural, given)
    whole = estimate_of(fit, coefficient)
    plain = ShownFit(code, natural, sizes, Scale(False, 2), coefficient)
    half = (plain.back(whole.ci_high) - plain.back(whole.ci_low)) / 2
    return replace(plain, scale=choose_scale(half, code, transform, digits))


def draw_refits(
    fit: Any,
    refits: pd.DataFrame,
    present: np.ndarray,
    *,
    shown: ShownFit,
    heading: str,
    measure_label: str | None,
    favours: tuple[str, str] | None,
    title: str | None,
    xlim: tuple[float, float] | None,
    notes: Sequence[str],
) -> EvidenceFigure:
    """Draw one row for each fit, and the fit of all studies as a diamond below.

    Parameters
    ----------
    fit : a fit of any class
        All studies.
    refits : DataFrame
        One row a fit: label, k, estimate, ci_low, ci_high, p_value, tau2, i2, q.
    present : ndarray of bool, shape (refits, studies)
        Which studies each fit holds.
    shown : ShownFit
        As from `refit_scale`.
    heading : str
        What the labels name.
    measure_label, favours, title, xlim
        As for `forest`.
    notes : sequence of str
        Lines under the plot.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row for each row of the plot, estimates on the shown scale; it has no `alt_text` yet.
    """
    scale, whole = shown.scale, estimate_of(fit, shown.coefficient)
    columns = ["k"] if refits["k"].min() < refits["k"].max() else []
    columns += [name for name, key in (("τ²", "tau2"), ("I²", "i2")) if not refits[key].isna().all()]
    columns = [name for name in columns if name != "τ²" or getattr(fit, "method", "") != "EE"]
    columns += ["P"] if shown.has_null else []
    refits = refits.reset_index(drop=True)
    for name in ("estimate", "ci_low", "ci_high"):
        refits[name] = [shown.back(value, row) for value, row in zip(refits[name], present, strict=True)]
    rows = [
        Row(
            "study",
            one["label"],
            cells=_cells(columns, one["k"], one["tau2"], one["i2"], one["p_value"]),
            interval=(one["estimate"], one["ci_low"], one["ci_high"]),
            area=0.35,
        )
        for one in refits.to_dict("records")
    ]
    diamond = (shown.back(whole.estimate), shown.back(whole.ci_low), shown.back(whole.ci_high))
    cells = _cells(columns, whole.k, whole.tau2, whole.i2, whole.p_value)
    rows += [Row("gap"), Row("pooled", f"All studies (k = {whole.k})", cells=cells, interval=diamond)]
    reference = 0.0 if shown.has_null else None
    limits = range_of(list(refits.estimate), [*refits.ci_low, *refits.ci_high], diamond, reference)
    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=limits if xlim is None else scale.limits(xlim),
        measure=shown.name(measure_label),
        interval_heading=(
            f"{shown.natural.name if shown.natural else shown.code or 'Estimate'} ({interval_name(fit.level)})"
        ),
        reference=reference,
        favours=None if shown.slope else favours,
        centre=diamond[0],
    )
    lines = (*notes, model_line(fit, test=shown.has_null), heterogeneity_line(fit))
    footer = [("", clean(line)) for line in lines if line]
    headings = [TextColumn(name, "right") for name in columns]
    figure = draw([block], headings, title=title, label_heading=heading, footer=footer)
    ends = dict(zip(("estimate", "ci_low", "ci_high"), diamond, strict=True))
    overall = {"label": "All studies"} | whole._asdict() | ends
    numbers = pd.concat([refits[NUMBERS], pd.DataFrame([overall])[NUMBERS]], ignore_index=True)
    for name in ("estimate", "ci_low", "ci_high"):
        numbers[name] = [scale.show(value) for value in numbers[name]]
    figure.numbers = numbers
    return figure


def _cells(columns: Sequence[str], k: float, tau2: float, i2: float, p: float) -> tuple[str, ...]:
    """Texts of the columns; one study has no heterogeneity."""
    texts = {
        "k": "" if np.isnan(k) else number(float(k), 0),
        "τ²": "" if k < 2 or np.isnan(tau2) else significant(float(tau2), 2),
        "I²": "" if k < 2 or np.isnan(i2) else f"{number(float(i2), 0)}%",
        "P": p_number(float(p)),
    }
    return tuple(texts[name] for name in columns)


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "BinomialNormal", "Regression", "Multilevel", "Robust")
def leave_one_out(
    fit: Fit,
    *,
    coefficient: str | None = None,
    cluster: Any = None,
    data: pd.DataFrame | None = None,
    sort: str | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the pooled estimate without each study, or each cluster, with the method and interval of the fit.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
        A fit of at least two studies.
    coefficient : str, optional
        Coefficient of a model with moderators; by default the only one beside the intercept.
    cluster : array-like, shape (k,), optional
        Cluster of each effect, left out together; by default the clusters of `robust`, of other fits each effect by
        itself.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    sort : str, optional
        As for `forest`, by what the left-out study has; or `estimate`, by the estimate without it.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a left-out study (estimate, ci_low, ci_high on the shown scale, k, p_value, tau2,
        i2, q), the fit of all studies last.

    Raises
    ------
    ModelError
        With one study.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.leave_one_out(fit)
    """
    result = without_each(fit, coefficient=coefficient, cluster=cluster)
    studies, clustered = read_studies(fit, data, ()), result.groups is not None
    every = result.deleted.estimate
    k, chosen = len(result.omitted), result.coefficient
    if clustered and sort not in (None, "label", "estimate"):
        raise DataError(f"clusters can be sorted by 'label' or 'estimate', not by {sort!r}.")
    by_estimate = sort == "estimate"
    if clustered:
        order = list(np.argsort(every, kind="stable")) if by_estimate else list(range(k))
    else:
        order = list(np.argsort(every, kind="stable")) if by_estimate else studies.order(sort, data)
    labels = [clean(name) for name in result.omitted] if clustered else studies.labels
    shown = refit_scale(fit, data, measure_label, transform, digits, chosen)
    figure = draw_refits(
        fit,
        result.to_frame().assign(label=labels).iloc[order],
        result.present[order],
        shown=shown,
        heading="Cluster left out" if clustered else "Study left out",
        measure_label=measure_label,
        favours=favours,
        title=title,
        xlim=xlim,
        notes=(result.note, *notes),
    )
    rows = figure.numbers.iloc[:-1].dropna(subset=["estimate"]).sort_values("estimate").to_dict("records")
    told = [
        f"{number(float(one['estimate']), shown.scale.digits)} (without {one['label']})"
        for one in (*rows[:1], *rows[-1:])
    ]
    figure.kind = "leave-one-out forest plot"
    figure.alt_text = (
        f"Leave-one-{'cluster-out' if clustered else 'out'} forest plot of {k} "
        f"{'clusters' if clustered else 'studies'}. {_pooled(figure, fit, measure_label, shown)} "
        + (
            f"Without one {'cluster' if clustered else 'study'} the estimate runs from {told[0]} to {told[1]}. "
            if told
            else ""
        )
        + clean(result.note)
    ).strip()
    return figure


def _pooled(figure: EvidenceFigure, fit: Any, label: str | None, shown: ShownFit) -> str:
    """Pooled result in a sentence, from the last row of the numbers."""
    last = figure.numbers.to_dict("records")[-1]
    ends = (last["estimate"], last["ci_low"], last["ci_high"])
    return f"{shown.name(label)}, pooled: {interval(*ends, digits=shown.scale.digits, level=fit.level)}."


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "BinomialNormal", "Regression", "Multilevel", "Robust")
def cumulative(
    fit: Fit,
    order: Any = None,
    *,
    coefficient: str | None = None,
    data: pd.DataFrame | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the pooled estimate of the first study, the first two, and so on, by the method of the fit.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
    order : str or array-like, shape (k,), optional
        TextColumn of `data`, or values, by which studies are added, ascending; by default the order of the fit.
    coefficient : str, optional
        Coefficient of a model with moderators; by default the only one beside the intercept.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a step (the study added, estimate, ci_low, ci_high on the shown scale, k, p_value,
        tau2, i2, q), the fit of all studies last.

    Raises
    ------
    DataError
        If `order` names no column, does not have one value a study, or cannot be sorted.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.cumulative(fit, order=bcg["year"])
    """
    studies, k = read_studies(fit, data, ()), len(fit.labels)
    values, by = _order(fit, order, data)
    place = values.argsort(kind="stable")
    chosen = choose_coefficient(fit, coefficient)
    result = growing(fit, values, coefficient=chosen)
    steps = result.to_frame().assign(label=[studies.labels[i] for i in place])
    present = np.empty((k, k), dtype=bool)
    present[:, place] = np.tri(k, dtype=bool)
    shown = refit_scale(fit, data, measure_label, transform, digits, chosen)
    figure = draw_refits(
        fit,
        steps,
        present,
        shown=shown,
        heading="Study added",
        measure_label=measure_label,
        favours=favours,
        title=title,
        xlim=xlim,
        notes=(f"DrawnStudies are added {by}; every row pools all studies down to it.", result.note, *notes),
    )
    first = figure.numbers.to_dict("records")[0]
    start = "not estimable"
    if not np.isnan(first["estimate"]):
        ends = (first["estimate"], first["ci_low"], first["ci_high"])
        start = interval(*ends, digits=shown.scale.digits, level=fit.level)
    figure.kind = "cumulative plot"
    figure.alt_text = (
        f"Cumulative forest plot of {counted(k, 'study', 'studies')}, added {by}. First study ({first['label']}): "
        f"{start}. {_pooled(figure, fit, measure_label, shown)} {_settled(steps) if shown.has_null else ''}"
    ).strip()
    return figure


def _order(fit: Any, order: Any, data: pd.DataFrame | None) -> tuple[pd.Series[Any], str]:
    """Values to order by, and how to say so."""
    if order is None:
        return pd.Series(range(len(fit.labels))), "as listed"
    if not isinstance(order, str):
        return pd.Series(beside(fit, order, "order")).reset_index(drop=True), "in the order given"
    if data is None or order not in data:
        raise DataError(f"order='{order}' is not known: give a column of the table, or one value a study.")
    chosen: Any = data[order]
    return chosen.reset_index(drop=True), f"by {clean(order).replace('_', ' ')}"


def _settled(steps: pd.DataFrame) -> str:
    """Say from which study on the interval stays on one side of no difference."""
    includes = np.flatnonzero(((steps.ci_low <= 0.0) & (steps.ci_high >= 0.0)) | steps.ci_low.isna())
    since = int(includes[-1]) + 1 if includes.size else 0
    if since == len(steps):
        return "The interval of all studies includes no difference."
    return f"From {steps.label.iloc[since]} on the interval excludes no difference."
