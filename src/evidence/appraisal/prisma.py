"""What a review must report by PRISMA 2020: the flow of trials through it, and the checklist.

References
----------
Page MJ, McKenzie JE, Bossuyt PM, and others (2021). The PRISMA 2020 statement. BMJ 372, n71.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from evidence.effects.choosing.inventory import whole_trials
from evidence.errors import DataError
from evidence.results import Shown, table_text
from evidence.synthesis.synthesis import as_declared
from evidence.tables.notes import plain_notes
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["ITEMS", "PrismaChecklist", "PrismaFlow", "excluded_table", "prisma_checklist", "prisma_flow"]

ITEMS = (
    *("1", "2", "3", "4", "5", "6", "7", "8", "9", "10a", "10b", "11", "12"),
    *("13a", "13b", "13c", "13d", "13e", "13f", "14", "15", "16a", "16b", "17", "18", "19"),
    *(
        "20a",
        "20b",
        "20c",
        "20d",
        "21",
        "22",
        "23a",
        "23b",
        "23c",
        "23d",
        "24a",
        "24b",
        "24c",
        "25",
        "26",
        "27",
    ),
)
"""The 42 items, sub-items counted, of the 27 of PRISMA 2020."""
REASON_GROUP = "reason_group"
"""Column that a protocol may add to ``excluded.csv``: the reason in a few words, common to many trials."""


@dataclass(frozen=True, eq=False, repr=False)
class PrismaFlow(Shown):
    """Result of `prisma_flow`."""

    stages: pd.DataFrame
    """One row a stage, from first to last: stage, trials that reach it, left (trials that leave after it), why (what
    those that leave have in common) and detail (what else the stage holds, in words)."""
    reasons: pd.DataFrame
    """One row a reason: stage after which the trials leave, reason, trials."""

    @property
    def statement(self) -> str:
        """How many trials reach the last stage, and how many give no numbers that can be pooled, in words."""
        trials, left = (self.stages.set_index("stage")[name] for name in ("trials", "left"))
        first, last = trials.iloc[0], trials.iloc[-1]
        return (
            f"Of **{first} trials** looked at, **{last}** ({100 * last / first:.0f}%) are in at least one analysis. "
            f"{left['included']} of the {trials['included']} included trials have no outcome numbers in what was "
            f"seen of them, and {left['with numbers']} report numbers that cannot be pooled."
        )

    @property
    def reasons_table(self) -> pd.DataFrame:
        """One row a reason, as a page prints it: step, reason, trials."""
        why = self.stages.set_index("stage")["why"]
        table = self.reasons.assign(step=self.reasons["stage"].map(why))
        return table[["step", "reason", "trials"]]

    def to_frame(self) -> pd.DataFrame:
        """One row for each stage and, below it, each reason to leave after it: stage, reason and trials."""
        rows = []
        for stage in self.stages.to_dict("records"):
            rows.append({"stage": stage["stage"], "reason": "", "trials": stage["trials"]})
            if stage["left"]:
                rows.append({"stage": stage["why"], "reason": "all", "trials": stage["left"]})
            found = self.reasons[self.reasons["stage"] == stage["stage"]]
            rows += [
                {"stage": stage["why"], "reason": row["reason"], "trials": row["trials"]}
                for row in found.to_dict("records")
            ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Describe the flow as a text table."""
        return table_text("Flow of trials", self.to_frame())


def prisma_flow(review: Review) -> PrismaFlow:
    """Count the trials of a review from those looked at to those in an analysis, with the reasons to leave.

    Every number is counted in the tables. Records found by a search are not among them: the tables begin with trials.

    Parameters
    ----------
    review : Review

    Returns
    -------
    PrismaFlow

    Raises
    ------
    DataError
        If a trial is both excluded and included.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> flow = ev.prisma_flow(review)
    >>> flow.to_frame().columns[:3].tolist()
    ['stage', 'reason', 'trials']
    """
    both = sorted(set(review.excluded["trial_id"]) & set(review.trials["trial_id"]))
    if both:
        raise DataError(f"{', '.join(both)}: in excluded.csv and in trials.csv; keep the row in one of them.")
    stock = whole_trials(review)
    numbers, poolable, used = stock["rows"] > 0, stock["status"] == "poolable", stock["analyses"] > 0
    left = {
        "looked at": _short(review.excluded),
        "included": stock.loc[stock["status"] == "no numbers", "reason"],
        "with numbers": stock.loc[stock["status"] == "reported, not poolable", "main_reason"],
        "poolable": stock.loc[poolable & ~used, "main_reason"],
        "in an analysis": pd.Series([], dtype="str"),
    }
    results = [as_declared(review, name) for name in review.analyses]
    rows = len(review.arm_results) + len(review.contrast_results)
    held = counted(sum(len(one.effects) > 0 for one in results), "analysis", "analyses")
    pooled = sum(one.fit is not None for one in results)
    detail = {
        "looked at": "",
        "included": counted(len(review.arms), "group"),
        "with numbers": counted(rows, "reported result"),
        "poolable": f"{counted(int(stock['recovered'].sum()), 'comparison')} with an effect and a standard error",
        "in an analysis": (
            f"{counted(sum(len(one.effects) for one in results), 'comparison')} in {held}, {pooled} of them pooled"
        ),
    }
    why = {
        "looked at": "excluded",
        "included": "no numbers seen",
        "with numbers": "reported, not poolable",
        "poolable": "in no analysis",
        "in an analysis": "",
    }
    reach = [
        len(stock) + len(review.excluded),
        len(stock),
        int(numbers.sum()),
        int(poolable.sum()),
        int(used.sum()),
    ]
    stages = pd.DataFrame(
        {
            "stage": list(left),
            "trials": reach,
            "left": [len(reasons) for reasons in left.values()],
            "why": [why[stage] for stage in left],
            "detail": [detail[stage] for stage in left],
        }
    )
    reasons = pd.DataFrame(
        [
            {"stage": stage, "reason": reason, "trials": int(count)}
            for stage, found in left.items()
            for reason, count in found.value_counts().items()
        ],
        columns=["stage", "reason", "trials"],
    )
    return PrismaFlow(stages, reasons)


