"""Which interval to trust with trials of a review's sizes: what is simulated, and what it comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import takes
from evidence.synthesis.synthesis import as_declared
from evidence.tables.review import Review
from evidence.wording import joined, number

__all__ = ["TrialSizes", "coverage_by_shape", "coverage_by_variance", "coverage_statement", "trial_sizes"]

NAMES = {"central": "Bayes"}
"""How intervals are called that have a code alone."""

SMALLEST = 4
"""People of the smallest trial that can be simulated: two in each group."""


@dataclass(frozen=True)
class TrialSizes:
    """How large the trials of a review are, and how many it pools.

    Attributes
    ----------
    sizes : tuple of float
        People of each pooled comparison, the smallest first; one that answers several questions counts once.
    counts : tuple of int
        Comparisons of each pooled question.
    i2 : float
        Median of their I², in percent.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.trial_sizes(ev.read_review("data")).variance < 0.1
    True
    """

    sizes: tuple[float, ...]
    counts: tuple[int, ...]
    i2: float

    @property
    def variance(self) -> float:
        """Sampling variance of a trial of median size, in squared standard deviations of the outcome."""
        return 4.0 / float(np.median(self.sizes))

    @property
    def typical_tau2(self) -> float:
        """Variance between trials with which I² is about 50%, in round digits."""
        return round(self.variance, 3)

    def statement(self, trials: int) -> str:
        """What the review pools, and what is taken from it for simulated trials."""
        low, middle, high = np.quantile(self.sizes, [0.1, 0.5, 0.9])
        few = sum(count <= trials for count in self.counts)
        return (
            f"The review has {len(self.counts)} combined results, {few} of them from at most {trials} comparisons. "
            f"Its {len(self.sizes)} comparisons have a median of {middle:.0f} patients (80% of them between "
            f"{low:.0f} and {high:.0f}), and the median I² is {number(self.i2, 0)}%. Each simulated trial takes "
            "one of these sizes at random."
        )


def trial_sizes(review: Review) -> TrialSizes:
    """Say how large the trials are that a review pools, as simulations take them.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.trial_sizes(ev.read_review("examples/bcg-vaccine")).counts
    (13,)
    """
    pooled = [one for name in review.analyses if (one := as_declared(review, name)).fit is not None]
    found = {tuple(row["result_ids"]): row["n"] for one in pooled for row in one.effects.to_dict("records")}
    i2 = [one.fit.i2 for one in pooled if one.fit is not None and one.k > 1]
    return TrialSizes(
        tuple(sorted(float(n) for n in found.values() if n >= SMALLEST)),
        tuple(one.k for one in pooled),
        float(np.median(i2)) if i2 else math.nan,
    )


def _named(result: pd.DataFrame) -> pd.DataFrame:
    return result.assign(interval=result["ci"].replace(NAMES), coverage=100 * result["coverage"])


def _differ(tau2: float, sizes: TrialSizes) -> str:
    """Say how much trials differ, by their variance and by the I² that goes with it."""
    return f"τ² {tau2:g}, I² {100 * tau2 / (tau2 + sizes.variance):.0f}%"


@takes("DataFrame")
def coverage_by_variance(result: pd.DataFrame, sizes: TrialSizes) -> pd.DataFrame:
    """Set coverage and mean width of each interval side by side, by how much trials differ.

    Parameters
    ----------
    result : DataFrame
        As `simulate` gives it for several ``tau2``.
    sizes : TrialSizes
        Of these trials; they say which I² goes with a variance.

    Examples
    --------
    >>> import evidence as ev
    >>> sizes = ev.trial_sizes(ev.read_review("data"))
    >>> grid = {"k": 5, "sizes": [sizes.sizes], "tau2": [0.0, 0.1]}
    >>> done = ev.simulate(grid, ["REML"], ["z", "HKSJ"], repetitions=20, seed=1)
    >>> ev.coverage_by_variance(done, sizes).columns[:2].tolist()
    ['interval', 'coverage, τ² 0, I² 0% (%)']
    """
    table = _named(result).pivot_table(
        index="interval", columns="tau2", values=["coverage", "width"], sort=False
    )
    names, variances = (table.columns.get_level_values(level) for level in (0, 1))
    table.columns = pd.Index(
        f"{name}, {_differ(tau2, sizes)}{' (%)' * (name == 'coverage')}"
        for name, tau2 in zip(names, variances, strict=True)
    )
    return table.reset_index()


@takes("DataFrame")
def coverage_by_shape(result: pd.DataFrame) -> pd.DataFrame:
    """Set the coverage of each interval side by side, by the shape of the true effects (``distribution``).

    Examples
    --------
    >>> import evidence as ev
    >>> grid = {"k": 5, "sizes": [(40.0,)], "tau2": 0.1, "distribution": ["normal", "skewed"]}
    >>> done = ev.simulate(grid, ["REML"], ["z", "HKSJ"], repetitions=20, seed=1)
    >>> ev.coverage_by_shape(done).columns.tolist()
    ['interval', 'normal (%)', 'skewed (%)']
    """
    table = _named(result).pivot_table(
        index="interval", columns="distribution", values="coverage", sort=False
    )
    return table.add_suffix(" (%)").reset_index().rename_axis(columns=None)


def coverage_statement(
    review: Review, result: pd.DataFrame, rougher: pd.DataFrame, *, tau2: float = 0.1
) -> str:
    """Say which intervals include the truth most reliably, beside the plain one and the one that a review uses.

    Parameters
    ----------
    review : Review
    result, rougher : DataFrame
        As for `coverage_by_variance` and `coverage_by_shape`, with the intervals z and HKSJ.
    tau2 : float, default 0.1
        A variance of `result`, at which widths are compared.

    Examples
    --------
    >>> import evidence as ev
    >>> grid = {"k": 5, "sizes": [(40.0,)], "tau2": [0.0, 0.1]}
    >>> done = ev.simulate(grid, ["REML"], ["z", "HKSJ"], repetitions=50, seed=1)
    >>> ev.coverage_statement(ev.read_review("data"), done, done).startswith("**In simulated meta-")
    True
    """
    named = _named(result)
    ends = named.groupby("interval", sort=False)["coverage"].agg(["min", "max"])
    width = named[named["tau2"] == tau2].set_index("interval")["width"]
    # Two coverages that differ by less than twice the error of simulation are alike.
    best, repetitions = ends["min"].max(), int(result["repetitions"].iloc[0])
    error = 100 * math.sqrt(best / 100 * (1 - best / 100) / repetitions)
    alike = list(ends.index[ends["min"] > best - 2 * math.sqrt(2) * error])
    told = {name: f"{number(low, 1)} to {number(high, 1)}%" for name, low, high in ends.itertuples(name=None)}
    chosen = review.protocol.model.interval
    rough = _named(rougher).groupby("interval")["coverage"].min()
    worst = [
        f"{name} covers {number(rough[name], 1)}%"
        for name in dict.fromkeys((chosen, "HKSJ"))
        if name in rough
    ]
    least = named[named["tau2"] == named["tau2"].min()].set_index("interval")["coverage"]
    over = [name for name in alike if least[name] > 95 + 200 * math.sqrt(0.95 * 0.05 / repetitions)]
    parts = [
        f"**In simulated meta-analyses of {result['k'].iloc[0]} trials of this review's sizes, the 95% interval that "
        f"most reliably includes the true average is {joined((f'{name} ({told[name]})' for name in alike), 'or')}.**",
        "The simulation cannot tell these apart." if len(alike) > 1 else "",
        f"Where trials hardly differ, {joined(over)} include{'s' * (len(over) == 1)} it more than 95% of the time: "
        "wider than needed."
        if over
        else "",
        f"The plain interval, z, includes it in {told['z']}, HKSJ in {told['HKSJ']}.",
        f"Honest intervals are wide: at {_differ(tau2, trial_sizes(review))}, HKSJ is "
        f"{number(width['HKSJ'] / width['z'], 1)} times as wide as z.",
        f"The protocol of this review uses {chosen}{'' if chosen in alike else f', which covers {told[chosen]}'}."
        if chosen in told
        else "",
        f"With skewed effects or outliers {joined(worst)} at worst.",
        "No interval knows of trials that were never published.",
    ]
    return " ".join(filter(None, parts))
