"""Waterfalls of a component model: components that add up to a combination, beside the network's own estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd
from matplotlib.axes import Axes as Panel
from matplotlib.patches import Rectangle
from scipy.special import ndtri

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.directions import directions_height, place_directions, write_directions
from evidence.figures.drawing.layout import Block, Placed, Row
from evidence.figures.drawing.marks import draw_panel
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import page
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.style import BODY, GREY, HAIRLINE, LINE, MARGIN, ORANGE, SKY, page_width, style
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.figures.network.treatments import (
    additivity_line,
    component_name,
    components_line,
    treatment_name,
)

if TYPE_CHECKING:
    from evidence.models.network.components_result import Components
    from evidence.models.network.result import Network

__all__ = ["waterfall"]

LABEL_WIDEST, GAP, BAR, STEP, TICKS = 170.0, 12.0, 9.0, 10.0, 19.0  # points


@redrawable
@takes("Components")
def waterfall(
    comp: Components,
    combination: str,
    *,
    against: str | None = None,
    net: Network | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours combination", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw how the effects of components add up to that of a combination.

    Every bar begins where the one above it ends; thin lines are the intervals of single components. The diamond is
    their sum by the additive model; the square the estimate of a network in which the combination has an effect of
    its own, where there is one.

    Parameters
    ----------
    comp : Components
    combination : str
        Components with the separator of the model between them, such as `massage+exercise`.
    against : str, optional
        A combination to compare with; by default the inactive component, or nothing.
    net : Network, optional
        Gives the network estimate; by default that of the component model's own data, if these hang together and the
        inactive component is one of the treatments.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a bar or mark: kind (`component`, `sum`, `network`), label, estimate, ci_low, ci_high,
        start and end of the bar, on the shown scale.

    Raises
    ------
    DataError
        If a component is not known or cannot be estimated, or the two combinations have the same components.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> contrasts = pd.DataFrame(
    ...     {
    ...         "study": ["A", "B", "C", "D", "E"],
    ...         "treat1": ["massage", "exercise", "massage+exercise", "massage+exercise", "massage"],
    ...         "treat2": ["usual", "usual", "exercise", "usual", "usual"],
    ...         "effect": [-0.4, -0.3, -0.3, -0.8, -0.5],
    ...         "se": [0.2, 0.2, 0.25, 0.3, 0.2],
    ...     }
    ... )
    >>> net = ev.network(contrasts, reference="usual")
    >>> comp = ev.components(net, inactive="usual")
    >>> figure = ev.figures.waterfall(comp, "massage+exercise", against="usual")
    """
    steps = _steps(comp, combination, against)
    total = steps[-1]
    own = _network_estimate(comp, net, combination, against)
    if own is not None:
        steps.append(own)
    code = measure_code(measure_label, None)
    scale = choose_scale((total.ci_high - total.ci_low) / 2, code, transform, digits)
    limits = range_of(
        [step.end for step in steps],
        [step.start + bound for step in steps for bound in (step.ci_low, step.ci_high)],
    )
    block = Block(
        rows=tuple(step.row for step in steps),
        scale=scale,
        limits=limits if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code),
        interval_heading=f"{code or 'Estimate'} ({interval_name(comp.level)})",
        favours=favours,
    )
    versus = comp.inactive if against is None else against
    name = treatment_name(combination) + ("" if versus is None else f" v {treatment_name(versus)}")
    missing = "" if own is not None else f"The network has no estimate of its own of {name}."
    where = " on the log scale" if scale.ratio else ""
    bars = (
        f"Every bar begins where the one above it ends{where}; thin lines are intervals of single components."
    )
    lines = (bars, f"{components_line(comp)}.", f"{additivity_line(comp)}.", missing, *notes)
    with style():
        figure = _draw(steps, block, name if title is None else title, clean(" ".join(filter(None, lines))))
    figure.numbers = pd.DataFrame([step.shown(scale) for step in steps])
    texts = [
        f"{step.label} {estimate_text(step.estimate, step.ci_low, step.ci_high, scale, comp.level)}"
        for step in steps
    ]
    said = [
        f"Waterfall of {name}, {block.measure}: {'; '.join(texts)}.",
        missing,
        f"{additivity_line(comp)}.",
    ]
    figure.kind = "waterfall"
    figure.alt_text = " ".join(filter(None, said))
    return figure


@dataclass(frozen=True, slots=True)
class Stair:
    """A bar that begins at `start`, or the mark of a sum or a network estimate, on the analysis scale."""

    kind: Literal["component", "sum", "network"]
    label: str
    estimate: float
    ci_low: float
    ci_high: float
    start: float = 0.0

    @property
    def end(self) -> float:
        """Where the next bar begins."""
        return self.start + self.estimate

    @property
    def row(self) -> Row:
        """Row of the figure; bars are no marks of a row and are drawn on their own."""
        interval = (self.estimate, self.ci_low, self.ci_high)
        if self.kind == "component":
            return Row("study", self.label)
        return Row("pooled" if self.kind == "sum" else "own", self.label, interval=interval, area=0.6)

    def shown(self, scale: Scale) -> dict[str, object]:
        """All numbers on the shown scale."""
        names = ("estimate", "ci_low", "ci_high", "start", "end")
        return {"kind": self.kind, "label": self.label} | {
            name: scale.show(getattr(self, name)) for name in names
        }


