"""What the checks of a review found, for a page: counts, judgements, and an error planted on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from evidence.appraisal.checks import marks
from evidence.appraisal.checks.findings import check, check_rules
from evidence.appraisal.checks.registry import RULES
from evidence.errors import DataError
from evidence.tables.notes import plain_notes
from evidence.tables.review import Review
from evidence.tables.schema import doubt
from evidence.wording import column_words, counted, plain

__all__ = ["Checked", "check_rules_table", "checked", "planted_error"]

_BY_READERS = [name for name, one in RULES.items() if one.find.__module__ == marks.__name__]
_JUDGEMENTS = ("agree", "explained", "false alarm")
_PLACE = ["rule", "file", "row", "column"]


def check_rules_table() -> pd.DataFrame:
    """List the plausibility checks as a page prints them.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.check_rules_table().columns.tolist()
    ['rule', 'severity', 'looks for', 'why it matters', 'where to look']
    """
    headings = {"looks_for": "looks for", "why": "why it matters", "look_at": "where to look"}
    return check_rules().rename(columns=headings)


@dataclass(frozen=True, eq=False)
class Checked:
    """A review with what its checks found, as `check` gives it, and which rows repeat what readers had marked."""

    review: Review
    findings: pd.DataFrame
    by_readers: pd.Series

    @property
    def limits(self) -> str:
        """How different is too different, as the protocol has it, in words."""
        limits = self.review.protocol.checks
        return (
            f"an SD is looked at if it differs {limits.sd_ratio:g}-fold from the others of its trial or "
            f"{limits.sd_spread:g}-fold from those of other trials, an effect if it is {limits.large_effect:g} SDs "
            f"or more, a difference before treatment if its P value is below {limits.baseline_p:g}, and an interval "
            f"if its middle is off by more than {100 * limits.asymmetry:.0f} % of half its width."
        )

    @property
    def statement(self) -> str:
        """How many findings there are, and how many of them the readers had already marked."""
        review, findings = self.review, self.findings
        tables = review.arm_results, review.contrast_results, review.trials, review.arms
        counts = findings["severity"].value_counts().items()
        severities = ", ".join(counted(count, str(severity)) for severity, count in counts)
        known = self.by_readers.sum()
        return (
            f"The {len(check_rules())} rules looked at {sum(table.size for table in tables):,} cells and have "
            f"**{counted(len(findings), 'finding')}**: {severities}. Of these, {known} "
            "repeat what the readers of the sources had already marked or had to assume; the rules themselves add "
            f"{len(findings) - known}. An error that a person has explained counts as a note, and one in a row that "
            "is kept out of pooling as a warning."
        )

    @property
    def by_rule(self) -> pd.DataFrame:
        """Number of findings of each rule that has any, the most first."""
        sizes = self.findings.groupby("rule", sort=False).size()
        return sizes.sort_values(ascending=False, kind="stable").rename("findings").reset_index()

    @property
    def table(self) -> pd.DataFrame:
        """The findings of the rules themselves, with their judgements, as a page prints them."""
        return self._told(~self.by_readers)

    @property
    def known(self) -> pd.DataFrame:
        """What the readers had marked or assumed, as a page prints it."""
        return self._told(self.by_readers).drop(columns="comment")

    def _told(self, part: pd.Series) -> pd.DataFrame:
        columns = ["result or trial", "rule", "what was found", "judgement", "comment", "place"]
        return _placed(self.findings[part], self.review)[columns].reset_index(drop=True)

    @property
    def judgements(self) -> pd.DataFrame:
        """Findings of the rules, of the readers, and all, by judgement."""
        rows, known = [], self.by_readers
        parts = {"of the rules": ~known, "already known to the readers": known, "all": known | ~known}
        for name, part in parts.items():
            judged = self.findings.loc[part, "judgement"]
            agree, explained, alarms = (int((judged == word).sum()) for word in _JUDGEMENTS)
            total = len(judged)
            counts = [agree, explained, alarms, total - agree - explained - alarms, total]
            shares = [100 * count / total if total else 0.0 for count in (alarms, alarms + explained)]
            rows.append([name, *counts, *shares])
        shares_of = ("false alarms, percent", "explained or false, percent")
        return pd.DataFrame(rows, columns=["findings", *_JUDGEMENTS, "not judged", "all", *shares_of])

    @property
    def judged(self) -> str:
        """How many findings of the rules are needless, in words."""
        row = self.judgements.iloc[0]
        return (
            f"Of {counted(row['all'], 'finding')} that the rules made themselves, {row['agree']} are odd numbers "
            f"on looking, {row['explained']} have an explanation, and {row['false alarm']} are false alarms. "
            f"Counting the explained ones as needless too, {row['explained or false, percent']:.0f} % of the "
            "findings cost a reader time for nothing."
        )


def _placed(findings: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Findings with table, row (as a spreadsheet shows it) and column as one place, and trials by their labels.

    Results keep their ids: by them a page leads to the place where the result stands.
    """
    place = [
        f"{plain(file.removesuffix('.csv'))}, row {row}, {column_words(column)}"
        for file, row, column in zip(findings["file"], findings["row"], findings["column"], strict=True)
    ]
    names = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    names |= {
        f"{row['trial_id']}/{row['arm_id']}": f"{names.get(row['trial_id'], row['trial_id'])}: {row['label']}"
        for row in review.arms.to_dict("records")
    }
    # What readers marked is a note of theirs; a rule may quote a source, which stays as it is printed.
    of_readers, notes = findings["rule"].isin(_BY_READERS), plain_notes(review)
    message = findings["message"].where(~of_readers, findings["message"].map(notes))
    return findings.assign(
        place=place, id=findings["id"].map(lambda one: names.get(one, one)), message=message
    ).rename(columns={"id": "result or trial", "message": "what was found", "look_at": "where to look"})


