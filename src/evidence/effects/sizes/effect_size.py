"""One function from summary data of studies to effects and variances, for every measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evidence.columns import as_frame, column, labels_of, same_order
from evidence.effects.sizes import binary, continuous, rates, single
from evidence.effects.sizes.arguments import Columns, columns
from evidence.errors import DataError
from evidence.measures import MEASURES, choose_measure

__all__ = ["RECIPES", "Recipe", "effect_size"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a measure is made from, and which options it knows."""

    needs: tuple[str, ...]
    compute: Callable[..., tuple[np.ndarray, np.ndarray]]
    forms: tuple[str, ...] = ("LS",)
    correct: bool | None = None  # default of the bias correction; None: there is none
    unused: tuple[str, ...] = ()  # may be given with the others, and changes nothing
    add: float | None = None  # default added to cells of tables with a zero; None: not made from counts
    score: bool = False  # may also be made from O - E and V

    @property
    def counts(self) -> tuple[str, ...]:
        """What `add` is added to: all that it needs but person-time."""
        return tuple(name for name in self.needs if not name.startswith("time"))


_GROUPS = ("m1", "sd1", "n1", "m2", "sd2", "n2")
_CELLS = ("a", "b", "c", "d")
_PAIRS = ("m1", "sd1", "m2", "sd2", "n", "r")
_RATES = ("events1", "time1", "events2", "time2")
_SCORE = ("o_minus_e", "v")

RECIPES: dict[str, Recipe] = {
    "MD": Recipe(_GROUPS, continuous.mean_difference, ("LS", "UB", "HO")),
    "SMD": Recipe(
        _GROUPS,
        continuous.standardised_difference,
        ("LS", "LS2", "UB", "AV"),
        correct=True,
    ),
    "SMDH": Recipe(
        _GROUPS,
        continuous.standardised_difference_unequal,
        ("LS", "LS2"),
        correct=True,
    ),
    "SMD1": Recipe(
        ("m1", "n1", "m2", "sd2", "n2"),
        continuous.standardised_difference_control,
        ("LS", "LS2", "UB", "AV"),
        correct=True,
        unused=("sd1",),
    ),
    "SMD1H": Recipe(
        _GROUPS,
        continuous.standardised_difference_control_unequal,
        correct=True,
    ),
    "ROM": Recipe(_GROUPS, continuous.ratio_of_means, ("LS", "HO", "AV", "AVHO"), correct=False),
    "VR": Recipe(
        ("sd1", "n1", "sd2", "n2"),
        continuous.log_variability_ratio,
        correct=True,
        unused=("m1", "m2"),
    ),
    "CVR": Recipe(_GROUPS, continuous.log_variation_ratio, correct=True),
    "MC": Recipe(_PAIRS, continuous.mean_change),
    "SMCC": Recipe(
        _PAIRS,
        continuous.standardised_change,
        ("LS", "LS2"),
        correct=True,
    ),
    "SMCR": Recipe(
        ("m1", "sd1", "m2", "n", "r"),
        continuous.standardised_change_raw,
        ("LS", "LS2"),
        correct=True,
        unused=("sd2",),
    ),
    "SMCRP": Recipe(
        _PAIRS,
        continuous.standardised_change_pooled,
        correct=True,
    ),
    "MN": Recipe(("m", "sd", "n"), continuous.single_mean),
    "MNLN": Recipe(("m", "sd", "n"), continuous.log_mean),
    "RR": Recipe(_CELLS, binary.log_risk_ratio, add=0.5, score=True),
    "OR": Recipe(_CELLS, binary.log_odds_ratio, add=0.5, score=True),
    "HR": Recipe(_SCORE, binary.log_ratio_from_score),
    "RD": Recipe(_CELLS, binary.risk_difference, ("LS", "UB", "AV"), add=0.5),
    "AS": Recipe(_CELLS, binary.arcsine_difference, add=0.0),
    "PETO": Recipe(_CELLS, binary.peto_log_odds_ratio, add=0.5, score=True),
    "IRR": Recipe(_RATES, rates.log_rate_ratio, add=0.5),
    "IRD": Recipe(_RATES, rates.rate_difference, add=0.5),
    "IRSD": Recipe(_RATES, rates.root_rate_difference, add=0.0),
    "PR": Recipe(("x", "m"), single.proportion, ("LS", "UB", "AV"), add=0.5),
    "PLN": Recipe(("x", "m"), single.log_proportion, ("LS", "AV"), add=0.5),
    "PLO": Recipe(("x", "m"), single.logit_proportion, ("LS", "AV"), add=0.5),
    "PAS": Recipe(("x", "m"), single.arcsine_proportion, add=0.0),
    "PFT": Recipe(("x", "m"), single.freeman_tukey_proportion, add=0.0),
    "IR": Recipe(("events", "time"), rates.rate, add=0.5),
    "IRLN": Recipe(("events", "time"), rates.log_rate, add=0.5),
    "IRS": Recipe(("events", "time"), rates.root_rate, add=0.0),
    "IRFT": Recipe(("events", "time"), rates.freeman_tukey_rate, add=0.0),
    "COR": Recipe(("r", "n"), single.correlation, ("LS", "AV")),
    "ZCOR": Recipe(("r", "n"), single.fisher_z),
}


