"""Forest plots of a network: all treatments against one reference."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, must_be
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.text import clean
from evidence.figures.network.treatments import (
    choose_treatments,
    network_line,
    not_shown,
    treatment_name,
)
from evidence.models.bayes.network import NetworkPosterior
from evidence.models.network.rare.result import CountNetwork
from evidence.models.network.result import Network
from evidence.wording import number

__all__ = ["network_forest"]

SHOWN = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
PREDICTION = "Pale bar: prediction interval, where the true effect in a new study would lie."


@redrawable
def network_forest(
    net: Network | CountNetwork | NetworkPosterior,
    *,
    reference: str | None = None,
    treatments: Collection[str] | None = None,
    sort: str = "effect",
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours treatment", "favours reference"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    show_prediction: bool = True,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the network estimates of all treatments against a reference.

    Parameters
    ----------
    net : Network, CountNetwork or NetworkPosterior
    reference : str, optional
        By default that of the network.
    treatments : collection of str, optional
        Those to show, such as those that enough studies connect with the reference; by default all. The others are
        named below.
    sort : str
        `effect` (smallest first), `label`, or `studies` (most direct comparisons with the reference first).
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.
    show_prediction : bool
        Whether to show prediction intervals, where there are any.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a treatment in the order of the plot: treatment, reference, estimate, ci_low, ci_high,
        prediction_low, prediction_high (on the shown scale), p_value (of a posterior `below`, the probability of an
        effect below zero), studies (that compare the two directly).

    Raises
    ------
    DataError
        If the reference or a treatment is not in the network, or an option is not usable.

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
    >>> figure = ev.figures.network_forest(net, favours=("favours no contact", "favours treatment"))
    """
    must_be(net, (Network, CountNetwork, NetworkPosterior), "network_forest()")
    reference = net.reference if reference is None else reference
    table, others = net.relative_to(reference), ""
    if treatments is not None:
        chosen = choose_treatments(net.treatments, treatments, least=1)
        others = not_shown(name for name in table.index if name not in chosen)
        table = table[table.index.isin(chosen)]
    table = _sorted(table, sort)
    code = measure_code(measure_label, None)
    scale = choose_scale(float((table.ci_high - table.ci_low).median() / 2), code, transform, digits)
    predicted = show_prediction and bool(table.prediction_low.notna().any())
    rows = tuple(
        Row(
            "study",
            treatment_name(one["treatment"]),
            cells=(number(one["studies"], 0),),
            interval=(one["estimate"], one["ci_low"], one["ci_high"]),
            prediction=(one["prediction_low"], one["prediction_high"]) if predicted else (np.nan, np.nan),
            area=0.45,
        )
        for one in table.reset_index().to_dict("records")
    )
    bounds = [*table.ci_low, *table.ci_high]
    predictions = [*table.prediction_low, *table.prediction_high] if predicted else []
    against = treatment_name(reference)
    block = Block(
        rows=rows,
        scale=scale,
        limits=range_of(list(table.estimate), bounds, predictions) if xlim is None else scale.limits(xlim),
        measure=f"{measure_name(measure_label, code)}, v {against}",
        interval_heading=f"{code or 'Estimate'} ({interval_name(net.level)})",
        favours=favours,
    )
    lines = [network_line(net), PREDICTION if predicted else "", others, *notes]
    figure = draw(
        [block],
        [TextColumn("Direct\nstudies", "right")],
        title=title,
        label_heading="Treatment",
        footer=[("", clean(line)) for line in lines if line],
    )
    figure.numbers = _numbers(table, reference, scale)
    figure.kind = "network forest plot"
    figure.alt_text = _describe(net, table, block, against)
    return figure


def _sorted(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    if sort == "effect":
        return table.sort_values("estimate", kind="stable")
    if sort == "studies":
        return table.sort_values("studies", ascending=False, kind="stable")
    if sort == "label":
        return table.sort_index()
    raise DataError(f"sort='{sort}' is not known: use 'effect', 'label' or 'studies'.")


def _numbers(table: pd.DataFrame, reference: str, scale: Scale) -> pd.DataFrame:
    probability = "p_value" if "p_value" in table else "below"
    numbers = table.reset_index()[["treatment", *SHOWN, probability, "studies"]]
    numbers.insert(1, "reference", reference)
    for name in SHOWN:
        numbers[name] = [scale.show(value) for value in numbers[name]]
    return numbers


def _describe(
    net: Network | CountNetwork | NetworkPosterior, table: pd.DataFrame, block: Block, against: str
) -> str:
    rows = zip(table.index, table.estimate, table.ci_low, table.ci_high, strict=True)
    texts = (
        f"{treatment_name(name)} {estimate_text(estimate, low, high, block.scale, net.level)}"
        for name, estimate, low, high in rows
    )
    sentences = [
        f"Forest plot of {len(net.treatments)} treatments in a network of {net.k} studies. {block.measure}: "
        f"{'; '.join(texts)}."
    ]
    if block.favours is not None:
        below, above = block.favours
        sentences.append(f"Values below {block.scale.show(0.0):g}: {below}; above: {above}.")
    return " ".join([*sentences, f"{network_line(net)}."])
