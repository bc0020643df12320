"""The forest plot as a page wants it: a table with a small drawing in each row, and real text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, EvidenceError, takes
from evidence.figures.drawing.axis import Axis, Scale, check_shows, make_axis
from evidence.figures.drawing.bias_signs import bias_signs
from evidence.figures.drawing.layout import Row
from evidence.figures.drawing.measure import as_told, choose_scale, has_null, measure_code, on_axis
from evidence.figures.drawing.sentences import heterogeneity_line, interval_name, model_line
from evidence.figures.drawing.studies import GROUPS, DrawnStudies, read_studies
from evidence.figures.forest import FAVOURS, axis_limits, axis_name, important_band, numbers_of, short_name
from evidence.measures import NEW_TRIAL, measure_of
from evidence.models.pooled import Pooled
from evidence.models.refit import refit
from evidence.results import Shown, predicts
from evidence.synthesis.synthesis import Synthesis
from evidence.wording import Listed, capital, number

if TYPE_CHECKING:
    from evidence.appraisal.certainty.grade import Certainty
    from evidence.appraisal.risk_of_bias import RiskOfBias
    from evidence.models.on_scale import OnScale
    from evidence.models.refit import Fit
    from evidence.tables.review import Review

__all__ = ["ForestTable", "forest_table"]

IN_BROWSER = ("EE", "DL", "DL2", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM")
"""Estimators that a page can compute itself; of other models it is given each fit with one study left out."""
AXIS_WIDTH = 190.0
"""Points of width for which the marks of the axis are chosen."""


@dataclass(frozen=True, eq=False, repr=False)
class ForestTable(Shown):
    """Result of `forest_table`: shows itself as a table with drawings in a notebook and on a page.

    Attributes
    ----------
    numbers : DataFrame
        As of the figure `evidence.figures.forest`: one row a study and pooled result, on the shown scale.
    html : str
        The table without its caption; every text in it is escaped.
    title : str
        What is shown; may be empty.
    text : str
        The same as text.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> table = ev.forest_table(fit)
    >>> "<table" in table._repr_html_()
    True
    """

    numbers: pd.DataFrame
    html: str
    title: str
    text: str

    kind: ClassVar[str] = "forest plot"
    """As of a figure: which guide explains it."""

    def to_frame(self) -> pd.DataFrame:
        """One row a study and pooled result, with all digits."""
        return self.numbers

    def summary(self) -> str:
        """Describe the plot in words."""
        return self.text

    def _repr_html_(self) -> str:
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        head, _, rest = self.html.partition(">")
        return f"<style>{style_sheet()}</style>{head}>{caption}{rest}"


@takes(
    "Synthesis", "Pooled", "MantelHaenszel", "Peto", "BinomialNormal", "Regression", "Multilevel", "Robust"
)
def forest_table(
    result: Synthesis | Fit,
    *,
    review: Review | None = None,
    data: pd.DataFrame | None = None,
    certainty: Certainty | str | None = None,
    important: float | tuple[float, float] | None = None,
    risk_of_bias: pd.DataFrame | RiskOfBias | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = FAVOURS,
    groups: tuple[str, str] = GROUPS,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    transform: Literal["natural", "exp", "identity"] | None = None,
    title: str | None = None,
    sort: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> ForestTable:
    """Show a fit of any class as a forest plot that is a table: text at the size of the page, a drawing in each row.

    On a page of the report, a box before each study leaves it out, and the diamond, the interval and the
    heterogeneity follow with the numbers of the library: of `evidence.pool` for any set of studies, of other models
    for one at a time (as `evidence.leave_one_out`). Without script, and on paper, it is the same table at rest.
    Names of trials lead to their pages; with the pointer on a name or the focus in it, the derivation of its effect
    shows.

    Parameters
    ----------
    result : Synthesis, or a fit as `evidence.figures.forest` takes it
        A synthesis brings its rows, its title and what it rests on.
    review : Review, optional
        With a synthesis: brings the names of what is favoured, means and SDs as they were reported, risk of bias by
        the domains of its tool, the important difference and the certainty, as far as they are not given.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; used where present: `label`, `arm`, `comparator`,
        `n_arm`, `n_comparator`, `measure`, `unit`, `derivation`.
    certainty : Certainty or str, optional
        As `evidence.grade` gives it, or a level in words; for the foot. A `Certainty` also gives the band of
        differences that are too small to matter.
    important : float or (float, float), optional
        The smallest important difference on the shown scale, as for `evidence.figures.forest`.
    risk_of_bias, measure_label, favours, groups, columns, transform, title, sort, xlim, digits, notes
        As for `evidence.figures.forest`.
    links : mapping from str to str, optional
        Addresses by the labels of the studies; by default the report links the trials that it has pages of.

    Returns
    -------
    ForestTable
        Show it as the last value of a cell, or hand it to `evidence.publish_table`.

    Raises
    ------
    DataError
        If a synthesis was not pooled, or what is given beside the fit does not belong to it.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> table = ev.forest_table(fit)
    >>> type(table).__name__
    'ForestTable'
    """
    minimum = 1
    notes = list(notes)
    reported, judged = None, risk_of_bias is not None
    if isinstance(result, Synthesis):
        if result.fit is None:
            raise DataError(
                f"{result.analysis.id} has no pooled result to show as a forest plot: {result.note}"
            )
        fit: Any = result.fit
        data = result.effects if data is None else data
        title = result.analysis.title if title is None else title
        if review is not None:
            favours, certainty, risk_of_bias, minimum = _of_review(
                review, result, favours, certainty, risk_of_bias
            )
            data = _with_names(review, data)
            if result.analysis.one_group:
                data = _as_reported(review, data)
            elif columns is None:
                reported = _arm_means(review, result.effects)
    else:
        fit = result
    code = measure_code(measure_label, data, fit)
    read, natural = on_axis(fit, code, transform, data)
    per, unit_words = _told_per(review, result)
    told = ("arm", "comparator") if data is not None and {"arm", "comparator"} <= set(data) else ()
    studies = read_studies(fit, data, columns, read=read, groups=groups)
    half = per * studies.typical_half_width
    scale = as_told(choose_scale(half, code, transform, digits), code, transform, digits)
    if not scale.sign:
        scale = replace(scale, factor=per)
    order = studies.order(sort, data)
    reference = 0.0 if has_null(code) else None
    if reference is None or (natural is not None and natural.of == "correlation") or code == "COR":
        favours = None if favours is FAVOURS else favours
    band = _band(certainty, important, scale)
    rows = [studies.row(i) for i in order]
    whole = [Row("pooled", "", interval=(read.estimate, read.ci_low, read.ci_high))]
    if predicts(read):
        whole.append(Row("prediction", "", interval=(math.nan, read.prediction_low, read.prediction_high)))
    if math.isnan(read.estimate):
        raise DataError("a model with moderators has no one pooled result; use figures.forest.")
    if xlim is None:
        limits = axis_limits([*rows, *whole], reference, band, natural)
    else:
        limits = check_shows(scale.limits(xlim), [*read.effect, read.estimate], scale)
    axis = make_axis(limits, AXIS_WIDTH, ratio=scale.ratio, factor=scale.factor, sign=scale.sign)
    letters, signs, meaning = ((), [()] * len(rows), "")
    if risk_of_bias is not None:
        letters, signs, meaning = bias_signs(risk_of_bias, fit, data, judged_only=not judged)  # type: ignore[assignment]
    unit = _unit(data, scale) if unit_words is None else unit_words
    page = _Page(
        fit=fit,
        data=data,
        read=read,
        studies=studies,
        labels=[str(one) for one in data["label"]] if told and data is not None else studies.labels,
        scale=scale,
        axis=axis,
        order=order,
        reference=reference,
        band=band,
        heading=", ".join(filter(None, [axis_name(measure_label, code, natural, transform), unit])),
        short=short_name(code, natural),
        favours=favours,
        letters=letters,
        signs=signs,
        reported=reported,
        links=links or {},
    )
    lines = [model_line(fit, test=reference is not None) + "."]
    if band is not None:
        low, high = (scale.text(end) for end in band)
        lines.append(f"Shaded: differences too small to matter ({low} to {high}).")
    lines += [meaning] if meaning else []
    lines += [read.note] if read.note else []
    lines += [studies.divided] if studies.divided else []
    lines += [f"{letter} {text}" for letter, text in studies.legend]
    if reported is not None:
        lines.append(
            "Under the sizes of the groups: mean (SD) as reported, on the scale of the trial's instrument."
        )
    lines += notes
    markup = page.html(_certainty(certainty), lines, _script_data(page, code, transform, natural, minimum))
    numbers = numbers_of(fit, studies, {"": order}, {}, {}, scale)
    return ForestTable(numbers, markup, title or "", _words(page, title or "", lines))


def _of_review(
    review: Review, result: Synthesis, favours: Any, certainty: Any, risk_of_bias: Any
) -> tuple[Any, Any, Any, int]:
    """What the review knows beside the synthesis, where it was not given."""
    from evidence.appraisal.certainty.grade import grade
    from evidence.appraisal.risk_of_bias import risk_of_bias as judged

    analysis = result.analysis
    if analysis.one_group:
        favours = None if favours is FAVOURS else favours
    elif favours is FAVOURS:
        treatment = " or ".join(analysis.spec.intervention).replace("_", " ")
        favours = (f"favours {treatment}", "favours comparator")
        if review.protocol.outcomes[analysis.outcome].better == "higher":
            favours = favours[::-1]
    if certainty is None:
        certainty = grade(review, analysis)
    if risk_of_bias is None and len(review.risk_of_bias):
        found = judged(review, result)
        risk_of_bias = found if found.trials["judged"].any() else None
    return favours, certainty, risk_of_bias, review.protocol.model_of(analysis).minimum_studies


def _told_per(review: Review | None, result: Any) -> tuple[float, str | None]:
    """By what the values of single groups are multiplied, and their unit; 1 and None of all others."""
    if review is None or not isinstance(result, Synthesis) or not result.analysis.one_group:
        return 1.0, None
    from evidence.appraisal.effect_words import outcome_words

    words, measure = (
        outcome_words(review, result.analysis.outcome, result.measure),
        measure_of(result.measure),
    )
    return (1.0, "") if measure.sign else (words.factor, words.unit)


def _with_names(review: Review, data: pd.DataFrame) -> pd.DataFrame:
    """Write the derivations of effects with the names of the arms for their ids."""
    if not {"derivation", "trial_id"} <= set(data.columns):
        return data
    arms = {
        trial: dict(zip(rows["arm_id"], rows["label"], strict=True))
        for trial, rows in review.arms.groupby("trial_id")
    }
    told = [
        ". ".join(capital(part.naming(arms.get(trial, {}))) for part in found.parts) + "."
        if isinstance(found, Listed) and found.parts
        else found
        for trial, found in zip(data["trial_id"], data["derivation"], strict=True)
    ]
    return data.assign(derivation=told)


def _as_reported(review: Review, data: pd.DataFrame) -> pd.DataFrame:
    """Add what single groups report beside events and sizes: person-time, or mean and SD."""
    found = review.arm_results.set_index("result_id")
    rows = found.reindex([str(one).split("; ")[0] for one in data["result_ids"]])
    names = {"time": "person_time", "m": "mean", "sd": "sd"}
    known = {
        name: rows[column].to_numpy(float) for name, column in names.items() if rows[column].notna().any()
    }
    data = data.assign(**known)
    return data.drop(columns="n_arm") if "time" in known else data


def _arm_means(review: Review, data: pd.DataFrame) -> pd.DataFrame | None:
    """Means and SDs of both arms as they were reported, on the instrument's own scale; None if there is none."""
    found = {str(row["result_id"]): row for row in review.arm_results.to_dict("records")}
    cells: dict[str, list[str]] = {"arm_id": [], "comparator_arm_id": []}
    for row in data.to_dict("records"):
        rows = [found[one] for one in str(row["result_ids"]).split("; ") if one in found]
        for side, texts in cells.items():
            known = [one for one in rows if one["arm_id"] == row[side] and one["sd"] == one["sd"]]
            said = f"{known[0]['mean']:.4g} ({known[0]['sd']:.4g})" if known else ""
            texts.append(said.replace("-", "−"))
    return pd.DataFrame(cells) if any(any(texts) for texts in cells.values()) else None


