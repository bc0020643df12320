"""Forest plots of component models: what each component of the treatments adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from evidence.errors import takes
from evidence.figures.drawing.axis import range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.text import clean
from evidence.figures.network.treatments import (
    additivity_line,
    component_name,
    components_line,
    treatment_name,
)
from evidence.wording import number, p_number

if TYPE_CHECKING:
    from evidence.models.network.components_result import Components

__all__ = ["component_forest"]


@redrawable
@takes("Components")
def component_forest(
    comp: Components,
    *,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours component", "favours none"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the effect of adding each component, and of each interaction, with the test of additivity below.

    Parameters
    ----------
    comp : Components
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a component: component, estimate, ci_low, ci_high (on the shown scale; missing where it
        cannot be estimated), p_value, studies (in which some arm has it).

    Raises
    ------
    DataError
        If an option is not usable.

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
    >>> figure = ev.figures.component_forest(comp)
    """
    table = comp.to_frame()
    table["studies"] = [_studies(comp, place) for place in range(len(table))]
    code = measure_code(measure_label, None)
    half = float(((table.ci_high - table.ci_low) / 2).median())
    scale = choose_scale(half, code, transform, digits)
    rows: list[Row] = []
    for one in table.reset_index().to_dict("records"):
        known = not np.isnan(one["estimate"])
        if one["component"] in comp.design.interactions and not any(row.kind == "heading" for row in rows):
            rows += [Row("gap"), Row("heading", "Interactions: both beyond their sum")]
        rows.append(
            Row(
                "study",
                component_name(comp, one["component"]) + ("" if known else " (cannot be estimated)"),
                cells=(number(one["studies"], 0), p_number(one["p_value"])),
                interval=(one["estimate"], one["ci_low"], one["ci_high"]) if known else None,
                area=0.45,
            )
        )
    limits = range_of(list(table.estimate), [*table.ci_low, *table.ci_high])
    against = "" if comp.inactive is None else f", v {treatment_name(comp.inactive)}"
    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=limits if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code) + against,
        interval_heading=f"{code or 'Estimate'} ({interval_name(comp.level)})",
        favours=favours,
    )
    lines = [components_line(comp), additivity_line(comp), comp.note, *notes]
    figure = draw(
        [block],
        [TextColumn("Studies", "right"), TextColumn("P", "right")],
        title=title,
        label_heading="Component",
        footer=[("", clean(line.replace("_", " "))) for line in lines if line],
    )
    numbers = table.reset_index()[["component", "estimate", "ci_low", "ci_high", "p_value", "studies"]]
    for name in ("estimate", "ci_low", "ci_high"):
        numbers[name] = [scale.show(value) for value in numbers[name]]
    figure.numbers = numbers
    texts = (
        f"{component_name(comp, one['component'])} "
        + (
            "cannot be estimated"
            if np.isnan(one["estimate"])
            else estimate_text(one["estimate"], one["ci_low"], one["ci_high"], scale, comp.level)
        )
        for one in table.reset_index().to_dict("records")
    )
    figure.kind = "figure of components"
    figure.alt_text = (
        f"Forest plot of {len(table)} components. {block.measure}: {'; '.join(texts)}. "
        f"{components_line(comp)}. {additivity_line(comp)}."
    )
    return figure


def _studies(comp: Components, place: int) -> int:
    """Number of studies in which some arm has the component."""
    has = comp.design.matrix[:, place] != 0
    return sum(bool(has[list(arms)].any()) for arms in comp.contrasts.arms)
