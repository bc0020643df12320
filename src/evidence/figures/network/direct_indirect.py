"""Direct beside indirect evidence: both estimates of each comparison, and that of the whole network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Kind, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.text import clean
from evidence.figures.network.treatments import treatment_name
from evidence.wording import counted, number, p_number, p_value

__all__ = ["direct_indirect"]

SOURCES = ("direct", "indirect", "network")
SHOWN = [f"{source}{end}" for source in (*SOURCES, "difference") for end in ("", "_low", "_high")]
KEYS = (
    "Filled square: direct evidence, from studies that compare the two. Open circle: indirect evidence, from the "
    "rest of the network. Diamond: network estimate, which joins them."
)


@redrawable
@takes("DataFrame")
def direct_indirect(
    split: pd.DataFrame,
    *,
    sort: str | None = None,
    largest_p: float = 1.0,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours first", "favours second"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    level: float = 0.95,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw direct, indirect and network estimate of each comparison that has both kinds of evidence.

    Parameters
    ----------
    split : DataFrame
        As from `Network.split`.
    sort : str, optional
        `p_value` puts the clearest disagreement first; by default the order given.
    largest_p : float
        Only comparisons whose P value for a difference is at most this.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.
    level : float
        Level of the intervals in the table.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a comparison, columns as in the table, estimates and differences on the shown scale.

    Raises
    ------
    DataError
        If no comparison has both kinds of evidence, or an option is not usable.

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
    >>> figure = ev.figures.direct_indirect(net.split())
    """
    if sort not in (None, "p_value"):
        raise DataError(f"sort='{sort}' is not known: use 'p_value' or None.")
    both = split[split["direct"].notna() & split["indirect"].notna()]
    if both.empty:
        raise DataError(
            "No comparison has both direct and indirect evidence; there is nothing to set side by side."
        )
    table = both[both["p_value"] <= largest_p]
    if table.empty:
        raise DataError(
            f"No comparison has P of at most {largest_p:g}; the smallest is {both.p_value.min():.3g}."
        )
    if sort:
        table = table.sort_values(sort, kind="stable")
    code = measure_code(measure_label, None)
    scale = choose_scale(
        float((table.network_high - table.network_low).median() / 2), code, transform, digits
    )
    records = [{str(name): value for name, value in one.items()} for one in table.to_dict("records")]
    bounds = [one[f"{source}_{end}"] for one in records for source in SOURCES for end in ("low", "high")]
    estimates = [one[source] for one in records for source in SOURCES]
    block = Block(
        rows=tuple(row for one in records for row in _rows(one))[:-1],
        scale=scale,
        limits=range_of(estimates, bounds) if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code),
        interval_heading=f"{code or 'Estimate'} ({interval_name(level)})",
        favours=favours,
    )
    small = int((both["p_value"] < 0.05).sum())
    found = (
        f"Direct and indirect evidence differ with P below .05 in {small} of "
        f"{counted(len(both), 'comparison')} that have both."
    )
    left_out = len(both) - len(table)
    lines = [KEYS, found, f"Not shown: {left_out} with P above {largest_p:g}." if left_out else "", *notes]
    figure = draw(
        [block],
        [TextColumn("Share of\nevidence", "right"), TextColumn("P of the\ndifference", "right")],
        title=title,
        label_heading="Comparison",
        footer=[("", clean(line)) for line in lines if line],
    )
    numbers = table.reset_index(drop=True)
    for name in SHOWN:
        numbers[name] = [scale.show(value) for value in numbers[name]]
    figure.numbers = numbers
    texts = (
        f"{_name(one)}: "
        + ", ".join(
            f"{source} {estimate_text(one[source], one[f'{source}_low'], one[f'{source}_high'], scale, level)}"
            for source in SOURCES
        )
        + f", {p_value(one['p_value'])}"
        for one in records
    )
    figure.kind = "figure of direct and indirect evidence"
    figure.alt_text = f"Direct and indirect evidence. {block.measure}. {'; '.join(texts)}. {found}"
    return figure


def _rows(one: dict[str, Any]) -> list[Row]:
    """Heading, the three estimates, and a gap."""
    share, p = one["direct_share"], p_number(one["p_value"]) or "not estimable"
    parts: tuple[tuple[Kind, str, tuple[str, str], float], ...] = (
        ("study", f"direct, {counted(one['studies'], 'study', 'studies')}", (_percent(share), p), share),
        ("published", "indirect", (_percent(1 - share), ""), 1.0),
        ("subtotal", "Network", ("", ""), 1.0),
    )
    rows = [Row("heading", _name(one))]
    for source, (kind, label, cells, area) in zip(SOURCES, parts, strict=True):
        interval = (one[source], one[f"{source}_low"], one[f"{source}_high"])
        rows.append(Row(kind, label, cells=cells, interval=interval, area=area))
    return [*rows, Row("gap")]


def _percent(share: float) -> str:
    return f"{number(100 * share, 0)}%"


def _name(one: dict[str, Any]) -> str:
    return f"{treatment_name(one['treat1'])} v {treatment_name(one['treat2'])}"