def _steps(comp: Components, combination: str, against: str | None) -> list[Stair]:
    """Components one after the other, and their sum."""
    row = comp.design.row(combination)
    if against is not None:
        row = row - comp.design.row(against)
    if not row.any():
        raise DataError(f"{combination!r} adds no component; there is nothing to add up.")
    steps: list[Stair] = []
    for sign, (name, one) in zip(row, comp.to_frame().iterrows(), strict=True):
        if not sign:
            continue
        if name in comp.reasons:
            raise DataError(f"{name} cannot be estimated: {comp.reasons[str(name)]}")
        low, high = sorted((sign * one["ci_low"], sign * one["ci_high"]))
        label = f"{'+' if sign > 0 else '−'} {component_name(comp, str(name))}"
        start = steps[-1].end if steps else 0.0
        steps.append(Stair("component", label, sign * one["estimate"], low, high, start))
    total = comp.combination(combination, against)
    return [*steps, Stair("sum", "Sum of components", total["estimate"], total["ci_low"], total["ci_high"])]


def _network_estimate(
    comp: Components, net: Network | None, combination: str, against: str | None
) -> Stair | None:
    """Estimate of the combination when it has an effect of its own; None if there is none."""
    versus = comp.inactive if against is None else against
    if net is not None:
        one, other = _same(comp, combination, net.treatments), _same(comp, versus, net.treatments)
        if one is None or other is None:
            return None
        frame = net.relative_to(other)
        estimate, low, high = frame.loc[[one], ["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)[0]
        return Stair("network", "Network estimate", float(estimate), float(low), float(high))
    table = comp.combinations()
    one = _same(comp, combination, list(table.index))
    if "network" not in table or one is None or versus != comp.inactive:
        return None
    estimate, se = table.loc[[one], ["network", "network_se"]].to_numpy(dtype=float)[0]
    half = float(ndtri(0.5 + 0.5 * comp.level) * se)
    return Stair(
        "network", "Network estimate", float(estimate), float(estimate) - half, float(estimate) + half
    )


def _same(comp: Components, label: str | None, treatments: Sequence[str]) -> str | None:
    """Name of the treatment with the components of a label, in whatever order they stand."""
    if label is None:
        return None

    def parts(text: str) -> set[str]:
        names = {part.strip() for part in text.split(comp.design.separator)}
        return {name for name in names if name != comp.inactive} or names

    return next((name for name in treatments if parts(name) == parts(label)), None)


def _draw(steps: Sequence[Stair], block: Block, title: str, caption: str) -> EvidenceFigure:
    """Draw labels, bars and marks, and the estimates beside them."""
    label_width = min(max(text_width(row.label, BODY, row.bold) for row in block.rows), LABEL_WIDEST)
    placed = [Placed(row, wrap(row.label, label_width, BODY, row.bold), []) for row in block.rows]
    show = block.scale.text
    texts = [f"{show(step.estimate)} ({show(step.ci_low)} to {show(step.ci_high)})" for step in steps]
    widths = [text_width(text, BODY, row.bold) for text, row in zip(texts, block.rows, strict=True)]
    left = MARGIN + label_width + GAP
    width = (
        page_width()
        - left
        - 2 * GAP
        - max(*widths, text_width(block.interval_heading, BODY, "bold"))
        - MARGIN
    )
    axis = make_axis(block.limits, width, ratio=block.scale.ratio)
    directions = place_directions(block.favours, left + axis.share(0.0) * width, page_width())
    measure = wrap(block.measure, width, BODY, "bold")
    header, rows = STEP * len(measure) + 5, sum(one.height for one in placed)
    body = header + rows + TICKS + directions_height(directions) + 8
    figure, top = page(body, title=title, caption=caption, width=page_width())
    for down, line in enumerate(measure):
        figure.write(left + width / 2, top + BODY + STEP * down, line, weight="bold", ha="center")
    first = top + header - 5 - STEP + BODY
    figure.write(page_width() - MARGIN, first, block.interval_heading, weight="bold", ha="right")
    y, height = top + header, figure.get_figheight() * 72
    panel = figure.add_axes(
        (left / page_width(), 1 - (y + rows) / height, width / page_width(), rows / height)
    )
    draw_panel(panel, placed, block, axis)
    middle = 0.0
    for step, mark, text in zip(steps, placed, texts, strict=True):
        at = middle + mark.height / 2
        if step.kind == "component":
            _bar(panel, step, at, middle + mark.height + BAR / 2, axis)
        base = y + at + 0.36 * BODY
        for down, line in enumerate(mark.label):
            shift = STEP * (down - (len(mark.label) - 1) / 2)
            figure.write(MARGIN, base + shift, line, weight=mark.row.bold)
        figure.write(page_width() - MARGIN, base, text, weight=mark.row.bold, ha="right")
        middle += mark.height
    write_directions(figure, y + rows + TICKS + 5, directions)
    return figure


def _bar(panel: Panel, step: Stair, at: float, below: float, axis: Axis) -> None:
    """Draw a bar, the interval of its end, and the line that leads down to the next."""
    low, high = (min(max(end, axis.low), axis.high) for end in sorted((step.start, step.end)))
    colour = SKY if step.estimate < 0 else ORANGE
    panel.add_patch(Rectangle((low, at - BAR / 2), high - low, BAR, facecolor=colour, zorder=2))
    ends = [min(max(step.start + bound, axis.low), axis.high) for bound in (step.ci_low, step.ci_high)]
    panel.plot(ends, [at, at], color=GREY, linewidth=LINE, zorder=3)
    if axis.low <= step.end <= axis.high:
        panel.plot([step.end] * 2, [at + BAR / 2, below], color=GREY, linewidth=HAIRLINE, zorder=3)
