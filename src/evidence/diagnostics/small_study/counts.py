"""Tests for funnel asymmetry from counts of events.

The standard error of a log odds ratio depends on the odds ratio itself, so that Egger's test rejects too
often. These tests use other measures of size: score and score variance (Harbord), sample size (Peters),
number of events (Debray).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evidence.columns import align, as_frame, labels_of, numbers, study_numbers
from evidence.diagnostics.small_study.regression_test import FunnelTest, regression_test
from evidence.errors import DataError, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled

__all__ = ["debray", "harbord", "peters"]


def harbord(
    a: Any, b: Any, c: Any, d: Any, *, level: float = 0.95, labels: Any = None, data: Any = None
) -> FunnelTest:
    """Harbord's test: the efficient score of the log odds ratio regressed on its standard error.

    With the score Z = a - (a + c) n1 / N and its variance V = n1 n2 (a + c) (b + d) / (N^2 (N - 1)), Z / V is
    regressed on 1 / sqrt(V) with weights V.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events in the first group, events and non-events in the second.
    level : float
        Of the interval of the limit.
    labels : sequence of str, optional
        Study labels, for messages.

    Returns
    -------
    FunnelTest

    Raises
    ------
    DataError
        If counts differ in length, are negative or not finite; the message names the study.
    ModelError
        If fewer than three studies with events and non-events remain, or the score variances do not vary.

    References
    ----------
    Harbord RM, Egger M, Sterne JAC (2006). Stat Med 25(20), 3443-3457.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> counts = [bcg[name] for name in ("tpos", "tneg", "cpos", "cneg")]
    >>> f"P = {ev.harbord(*counts).p_value:.2f}"
    'P = 0.23'
    """
    a, b, c, d, names = _counts(a, b, c, d, labels, data)
    n1, n2, events, rest = a + b, c + d, a + c, b + d
    keep = (n1 > 0) & (n2 > 0) & (events > 0) & (rest > 0)
    note = _left_out(names, keep, "without contrast between the groups")
    a, n1, n2, events, rest = a[keep], n1[keep], n2[keep], events[keep], rest[keep]
    n = n1 + n2
    variance = (n1 / n) * (n2 / n) * events * (rest / np.maximum(n - 1.0, 1.0))
    score = a - events * (n1 / n)
    return regression_test(
        "Harbord's test",
        "standard error of the score",
        1.0 / np.sqrt(variance),
        score / variance,
        1.0 / variance,
        level=level,
        note=note,
    )


def peters(
    a: Any, b: Any, c: Any, d: Any, *, level: float = 0.95, labels: Any = None, data: Any = None
) -> FunnelTest:
    """Peters' test: the log odds ratio regressed on 1 / N, with weights (1 / events + 1 / non-events)^-1.

    One half is added to the cells of a table with an empty cell for its odds ratio; the weights use the
    counts as given.

    Parameters
    ----------
    a, b, c, d, level, labels
        As for `harbord`.

    Returns
    -------
    FunnelTest

    Raises
    ------
    DataError, ModelError
        As for `harbord`; sample sizes must vary.

    References
    ----------
    Peters JL, Sutton AJ, Jones DR, Abrams KR, Rushton L (2006). JAMA 295(6), 676-680.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> counts = [bcg[name] for name in ("tpos", "tneg", "cpos", "cneg")]
    >>> f"P = {ev.peters(*counts).p_value:.2f}"
    'P = 0.20'
    """
    a, b, c, d, names = _counts(a, b, c, d, labels, data)
    keep = (a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0)
    note = _left_out(names, keep, "without contrast between the groups")
    a, b, c, d = a[keep], b[keep], c[keep], d[keep]
    add = np.where((a == 0) | (b == 0) | (c == 0) | (d == 0), 0.5, 0.0)
    ratio = np.log(a + add) - np.log(b + add) - np.log(c + add) + np.log(d + add)
    return regression_test(
        "Peters' test",
        "1 / sample size",
        1.0 / (a + b + c + d),
        ratio,
        1.0 / (a + c) + 1.0 / (b + d),
        level=level,
        note=note,
    )


@takes("Pooled")
def debray(fit: Pooled, events1: Any, events2: Any, *, weights: str = "FIV") -> FunnelTest:
    """Debray's test for time-to-event data: log hazard ratios regressed on 1 / number of events.

    Parameters
    ----------
    fit : Pooled
        Log hazard ratios and their variances.
    events1, events2 : array-like, shape (k,)
        Numbers of events in the two groups.
    weights : str
        "FIV": the reciprocal sampling variances of the fit; a study without events counts as one with one
        event. "FAV": (1 / events1 + 1 / events2)^-1, for variances that are unknown or unreliable; one half
        is added to both numbers where one is zero.

    Returns
    -------
    FunnelTest

    Raises
    ------
    DataError
        If numbers of events are not one a study, negative or not finite, or `weights` is unknown.
    ModelError
        With fewer than three studies, or if the numbers of events do not vary.

    References
    ----------
    Debray TPA, Moons KGM, Riley RD (2018). Res Synth Methods 9(1), 41-50.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> test = ev.debray(fit, events1=[4, 6, 3, 62, 33, 180], events2=[11, 29, 11, 248, 47, 372])
    >>> f"P = {test.p_value:.2f}"
    'P = 0.91'
    """
    if weights not in ("FIV", "FAV"):
        raise DataError(f"unknown weights {weights!r}; choose 'FIV' or 'FAV'.")
    first, second = (
        _checked(study_numbers(fit, values, name), name, fit.labels)
        for values, name in ((events1, "events1"), (events2, "events2"))
    )
    if weights == "FIV":
        total, variance = np.maximum(first + second, 1.0), fit.variance
    else:
        add = np.where((first == 0) | (second == 0), 0.5, 0.0)
        total = first + second + 2.0 * add
        variance = 1.0 / (first + add) + 1.0 / (second + add)
    return regression_test(
        f"Debray's test ({weights})", "1 / events", 1.0 / total, fit.effect, variance, level=fit.level
    )


def _counts(
    a: Any, b: Any, c: Any, d: Any, labels: Any, data: Any
) -> tuple[Floats, Floats, Floats, Floats, tuple[str, ...]]:
    """Return the four cells as arrays, and the labels."""
    columns, index = align(
        {"a": a, "b": b, "c": c, "d": d}, data=None if data is None else as_frame(data), labels=labels
    )
    first = numbers(columns["a"], "a", labels=index)
    names = labels_of(columns.get("labels"), index, first.size)
    cells = [_checked(numbers(columns[name], name, labels=names), name, names) for name in "abcd"]
    return cells[0], cells[1], cells[2], cells[3], names


def _checked(values: Floats, name: str, labels: Sequence[str]) -> Floats:
    """Check counts: one a study, none negative, up to 1e15."""
    if values.shape != (len(labels),):
        raise DataError(
            f"{name} must have one value for each of the {len(labels)} studies; its shape is {values.shape}."
        )
    good = (values >= 0.0) & (values <= 1e15)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{labels[i]}: {name} is {values[i]:g}; counts are finite numbers and not negative.")
    return values


def _left_out(names: Sequence[str], keep: Any, reason: str) -> str:
    """Name the studies that a test cannot use."""
    gone = ", ".join(name for name, kept in zip(names, keep, strict=True) if not kept)
    return f"Left out, {reason}: {gone}." if gone else ""
