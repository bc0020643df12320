"""How results are chosen and combined."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from evidence.effects.reported.imputed import IMPUTATIONS
from evidence.effects.reported.reasons import Assumption
from evidence.errors import DataError, closest
from evidence.measures import REVIEW_MEASURES, measure_of
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["Choices"]

_LISTS = ("statistic", "instruments", "impute", "refuse", "no_sources", "no_trials")


@dataclass(frozen=True, slots=True)
class Choices:
    """How results are chosen and combined; the protocol's model gives the defaults.

    Attributes
    ----------
    measure : str or None
        Measure of the effect instead of the protocol's, for example "SMD" for an outcome pooled as MD.
    multi_arm : {"split_comparator", "average", "one", "correlated"}
        What is done when an arm takes part in several comparisons. ``split_comparator`` divides its patients
        equally among them, ``average`` puts one average effect a trial, ``one`` takes the trial's most preferred
        comparison (among equals the largest), ``correlated`` keeps the comparisons as they are, for a model that
        knows their covariance (`shared_covariance`).
    adjusted : {"prefer", "avoid", "ignore"}
        Whether adjusted results go before raw ones, after them, or neither.
    statistic : tuple of str
        Order of preference of final scores ("post") and changes from baseline ("change").
    time : {"target", "earliest", "latest"}
        Which of several times within a window goes first: the one nearest to the window's target, or an end.
    instruments : tuple of str
        Instruments or families that go before the protocol's order of preference.
    doubtful : bool or tuple of str
        Whether results marked ``CHECK:`` are used; or the ``result_id`` of those that are.
    impute : tuple of str
        Ways to fill what a source does not report: "P bound" takes the bound of a P value as the P value,
        "borrowed SD" gives arms with a mean alone the standard deviation of other trials of the instrument.
    refuse : tuple of Assumption
        Assumptions that may not be made; a text that is given refuses every assumption that contains it, "any" all.
    set_aside : bool
        Whether the protocol's list of results to set aside is followed.
    indirect : bool
        Whether results take part that the protocol lists as indirect, such as trials of other patients.
    mixed : bool
        Whether arms take part as intervention that the table of arms marks (column ``mixed``) as packages in which
        the studied component is one of many.
    single : bool
        Whether results take part that rest on a row of status ``single``: one reading only.
    no_sources : tuple of str
        Kinds of source (``source_kind``) whose results take no part.
    no_trials : tuple of str
        Trials that take no part.
    """

    measure: str | None = None
    multi_arm: str = "split_comparator"
    adjusted: str = "prefer"
    statistic: tuple[str, ...] = ("post", "change")
    time: str = "target"
    instruments: tuple[str, ...] = ()
    doubtful: bool | tuple[str, ...] = False
    impute: tuple[str, ...] = ()
    refuse: tuple[Assumption, ...] = ()
    set_aside: bool = True
    indirect: bool = True
    mixed: bool = True
    single: bool = True
    no_sources: tuple[str, ...] = ()
    no_trials: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        review: Review,
        options: dict[str, Any],
        *,
        analysis: Analysis | None = None,
        beside: tuple[str, ...] = (),
    ) -> Choices:
        """Take the protocol's choices, those of the analysis, and replace the ones that are given.

        Parameters
        ----------
        review : Review
        options : dict
            Fields that differ from the protocol.
        analysis : Analysis, optional
            The analysis, which may have choices of its own in the protocol.
        beside : tuple of str
            Names of the caller's own options, for the message about an unknown one.

        Returns
        -------
        Choices

        Raises
        ------
        DataError
            If an option or its value is unknown.
        """
        model = review.protocol.model
        own = analysis.spec.choices.model_dump(exclude_none=True) if analysis else {}
        defaults = replace(
            cls(
                multi_arm=model.multi_arm,
                adjusted=model.adjusted,
                statistic=model.statistic,
                indirect=model.indirect,
                mixed=model.mixed,
            ),
            **own,
        )
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                close = closest(name, [*known, *beside])
                hint = f" did you mean '{close}'?" if close else ""
                raise DataError(f"unknown option '{name}';{hint} use one of {', '.join([*known, *beside])}")
        # One word may be given for a list of words.
        listed = {
            name: (value,) if isinstance(value, str) else tuple(value)
            for name, value in options.items()
            if name in _LISTS or (name == "doubtful" and not isinstance(value, bool))
        }
        if "refuse" in listed:
            listed["refuse"] = _assumptions(listed["refuse"])
        choices = replace(defaults, **{**options, **listed})
        for word in choices.statistic:
            if word not in ("post", "change"):
                raise DataError(f"statistic holds '{word}'; use post, change or both in order of preference")
        for word in choices.impute:
            if word not in IMPUTATIONS:
                raise DataError(f"impute holds '{word}'; use {' or '.join(IMPUTATIONS)}")
        for name, allowed in {
            "measure": (None, *REVIEW_MEASURES),
            "multi_arm": ("split_comparator", "average", "one", "correlated"),
            "adjusted": ("prefer", "avoid", "ignore"),
            "time": ("target", "earliest", "latest"),
        }.items():
            if getattr(choices, name) not in allowed:
                wanted = ", ".join(str(value) for value in allowed)
                raise DataError(f"{name} is '{getattr(choices, name)}'; use one of {wanted}")
        if analysis and choices.measure and measure_of(choices.measure).one_group != analysis.one_group:
            takes = "takes one group" if analysis.one_group else "compares two groups"
            raise DataError(f"measure is '{choices.measure}', but {analysis.id} {takes}")
        return choices


def _assumptions(named: tuple[str, ...]) -> tuple[Assumption, ...]:
    """Find the assumptions that are meant by parts of their words."""
    meant: list[Assumption] = []
    for text in named:
        found = [one for one in Assumption if text == "any" or text in one]
        if not found:
            raise DataError(f"refuse holds '{text}'; use 'any' or a part of {'; '.join(Assumption)}")
        meant += found
    return tuple(dict.fromkeys(meant))
