"""Claims with their verdicts, and the results that decide them as multiples of what matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from evidence.appraisal.audit.judge import CONTRADICTED, NOT_ADDRESSED, SHORT_TERM, SUPPORTED, UNCERTAIN
from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Axis, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.style import (
    BLUE,
    BODY,
    GREY,
    HAIRLINE,
    INK,
    LINE,
    MARGIN,
    ORANGE,
    PAGE,
    SKY,
    SMALL,
    TITLE,
    VERMILLION,
    style,
)
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.appraisal.audit.audit import Audit

__all__ = ["verdicts"]

LOOKS: dict[str, tuple[str, str]] = {
    SUPPORTED: ("o", BLUE),
    SHORT_TERM: ("D", SKY),
    UNCERTAIN: ("s", ORANGE),
    CONTRADICTED: ("X", VERMILLION),
    NOT_ADDRESSED: ("_", GREY),
}
"""Mark and colour of each verdict."""

ROW_STEP, GAP, INDENT = 11.0, 6.0, 10.0
PANEL_LEFT, PANEL_RIGHT, NUMBERS, CERTAINTY = 205.0, 385.0, 466.0, PAGE - MARGIN
HEADER, TICKS = 26.0, 30.0


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One line of the figure: of a claim, a result that decides it, or a remark."""

    kind: str
    text: str
    verdict: str = ""
    result: dict[str, Any] | None = None

    @property
    def height(self) -> float:
        """Height in points."""
        return GAP if self.kind == "gap" else ROW_STEP


@redrawable
@takes("Audit")
def verdicts(audit: Audit, *, title: str = "") -> EvidenceFigure:
    """Draw each claim with its verdict and under it the pooled results that decide.

    The axis counts in smallest differences that matter, so that results in different units stand side by side: 0 is
    no effect, 1 an effect that just matters, and what lies left of 0 is the opposite of a benefit.

    Parameters
    ----------
    audit : Audit
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a claim and deciding result: claim_id, claim, verdict, analysis, part, says (the verdict
        by this result alone, which its mark shows), estimate, ci_low, ci_high (all three in smallest differences that
        matter; missing where nothing was pooled or no such difference is declared) and certainty.

    Raises
    ------
    DataError
        If there is no claim.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> figure = ev.figures.verdicts(ev.audit(review))
    """
    if audit.claims.empty:
        raise DataError("There is nothing to draw: the audit has no claims.")
    frame = _numbers(audit)
    drawn = frame.dropna(subset=["estimate"])
    limits = range_of(list(drawn["estimate"]), [*drawn["ci_low"], *drawn["ci_high"], 0.0, 1.0], (), 0.0)
    axis = make_axis((min(limits[0], -0.2), max(limits[1], 1.2)), PANEL_RIGHT - PANEL_LEFT, ratio=False)
    lines = _lines(audit, frame)
    with style():
        top = MARGIN + (TITLE + 8 if title else 0) + HEADER
        body = sum(line.height for line in lines)
        height = top + body + TICKS + MARGIN
        figure = EvidenceFigure(PAGE, height)
        figure.write(MARGIN, MARGIN + TITLE, clean(title), size=TITLE, weight="bold")
        _write_header(figure, top)
        panel = figure.add_axes(
            (PANEL_LEFT / PAGE, 1 - (top + body) / height, (PANEL_RIGHT - PANEL_LEFT) / PAGE, body / height)
        )
        _prepare(panel, axis, body)
        y = 0.0
        for line in lines:
            _write_line(figure, panel, top + y, y + line.height / 2, line, axis)
            y += line.height
        figure.write(
            (PANEL_LEFT + PANEL_RIGHT) / 2,
            top + body + 25,
            "0: no effect; 1: just matters; below 0: harm",
            size=SMALL,
            ha="center",
        )
    figure.numbers = frame
    figure.kind = "figure of verdicts"
    figure.alt_text = _describe(audit, frame)
    return figure


def _numbers(audit: Audit) -> pd.DataFrame:
    """The results that decide, as multiples of what matters, turned so that a benefit is positive."""
    results = audit.results[audit.results["deciding"]].reset_index(drop=True)
    scale = results["favours"] / results["mid"]
    turned = pd.DataFrame({name: results[name] * scale for name in ("estimate", "ci_low", "ci_high")})
    bounds = turned[["ci_low", "ci_high"]]
    frame = pd.DataFrame(
        {
            "claim_id": results["claim_id"],
            "analysis": results["analysis"],
            "part": (
                results["intervention"] + " for " + results["outcome"] + ", " + results["window"] + " term"
            ).str.replace("_", " "),
            "says": results["verdict"],
            "estimate": turned["estimate"],
            "ci_low": bounds.min(axis=1),
            "ci_high": bounds.max(axis=1),
            "certainty": results["certainty"].fillna(""),
        }
    )
    own = audit.claims[["claim_id", "claim", "verdict"]]
    return own.merge(frame, on="claim_id", how="left")