@np.errstate(all="ignore")  # what is not finite is reported
def effect_size(
    measure: str,
    *,
    m1: ArrayLike | None = None,
    sd1: ArrayLike | None = None,
    n1: ArrayLike | None = None,
    m2: ArrayLike | None = None,
    sd2: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    c: ArrayLike | None = None,
    d: ArrayLike | None = None,
    events1: ArrayLike | None = None,
    events2: ArrayLike | None = None,
    events: ArrayLike | None = None,
    n: ArrayLike | None = None,
    r: ArrayLike | None = None,
    m: ArrayLike | None = None,
    sd: ArrayLike | None = None,
    time: ArrayLike | None = None,
    time1: ArrayLike | None = None,
    time2: ArrayLike | None = None,
    o_minus_e: ArrayLike | None = None,
    v: ArrayLike | None = None,
    variance_form: str = "LS",
    correct: bool | None = None,
    add: float | None = None,
    to: str = "only0",
    drop00: bool = False,
    data: Any = None,
    labels: Any = None,
) -> pd.DataFrame:
    """Compute effects and their sampling variances from the summary data of studies.

    Effects compare group 1 with group 2 (first minus second measurement for paired designs); ratios and odds
    are on the log scale.

    Parameters
    ----------
    measure : str
        - Two groups, ``m1, sd1, n1, m2, sd2, n2``: ``MD`` mean difference, ``SMD`` Hedges' g, ``SMDH`` the
          same for unequal variances, ``SMD1`` Glass' delta, in standard deviations of group 2 (``sd1`` may be
          left out), ``SMD1H`` the same for unequal variances, ``ROM`` log ratio of means, ``VR`` log ratio of
          standard deviations (means may be left out), ``CVR`` of coefficients of variation.
        - One group measured twice, ``m1, sd1, m2, sd2, n, r``: ``MC`` mean change, ``SMCC`` in standard
          deviations of the change, ``SMCR`` in standard deviations of the first measurement (``sd2`` may be
          left out; it makes no difference), ``SMCRP`` in pooled standard deviations of both.
        - One group measured once, ``m, sd, n``: ``MN`` mean, ``MNLN`` log mean.
        - Two by two tables, ``a, b, c, d`` or ``events1, n1, events2, n2``: ``RR``, ``OR``, ``RD``, ``AS``
          arcsine difference, ``PETO``.
        - Observed minus expected events and their variance, ``o_minus_e, v``: ``HR``, ``OR``, ``RR``,
          ``PETO``.
        - Two rates, ``events1, time1, events2, time2``: ``IRR``, ``IRD`` difference, ``IRSD`` difference of
          roots.
        - One proportion, ``events, n``: ``PR``, ``PLN`` log, ``PLO`` logit, ``PAS`` arcsine, ``PFT`` double
          arcsine.
        - One rate, ``events, time``: ``IR``, ``IRLN`` log, ``IRS`` square root, ``IRFT`` double square root.
        - One correlation, ``r, n``: ``COR``, ``ZCOR`` Fisher's z.
    m1, sd1, n1, m2, sd2, n2 : array-like or float
        Means, standard deviations (not negative) and sizes (at least 1) of two groups or measurements.
    a, b, c, d : array-like or float
        Group 1 with and without the event, group 2 with and without; not negative, need not be whole.
    events1, events2, events : array-like or float
        Numbers with the event, at most the size of the group.
    n, r : array-like or float
        Size of a single group; correlation, -1 to 1.
    m, sd : array-like or float
        Mean and standard deviation of a single group; the mean above 0 for MNLN.
    time, time1, time2 : array-like or float
        Person-time at risk, above 0, in any unit; rates are per that unit.
    o_minus_e, v : array-like or float
        Observed minus expected events in group 1, and the variance of that difference, above 0.
    variance_form : str
        ``LS`` large sample (all), ``LS2`` (SMD, SMDH, SMD1, SMCC, SMCR), ``UB`` unbiased (MD, SMD, SMD1, RD,
        PR), ``AV`` from the average of the studies (SMD, SMD1, ROM, RD, PR, PLN, PLO, COR), ``HO`` pooled
        variance (MD, ROM), ``AVHO`` (ROM).
    correct : bool, optional
        Small-sample bias correction. Default: yes for standardised differences and changes, VR and CVR; no
        for ROM.
    add : float, optional
        Added to the cells of the tables that `to` names. Default 0.5, for AS, PAS, PFT, IRS, IRFT and IRSD 0.
    to : {"only0", "all", "if0all", "none"}
        Which tables: those with a zero cell; all; all if one has a zero cell; none.
    drop00 : bool
        Leave out (as NaN) studies in which no one, or everyone, in both groups had the event; of rates,
        those without events.
    data : DataFrame, optional
        Table (pandas, polars or alike) whose columns the arguments name.
    labels : array-like of str, or str, optional
        Study labels, or with `data` their column.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect`` and ``variance``, one row a study, with the index of `data` or of the Series given. With
        `data` or `labels` also ``label`` (if given) and what the studies reported: sizes with means and standard
        deviations, or with events (``events1, n1, events2, n2``), so that `pool` of this table knows labels, measure
        and sizes. A row with an absent value (NaN) among its data is NaN; `pool` leaves it out by
        ``missing="omit"``. ``attrs["measure"]`` is the measure.

    Raises
    ------
    DataError
        If the measure is unknown, an argument is missing, superfluous or out of range, or an effect or variance
        cannot be computed; the message names the row and the value.

    References
    ----------
    .. [1] Borenstein, Hedges, Higgins & Rothstein (2009). Introduction to Meta-Analysis, chapters 4 to 6.
    .. [2] Viechtbauer (2010), J Stat Softw 36(3), whose `escalc` defines the same measures.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> ev.effect_size("MD", m1=3.1, sd1=2.0, n1=50, m2=4.2, sd2=2.2, n2=48).round(4)
       effect  variance
    0    -1.1    0.1808
    >>> trials = pd.DataFrame({"who": ["Ahn", "Bao"], "a": [4, 6], "b": [119, 300], "c": [11, 29], "d": [128, 274]})
    >>> ev.effect_size("RR", a="a", b="b", c="c", d="d", data=trials, labels="who")[["label", "effect"]].round(3)
      label  effect
    0   Ahn  -0.889
    1   Bao  -1.585
    """
    measure = choose_measure(measure, RECIPES)
    spec = RECIPES[measure]
    given = {
        "m1": m1, "sd1": sd1, "n1": n1, "m2": m2, "sd2": sd2, "n2": n2, "a": a, "b": b, "c": c, "d": d,
        "events1": events1, "events2": events2, "events": events, "n": n, "r": r, "m": m, "sd": sd,
        "time": time, "time1": time1, "time2": time2, "o_minus_e": o_minus_e, "v": v,
    }  # fmt: skip
    if spec.score and (o_minus_e is not None or v is not None):
        spec = Recipe(_SCORE, binary.log_ratio_from_score)
    options = _options(measure, spec, variance_form, correct, add, to, drop00)
    carrying = data is not None or labels is not None
    source = None if data is None else as_frame(data)
    if source is not None:
        given = {name: column(value, name, source) for name, value in given.items()}
    table = columns(**_expected(measure, spec, given))
    _check_ranges(table)

    cells, left_out = _cells(table), table.absent()
    if drop00:
        left_out |= _without_contrast(cells)
    data = {name: np.where(left_out, np.nan, cells[name]) for name in spec.needs}
    if spec.add is not None:
        counts = [data[name] for name in spec.counts]
        counts = binary.add_to_cells(counts, spec.add if add is None else add, to)
        data |= dict(zip(spec.counts, counts, strict=True))
    effect, variance = spec.compute(**data, **options)
    hint = " Add a constant to tables with a zero (add, to)." if spec.add is not None else ""
    out = table.frame(
        effect, variance, f"the {MEASURES[measure].title} or its variance", left_out=left_out, hint=hint
    )
    if carrying:
        out = _with_reported(out, table, cells, None if labels is None else column(labels, "labels", source))
    out.attrs["measure"] = measure
    return out


