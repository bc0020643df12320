"""Posteriors of a Bayesian meta-analysis: densities of effect and tau, beside their priors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from evidence.errors import takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, Key, add_plot, keys_height, page, write_keys
from evidence.figures.drawing.style import BLUE, GREY, HAIRLINE, INK, MARGIN, VERMILLION, page_width, style
from evidence.models.core.studies import Floats
from evidence.wording import counted, number

if TYPE_CHECKING:
    from evidence.models.bayes.posterior import Posterior

__all__ = ["credible_text", "posterior", "posterior_scale", "priors_text", "tau_text"]

HEIGHT, APART, POINTS = 190.0, 40.0, 401
DOTTED, DASHED = (0, (1, 1.5)), (0, (4, 2))


@redrawable
@takes("Posterior")
def posterior(
    result: Posterior,
    *,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    reference: float = 0.0,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw the posterior densities of the mean effect, of a new study's effect and of tau.

    What lies within the shortest credible interval is shaded. Proper priors are dotted lines; an improper one
    has no density to draw.

    Parameters
    ----------
    result : Posterior
    measure_label, transform, reference, title, xlim, digits
        As for `forest`; `xlim` is the range of the effect.

    Returns
    -------
    EvidenceFigure
        `numbers` has a row each for effect, prediction and tau: median, and low and high of the shortest
        interval; effects on the shown scale.

    Raises
    ------
    DataError
        If the range is not usable.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> result = ev.bayes(effect, variance, tau_prior=ev.priors.half_normal(0.5))
    >>> figure = ev.figures.posterior(result)
    """
    code = measure_code(measure_label, None)
    scale = posterior_scale(result, measure_label, transform, digits)
    measure = measure_name(measure_label, code)
    tau_low, tau_high = result.tau.interval(result.level)
    wide = 0.35 * (result.ci_high - result.ci_low)
    # A heavy tail of the prediction may reach so far that the mean effect would be a spike.
    low = min(result.ci_low - wide, max(result.prediction_low, result.ci_low - 4 * wide), reference)
    high = max(result.ci_high + wide, min(result.prediction_high, result.ci_high + 4 * wide), reference)
    width = (page_width() - 2 * MARGIN - APART) / 2
    x = make_axis((low, high) if xlim is None else scale.limits(xlim), width, ratio=scale.ratio)
    t = make_axis((0.0, min(1.3 * tau_high, result.tau_prior.upper)), width, ratio=False)

    keys: list[Key] = [
        ("mean effect", {"color": VERMILLION, "linewidth": 1.6}),
        ("true effect in a new study", {"color": INK, "linewidth": 1.0, "linestyle": DASHED}),
        ("τ", {"color": BLUE, "linewidth": 1.6}),
    ]
    informed = np.isfinite(result.effect_prior.sd)
    if informed or result.tau_prior.proper:
        keys.append(("prior", {"color": GREY, "linewidth": 1.3, "linestyle": DOTTED}))
    text = _sentences(result, scale, reference)
    with style():
        key_room = keys_height(keys, MARGIN, page_width())
        body = key_room + HEIGHT + BELOW
        caption = f"{text} Shaded: shortest intervals{' on the log scale' if scale.ratio else ''}."
        figure, top = page(body, title=title, caption=caption, width=page_width())
        write_keys(figure, MARGIN, top, keys)
        top += key_room
        left = add_plot(figure, (MARGIN, top, width, HEIGHT), x, None, measure)
        right = add_plot(
            figure,
            (MARGIN + width + APART, top, width, HEIGHT),
            t,
            None,
            "Between-study standard deviation τ",
        )
        grid = _grid(x, (result.ci_low, result.ci_high, result.estimate))
        height = result.mean_effect.density(grid)
        prior = None
        if informed:
            z = (grid - result.effect_prior.mean) / result.effect_prior.sd
            prior = np.exp(-0.5 * z * z) / (result.effect_prior.sd * np.sqrt(2 * np.pi))
        left.axvline(reference, color=GREY, linewidth=HAIRLINE, zorder=1)
        _curve(left, grid, height, prior, (result.ci_low, result.ci_high), VERMILLION)
        new = result.prediction.density(grid)
        left.plot(grid, new, color=INK, linewidth=1.0, linestyle=DASHED, zorder=3)
        # The density at zero is a limit that may not exist.
        grid = _grid(t, (tau_low, tau_high, 1e-3 * t.high, 1e-2 * t.high))
        grid = grid[grid > 0.0]
        prior = np.exp(result.tau_prior.log_density(grid)) if result.tau_prior.proper else None
        _curve(right, grid, result.tau.density(grid), prior, (tau_low, tau_high), BLUE)
    figure.numbers = _numbers(result, scale, (tau_low, tau_high))
    figure.kind = "posterior density"
    figure.alt_text = f"Posterior densities of a Bayesian meta-analysis. {measure}: {text}"
    return figure


