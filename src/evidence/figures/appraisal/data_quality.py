"""Standard deviation against mean of every reported score: what stands where no other trial does."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    page,
    plot_width,
    write_keys,
)
from evidence.figures.drawing.style import FAINT, GREY, HAIRLINE, MARGIN, SKY, VERMILLION, style
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["data_quality"]

HEIGHT = 250.0
_CELLS = ("mean", "sd")
_READERS = "marked as doubtful"


@redrawable
@takes("Review")
def data_quality(review: Review, findings: pd.DataFrame, *, title: str | None = None) -> EvidenceFigure:
    """Draw the SD of each reported score against its mean, both as a share of the scale.

    On a scale with two ends no point can lie above the half circle, where everybody scores at one end or the other.

    Parameters
    ----------
    review : Review
        Its scores (not changes) with mean, SD and a known range are drawn.
    findings : DataFrame
        Findings of `evidence.check`; those about a mean or an SD are shown, and named by trial.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a score: result_id, label, instrument, mean and sd in percent of the scale, and the
        rules that object to it, joined by semicolons.

    Raises
    ------
    DataError
        If no result has a mean, an SD and a scale.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> figure = ev.figures.data_quality(review, ev.check(review))
    """
    points = _points(review, findings)
    if points.empty:
        raise DataError("There is nothing to draw: no score has a mean, an SD and a scale.")
    objected = (points["rules"] != "").to_numpy()
    doubted = points["marked"].to_numpy() & ~objected
    plain = ~objected & ~doubted
    mean, sd = points["mean"].to_numpy(), points["sd"].to_numpy()
    x = make_axis((min(0.0, 1.05 * mean.min()), max(100.0, 1.05 * mean.max())), plot_width(), ratio=False)
    y = make_axis((0.0, max(54.0, 1.05 * sd.max())), HEIGHT, ratio=False)
    keys: list[Key] = [
        ("no finding", _look(SKY, "o")),
        ("marked by the readers only", _look(GREY, "s")),
        ("mean or SD objected to by a rule", _look(VERMILLION, "D")),
        ("largest possible SD", {"color": GREY, "linewidth": 1.0}),
    ]
    caption = (
        f"{counted(len(points), 'score', 'scores')} of {counted(points['label'].nunique(), 'trial', 'trials')}, "
        "each the mean and SD of one group at one time."
    )
    with style():
        left = left_margin(y)
        above = keys_height(keys, left) + 6
        figure, top = page(HEIGHT + BELOW + above, title=title, caption=caption)
        write_keys(figure, left, top, keys)
        box = (left, top + above, plot_width() - MARGIN - left, HEIGHT)
        axes = add_plot(figure, box, x, y, "Mean, percent of the scale", "SD, percent of the scale")
        arc = np.linspace(0.0, np.pi, 181)
        axes.fill_between(50 - 50 * np.cos(arc), 50 * np.sin(arc), color=FAINT, alpha=0.18, linewidth=0)
        axes.plot(50 - 50 * np.cos(arc), 50 * np.sin(arc), color=GREY, linewidth=HAIRLINE * 2)
        for chosen, colour, marker in ((plain, SKY, "o"), (doubted, GREY, "s"), (objected, VERMILLION, "D")):
            dots(axes, mean[chosen], sd[chosen], color=colour, marker=marker, markersize=4.2)
        names = points["label"].where(objected & ~points.duplicated(["label", "mean", "sd"]), "")
        place_labels(axes, mean, sd, list(names))
    figure.numbers = points.drop(columns="marked")
    listed = "; ".join(
        f"{row.label}, {row.instrument}: mean {row.mean:.0f} and SD {row.sd:.1f} percent ({row.rules})"
        for row in points[objected].itertuples()
    )
    figure.kind = "plot of standard deviations"
    figure.alt_text = (
        f"SD against mean of {counted(len(points), 'score', 'scores')} as percent of their scales. The middle SD is "
        f"{np.median(sd):.0f} percent. Rules object to {int(objected.sum())}: {listed or 'none'}."
    )
    return figure


def _look(colour: str, marker: str) -> dict[str, object]:
    return {"color": colour, "marker": marker, "markersize": 4.2, "markeredgecolor": "white"}


def _points(review: Review, findings: pd.DataFrame) -> pd.DataFrame:
    scores = review.arm_results[review.arm_results["statistic"] == "post"]
    usual = review.instruments.set_index("instrument")[["scale_min", "scale_max"]].reindex(
        scores["instrument"]
    )
    low = scores["scale_min"].fillna(pd.Series(usual["scale_min"].to_numpy(), scores.index))
    width = scores["scale_max"].fillna(pd.Series(usual["scale_max"].to_numpy(), scores.index)) - low
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    about = findings[findings["file"] == "arm_results.csv"]
    rules = (
        about[about["column"].isin(_CELLS)]
        .groupby("row")["rule"]
        .agg(lambda names: "; ".join(sorted(set(names))))
    )
    points = pd.DataFrame(
        {
            "result_id": scores["result_id"],
            "label": scores["trial_id"].map(labels),
            "instrument": scores["instrument"],
            "mean": 100 * (scores["mean"] - low) / width,
            "sd": 100 * scores["sd"] / width,
            "rules": rules.reindex(scores.index).fillna(""),
            "marked": scores.index.isin(about.loc[about["rule"] == _READERS, "row"]),
        }
    )
    return points.dropna(subset=["mean", "sd"]).reset_index(drop=True)