def _with_reported(
    out: pd.DataFrame, table: Columns, cells: dict[str, np.ndarray], labels: Any
) -> pd.DataFrame:
    """Add the labels of the studies in front, and what they reported behind."""
    reported = dict(table.data)
    if "a" in cells:
        reported = {
            "events1": cells["a"],
            "n1": cells["a"] + cells["b"],
            "events2": cells["c"],
            "n2": cells["c"] + cells["d"],
        }
    out = out.assign(**reported)
    if labels is not None:
        same_order({"the data": pd.Series(index=out.index, dtype=float), "labels": labels})
        out.insert(0, "label", list(labels_of(labels, None, len(out))))
    return out


def _without_contrast(cells: dict[str, np.ndarray]) -> np.ndarray:
    """Studies in which nobody, or everybody, in both groups had the event."""
    if "time1" in cells:
        return (cells["events1"] == 0) & (cells["events2"] == 0)
    return (cells["a"] == 0) & (cells["c"] == 0) | (cells["b"] == 0) & (cells["d"] == 0)


def _expected(measure: str, spec: Recipe, given: dict[str, ArrayLike | None]) -> dict[str, ArrayLike]:
    """Keep the arguments that the measure needs; refuse a missing or superfluous one."""
    needs = spec.needs
    if needs == _CELLS and any(given[name] is not None for name in ("events1", "events2", "n1", "n2")):
        needs = ("events1", "n1", "events2", "n2")
    elif needs == ("x", "m"):
        needs = ("events", "n")
    missing = [name for name in needs if given[name] is None]
    known = needs + spec.unused
    extra = [name for name, value in given.items() if value is not None and name not in known]
    if missing or extra:
        faults = [f"missing: {', '.join(missing)}"] if missing else []
        faults += [f"superfluous: {', '.join(extra)}"] if extra else []
        raise DataError(f"{measure} takes {', '.join(needs)}; {'; '.join(faults)}.")
    return {name: value for name in needs if (value := given[name]) is not None}


