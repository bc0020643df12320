"""The audit: a verdict on each claim by the protocol's rule, a look at each citation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.appraisal.audit.bearings import Rating, bearings_on
from evidence.appraisal.audit.citations import citation_words, compare_citations, judge_citations
from evidence.appraisal.audit.combine import ClaimVerdict, judge_claim
from evidence.appraisal.audit.judge import NOT_ADDRESSED, SUPPORTED, VERDICTS, rule_steps
from evidence.appraisal.audit.read import read_table
from evidence.appraisal.audit.sensitivity import other_verdicts
from evidence.errors import DataError, Fault
from evidence.results import Shown, table_text
from evidence.tables.protocol.audit import CERTAINTIES, AuditRule
from evidence.tables.review import Review
from evidence.wording import counted, in_words

__all__ = ["Audit", "audit"]


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Shown):
    """Result of `audit`.

    Attributes
    ----------
    claims : DataFrame
        One row a claim: claim_id, section, claim, kind, window, cited_as, verdict, step (of the rule, see `rule`),
        why (in a few words, with the numbers that speak for or against it, and the verdict under another threshold of
        ``audit.vary`` where it is another one), details (with all numbers), certainty
        (the lowest among the results that decide), analyses (their ids, joined by "; "), sentence (claim, verdict and
        details for a reader), fails (whether the verdict is less than was claimed) and otherwise (the verdict under
        other thresholds, as `other_verdicts` gives it).
    results : DataFrame
        One row for each part of a claim and each result that bears on it: claim_id, intervention, outcome, window,
        analysis, deciding, verdict, step, why, measure, k, trials, n, reported, estimate, ci_low, ci_high, mid (all
        four on the scale of the analysis, log for ratios), certainty and favours (the sign of a benefit). A part on
        which nothing bears has a row with an empty analysis.
    citations : DataFrame
        One row a citation: citation_id, correct, wrong (kinds of disagreement, joined by "; "), sentence, claims
        (that rest on it), evidence (addresses, joined by a blank) and doubts (where the table's own column ``agrees``
        is not what the comparison gives).
    fields : DataFrame
        One row a field of a citation, as `compare_citations` gives it.
    rule : DataFrame
        The rule, as `rule_steps` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> audit = ev.audit(review)
    >>> "claims" in audit.summary()
    True
    """

    claims: pd.DataFrame
    results: pd.DataFrame
    citations: pd.DataFrame
    fields: pd.DataFrame
    rule: pd.DataFrame

    @property
    def counts(self) -> pd.Series:
        """Number of claims by verdict, in the order of `VERDICTS`."""
        return self.claims["verdict"].value_counts().reindex(VERDICTS, fill_value=0)

    @property
    def failed(self) -> bool:
        """Whether a claim or a citation fails: a verdict less than was claimed, a wrong or a doubtful citation."""
        citations = self.citations
        return bool(
            self.claims["fails"].any() or (~citations["correct"]).any() or (citations["doubts"] != "").any()
        )

    @property
    def statement(self) -> str:
        """How many claims have each verdict, and how many citations are wrong, in Markdown."""
        counts = ", ".join(f"**{count}** {verdict}" for verdict, count in self.counts.items() if count)
        wrong = int((~self.citations["correct"]).sum())
        moved = int((self.claims["otherwise"] != "").sum())
        others = (
            f" Another threshold than certainty would change {in_words(moved)} of these verdicts."
            if moved
            else ""
        )
        return (
            f"Of {len(self.claims)} claims: {counts}.{others} Of {len(self.citations)} citations, **{wrong}** "
            f"{'does' if wrong == 1 else 'do'} not agree with the work that they name."
        )

    @property
    def verdicts(self) -> pd.DataFrame:
        """Each claim with its verdict, under headings for people."""
        return self.claims[["claim", "verdict", "certainty", "why"]]

    def bearing(self, review: Review) -> pd.DataFrame:
        """Every result that bears on a claim, in the words of the review, under headings for people."""
        shown = self.results.drop(columns=["why", "favours"])
        shown["outcome"] = shown["outcome"].map(review.protocol.outcome_title)
        for column in ("intervention", "window"):
            shown[column] = shown[column].str.replace("_", " ")
        titles = {name: one.title for name, one in review.analyses.items()}
        shown["analysis"] = shown["analysis"].map(titles).fillna("")
        words = self.claims.set_index("claim_id")["claim"]
        return shown.assign(claim_id=shown["claim_id"].map(words)).rename(columns={"claim_id": "claim"})

    @property
    def citation_list(self) -> str:
        """What is wrong with each citation, as a list in Markdown; then where the table itself is in doubt."""
        doubts = [text for text in self.citations["doubts"] if text]
        disagree = [f"The table and the comparison disagree: {text}." for text in doubts]
        return "\n".join(f"- {text}" for text in [*self.citations["sentence"], *disagree])

    @property
    def citation_fields(self) -> pd.DataFrame:
        """Each field of the citations, as cited and as found, under headings for people."""
        headings = {
            "citation_id": "citation",
            "field": "field",
            "as_cited": "as cited",
            "found": "found",
            "disagreement": "disagreement",
            "basis": "how judged",
            "evidence": "checked at",
        }
        shown = self.fields[list(headings)].rename(columns=headings)
        return shown.assign(
            citation=shown["citation"].map(citation_words), field=shown["field"].str.replace("_", " ")
        )

    def to_frame(self) -> pd.DataFrame:
        """The claims."""
        return self.claims

    def summary(self) -> str:
        """Counts of verdicts, the claims with their verdicts, and a sentence on each citation."""
        wrong = int((~self.citations["correct"]).sum())
        heading = (
            f"{counted(len(self.claims), 'claim')}: "
            + (
                ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
                or "nothing to judge"
            )
            + f". {counted(len(self.citations), 'citation')}, {wrong or 'none'} wrong."
        )
        shown = self.claims[["claim_id", "verdict", "step", "certainty", "claim"]]
        note = "\n".join(self.citations["sentence"])
        return table_text(heading, shown, note) if len(shown) else f"{heading}\n{note}".rstrip()


def audit(
    review: Review,
    claims: pd.DataFrame | str | Path | None = None,
    *,
    citations: pd.DataFrame | str | Path | None = None,
    rule: AuditRule | None = None,
    certainty: Rating | None = None,
    **overrides: Any,
) -> Audit:
    """Judge claims by the results of a review, and compare citations with the works that they name.

    Parameters
    ----------
    review : Review
    claims, citations : DataFrame, str or Path, optional
        Rows, or a CSV file, with the columns of ``claims.csv`` and ``citations.csv``; by default the review's own. Of
        its citations only those are looked at that other claims, where given, rest on.
    rule : AuditRule, optional
        By default the protocol's (``audit``).
    certainty : callable, optional
        Rates an analysis in place of `grade`: called with the review and the id of the analysis, it gives an object
        with the attribute ``level``.
    **overrides
        Options of `pool` (method, ci, level, prediction) that differ from the protocol. Certainty is that of the
        protocol's own model.

    Returns
    -------
    Audit

    Raises
    ------
    DataError
        If a table cannot be read or used, or the rule names a window that the protocol does not have.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.audit(review).to_frame().columns[:4].tolist()
    ['claim_id', 'section', 'claim', 'kind']
    """
    protocol = review.protocol
    rule = protocol.audit if rule is None else rule
    for name in rule.short_term:
        if name not in protocol.windows:
            known = ", ".join(protocol.windows)
            raise DataError([Fault("review.yaml", None, "audit.short_term", name, f"use one of {known}")])
    judged = read_table(review.claims if claims is None else claims, "claims", protocol)
    cited = read_table(review.citations if citations is None else citations, "citations", protocol)
    if claims is not None and citations is None:
        cited = cited[cited["citation_id"].isin(set(judged["cited_as"]))]
    bearings = bearings_on(review, judged, certainty=certainty, **overrides)
    rows, results = [], []
    others = other_verdicts(review, judged, bearings, rule, certainty)
    for claim in judged.to_dict("records"):
        verdict = judge_claim(claim, bearings, protocol, rule)
        rows.append(_claim_row(claim, verdict, others[claim["claim_id"]]))
        results.extend(_result_rows(claim, verdict))
    fields = compare_citations(cited)
    return Audit(
        pd.DataFrame(rows, columns=_CLAIMS).astype({"fails": bool}),
        pd.DataFrame(results, columns=_RESULTS).astype(
            {"deciding": bool} | dict.fromkeys((*_NUMBERS, "mid", "favours"), float)
        ),
        judge_citations(fields, judged),
        fields,
        rule_steps(rule),
    )


_CLAIMS = [
    *("claim_id", "section", "claim", "kind", "window", "cited_as", "verdict", "step", "why", "details"),
    *("certainty", "analyses", "sentence", "fails", "otherwise"),
]
_NUMBERS = ("k", "trials", "n", "reported", "estimate", "ci_low", "ci_high")
_RESULTS = [
    *(
        "claim_id",
        "intervention",
        "outcome",
        "window",
        "analysis",
        "deciding",
        "verdict",
        "step",
        "why",
        "measure",
    ),
    *(*_NUMBERS, "mid", "certainty", "favours"),
]


def _claim_row(claim: dict[Any, Any], verdict: ClaimVerdict, other: str) -> dict[str, Any]:
    best = [part.results[0][0] for part in verdict.deciding if part.results]
    levels = [one.certainty for one in best if one.certainty]
    return {
        **{name: claim[name] for name in ("claim_id", "section", "claim", "kind", "window", "cited_as")},
        "verdict": verdict.verdict,
        "step": verdict.step,
        "why": "; ".join(filter(None, [verdict.why, other])),
        "details": verdict.details,
        "certainty": min(levels, key=CERTAINTIES.index, default=""),
        "analyses": "; ".join(dict.fromkeys(one.analysis.id for one in best)),
        "sentence": f"{claim['claim'].rstrip('.')}: {verdict.verdict}. {_capital(verdict.details)}.",
        "otherwise": other,
        "fails": verdict.verdict not in (SUPPORTED, NOT_ADDRESSED),
    }


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _result_rows(claim: dict[Any, Any], verdict: ClaimVerdict) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for part in verdict.parts:
        start = {
            "claim_id": claim["claim_id"],
            "intervention": part.intervention,
            "outcome": part.outcome,
            "window": part.window,
        }
        if not part.results:
            own = part.judgement
            rows.append(
                {
                    **start,
                    "analysis": "",
                    "deciding": False,
                    "verdict": own.verdict,
                    "step": own.step,
                    "why": own.reason,
                }
            )
        for number, (bearing, judgement) in enumerate(part.results):
            rows.append(
                {
                    **start,
                    "analysis": bearing.analysis.id,
                    "deciding": number == 0 and part in verdict.deciding,
                    "verdict": judgement.verdict,
                    "step": judgement.step,
                    "why": judgement.reason,
                    "measure": bearing.words.measure,
                    **{name: getattr(bearing, name) for name in _NUMBERS},
                    "certainty": bearing.certainty,
                    "mid": bearing.words.mid,
                    "favours": bearing.words.benefit,
                }
            )
    return rows
