"""The claims of an audited article on a page, each with the results that bear on it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import isfinite
from typing import Any

from evidence.appraisal.audit.audit import Audit
from evidence.tables.review import Review
from evidence.wording import capital, counted, plain

__all__ = ["publish_claims"]


def publish_claims(review: Review, audit: Audit) -> None:
    """Show each claim, folded, with its parts and what bears on them, combined results as links to the explorer.

    Parameters
    ----------
    review : Review
    audit : Audit
        As `audit` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_claims(review, ev.audit(review))
    <IPython...
    """
    from IPython.display import HTML, display

    parts = []
    for claim in audit.claims.to_dict("records"):
        found = audit.results[audit.results["claim_id"] == claim["claim_id"]].to_dict("records")
        rows = [_bearing(review, row) for row in found] or [escape(str(claim["details"]))]
        listed = "".join(f"<li>{row}</li>" for row in rows)
        head = (
            f"<b>{escape(claim['claim'])}: {escape(claim['verdict'])}.</b> <i>{escape(claim['section'])}</i>"
        )
        parts.append(f"<details><summary>{head}</summary><ul>{listed}</ul></details>")
    display(HTML("\n".join(parts)))


def _bearing(review: Review, row: Mapping[Any, Any]) -> str:
    """A part of a claim and what one result says of it, as HTML."""
    window, source = row["window"], ""
    outcome = review.protocol.outcome_title(row["outcome"])
    term = review.protocol.windows[window].term(window)
    name = ", ".join(filter(None, (capital(plain(row["intervention"])), outcome, term)))
    if row["analysis"]:
        analysis = review.analyses[row["analysis"]]
        title = escape(analysis.title)
        if isfinite(row["estimate"]) and not analysis.one_group:  # what the explorer holds
            title = f'<a href="explorer.html#a={analysis.id}">{title}</a>'
        size = f", {counted(int(row['k']), 'comparison')} from {counted(int(row['trials']), 'trial')}"
        source = f" {title}{size if row['k'] else ''}."
    decides = " The verdict rests on this result." if row["deciding"] else ""
    return f"{escape(name)}: {escape(row['verdict'])} – {escape(row['why'])}.{source}{decides}"