def _options(
    measure: str,
    spec: Recipe,
    form: str,
    correct: bool | None,
    add: float | None,
    to: str,
    drop00: bool,
) -> dict[str, str | bool]:
    """Check the options against the measure; return those that its function takes."""
    if form not in spec.forms:
        raise DataError(f"{measure} has no variance form {form!r}; choose one of {', '.join(spec.forms)}.")
    if to not in ("only0", "all", "if0all", "none"):
        raise DataError(f'to must be "only0", "all", "if0all" or "none", not {to!r}.')
    if spec.add is None and (add is not None or to != "only0"):
        raise DataError(f"{measure} is not made from counts; leave out add and to.")
    if add is not None and not (np.isfinite(add) and add >= 0):
        raise DataError(f"add must be a number that is not negative, not {add!r}.")
    if drop00 and spec.needs not in (_CELLS, _RATES):
        raise DataError(f"{measure} is not made from counts of two groups; leave out drop00.")
    if correct is not None and spec.correct is None:
        raise DataError(f"{measure} has no bias correction; leave out correct.")
    if correct is False and form == "UB":
        raise DataError(
            "The unbiased variance (UB) is that of the corrected effect; leave out correct=False."
        )
    options: dict[str, str | bool] = {}
    if len(spec.forms) > 1:
        options["form"] = form
    if spec.correct is not None:
        options["correct"] = spec.correct if correct is None else correct
    return options


def _check_ranges(table: Columns) -> None:
    """Refuse values that no study can have."""
    for name, values in table.data.items():
        if name in ("n1", "n2", "n"):
            table.refuse(values < 1, name, "at least 1")
        elif name in ("time", "time1", "time2", "v"):
            table.refuse(values <= 0, name, "above 0")
        elif name in ("sd1", "sd2", "sd", *_CELLS, "events1", "events2", "events"):
            table.refuse(values < 0, name, "0 or more")
        elif name == "r":
            table.refuse(np.abs(values) > 1, name, "between -1 and 1")
    if "r" in table.data and len(table.data) == 2:
        table.refuse(table["n"] <= 3, "n", "above 3 for the variance of a correlation")
    for event, other in (("a", "b"), ("c", "d")):
        if event in table.data:
            empty = (table[event] == 0) & (table[other] == 0)
            table.refuse(empty, event, f"positive if {other} = 0: the group is empty")
    for events, size in (("events1", "n1"), ("events2", "n2"), ("events", "n")):
        if events in table.data and size in table.data:
            table.refuse(table[events] > table[size], events, f"at most {size}")


def _cells(table: Columns) -> dict[str, np.ndarray]:
    """Add the cells that follow from events and sizes to the columns given."""
    cells = dict(table.data)
    if "events1" in cells and "n1" in cells:
        cells["a"], cells["b"] = cells["events1"], cells["n1"] - cells["events1"]
        cells["c"], cells["d"] = cells["events2"], cells["n2"] - cells["events2"]
    if "events" in cells and "n" in cells:
        cells["x"], cells["m"] = cells["events"], cells["n"] - cells["events"]
    return cells
