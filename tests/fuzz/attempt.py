"""The functions to try, and one try: a result, a refusal or a failure."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev
from evidence.diagnostics.small_study.failsafe import TYPES

from . import fitted, models, networks, pooling
from .draw import Call, Rng, dress
from .fitted import of_fit

TARGETS: dict[str, tuple[float, Callable[[Rng], Call]]] = {
    "pool": (12, pooling.pool),
    "pool, malformed": (1, pooling.malformed),
    "pool_many": (5, pooling.pool_many),
    "pool_grid": (1, pooling.pool_grid),
    "batch": (1, pooling.batch),
    "batch_summary": (0.5, pooling.batch_summary),
    "subgroups": (4, pooling.subgroups),
    "effect_size": (8, pooling.effect_size),
    "recover": (4, pooling.recover),
    "from_quartiles": (3, pooling.from_quartiles),
    "conversions": (2, pooling.conversion),
    "designs": (3, pooling.design),
    "pre_post_smd": (1, pooling.pre_post),
    "P values, directions": (3, pooling.p_values),
    "albatross": (0.3, pooling.albatross),
    "regress": (5, models.regress),
    "regress_many": (2, models.regress_many),
    "location_scale": (1, models.location_scale),
    "permutation_test": (0.5, fitted.permutation_test),
    "multilevel": (2, models.multilevel),
    "robust": (2, models.robust),
    "aggregate": (2, models.aggregate),
    "mantel_haenszel": (5, models.mantel_haenszel),
    "peto": (3, models.peto),
    "glmm": (1, models.glmm),
    "glmm, proportions and rates": (1, models.glmm_of_events),
    "bayes": (2, models.bayes),
    "network": (1, networks.network),
    "components": (1, networks.components),
    "network, split": (0.5, networks.split),
    "network, decomposition": (0.5, networks.decomposition),
    "network, further": (0.5, networks.further),
    "network_parts": (1, networks.network_parts),
    "network_regression": (1, networks.network_regression),
    "network_counts": (1, networks.network_counts),
    "contrasts_from_arms": (2, networks.contrasts_from_arms),
    "bayes_network": (1, networks.bayes_network),
    "gosh": (2, models.gosh),
    "gosh_summary": (1, models.gosh_summary),
    "fits of some studies": (3, fitted.refits),
    "on": (3, fitted.on),
    "predict": (1, fitted.predict),
    "cross_validate": (1, fitted.cross_validate),
    "compare_fits": (1, fitted.compare_fits),
    "linear_contrasts": (1, fitted.linear_contrasts),
    "sequential": (1, fitted.sequential),
    "bootstrap": (1, fitted.bootstrap),
    "diversity": (1, of_fit(ev.diversity)),
    "tau2_interval": (1, of_fit(ev.tau2_interval, "result", method=["QP", "PL"])),
    "egger": (3, fitted.egger),
    "egger, other models": (1, fitted.egger_of_models),
    "harbord, peters": (2, fitted.count_test),
    "debray": (1, fitted.debray),
    "begg": (1, of_fit(ev.begg)),
    "trim_and_fill": (
        2,
        of_fit(
            ev.trim_and_fill,
            "missing_p",
            "missing_se",
            side=[None, "left", "right"],
            estimator=["L0", "R0", "Q0"],
        ),
    ),
    "pet_peese": (2, of_fit(ev.pet_peese)),
    "selection_model": (
        0.3,
        of_fit(
            ev.selection_model,
            *("se", "ci_low", "ci_high", "delta_se", "tau2_se"),
            type=["step", "beta", "halfnorm", "negexp", "logistic", "power"],
            alternative=[None, "greater", "two-sided"],
        ),
    ),
    "selection_model, moderators": (0.3, fitted.selection_with_moderators),
    "failsafe_n": (2, of_fit(ev.failsafe_n, "mean", "target", "n", type=TYPES)),
    "excess_significance": (
        2,
        of_fit(ev.excess_significance, "limit", "ratio", test=["exact", "chi2", "binom"]),
    ),
    "doi_plot": (1, of_fit(ev.doi_plot)),
    "limit_meta": (2, of_fit(ev.limit_meta)),
    "leave_one_out": (2, of_fit(ev.leave_one_out)),
    "influence": (
        2,
        of_fit(
            ev.influence,
            *("studentised", "dffits", "dfbetas", "cook", "covariance_ratio", "standardised"),
        ),
    ),
    "cumulative": (1, fitted.cumulative),
    "covariance_matrix": (1, models.covariance_matrix),
    "baujat": (1, of_fit(ev.baujat, "influence")),
    "radial": (1, of_fit(ev.radial)),
    "blup": (1, of_fit(ev.blup)),
    "profile_tau2": (1, of_fit(ev.profile_tau2)),
}
"""How often each function is tried, relative to the others, and how a call of it is drawn."""


@dataclass(frozen=True)
class Outcome:
    """What came of one input: a result, a refusal or a failure, with its cause."""

    number: int
    target: str
    kind: str
    cause: str = ""


def draw(number: int, seed: int) -> tuple[str, Callable[[], Call]]:
    """Choose the function that the input with this number is for, and how to draw the call."""
    rng = np.random.default_rng([seed, number])
    weights = np.array([weight for weight, _ in TARGETS.values()])
    name = list(TARGETS)[rng.choice(weights.size, p=weights / weights.sum())]

    def drawn() -> Call:
        call = TARGETS[name][1](rng)
        return dress(rng, call) if rng.random() < 0.5 else call

    return name, drawn


def attempt(number: int, seed: int) -> Outcome:
    """Draw one input and try it."""
    name, drawn = draw(number, seed)
    call = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ev.DataWarning)  # text that is to be read as numbers
        try:
            call = drawn()
            result = call.function(*call.arguments, **call.options)
            problem = f"accepted {call.spoilt}, which was spoilt" if call.spoilt else look_at(result, call)
        except ev.EvidenceError as error:
            problem = misplaced(error, call)
            if not problem:
                return Outcome(number, name, "refused", str(error))
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__}: {error} ({place.filename.rsplit('/', 2)[-1]}:{place.lineno})"
    return Outcome(number, name, "failed", problem) if problem else Outcome(number, name, "result")


def attempt_all(numbers: range, seed: int) -> list[Outcome]:
    """Try the inputs with the given numbers."""
    return [attempt(number, seed) for number in numbers]


def misplaced(error: ev.EvidenceError, call: Call | None) -> str:
    """Say what is wrong with an error of our own; empty if it is in place."""
    if call is None:
        return ""
    if call.spoilt is None:
        return f"refused valid input: {error}" if call.must_work else ""
    return "" if call.spoilt in str(error) else f"the error does not name {call.spoilt!r}: {error}"


def look_at(result: Any, call: Call) -> str:
    """Say which number of a result is not finite, though nothing documents it; empty if all is well."""
    for name, values in numbers_of(result):
        parts = name.split(".")
        if call.missing.intersection(parts) or (parts[-1] == "df" and not np.isnan(values).any()):
            continue
        if not np.isfinite(values).all():
            return f"{name} is not finite: {values[~np.isfinite(values)][0]}"
    return "" if not hasattr(result, "summary") or result.summary() else "the summary is empty"


def numbers_of(result: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Go through the numbers that a result shows: its frame and public attributes, or what it is itself."""
    if isinstance(result, tuple):
        for part in result:
            yield from numbers_of(part)
    elif isinstance(result, pd.DataFrame):
        yield from columns_of("result", result)
    elif isinstance(result, pd.Series | float | int | np.ndarray):
        yield "result", np.atleast_1d(np.asarray(result, dtype=float))
    else:
        for name in (name for name in dir(result) if not name.startswith("_")):
            value = getattr(result, name)
            if isinstance(value, pd.DataFrame):
                yield from columns_of(name, value)
            elif isinstance(value, float | np.ndarray) and np.asarray(value).dtype.kind == "f":
                yield name, np.atleast_1d(np.asarray(value, dtype=float))
        yield from columns_of("to_frame", result.to_frame())


def columns_of(name: str, frame: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Go through the numeric columns of a table."""
    for column, values in frame.select_dtypes("number").items():
        yield f"{name}.{column}", values.to_numpy(dtype=float)
