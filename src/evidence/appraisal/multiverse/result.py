"""The result of a multiverse: its paths, what they conclude, and which choices matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.appraisal.multiverse.choices import Choice
from evidence.appraisal.multiverse.importance import decompose, main_shares
from evidence.appraisal.multiverse.trials import merged
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.results import Shown
from evidence.tables.protocol.protocol import Analysis
from evidence.wording import counted, interval, number, ratio_number

__all__ = ["CONCLUSIONS", "NOT_POOLED", "Multiverse"]

CONCLUSIONS = (
    "favours intervention, at least the MID",
    "favours intervention",
    "uncertain",
    "favours comparator",
    "not pooled",
)
"""What a path may conclude from its interval: all of it at least the minimal important difference; all of it on
the side of the intervention; no difference within it; all of it on the side of the comparator."""
NOT_POOLED = len(CONCLUSIONS) - 1
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False, repr=False)
class Multiverse(Shown):
    """Result of `multiverse`. All results are on the analysis scale of the outcome's own measure (log for ratios).

    Attributes
    ----------
    analysis : Analysis
    measure, better : str
        The outcome's measure, and whether lower or higher is better.
    mid : float
        Minimal important difference, as a size; NaN if the protocol has none.
    level : float
        Level of the intervals.
    choices : tuple of Choice
        Declared choices with all their options: first those about the data, then those about the model.
    alike : tuple of tuple of int
        For each choice and option the first option that brings the same data whatever the other choices are.
    methods, intervals : tuple of str
    sample : bool
        Whether the paths are a sample of all.
    total : int
        Number of all paths.
    conversion : float
        What an effect by the alternative measure is multiplied with; NaN if there is none.
    codes : tuple of ndarray, shape (settings,)
        For each choice about the data, the number of the option among its different ones.
    data_set : ndarray, shape (settings,)
        Which of the different sets of data a setting of these choices gives.
    k, trials : ndarray, shape (sets,)
    estimate, tau2, ci_low, ci_high, p_value : ndarray, shape (sets, methods, intervals)
        NaN where there is too little to pool, or the interval leaves the scale.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> paths = ev.multiverse(review, "massage-inactive-pain-short", progress=False)
    >>> paths.paths.columns[:3].tolist()
    ['measure', 'shared arms', 'time']
    """

    analysis: Analysis
    measure: str
    better: str
    mid: float
    level: float
    choices: tuple[Choice, ...]
    alike: tuple[tuple[int, ...], ...]
    methods: tuple[str, ...]
    intervals: tuple[str, ...]
    sample: bool
    total: int
    conversion: float
    codes: tuple[Codes, ...]
    data_set: NDArray[np.int64]
    k: NDArray[np.int64]
    trials: NDArray[np.int64]
    estimate: Floats
    tau2: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats

    def __len__(self) -> int:
        """Count the paths."""
        return self.data_set.size * len(self.methods) * len(self.intervals)

    @cached_property
    def active(self) -> dict[str, tuple[str, ...]]:
        """Choices that make a difference: the labels of their different options, the protocol's first."""
        found = {
            choice.name: tuple(choice.options[first].label for first in sorted(set(alike)))
            for choice, alike in zip(self.choices, self.alike, strict=True)
        }
        return {name: labels for name, labels in found.items() if len(labels) > 1}

    @cached_property
    def collapsed(self) -> pd.DataFrame:
        """Options that bring nothing new: choice, option, and the option whose data they bring again."""
        rows = [
            (choice.name, option.label, choice.options[first].label)
            for choice, alike in zip(self.choices, self.alike, strict=True)
            for number_, (option, first) in enumerate(zip(choice.options, alike, strict=True))
            if first != number_
        ]
        return pd.DataFrame(rows, columns=["choice", "option", "same_as"])

    @cached_property
    def path_codes(self) -> dict[str, Codes]:
        """For each active choice the number of the option of every path, shape (paths,)."""
        settings, m, c = self.data_set.size, len(self.methods), len(self.intervals)
        of_data = [sorted(set(alike)) for alike in self.alike[: len(self.codes)]]
        names = [choice.name for choice in self.choices]
        found = {
            name: np.repeat(code, m * c)
            for name, code, kept in zip(names, self.codes, of_data, strict=False)
            if len(kept) > 1
        }
        if m > 1:
            found["method"] = np.tile(np.repeat(np.arange(m), c), settings)
        if c > 1:
            found["interval"] = np.tile(np.arange(c), settings * m)
        return found

    @cached_property
    def conclusion(self) -> NDArray[np.int8]:
        """Position in `CONCLUSIONS` for every set of data, method and interval."""
        low, high = (self.ci_low, self.ci_high) if self.better == "higher" else (-self.ci_high, -self.ci_low)
        mid = math.inf if math.isnan(self.mid) else self.mid
        found = np.select([np.isnan(low), low >= mid, low > 0, high < 0], [NOT_POOLED, 0, 1, 3], default=2)
        return found.astype(np.int8)

    @cached_property
    def changed(self) -> Codes:
        """How many choices of every path differ from the protocol's, shape (paths,)."""
        return sum(
            ((code > 0).astype(np.intp) for code in self.path_codes.values()), np.zeros(len(self), np.intp)
        )

    def of_paths(self, values: NDArray[Any]) -> NDArray[Any]:
        """Bring values of sets of data, of sets and methods, or of all three, to the paths."""
        m, c = len(self.methods), len(self.intervals)
        shape = (self.data_set.size, m, c)
        values = values.reshape(values.shape + (1,) * (3 - values.ndim))
        return np.broadcast_to(values[self.data_set], shape).ravel()

    @cached_property
    def paths(self) -> pd.DataFrame:
        """One row a path, the first the protocol's own.

        Columns: the active choices, data_set, k, trials, estimate, ci_low, ci_high, p_value, tau2, conclusion and
        changed (number of choices that differ from the protocol's).
        """
        columns: dict[str, Any] = {
            name: pd.Categorical.from_codes(code, pd.Index(self.active[name]))
            for name, code in self.path_codes.items()
        }
        columns["data_set"] = self.of_paths(np.arange(len(self.k)))
        for name in ("k", "trials", "estimate", "ci_low", "ci_high", "p_value", "tau2"):
            columns[name] = self.of_paths(getattr(self, name))
        concluded: NDArray[np.int8] = self.of_paths(self.conclusion)
        columns["conclusion"] = pd.Categorical.from_codes(concluded, pd.Index(CONCLUSIONS))
        columns["changed"] = self.changed
        return pd.DataFrame(columns)

    @property
    def default(self) -> pd.Series:
        """The protocol's own path, a row of `paths`."""
        return self.paths.iloc[0]

    def options(self, path: int) -> dict[str, Any]:
        """Give the options with which `synthesise` follows a path, on the scale of the path's own measure."""
        changes = []
        for choice, alike in zip(self.choices, self.alike, strict=True):
            if choice.name in self.path_codes:
                kept = sorted(set(alike))
                changes.append(choice.options[kept[self.path_codes[choice.name][path]]].change)
        return merged(changes)

    @cached_property
    def conclusions(self) -> pd.DataFrame:
        """One row a conclusion: paths, their share of all and of the pooled ones, and by different sets of data.

        In `share_of_data_sets` each different set of data counts once a model, however many paths lead to it.
        """
        paths = np.bincount(self.of_paths(self.conclusion), minlength=len(CONCLUSIONS))
        sets = np.bincount(self.conclusion.ravel(), minlength=len(CONCLUSIONS))
        of_pooled = paths / max(1, paths[:NOT_POOLED].sum())
        of_pooled[NOT_POOLED] = math.nan
        return pd.DataFrame(
            {
                "conclusion": CONCLUSIONS,
                "paths": paths,
                "share": paths / paths.sum(),
                "share_of_pooled": of_pooled,
                "share_of_data_sets": sets / sets.sum(),
            }
        )

    @cached_property
    def importance(self) -> pd.DataFrame:
        """One row an active choice, the one that moves the estimate most first.

        Columns: choice, options (how many), first_order and total (shares of the variance of the estimate),
        conclusion_first_order and conclusion_total (the same for whether a path concludes as the protocol's does).
        Paths that are not pooled have no part in it. In a sample the total shares are missing.
        """
        agrees = np.where(
            self.conclusion == NOT_POOLED, np.nan, self.conclusion == self.conclusion[self.data_set[0], 0, 0]
        )
        names = list(self.active)
        table: dict[str, Any] = {"choice": names, "options": [len(labels) for labels in self.active.values()]}
        for prefix, values in (("", self.estimate), ("conclusion_", agrees)):
            flat = self.of_paths(values).astype(float)
            if self.sample:
                first = main_shares(flat, [self.path_codes[name] for name in names])
                total = np.full(len(names), np.nan)
            else:
                first, total = decompose(flat.reshape([len(self.active[name]) for name in names]))
            table |= {f"{prefix}first_order": first, f"{prefix}total": total}
        by = "first_order" if self.sample else "total"
        return pd.DataFrame(table).sort_values(by, ascending=False, kind="stable", ignore_index=True)

    def flips(self, most: int = 20) -> pd.DataFrame:
        """Paths with another conclusion than the protocol's that change the fewest choices.

        Parameters
        ----------
        most : int
            Largest number of rows.

        Returns
        -------
        DataFrame
            One row a path: path (its row in `paths`), changed, changes (in words), k, estimate, ci_low, ci_high,
            conclusion. All have the same, smallest number of changes. Where the protocol's path is not pooled,
            these are the nearest that are. Empty if no path concludes otherwise.
        """
        conclusion = self.of_paths(self.conclusion)
        other = (conclusion != conclusion[0]) & (conclusion != NOT_POOLED)
        nearest = np.flatnonzero(other)
        if nearest.size:
            fewest = self.changed[nearest].min()
            nearest = nearest[self.changed[nearest] == fewest][:most]
        frame = self.paths.iloc[nearest]
        names = ["k", "estimate", "ci_low", "ci_high", "conclusion"]
        words = [self.in_words(int(path)) for path in nearest]
        found = frame[names].assign(path=nearest, changed=self.changed[nearest], changes=words)
        return found[["path", "changed", "changes", *names]].reset_index(drop=True)

    def in_words(self, path: int) -> str:
        """Say what a path does otherwise than the protocol."""
        parts = [
            f"{name}: {self.active[name][code[path]]}"
            for name, code in self.path_codes.items()
            if code[path] > 0
        ]
        return "; ".join(parts) or "as the protocol"

    def to_frame(self) -> pd.DataFrame:
        """One row: the analysis, its paths, the protocol's result, and how the paths spread.

        Columns: analysis, measure, choices, paths, data_sets, pooled (share of the paths), k, estimate, ci_low,
        ci_high, conclusion (of the protocol's path), agree (share of the pooled paths that conclude the same),
        lowest, median, highest (estimate), most_important (choice), changes_to_flip and flip (the first of the
        nearest paths that conclude otherwise).
        """
        pooled = self.of_paths(self.estimate)
        pooled = pooled[np.isfinite(pooled)]
        low, middle, high = np.quantile(pooled, (0.0, 0.5, 1.0)) if pooled.size else (math.nan,) * 3
        default, shares, flips = self.default, self.conclusions, self.flips(1)
        most = self.importance["choice"].iloc[0] if len(self.importance) and pooled.size else ""
        row = {
            "analysis": self.analysis.id,
            "measure": self.measure,
            "choices": len(self.active),
            "paths": len(self),
            "data_sets": len(self.k),
            "pooled": 1.0 - shares["share"].iloc[NOT_POOLED],
            **{name: default[name] for name in ("k", "estimate", "ci_low", "ci_high", "conclusion")},
            "agree": shares["share_of_pooled"][CONCLUSIONS.index(default["conclusion"])],
            "lowest": low,
            "median": middle,
            "highest": high,
            "most_important": most,
            "changes_to_flip": flips["changed"].iloc[0] if len(flips) else math.nan,
            "flip": flips["changes"].iloc[0] if len(flips) else "",
        }
        return pd.DataFrame([row])

    def sentence(self) -> str:
        """The result in words."""
        row = self.to_frame().iloc[0]
        measure = measure_of(self.measure)
        shown, digits, ratio = measure.natural, measure.digits, measure.ratio
        kind = f"a random sample of {len(self):,} of {self.total:,}" if self.sample else f"{len(self):,}"
        parts = [
            f"{kind} paths through {counted(row['choices'], 'choice')}, "
            f"with {counted(row['data_sets'], 'different set')} of data"
        ]
        if row["conclusion"] == CONCLUSIONS[NOT_POOLED]:
            parts.append("the protocol's own path cannot be pooled")
        else:
            result = (shown(row[name]) for name in ("estimate", "ci_low", "ci_high"))
            parts.append(
                f"the protocol's own path gives {interval(*result, digits=digits, level=self.level, ratio=ratio)} "
                f"({row['conclusion']}), as do {number(100 * row['agree'], 1)}% of the paths that can be pooled"
            )
        if row["pooled"] > 0:
            low, middle, high = (
                (ratio_number if ratio else number)(shown(row[name]), digits)
                for name in ("lowest", "median", "highest")
            )
            parts.append(f"estimates run from {low} to {high} (median {middle})")
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."

    def summary(self) -> str:
        """The result in words, then tables of the conclusions, of the choices and of the nearest flips."""
        percent = "{:.3f}".format
        tables = [
            self.conclusions.to_string(index=False, float_format=percent),
            self.importance.to_string(index=False, float_format=percent),
        ]
        flips = self.flips(5)
        if len(flips):
            shown = flips[["changes", "estimate", "ci_low", "ci_high", "conclusion"]]
            tables.append(
                f"Fewest changes to another conclusion: {flips['changed'].iloc[0]}\n"
                + shown.to_string(index=False, float_format=percent)
            )
        return "\n\n".join([f"{self.analysis.title}\n{self.sentence()}", *tables])