def _short(excluded: pd.DataFrame) -> pd.Series:
    """Reasons of the exclusions: their groups where the table has them."""
    if REASON_GROUP not in excluded:
        return excluded["reason"]
    return excluded[REASON_GROUP].where(excluded[REASON_GROUP] != "", excluded["reason"])


def excluded_table(review: Review) -> pd.DataFrame:
    """List the trials that were looked at and left out, each with the reason.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.excluded_table(review).columns.tolist()
    ['trial', 'in short', 'reason']
    """
    headings = {"label": "trial", REASON_GROUP: "in short", "reason": "reason"}
    plain = review.excluded.assign(reason=review.excluded["reason"].map(plain_notes(review)))
    return plain.filter(list(headings)).rename(columns=headings).reset_index(drop=True)


@dataclass(frozen=True, eq=False, repr=False)
class PrismaChecklist(Shown):
    """Result of `prisma_checklist`."""

    items: pd.DataFrame
    """One row an item: item, section, topic, status ("yes", "partly", "no", "not applicable"), where and comment."""

    def counts(self) -> dict[str, int]:
        """Number of items by status."""
        found = self.items["status"].value_counts()
        return {status: int(found.get(status, 0)) for status in ("yes", "partly", "no", "not applicable")}

    @property
    def statement(self) -> str:
        """How many items are reported, in words."""
        counts = self.counts()
        said = f"Of {counted(len(self.items), 'item')}, **{counts['yes']}** are reported, **{counts['partly']}** in "
        said += f"part and **{counts['no']}** not"
        return f"{said}; {rest} do not apply." if (rest := counts["not applicable"]) else f"{said}."

    @property
    def table(self) -> pd.DataFrame:
        """One row an item, as a page prints it: where and comment are one."""
        where = zip(self.items["where"], self.items["comment"], strict=True)
        said = {"where, and what is missing": [". ".join(filter(None, both)) for both in where]}
        return self.items[["item", "topic", "status"]].assign(**said)

    @property
    def by_section(self) -> pd.DataFrame:
        """Number of items by section and status."""
        table = pd.crosstab(self.items["section"], self.items["status"])
        table = table.reindex(index=self.items["section"].unique())
        return (
            table[[status for status in self.counts() if status in table]]
            .rename_axis(columns=None)
            .reset_index()
        )

    @property
    def missing(self) -> str:
        """The items that are not reported, in a sentence."""
        items = self.items[self.items["status"] == "no"]
        named = (f"{topic} (item {item})" for topic, item in zip(items["topic"], items["item"], strict=True))
        return f"**Not reported at all:** {'; '.join(named) or 'nothing'}."

    def to_frame(self) -> pd.DataFrame:
        """One row an item."""
        return self.items

    def summary(self) -> str:
        """Describe the checklist as a text table."""
        counts = ", ".join(f"{count} {status}" for status, count in self.counts().items())
        return table_text(
            f"PRISMA 2020: {counts}", self.items[["item", "section", "topic", "status", "where"]]
        )


def prisma_checklist(review: Review) -> PrismaChecklist:
    """Give the checklist that a review filled in (``prisma_checklist.csv``), in the order of PRISMA 2020.

    Parameters
    ----------
    review : Review

    Returns
    -------
    PrismaChecklist

    Raises
    ------
    DataError
        If the review has no such table, or it misses an item or has one that PRISMA 2020 does not have.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> type(ev.prisma_checklist(review)).__name__
    'PrismaChecklist'
    """
    table = review.prisma_checklist
    if table.empty:
        raise DataError(
            "the review has no prisma_checklist.csv; add it with one row for each item of PRISMA 2020."
        )
    unknown = _listed(item for item in table["item"] if item not in ITEMS)
    missing = _listed(item for item in ITEMS if item not in set(table["item"]))
    if unknown:
        raise DataError(f"prisma_checklist.csv: PRISMA 2020 has no item {unknown}; it has {_listed(ITEMS)}.")
    if missing:
        raise DataError(
            f"prisma_checklist.csv: item {missing} is missing; add a row, with status 'no' if need be."
        )
    order = table["item"].map(ITEMS.index).sort_values().index
    return PrismaChecklist(table.loc[order].reset_index(drop=True))


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items)
