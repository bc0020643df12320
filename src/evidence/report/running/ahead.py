"""What the notebooks of a report would each work out anew, worked out once before the first of them begins."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["DRAWN_ON", "work_ahead"]

DRAWN_ON = (
    "arm_results",
    "arms",
    "contrast_results",
    "instruments",
    "risk_of_bias",
    "trials",
)
"""Tables that go into what is worked out ahead: every notebook that reads the review depends on them."""


def work_ahead(data: Path) -> None:
    """Read a review and gather what bears on each of its analyses, for the processes that are copied from this one.

    Parameters
    ----------
    data : Path
        Folder of the review. If it has faults nothing is kept: whoever reads it is told.
    """
    import pandas as pd

    import evidence.figures
    import evidence.report.question_page  # noqa: F401  # what most pages come to import
    from evidence.appraisal.certainty.evidence import gather
    from evidence.effects.choosing.candidates import on_scale
    from evidence.errors import EvidenceError
    from evidence.figures.drawing.text import text_width
    from evidence.synthesis.reports import reports_on
    from evidence.tables.review import read_ahead

    # Where pyarrow is installed pandas would keep texts in its form, which takes longer to walk through. The setting
    # ends here: notebooks have the one that they would have anywhere.
    with pd.option_context("mode.string_storage", "python"), contextlib.suppress(EvidenceError):
        review = read_ahead(data)
        analyses = review.analyses.values()
        for analysis in analyses:
            gather(review, analysis)
            reports_on(review, analysis)
        for outcome, window in dict.fromkeys(
            (one.outcome, one.window) for one in analyses if one.spec.pooled
        ):
            rules = review.protocol.outcomes[outcome]
            for measure in filter(None, (rules.measure, rules.alternative_measure)):
                for fill in review.protocol.multiverse.fills:
                    on_scale(review, outcome, window, measure, fill)
        for label in {*review.trials["label"], *review.arms["label"], *(one.title for one in analyses)}:
            for weight in ("normal", "bold"):
                text_width(label, weight=weight)  # how near letters stand to each other is kept