def _band(certainty: Any, important: Any, scale: Scale) -> tuple[float, float] | None:
    if important is not None:
        return important_band(important, scale)
    if not getattr(certainty, "named", True):
        return None
    mid = abs(float(getattr(certainty, "mid", math.nan)))
    return (-mid, mid) if math.isfinite(mid) and mid > 0 else None


def _unit(data: pd.DataFrame | None, scale: Scale) -> str:
    if data is None or "unit" not in data or scale.ratio:
        return ""
    units = set(data["unit"].dropna().astype(str))
    return units.pop() if len(units) == 1 else ""


def _certainty(certainty: Any) -> str:
    """Certainty as words of the foot, with its reasons folded."""
    if certainty is None:
        return ""
    if isinstance(certainty, str):
        return f"Certainty: {escape(certainty)}."
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in certainty.reasons)
    level = f'Certainty: <b aria-hidden="true">{certainty.symbols}</b> {escape(certainty.level)}'
    if not certainty.level:
        level = "Certainty: not rated"
    return f"<details><summary>{level}</summary><ul>{reasons}</ul></details>" if reasons else f"{level}."


@dataclass(frozen=True, eq=False)
class _Page:
    """All that the rows of the table are written from."""

    fit: Any
    data: pd.DataFrame | None
    read: OnScale
    studies: DrawnStudies
    labels: list[str]
    scale: Scale
    axis: Axis
    order: list[int]
    reference: float | None
    band: tuple[float, float] | None
    heading: str
    short: str
    favours: tuple[str, str] | None
    letters: tuple[str, ...]
    signs: list[Any]
    reported: pd.DataFrame | None
    links: Mapping[str, str]

    @property
    def weighted(self) -> bool:
        return not np.isnan(self.read.weights).all()

    @property
    def extra(self) -> list[tuple[str, list[str], str]]:
        """Columns between the name and the drawing: heading, one text a study, text of the whole."""
        cells = [self.studies.row(i).cells for i in range(len(self.labels))]
        totals = self.studies.totals(self.order)
        return [
            (" ".join(column.heading.split("\n")), [row[j] for row in cells], totals[j])
            for j, column in enumerate(self.studies.columns)
        ]

    def mean(self, i: int, column: int) -> str:
        """The mean and SD of an arm, to stand under its size."""
        if self.reported is None or column >= self.reported.shape[1]:
            return ""
        if not (text := escape(str(self.reported.iloc[i, column]))):
            return ""
        return f' <small class="below"><span class="unseen">mean (SD) </span>{text}</small>'

    def text(self, low: float, high: float) -> str:
        return f"{self.scale.text(low)} to {self.scale.text(high)}"

    def result(self, estimate: float, low: float, high: float) -> str:
        """An estimate with its interval, which may stand on a line of its own."""
        return f'{self.scale.text(estimate)} <span class="interval">({self.text(low, high)})</span>'

    def drawn(self, inner: str) -> str:
        """A drawing of a row with the band and the line of no difference behind it."""
        ground = ""
        if self.band is not None:
            low, high = (self.place(end) for end in self.band)
            ground += f'<rect class="mid" x="{low:.2f}%" y="0" width="{high - low:.2f}%" height="100%"/>'
        if self.reference is not None:
            at = self.place(self.reference)
            ground += f'<line class="zero" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="100%"/>'
        return f'<td class="plot"><svg aria-hidden="true">{ground}{inner}</svg></td>'

    def place(self, value: float) -> float:
        return 100 * self.axis.share(value)

    def span(self, low: float, high: float, name: str) -> str:
        """A line between two values, with arrows where it goes on beyond the axis."""
        if high < self.axis.low or low > self.axis.high:
            return self._arrow(0 if high < self.axis.low else 100)
        line = f'<line class="{name}" x1="{self.place(low):.2f}%" x2="{self.place(high):.2f}%" y1="50%" y2="50%"/>'
        line += self._arrow(0) if low < self.axis.low else ""
        return line + (self._arrow(100) if high > self.axis.high else "")

    @staticmethod
    def _arrow(at: int) -> str:
        shape = "M0 0L7 -4V4Z" if at == 0 else "M0 0L-7 -4V4Z"
        return (
            f'<svg class="end" x="{at}%" y="50%" width="1" height="1"><path class="arrow" d="{shape}"/></svg>'
        )

    def study(self, i: int) -> str:
        label = self.labels[i]
        name = escape(label)
        if address := self.links.get(label):
            name = f'<a href="{escape(address)}">{name}</a>'
        row: Any = self.data.iloc[i] if self.data is not None else {}
        parts = [f'<span class="name">{name}</span>']
        if self.studies.letters[i]:
            parts.append(f"<sup>{escape(self.studies.letters[i])}</sup>")
        if "arm" in row and "comparator" in row:
            arms = " v ".join(filter(None, (str(row["arm"]), str(row["comparator"]))))
            parts.append(f'<small class="arms">{escape(arms)}</small>')
        if "derivation" in row and str(row["derivation"]).strip():
            parts.append(f'<span class="derivation">{escape(str(row["derivation"]))}</span>')
        cells = [f'<th scope="row">{"".join(parts)}</th>']
        for j, (heading, texts, _) in enumerate(self.extra):
            said = f'<small class="head">{escape(heading)}</small> ' if texts[i] else ""
            cells.append(f'<td class="number">{said}{escape(texts[i])}{self.mean(i, j)}</td>')
        cells += [_sign(sign, letter) for sign, letter in zip(self.signs[i], self.letters, strict=True)]
        estimate, low, high = self.studies.interval(i)
        inner = ""
        if not math.isnan(estimate):
            inner = self.span(low, high, "ci")
            if self.axis.low <= estimate <= self.axis.high:
                size = 4 + 10 * math.sqrt(float(self.studies.areas[i]))
                inner += (
                    f'<rect class="mark" x="{self.place(estimate):.2f}%" y="50%" width="{size:.1f}" '
                    f'height="{size:.1f}" transform="translate({-size / 2:.2f} {-size / 2:.2f})"/>'
                )
        cells.append(self.drawn(inner))
        shown = "not estimable" if math.isnan(estimate) else self.result(estimate, low, high)
        cells.append(f'<td class="number result">{shown}</td>')
        if self.weighted:
            cells.append(
                '<td class="number"><small class="head">Weight</small> '
                f'<span class="weight">{_percent(self.read.weights[i])}</span></td>'
            )
        return f'<tr class="study">{"".join(cells)}</tr>\n'

    def pooled(self) -> str:
        read = self.read
        low, middle, high = (self.place(value) for value in (read.ci_low, read.estimate, read.ci_high))
        at = 100 * (middle - low) / (high - low) if high > low else 50.0
        diamond = (
            f'<svg class="diamond" x="{low:.2f}%" y="50%" width="{max(high - low, 0.5):.2f}%" height="16" '
            f'viewBox="0 0 100 10" preserveAspectRatio="none"><path d="M0 5L{at:.2f} 0L100 5L{at:.2f} 10Z"/></svg>'
        )
        cells = [f'<th scope="row"><span class="pooled-label">All studies (k = {read.k})</span></th>']
        for heading, _, total in self.extra:
            said = f'<small class="head">{escape(heading)}</small> ' if total else ""
            cells.append(f'<td class="number">{said}{escape(total)}</td>')
        cells += ["<td></td>"] * len(self.letters)
        cells.append(self.drawn(diamond))
        shown = self.result(read.estimate, read.ci_low, read.ci_high)
        cells.append(f'<td class="number result"><span class="pooled-result">{shown}</span></td>')
        cells += ["<td></td>"] * self.weighted
        rows = f'<tr class="pooled">{"".join(cells)}</tr>\n'
        if predicts(read):
            cells = [f'<th scope="row">Prediction interval: {NEW_TRIAL}</th>']
            cells += ["<td></td>"] * (len(self.extra) + len(self.letters))
            cells.append(self.drawn(self.span(read.prediction_low, read.prediction_high, "prediction")))
            shown = self.text(read.prediction_low, read.prediction_high)
            cells.append(f'<td class="number result"><span class="pooled-prediction">{shown}</span></td>')
            cells += ["<td></td>"] * self.weighted
            rows += f'<tr class="prediction">{"".join(cells)}</tr>\n'
        return rows

    def foot(self) -> str:
        """The axis, with what lies on its two sides."""
        marks = "".join(
            f'<line class="zero" x1="{self.place(tick):.2f}%" x2="{self.place(tick):.2f}%" y1="0" y2="5"/>'
            f'<text x="{self.place(tick):.2f}%" y="19" text-anchor="middle">{escape(label)}</text>'
            for tick, label in zip(self.axis.ticks, self.axis.labels, strict=True)
        )
        sides = ""
        if self.favours is not None:
            below, above = self.favours
            below, above = f"←&nbsp;{escape(below)}", f"{escape(above)}&nbsp;→"
            sides = f'<span class="side">{below}</span><span class="side">{above}</span>'
        before = 1 + len(self.extra) + len(self.letters)
        return (
            f'<tr class="axis"><td colspan="{before}"></td><td class="plot"><svg aria-hidden="true">{marks}</svg>'
            f'<p class="sides">{sides}</p></td><td colspan="{1 + self.weighted}"></td></tr>\n'
        )

    def html(self, certainty: str, lines: Sequence[str], data: Mapping[str, Any]) -> str:
        heads = ['<th scope="col">Study</th>']
        heads += [f'<th scope="col" class="number">{escape(heading)}</th>' for heading, _, _ in self.extra]
        heads += [
            f'<th scope="col" class="sign" title="Risk of bias">{letter}</th>' for letter in self.letters
        ]
        heads.append(f'<th scope="col" class="plot">{escape(self.heading)}</th>')
        heads.append(
            f'<th scope="col" class="number">{escape(self.short)} ({interval_name(self.read.level)})</th>'
        )
        heads += ['<th scope="col" class="number">Weight</th>'] * self.weighted
        width = len(heads)
        foot = [f'<span class="pooled-heterogeneity">{escape(heterogeneity_line(self.fit))}</span>.']
        foot += [certainty] if certainty else []
        first, *rest = (escape(line) for line in lines)
        foot.append(first)
        if rest:
            listed = "".join(f"<li>{line}</li>" for line in rest)
            foot.append(
                f'<details class="signs"><summary>Letters, signs and shading</summary><ul>{listed}</ul></details>'
            )
        remarks = "".join(f"<div>{one}</div>" for one in foot)
        body = "".join(self.study(i) for i in self.order)
        text = escape(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
        return (
            f'<table class="forest-table" data-forest="{text}"><thead><tr>{"".join(heads)}</tr></thead>\n'
            f"<tbody>\n{body}{self.pooled()}{self.foot()}</tbody>\n"
            f'<tfoot><tr><td colspan="{width}">{remarks}</td></tr></tfoot></table>'
        )


def _sign(sign: Any, letter: str) -> str:
    """A judgement as a sign in a circle, in words for those who hear it."""
    words = {"+": "low", "?": "some concerns", "−": "high"}.get(sign.text, "not judged")
    name = {"+": "low", "?": "some", "−": "high"}.get(sign.text, "none")
    shown = f'<span aria-hidden="true">{escape(sign.text)}</span><span class="unseen">{words}</span>'
    return (
        f'<td class="sign {name}"><small class="head">{letter}</small>'
        f'<span title="{letter}: {words}">{shown}</span></td>'
    )


def _percent(weight: float) -> str:
    return "" if math.isnan(weight) else f"{number(float(weight), 1)}%"


def _script_data(page: _Page, code: str, transform: str | None, natural: Any, minimum: int) -> dict[str, Any]:
    """What a page needs to leave studies out, in the order of the rows."""
    fit, order, read = page.fit, page.order, page.read
    trials = (
        list(page.data["study"])
        if page.data is not None and "study" in page.data
        else list(range(len(page.labels)))
    )
    found: dict[str, Any] = {
        "axis": [page.axis.low, page.axis.high],
        "ratio": page.scale.ratio,
        "digits": page.scale.digits,
        "factor": page.scale.factor,
        "sign": page.scale.sign,
        "short": page.short,
        "minimum": minimum,
        "trial": [str(trials[i]) for i in order],
        "all": _plain(read, [float(read.weights[i]) for i in order], ""),
    }
    if (
        isinstance(fit, Pooled)
        and fit.counts == "IV"
        and not fit.tau2_given
        and fit.method in IN_BROWSER
        and fit.ci != "KR"
        and natural is None
    ):
        model = {name: getattr(fit, name) for name in ("method", "ci", "level", "prediction")}
        values = {name: [float(getattr(fit, name)[i]) for i in order] for name in ("effect", "variance")}
        return found | values | {"model": model}
    left: list[dict[str, Any] | None] = []
    for i in order:
        rest = [j for j in range(len(page.labels)) if j != i]
        try:
            other = refit(fit, np.array(rest, dtype=np.intp))
            rows = None if page.data is None else page.data.iloc[rest]
            one, _ = on_axis(other, code, transform, rows, whole=(fit, rest))
        except EvidenceError:
            left.append(None)
            continue
        weights = dict(zip(rest, one.weights, strict=True))
        left.append(_plain(one, [float(weights.get(j, math.nan)) for j in order], heterogeneity_line(other)))
    return found | {"left": left}


def _plain(read: OnScale, weights: Sequence[float], line: str) -> dict[str, Any]:
    def known(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    names = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
    values: dict[str, Any] = {name: known(getattr(read, name)) for name in names}
    return values | {"k": read.k, "weights": [known(one) for one in weights], "line": line}


def _words(page: _Page, title: str, lines: Sequence[str]) -> str:
    """The table as text."""
    rows = [
        f"  {page.labels[i]}: {page.scale.text(estimate)} ({page.text(low, high)})"
        for i in page.order
        for estimate, low, high in (page.studies.interval(i),)
    ]
    read = page.read
    pooled = f"{page.scale.text(read.estimate)} ({interval_name(read.level)} {page.text(read.ci_low, read.ci_high)})"
    return "\n".join(
        [
            *([title] if title else []),
            f"{page.heading}: {pooled}, k = {read.k}",
            *rows,
            heterogeneity_line(page.fit),
            *lines,
        ]
    )


@cache
def style_sheet() -> str:
    """The rules of the table, for notebooks and pages alike."""
    return Path(__file__).with_name("forest_table.css").read_text("utf-8")
