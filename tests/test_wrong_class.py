"""A result of the wrong class is refused with the classes that a function takes, by every figure and diagnostic."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

SOURCE = Path(ev.__file__).parent
RESULTS = {"fit", "one", "result", "net", "comp", "regression", "posterior"}
"""Names of a first parameter that is a result."""
ARRAYS = {"albatross"}
"""Figures that take arrays, not results."""
CLASSES = {
    node.name
    for path in SOURCE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
} | {"DataFrame", "list", "tuple"}


def drawn() -> list[tuple[str, Callable[..., Any]]]:
    names: list[str] = ev.figures.__all__
    return [
        (f"figures.{name}", getattr(ev.figures, name))
        for name in names
        if name not in ARRAYS and not inspect.isclass(getattr(ev.figures, name))
    ]


def computed() -> list[tuple[str, Callable[..., Any]]]:
    found: list[tuple[str, Callable[..., Any]]] = []
    for name in dir(ev):
        function = getattr(ev, name)
        if inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") in RESULTS:
            found.append((name, function))
    return found


def takes_contrasts(name: str) -> bool:
    """Whether a function takes contrasts in a table too, and says so in words of its own."""
    return name in ("components", "network_regression")


FUNCTIONS = [one for one in [*drawn(), *computed()] if not takes_contrasts(one[0])]


class Odd:
    """A class that no function knows."""


@pytest.mark.parametrize(
    "value", [None, 3.0, "text", Odd(), ev.combine_p([0.1, 0.2])], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_a_value_of_another_class_is_refused(name: str, function: Callable[..., Any], value: Any) -> None:
    needed = [
        one
        for one in list(inspect.signature(function).parameters.values())[1:]
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    with pytest.raises(ev.DataError, match=r"takes a result of class .*; got ") as caught:
        function(value, *(np.zeros(2) for _ in needed))
    text = str(caught.value)
    assert text.startswith(f"{name.removeprefix('figures.')}() takes")
    listed = text.partition("class ")[2].partition(";")[0].replace(" or ", ", ").split(", ")
    assert set(listed) <= CLASSES
    assert text.endswith(f"got {type(value).__name__}.")


def test_there_are_as_many_as_there_should_be() -> None:
    names = {name for name, _ in FUNCTIONS}
    assert len(drawn()) >= 41
    assert {
        "egger",
        "influence",
        "leave_one_out",
        "selection_model",
        "trim_and_fill",
        "robust",
        "baujat",
    } <= names


@pytest.mark.parametrize("value", [None, 3.0, "text", Odd()])
def test_contrasts_are_a_network_or_a_table(value: Any) -> None:
    with pytest.raises(ev.DataError, match="Network or a DataFrame"):
        ev.components(value)
    with pytest.raises(ev.DataError):
        ev.network_regression(value, pd.Series([1.0]))


def test_the_argument_may_be_named_and_the_signature_stays() -> None:
    fit = ev.pool([0.1, 0.4, 0.2], [0.04, 0.05, 0.06])
    assert ev.baujat(fit=fit).to_frame().equals(ev.baujat(fit).to_frame())
    with pytest.raises(ev.DataError, match="takes a result"):
        ev.baujat(fit=3.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ev.baujat()  # type: ignore[call-arg]
    assert list(inspect.signature(ev.baujat).parameters) == ["fit"]
    assert next(iter(inspect.signature(ev.figures.forest).parameters)) == "fit"


def test_lists_of_sensitivity_results_are_looked_into() -> None:
    with pytest.raises(ev.DataError, match="results of class BiasSensitivity; got int"):
        ev.figures.bias_sensitivity([1, 2])  # type: ignore[list-item]
