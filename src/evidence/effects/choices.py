"""How results are chosen and combined."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from evidence.errors import DataError
from evidence.tables.review import Review

__all__ = ["Choices"]


@dataclass(frozen=True, slots=True)
class Choices:
    """How results are chosen and combined; the protocol's model gives the defaults.

    Attributes
    ----------
    measure : str or None
        Measure of the effect instead of the protocol's, for example "SMD" for an outcome pooled as MD.
    multi_arm : {"split_comparator", "average", "correlated"}
        What is done when an arm takes part in several comparisons. ``split_comparator`` divides its patients
        equally among them, ``average`` puts one average effect a trial, ``correlated`` keeps the comparisons as
        they are, for a model that knows their covariance (`shared_covariance`).
    adjusted : {"prefer", "avoid", "ignore"}
        Whether adjusted results go before raw ones, after them, or neither.
    statistic : tuple of str
        Order of preference of final scores ("post") and changes from baseline ("change").
    doubtful : bool
        Whether results marked ``CHECK:`` are used.
    refuse : tuple of str
        Assumptions that may not be made; an entry refuses every assumption that contains it.
    set_aside : bool
        Whether the protocol's list of results to set aside is followed.
    """

    measure: str | None = None
    multi_arm: str = "split_comparator"
    adjusted: str = "prefer"
    statistic: tuple[str, ...] = ("post", "change")
    doubtful: bool = False
    refuse: tuple[str, ...] = ()
    set_aside: bool = True

    @classmethod
    def of(cls, review: Review, options: dict[str, Any]) -> Choices:
        """Take the protocol's choices and replace those that are given.

        Raises
        ------
        DataError
            If an option or its value is unknown.
        """
        model = review.protocol.model
        defaults = cls(multi_arm=model.multi_arm, adjusted=model.adjusted, statistic=model.statistic)
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                raise DataError(f"unknown option '{name}'; use {', '.join(known)}")
        choices = replace(defaults, **options)
        for name, allowed in {
            "measure": (None, "MD", "SMD", "RR", "OR", "RD"),
            "multi_arm": ("split_comparator", "average", "correlated"),
            "adjusted": ("prefer", "avoid", "ignore"),
        }.items():
            if getattr(choices, name) not in allowed:
                wanted = ", ".join(str(value) for value in allowed)
                raise DataError(f"{name} is '{getattr(choices, name)}'; use one of {wanted}")
        return choices