def _lines(audit: Audit, frame: pd.DataFrame) -> list[ClaimLine]:
    lines: list[ClaimLine] = []
    for claim in audit.claims.to_dict("records"):
        verdict = claim["verdict"]
        room = PAGE - 2 * MARGIN - text_width(verdict, BODY, "bold") - 24
        if lines:
            lines.append(ClaimLine("gap", ""))
        for count, text in enumerate(wrap(clean(claim["claim"]), room, BODY, "bold")):
            lines.append(ClaimLine("claim", text, verdict if count == 0 else ""))
        own = frame[(frame["claim_id"] == claim["claim_id"]) & frame["estimate"].notna()]
        for row in own.to_dict("records"):
            *before, last = wrap(clean(row["part"]), PANEL_LEFT - MARGIN - INDENT - 5)
            lines += [ClaimLine("label", text) for text in before]
            lines.append(ClaimLine("result", last, row["says"], row))
        # Where the results alone do not tell the verdict, the reason does.
        if set(own["says"]) != {verdict}:
            remark = wrap(clean(claim["why"]), PAGE - 2 * MARGIN - INDENT, SMALL)
            lines += [ClaimLine("remark", text) for text in remark]
    return [*lines, ClaimLine("gap", "")]


def _write_header(figure: EvidenceFigure, top: float) -> None:
    figure.write(MARGIN, top - 8, "Claim, and the results that decide", weight="bold")
    middle = (PANEL_LEFT + PANEL_RIGHT) / 2
    figure.write(middle, top - 18, "Effect, in smallest", weight="bold", ha="center")
    figure.write(middle, top - 8, "differences that matter", weight="bold", ha="center")
    figure.write(NUMBERS, top - 8, "Estimate (interval)", weight="bold", ha="right")
    figure.write(CERTAINTY, top - 8, "Certainty", weight="bold", ha="right")


def _prepare(panel: Axes, axis: Axis, body: float) -> None:
    panel.set(xlim=(axis.low, axis.high), ylim=(body, 0), yticks=[], facecolor="none")
    panel.set_xticks(axis.ticks, axis.labels, fontsize=SMALL)
    panel.spines[["left", "right", "top"]].set_visible(False)


def _write_line(
    figure: EvidenceFigure, panel: Axes, top: float, middle: float, line: ClaimLine, axis: Axis
) -> None:
    """Write one line whose upper edge is `top` points from the top of the page, and draw its marks in the panel."""
    base = top + line.height - 3
    if line.kind == "claim":
        figure.write(MARGIN, base, line.text, weight="bold")
        figure.write(PAGE - MARGIN, base, line.verdict, weight="bold", ha="right")
        if line.verdict:
            x = PAGE - MARGIN - text_width(line.verdict, BODY, "bold") - 7
            height = figure.get_figheight() * 72
            figure.add_artist(Line2D([x / PAGE], [1 - (base - 3) / height], **_mark(line.verdict)))
    elif line.kind == "remark":
        figure.write(MARGIN + INDENT, base, line.text, size=SMALL, color=GREY)
    else:
        figure.write(MARGIN + INDENT, base, line.text)
    if line.result is not None:
        figure.write(NUMBERS, base, _span(line.result), ha="right")
        figure.write(CERTAINTY, base, line.result["certainty"], ha="right")
        _draw_result(panel, middle, line, axis)


def _draw_result(panel: Axes, y: float, line: ClaimLine, axis: Axis) -> None:
    """Draw a result with its interval, and beside it the two places that it is read against."""
    edges = [y - ROW_STEP / 2, y + ROW_STEP / 2]
    panel.plot([0, 0], edges, color=GREY, linewidth=HAIRLINE, zorder=1)
    panel.plot([1, 1], edges, color=GREY, linewidth=HAIRLINE, linestyle=(0, (2, 2)), zorder=1)
    result = line.result or {}
    low, high = float(result["ci_low"]), float(result["ci_high"])
    ends = [min(max(end, axis.low), axis.high) for end in (low, high)]
    panel.plot(ends, [y, y], color=INK, linewidth=LINE, solid_capstyle="butt", zorder=2)
    for beyond, place, arrow in ((low < axis.low, axis.low, "<"), (high > axis.high, axis.high, ">")):
        if beyond:
            panel.plot([place], [y], marker=arrow, markersize=5, color=INK, markeredgewidth=0, clip_on=False)
    if axis.low <= float(result["estimate"]) <= axis.high:
        panel.plot([float(result["estimate"])], [y], zorder=3, **_mark(line.verdict))


def _mark(verdict: str) -> dict[str, Any]:
    marker, colour = LOOKS[verdict]
    look = {"marker": marker, "markersize": 5.5, "color": colour, "linestyle": "none"}
    return look if marker == "_" else look | {"markeredgecolor": INK, "markeredgewidth": 0.5}


def _span(result: dict[Any, Any]) -> str:
    estimate, low, high = (number(float(result[name]), 1) for name in ("estimate", "ci_low", "ci_high"))
    return f"{estimate} ({low} to {high})"


def _describe(audit: Audit, frame: pd.DataFrame) -> str:
    """Each claim with its verdict and the numbers drawn under it."""
    texts = []
    for claim in audit.claims.to_dict("records"):
        own = frame[(frame["claim_id"] == claim["claim_id"]) & frame["estimate"].notna()]
        numbers = "; ".join(
            f"{row['part']} {_span(row)}, certainty {row['certainty']}" for row in own.to_dict("records")
        )
        texts.append(f"{claim['claim'].rstrip('.')}: {claim['verdict']}{f' ({numbers})' if numbers else ''}.")
    return (
        "Verdicts on claims, with the deciding effects in smallest differences that matter, benefit positive. "
        + " ".join(texts)
    )