def checked(review: Review) -> Checked:
    """Check a review, for a page.

    Examples
    --------
    >>> import evidence as ev
    >>> "rules looked at" in ev.checked(ev.read_review("data")).statement
    True
    """
    findings = check(review)
    return Checked(review, findings, findings["rule"].isin(_BY_READERS))


def planted_error(found: Checked, *, least: int = 50) -> tuple[str, pd.DataFrame]:
    """Replace a standard deviation by its standard error, in memory only, and check again.

    Parameters
    ----------
    found : Checked
        A review as `checked` gives it.
    least : int
        Patients that the group must have: the larger it is, the more the two differ.

    Returns
    -------
    str
        What was planted, and whether it was found at its place, in words.
    DataFrame
        The findings that were not there before, as a page prints them.

    Raises
    ------
    DataError
        If no final score of so large a group has a standard deviation.

    Examples
    --------
    >>> import evidence as ev
    >>> said, new = ev.planted_error(ev.checked(ev.read_review("data")))
    >>> new.columns[:2].tolist()
    ['severity', 'rule']
    """
    results = found.review.arm_results
    sound = results["note"].map(doubt) == ""
    usable = results[(results["sd"] > 0) & (results["n"] >= least) & (results["statistic"] == "post") & sound]
    if usable.empty:
        raise DataError(f"no final score of a group of {least} or more has an SD that could be replaced.")
    victim = usable.index[0]
    was, n = results.loc[victim, ["sd", "n"]]
    broken = results.copy()
    broken.loc[victim, "sd"] = round(was / n**0.5, 2)
    again = check(replace(found.review, arm_results=broken))
    new = again.merge(found.findings[_PLACE], on=_PLACE, how="left", indicator=True)
    new = new[new["_merge"] == "left_only"].reset_index(drop=True)
    named = ((new["row"] == victim) & (new["column"] == "sd")).any()
    said = (
        f"In row {victim} of arm_results.csv ({results.loc[victim, 'result_id']}) the SD {was:g} of {n:g} patients "
        f"became {broken.loc[victim, 'sd']:g}. **The error is {'' if named else 'not '}found at its place**, by "
        f"{counted(len(new), 'new finding')}:"
    )
    columns = ["severity", "rule", "place", "value", "what was found", "where to look"]
    return said, _placed(new, found.review)[columns]
