"""Draw the studies of simulated meta-analyses: sizes, true effects, results, and which of them are published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit, logit

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError, ModelError
from evidence.models.core.studies import Floats

__all__ = ["DEFAULTS", "cells", "draw", "stream"]

DEFAULTS: dict[str, Any] = {
    "k": 5,
    "tau2": 0.0,
    "effect": 0.0,
    "measure": "known",
    "size": 100.0,
    "size_sd": 0.0,
    "sizes": None,
    "distribution": "normal",
    "control_risk": 0.1,
    "drop00": False,
    "selection": 1.0,
}
MEASURES = ("known", "MD", "SMD", "OR", "RR", "RD")
DISTRIBUTIONS = ("normal", "t", "skewed", "bimodal", "outliers")
SIGNIFICANT = 1.959963984540054
ROUNDS = 100_000


def cells(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the values of a grid, checked; the last name varies fastest."""
    unknown = sorted(set(grid) - set(DEFAULTS))
    if unknown:
        raise DataError(f"a simulation has no {', '.join(unknown)}; what can vary is {', '.join(DEFAULTS)}.")
    values = {name: _values(name, given) for name, given in grid.items()}
    out = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    for cell in out:
        _check(DEFAULTS | cell)
    return out


def stream(cell: Mapping[str, Any], seed: int, number: int) -> np.random.Generator:
    """Random numbers of one stretch of a cell: they depend on the seed, the cell and the stretch, on nothing else."""
    text = json.dumps(DEFAULTS | dict(cell), sort_keys=True)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*map(int, words), number)))


def draw(cell: Mapping[str, Any], n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw n meta-analyses; effects and variances of shape (n, k), NaN where a study gives none."""
    cell = DEFAULTS | dict(cell)
    k = cell["k"]
    size = _sizes(cell, (n, k), rng)
    effect, variance = _results(cell, size.ravel(), rng)
    if cell["selection"] < 1.0:
        waiting = _unpublished(cell, effect, variance, rng)
        for _ in range(ROUNDS):
            if not waiting.size:
                break
            # A study that stays in the drawer is followed by another one of the same size.
            effect[waiting], variance[waiting] = _results(cell, size.ravel()[waiting], rng)
            waiting = waiting[_unpublished(cell, effect[waiting], variance[waiting], rng)]
        else:
            raise ModelError(
                f"selection {cell['selection']:g} leaves hardly any study to publish; choose a larger value."
            )
    return effect.reshape(n, k), variance.reshape(n, k)


def _unpublished(cell: Mapping[str, Any], effect: Floats, variance: Floats, rng: Any) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        significant = effect > SIGNIFICANT * np.sqrt(variance)
    return np.flatnonzero(~significant & (rng.random(effect.size) >= cell["selection"]))


def _sizes(cell: Mapping[str, Any], shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Participants of both groups together."""
    own = cell["sizes"]
    if own is not None:
        if len(own) == shape[1]:
            return np.broadcast_to(np.asarray(own, dtype=np.float64), shape)
        return rng.choice(np.asarray(own, dtype=np.float64), shape)
    spread = np.exp(cell["size_sd"] * rng.standard_normal(shape)) if cell["size_sd"] else np.ones(shape)
    return np.maximum(np.round(cell["size"] * spread), 4.0)


def _true(cell: Mapping[str, Any], n: int, rng: np.random.Generator) -> Floats:
    """True effects: mean `effect`, variance tau2, whatever the shape."""
    match cell["distribution"]:
        case "normal":
            unit = rng.standard_normal(n)
        case "t":
            unit = rng.standard_t(5.0, n) / np.sqrt(5.0 / 3.0)
        case "skewed":
            unit = rng.standard_exponential(n) - 1.0
        case "bimodal":
            unit = rng.choice([-1.0, 1.0], n)
        case _:
            unit = rng.standard_normal(n) * np.where(rng.random(n) < 0.1, 3.0, 1.0) / np.sqrt(1.8)
    return np.asarray(cell["effect"] + np.sqrt(cell["tau2"]) * unit)


def _results(cell: Mapping[str, Any], size: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """What studies of these sizes find: effects and variances."""
    n1 = np.floor(size / 2.0)
    n2 = size - n1
    true = _true(cell, size.size, rng)
    measure = cell["measure"]
    if measure == "known":
        variance = 1.0 / n1 + 1.0 / n2
        return true + np.sqrt(variance) * rng.standard_normal(size.size), variance
    if measure in ("MD", "SMD"):
        groups: dict[str, Any] = {"n1": n1, "n2": n2}
        for group, mean, n in (("1", true, n1), ("2", 0.0, n2)):
            groups[f"m{group}"] = mean + rng.standard_normal(size.size) / np.sqrt(n)
            groups[f"sd{group}"] = np.sqrt(rng.chisquare(n - 1.0) / (n - 1.0))
        found = effect_size(measure, **groups)
    else:
        risk2 = cell["control_risk"]
        if measure == "OR":
            risk1 = expit(logit(risk2) + true)
        else:
            risk1 = np.clip(risk2 * np.exp(true) if measure == "RR" else risk2 + true, 0.0, 1.0)
        found = effect_size(
            measure,
            events1=rng.binomial(n1.astype(int), risk1),
            n1=n1,
            events2=rng.binomial(n2.astype(int), risk2),
            n2=n2,
            drop00=cell["drop00"],
        )
    return found["effect"].to_numpy(copy=True), found["variance"].to_numpy(copy=True)


def _values(name: str, given: Any) -> list[Any]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        given = [given]
    values = list(given)
    if name == "sizes" and values and all(isinstance(one, int | float | np.number) for one in values):
        values = [values]
    if not values:
        raise DataError(f"{name} has no value in the grid; give at least one.")
    return [_plain(name, value) for value in values]


def _plain(name: str, value: Any) -> Any:
    """The value as a number, word or tuple of numbers, so that equal cells are the same cell."""
    try:
        match name:
            case "measure" | "distribution":
                return str(value)
            case "drop00":
                return bool(value)
            case "k":
                if int(value) != value:
                    raise ValueError
                return int(value)
            case "sizes":
                return None if value is None else tuple(float(one) for one in value)
            case _:
                return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} cannot be {value!r} in the grid.") from None


def _check(cell: Mapping[str, Any]) -> None:
    rules = {
        "k": (1 <= cell["k"] <= 10_000, "a whole number from 1 to 10,000"),
        "tau2": (0.0 <= cell["tau2"] < np.inf, "at least 0"),
        "effect": (abs(cell["effect"]) < np.inf, "finite"),
        "measure": (cell["measure"] in MEASURES, f"one of {', '.join(MEASURES)}"),
        "size": (4.0 <= cell["size"] < np.inf, "at least 4 (participants of both groups)"),
        "size_sd": (0.0 <= cell["size_sd"] < np.inf, "at least 0 (SD of the logarithm of the size)"),
        "sizes": (
            cell["sizes"] is None or (len(cell["sizes"]) > 0 and min(cell["sizes"]) >= 4),
            "sizes of at least 4 (participants of both groups)",
        ),
        "distribution": (cell["distribution"] in DISTRIBUTIONS, f"one of {', '.join(DISTRIBUTIONS)}"),
        "control_risk": (0.0 < cell["control_risk"] < 1.0, "between 0 and 1"),
        "selection": (0.0 <= cell["selection"] <= 1.0, "between 0 and 1"),
    }
    for name, (good, rule) in rules.items():
        if not good:
            raise DataError(f"{name} is {cell[name]!r} in the grid, but must be {rule}.")
