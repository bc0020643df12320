"""What a review asks and what it holds, for a page: its trials by what can be done with them, and its analyses."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from evidence.appraisal.effect_words import people_words
from evidence.appraisal.unpooled import FAVOURS
from evidence.effects.choosing.inventory import STATUSES, whole_trials
from evidence.synthesis.reports import REPORT_KINDS
from evidence.synthesis.synthesis import as_declared
from evidence.tables.notes import plain_notes
from evidence.tables.review import Review
from evidence.wording import counted, in_words

__all__ = [
    "Holdings",
    "analyses_statement",
    "analyses_table",
    "deviations_table",
    "evidence_map_table",
    "holdings",
    "question_table",
]


def question_table(review: Review) -> pd.DataFrame:
    """Set out the parts of the question that the protocol states.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.question_table(review)["part"].tolist()[:2]
    ['Population', 'Intervention']
    """
    parts = review.protocol.question.items()
    title = review.protocol.outcome_title
    rows = [
        (name.capitalize(), ", ".join(map(title, text)) if isinstance(text, list) else text)
        for name, text in parts
    ]
    return pd.DataFrame(rows, columns=["part", "answer"])


def deviations_table(review: Review) -> pd.DataFrame:
    """List the changes of the protocol, when they were made, and why.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.deviations_table(review).columns.tolist()
    ['date', 'change', 'reason']
    """
    rows = [(str(one.date), one.change, one.reason) for one in review.protocol.deviations]
    return pd.DataFrame(rows, columns=["date", "change", "reason"])


@dataclass(frozen=True, eq=False)
class Holdings:
    """What a review holds.

    Attributes
    ----------
    trials : DataFrame
        Its trials as `inventory` gives them, strata of one as one.
    sizes : (int, int, int)
        How many groups, results and excluded trials it has.
    """

    trials: pd.DataFrame
    sizes: tuple[int, int, int]

    @property
    def counts(self) -> pd.DataFrame:
        """Trials by group: used in an analysis, poolable in no analysis, not poolable, without numbers."""
        status = self.trials["status"].value_counts()
        used = int((self.trials["analyses"] > 0).sum())
        poolable, lost, unseen = (int(status.get(one, 0)) for one in STATUSES)
        counts = {
            "poolable, used in an analysis": used,
            "poolable, used in no analysis": poolable - used,
            "reported, not poolable": lost,
            "no numbers seen": unseen,
        }
        return pd.DataFrame(counts.items(), columns=["group", "trials"])

    @property
    def statement(self) -> str:
        """How many trials there are and what they give, in words."""
        used, unused, lost, unseen = self.counts["trials"]
        arms, results, excluded = self.sizes
        was = "was" if excluded == 1 else "were"
        return (
            f"The tables hold **{len(self.trials):,} trials** with {arms:,} groups and {results:,} reported results. "
            f"**{used + unused:,} trials** give at least one poolable comparison, and {used:,} of them answer at "
            "least one question of the protocol, those of other reviews among them. "
            f"{lost:,} report numbers that cannot be pooled, and for {unseen:,} no outcome numbers could be seen at "
            f"all. The table of excluded trials names {counted(excluded, 'more trial')} that {was} looked at and "
            "left out."
        )

    @property
    def poolable(self) -> pd.DataFrame:
        """The trials with a poolable comparison."""
        columns = ["n_randomised", "recovered", "forms", "analyses", "reason"]
        return self._of("poolable", columns).rename(columns={"reason": "why no analysis uses it"})

    @property
    def not_poolable(self) -> pd.DataFrame:
        """The trials whose results cannot be pooled."""
        return self._of("reported, not poolable", ["rows", "contrasts", "reason"])

    @property
    def without_numbers(self) -> pd.DataFrame:
        """The trials of which no outcome numbers were seen."""
        return self._of("no numbers", ["n_randomised"])

    def _of(self, status: str, columns: list[str]) -> pd.DataFrame:
        rows = self.trials.loc[self.trials["status"] == status, ["label", "year", *columns]]
        return rows.rename(columns=_HEADINGS).reset_index(drop=True)


_HEADINGS = {
    "label": "trial",
    "n_randomised": "randomised",
    "recovered": "poolable comparisons",
    "forms": "recovered from",
    "analyses": "used in analyses",
    "rows": "results reported",
    "contrasts": "comparisons",
}


def holdings(review: Review) -> Holdings:
    """Sort the trials of a review by what can be done with what they report.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.holdings(ev.read_review("data")).without_numbers.columns.tolist()
    ['trial', 'year', 'randomised']
    """
    stock = whole_trials(review)
    sizes = len(review.arms), len(review.arm_results) + len(review.contrast_results), len(review.excluded)
    return Holdings(stock.assign(reason=stock["reason"].map(plain_notes(review))), sizes)


def evidence_map_table(review: Review, bearing: pd.DataFrame) -> pd.DataFrame:
    """Set out which trial bears on which question, with what, as a table for a page.

    Parameters
    ----------
    review : Review
    bearing : DataFrame
        As `evidence_map` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.evidence_map_table(review, ev.evidence_map(review)).columns[:3].tolist()
    ['question', 'trial', 'gives']
    """
    return pd.DataFrame(
        {
            "question": bearing["title"],
            "trial": bearing["label"],
            "gives": bearing["kind"].map(REPORT_KINDS),
            "people": bearing["n"],
            "favours": bearing["favours"].map(FAVOURS).fillna("not told"),
            "results": bearing["results"],
            "why it is not pooled": bearing["reason"].map(plain_notes(review)),
        }
    )


def analyses_table(review: Review) -> pd.DataFrame:
    """Set out what each analysis of the protocol has to work with.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.analyses_table(review).columns[:3].tolist()
    ['question', 'measure', 'poolable comparisons']
    """
    results = [as_declared(review, name) for name in review.analyses]
    return pd.DataFrame(
        {
            "question": [one.analysis.title for one in results],
            "measure": [one.measure for one in results],
            "poolable comparisons": [one.k for one in results],
            "trials": [one.trials for one in results],
            "patients in them": [people_words(one.n, at_least=one.at_least) for one in results],
            "trials without usable numbers": [one.missing["study"].nunique() for one in results],
        }
    )


def analyses_statement(review: Review) -> str:
    """Say how many analyses of the protocol are combined, shown and not combined, or without anything to show.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> "shown and not combined" in ev.analyses_statement(review)
    True
    """
    results = [as_declared(review, name) for name in review.analyses]
    least = review.protocol.model.minimum_studies
    pooled, few = sum(one.fit is not None for one in results), sum(0 < one.trials < least for one in results)
    empty = sum(not one.trials for one in results)
    rest = (
        len(results) - pooled - few - empty
    )  # not pooled by the protocol, or an interval that leaves the scale
    return (
        f"**{pooled} of the {len(results)} analyses are combined.** {few} have poolable comparisons of fewer than "
        f"{in_words(least)} trials{f' and {rest} others of more' if rest else ''}, which are shown and not combined; "
        f"{empty} have none. That is a result too: for these the reports that could be read do "
        "not give the numbers that an answer needs."
    )
