"""What each column of the exported results says."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evidence.effects.choosing.comparisons import COLUMNS
from evidence.errors import ReportError
from evidence.tables.review import Review, tables_of

__all__ = ["DESCRIPTIONS", "codebook"]

DESCRIPTIONS = COLUMNS | {
    "title": "the question in words",
    "k": "number of comparisons pooled",
    "trials": "number of trials that they come from",
    "model": "estimator of the between-study variance, and type of confidence interval",
    "scale": "scale of the pooled effect, its confidence interval and its prediction interval",
    "level": "level of the intervals",
    "estimate": "pooled effect, intervention minus comparator, or their ratio",
    "p_value": "P value of the test of no effect",
    "prediction_low": "lower limit of the prediction interval of the true effect in a new study",
    "prediction_high": "upper limit of the prediction interval of the true effect in a new study",
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
