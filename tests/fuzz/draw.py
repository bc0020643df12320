"""Random and adversarial input, and what a function has to say to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import evidence as ev
from evidence.measures import ESTIMATORS

Rng = np.random.Generator
FAULTS = (np.nan, np.inf, -np.inf, 0.0, -0.1, 1e40)
"""What a variance is spoilt with."""
UNTESTED = frozenset({"statistic", "p_value"})
"""Missing where the standard error is zero."""
ALONE = frozenset(
    {
        *("tau2_se", "tau2_low", "tau2_high", "i2_low", "i2_high", "h2_low", "h2_high"),
        *("prediction_low", "prediction_high", "bic"),
    }
)
"""Missing with a single study, or where tau2 is not estimated."""
SELF_WEIGHTED = tuple(name for name in ESTIMATORS if name != "GENQ")
"""Methods that need no weights from outside."""


@dataclass(frozen=True)
class Call:
    """A call to try."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    spoilt: str | None = None
    """What the error has to name; None if nothing was spoilt."""
    missing: frozenset[str] = frozenset()
    """Numbers of the result that may be missing, as documented."""
    must_work: bool = False
    """Whether an error is a failure even if it is our own."""


def pick(rng: Rng, values: Collection[Any]) -> Any:
    """Draw one of some values."""
    return list(values)[int(rng.integers(len(values)))]


def studies(rng: Rng, least: int = 1, most: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects and variances that are hard to pool: scattered, tied, clustered, huge, tiny, with outliers."""
    k = min(most, max(least, pick(rng, [1, 2, 2, 3, 4, 5, 8, 12, 30])))
    variance = 10.0 ** (rng.uniform(-12, 6, k) if rng.random() < 0.3 else rng.uniform(-3, 0, k))
    effect = rng.normal(size=k) * np.sqrt(variance) * 10.0 ** rng.uniform(-1, 1) + pick(rng, [0, 0.5, -30])
    match rng.integers(9):
        case 0:
            effect[rng.integers(k)] += 10.0 ** rng.uniform(1, 9)
        case 1:
            effect = np.sign(effect) * 10.0 ** rng.uniform(-1, 2)
        case 2:
            effect[:] = effect[0]
        case 3:
            variance[:] = variance[0]
        case 4:
            effect, variance = np.round(effect, 1), np.round(variance, 1) + 0.1
        case 5:
            scale = 10.0 ** rng.uniform(-6, 9)
            effect, variance = effect * scale, variance * scale**2
        case 6:
            effect[:] = 0.0
    return effect, np.clip(variance, 1e-24, 1e24)


def spoil(rng: Rng, effect: np.ndarray, variance: np.ndarray) -> str | None:
    """Now and then spoil one study in place; return its name."""
    if rng.random() > 0.12:
        return None
    i = int(rng.integers(effect.size))
    if rng.random() < 0.5:
        variance[i] = pick(rng, FAULTS)
    else:
        effect[i] = pick(rng, [np.nan, np.inf, -np.inf, 1e25])
    return f"Study {i + 1}"


def names(k: int) -> list[str]:
    """Name studies as the package does by default."""
    return [f"Study {i + 1}" for i in range(k)]


def tables(rng: Rng) -> tuple[tuple[np.ndarray, ...], str | None]:
    """Draw two-by-two tables with rare, absent, universal or very many events; now and then spoil one."""
    k = pick(rng, [1, 2, 3, 5, 8, 15])
    size = int(10.0 ** rng.uniform(0, pick(rng, [1, 2, 3, 5])))
    n1, n2 = rng.integers(1, size + 2, k), rng.integers(1, size + 2, k)
    risk = 10.0 ** rng.uniform(-3, 0, k) if rng.random() < 0.7 else np.full(k, pick(rng, [0.0, 1.0]))
    a, c = rng.binomial(n1, risk), rng.binomial(n2, np.clip(risk * 10.0 ** rng.uniform(-1, 1), 0, 1))
    cells = tuple(part.astype(float) for part in (a, n1 - a, c, n2 - c))
    if rng.random() > 0.12:
        return cells, None
    i = int(rng.integers(k))
    cells[int(rng.integers(4))][i] = pick(rng, [-1.0, np.nan, np.inf, 1e40])
    return cells, f"Study {i + 1}"


def fit_options(rng: Rng, k: int, methods: Collection[str] = tuple(ESTIMATORS)) -> dict[str, Any]:
    """Draw options of `pool`."""
    method = pick(rng, methods)
    options = {
        "method": method,
        "ci": pick(rng, ["z", "t", "HKSJ", "HKSJ-adhoc"] + ["KR"] * (method == "REML")),
        "level": pick(rng, [0.95, 0.5, 0.999]),
        "prediction": pick(rng, ["V", "HTS", "z"]),
    }
    return options | ({"weights": rng.uniform(0.1, 9, k)} if method == "GENQ" else {})


FORMS = ("list", "labelled", "permuted", "twice", "nullable", "mixed", "polars", "default index")
"""How columns of a call may be dressed: what they are is the same, and so must be what comes of them."""


def dress(rng: Rng, call: Call) -> Call:
    """Give the columns of a call as lists, labelled in another order, nullable, of mixed types, and so on."""
    columns: list[tuple[str, Any]] = [("", i) for i, value in enumerate(call.arguments) if _is_column(value)]
    columns += [("options", name) for name, value in call.options.items() if _is_column(value)]
    values = [call.arguments[at] if where == "" else call.options[at] for where, at in columns]
    if not values or len({value.size for value in values}) > 1 or values[0].size < 2:
        return call
    by_row = call.spoilt is not None and not call.spoilt.startswith("Study")
    form = pick(rng, [form for form in FORMS if not (by_row or call.spoilt) or form not in ("twice",)])
    if by_row and form in ("labelled", "permuted"):
        form = "list"
    k = values[0].size
    index = ["Study 1"] * k if form == "twice" else names(k)
    dressed = [_dressed(rng, value, form, index, first=i == 0) for i, value in enumerate(values)]
    arguments, options = list(call.arguments), dict(call.options)
    for (where, at), value in zip(columns, dressed, strict=True):
        if where == "":
            arguments[at] = value
        else:
            options[at] = value
    return replace(call, arguments=tuple(arguments), options=options)


def _is_column(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1


def _dressed(rng: Rng, value: np.ndarray, form: str, index: list[str], *, first: bool) -> Any:
    numeric = value.dtype.kind in "fiu"
    match form:
        case "labelled" | "twice":
            return pd.Series(value, index=index)
        case "permuted":
            series = pd.Series(value, index=index)
            return series if first else series.iloc[rng.permutation(value.size)]
        case "nullable" if numeric:
            return pd.Series(value).astype("Float64")
        case "mixed" if numeric:
            return [str(one) if rng.random() < 0.5 else one for one in value.tolist()]
        case "polars":
            return pl.Series(value.tolist())
        case "default index":
            return pd.Series(value)
    return value.tolist()


def fit(rng: Rng, least: int = 1) -> ev.Pooled:
    """Draw a pooled fit, now and then with a tau2 that was given."""
    effect, variance = studies(rng, least)
    options = fit_options(rng, effect.size)
    if options["method"] not in ("EE", "GENQ") and options["ci"] != "KR" and rng.random() < 0.1:
        options["tau2"] = float(variance.mean())
    return ev.pool(effect, variance, **options)