def posterior_scale(
    result: Posterior, measure_label: str | None, transform: str | None, digits: int | None
) -> Scale:
    """Scale and decimals that suit the interval of the mean effect."""
    code = measure_code(measure_label, None)
    return choose_scale((result.ci_high - result.ci_low) / 2, code, transform, digits)


def credible_text(median: float, low: float, high: float, scale: Scale, level: float) -> str:
    """Posterior median and interval as in a sentence: `−0.39 (95% CrI −0.53 to −0.28)`."""
    shown = [scale.text(value) for value in (median, low, high)]
    return f"{shown[0]} ({100 * level:.12g}% CrI {shown[1]} to {shown[2]})"


def tau_text(result: Posterior) -> str:
    """Posterior median and interval of tau, with the decimals that its upper end needs."""
    low, high = result.tau.interval(result.level)
    digits = min(max(2 - math.floor(math.log10(high)), 0), 12)
    median, *ends = (number(value, digits) for value in (result.tau.median, low, high))
    return f"τ = {median} ({100 * result.level:.12g}% CrI {ends[0]} to {ends[1]})"


def priors_text(result: Posterior) -> str:
    """Both priors in a sentence."""
    return f"Priors: effect {result.effect_prior}; τ {result.tau_prior}."


def _grid(axis: Axis, also: tuple[float, ...]) -> Floats:
    inside = [value for value in also if axis.low < value < axis.high]
    return np.union1d(np.linspace(axis.low, axis.high, POINTS), inside)


def _curve(
    axes: Axes, grid: Floats, height: Floats, prior: Floats | None, ends: tuple[float, float], colour: str
) -> None:
    """Draw a density, shaded between the ends, and its prior as far as the density reaches upwards."""
    inside = (grid >= ends[0]) & (grid <= ends[1])
    axes.fill_between(grid[inside], height[inside], color=colour, alpha=0.22, linewidth=0, zorder=1)
    axes.plot(grid, height, color=colour, linewidth=1.6, zorder=4)
    top = float(height.max())
    if prior is not None:
        axes.plot(grid, prior, color=GREY, linewidth=1.3, linestyle=DOTTED, zorder=3)
        top = max(top, min(float(prior.max()), 1.5 * top))
    axes.set_ylim(0.0, 1.08 * top)


def _sentences(result: Posterior, scale: Scale, reference: float) -> str:
    """All results in words."""
    effect = credible_text(result.estimate, result.ci_low, result.ci_high, scale, result.level)
    new = [scale.text(value) for value in (result.prediction_low, result.prediction_high)]
    return (
        f"{counted(result.k, 'study', 'studies')}; posterior median of the mean effect {effect}, with probability "
        f"{_chance(result.probability(reference))} below {scale.show(reference):g}; true effect in a new study "
        f"{new[0]} to {new[1]}; {tau_text(result)}. {priors_text(result)}"
    )


def _chance(probability: float) -> str:
    """A probability to two or three decimals, never a plain 0 or 1."""
    if probability < 0.001 or probability > 0.999:
        return "< 0.001" if probability < 0.5 else "> 0.999"
    return f"{probability:.{2 if 0.01 <= probability <= 0.99 else 3}f}"


def _numbers(result: Posterior, scale: Scale, tau: tuple[float, float]) -> pd.DataFrame:
    rows = {
        "effect": (result.estimate, result.ci_low, result.ci_high),
        "prediction": (result.prediction.median, result.prediction_low, result.prediction_high),
    }
    shown = {name: tuple(map(scale.show, values)) for name, values in rows.items()}
    records = [(name, *values) for name, values in {**shown, "tau": (result.tau.median, *tau)}.items()]
    return pd.DataFrame(records, columns=["quantity", "median", "low", "high"])
