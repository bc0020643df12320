"""What each column of the exported results says."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evidence.errors import ReportError
from evidence.tables.review import Review, tables_of

__all__ = ["DESCRIPTIONS", "codebook"]

DESCRIPTIONS = {
    "title": "the question in words",
    "analysis": "id of the analysis in review.yaml",
    "measure": "measure of the effect; ratios of single comparisons are logarithms, pooled ones are ratios",
    "k": "number of comparisons pooled",
    "trials": "number of trials that they come from",
    "n": "number of patients, where it is known or assumed",
    "model": "estimator of the between-study variance, and type of confidence interval",
    "scale": "scale of the pooled effect, its confidence interval and its prediction interval",
    "level": "level of the intervals",
    "estimate": "pooled effect, intervention minus comparator, or their ratio",
    "se": "standard error of the effect, for ratios of its logarithm",
    "ci_low": "lower limit of the confidence interval",
    "ci_high": "upper limit of the confidence interval",
    "p_value": "P value of the test of no effect",
    "prediction_low": "lower limit of the prediction interval of the effect in a new study",
    "prediction_high": "upper limit of the prediction interval of the effect in a new study",
    "tau2": "between-study variance",
    "tau2_low": "lower limit of its Q-profile interval",
    "tau2_high": "upper limit of its Q-profile interval",
    "i2": "I2, percent of the variance that is between studies",
    "q": "Cochran's Q",
    "q_df": "degrees of freedom of Q",
    "q_p": "P value of Q",
    "bayes_estimate": "with few trials, the mean effect under a published distribution of the heterogeneity",
    "bayes_low": "its credible interval, lower limit",
    "bayes_high": "its credible interval, upper limit",
    "not_poolable": "comparisons reported for the question that cannot be pooled",
    "note": "what was pooled, or why nothing was",
    "trial_id": "id of the trial in trials.csv",
    "label": "name of the trial as figures show it",
    "year": "year of publication",
    "arm_id": "id of the intervention arm in arms.csv",
    "comparator_arm_id": "id of the comparator arm in arms.csv",
    "arm": "name of the intervention arm",
    "comparator": "name of the comparator arm",
    "outcome": "outcome",
    "instrument": "instrument on which the outcome was measured",
    "timepoint_weeks": "weeks from randomisation",
    "statistic": "final score (post), change from baseline (change) or count",
    "effect": "effect of the comparison, intervention minus comparator",
    "variance": "sampling variance of the effect",
    "n_arm": "patients of the intervention arm",
    "n_comparator": "patients of the comparator arm, as divided among its comparisons",
    "events_arm": "patients of the intervention arm with the event",
    "events_comparator": "patients of the comparator arm with the event, as divided among its comparisons",
    "reported_effect": "effect as reported, in units of the instrument",
    "reported_se": "its standard error as recovered from the report",
    "unit": "unit of the effect",
    "comparator_group": "group of comparators of the protocol",
    "risk_of_bias": "overall risk of bias of the trial",
    "source_kind": "kind of the source: abstract, full text, registry, secondary",
    "adjusted": "whether the result was adjusted for baseline values",
    "form": "what the effect was worked out from",
    "assumptions": "assumptions that were made, if any",
    "arm_share": "share of a shared comparator arm that this comparison was given",
    "derivation": "how the effect follows from the report, step by step",
    "result_ids": "rows of arm_results.csv or contrast_results.csv that it was worked out from",
    "source": "kind of the source and the place in it",
    "source_url": "address of the source",
    "doi": "DOI of the trial's publication",
    "study": "the trial that counts: of a stratum the whole trial",
    "readers": "who read the rows, and whether they agreed",
    "status": "pooled, or not poolable",
    "reason": "why a comparison is not poolable",
    "reason_kind": "the same in a word or two for programs, of several reasons each once",
}


def codebook(review: Review, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Describe every column of the exported tables.

    Parameters
    ----------
    review : Review
        Its protocol describes the columns that it adds to the tables.
    tables : mapping from name to DataFrame
        The tables to describe.

    Returns
    -------
    DataFrame
        One row per table and column: table, column, type, missing (number of empty cells), description.

    Raises
    ------
    ReportError
        If nothing describes a column.
    """
    own = {
        column.name: column.description or column.name.replace("_", " ")
        for table in tables_of(review.protocol)
        for column in table.columns
    }
    own |= {
        name: f"whether {name.replace('_', ' ')} goes with the intervention"
        for name in review.protocol.co_components
    }
    rows = []
    for table, frame in tables.items():
        for column in map(str, frame):
            description = DESCRIPTIONS.get(column) or own.get(column)
            if description is None:
                raise ReportError(f"the column '{column}' of '{table}' has no description in the codebook")
            rows.append(
                {
                    "table": table,
                    "column": column,
                    "type": _kind(frame[column]),
                    "missing": int(frame[column].isna().sum()),
                    "description": description,
                }
            )
    return pd.DataFrame(rows)


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return "truth value"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    return "number" if pd.api.types.is_numeric_dtype(values) else "text"
