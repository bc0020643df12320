"""The protocol of the multiverse."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from evidence.measures import INTERVALS, choose_interval, choose_method
from evidence.tables.protocol.model import METHODS
from evidence.tables.protocol.part import ProtocolPart

__all__ = ["MultiverseChoices"]

Own = Literal["protocol"]
"""The protocol's own way. It stands first among the options, so that the default path is never typed twice."""


def _own_first(options: tuple[Any, ...]) -> tuple[Any, ...]:
    if not options or options[0] != "protocol":
        raise ValueError("the first option must be 'protocol': the way of the analyses themselves")
    if len(set(options)) < len(options):
        raise ValueError("an option stands here twice")
    return options


OwnFirst = AfterValidator(_own_first)
# Kenward-Roger, for one estimator only, suits no choice that is crossed with others.
CIS = ("protocol", *(code for code in INTERVALS if code != "KR"))
Method = Annotated[str, AfterValidator(lambda name: choose_method(name, ("protocol", *METHODS)))]
Interval = Annotated[str, AfterValidator(lambda name: choose_interval(name, CIS, "interval"))]
InOrOut = Literal["protocol", "included", "left out"]
Lists = Annotated[tuple[Own | tuple[str, ...], ...], OwnFirst]


class MultiverseChoices(ProtocolPart):
    """The defensible choices of which every combination is fitted (``multiverse`` in ``review.yaml``).

    Each key is a choice and holds its options; ``protocol`` is the first of them and stands for the way of the
    analyses themselves. A choice with no other option is not varied.

    Attributes
    ----------
    method, interval
        Estimator of the between-study variance, and interval of the mean.
    measure
        ``alternative`` is the outcome's ``alternative_measure``.
    multi_arm, adjusted, time, instruments
        As the options of the same names in `evidence.effects.choosing.choices.Choices`; ``instruments`` by
        outcome, each option a list of those that go before the protocol's order.
    statistic
        Whether final scores or changes go first.
    impute
        What is filled that a source does not report, each option a list: ``P bound``, ``borrowed SD``.
    refuse
        Assumptions that are refused, each option a list; ``any`` refuses them all.
    doubtful
        Results marked as doubtful come in ``each`` by itself, all ``together``, or, with ``protocol``, not at all.
    single
        Whether results held by one reading only are left out.
    risk_of_bias
        ``not high`` leaves out trials of high overall risk of bias, ``low`` keeps only those of low risk.
    smallest
        Trials that randomised fewer patients than this are left out; those of unknown size stay.
    indirect, mixed
        Whether results that the protocol lists as indirect, and arms that are marked as packages in which the studied
        component is one of many, are ``included`` or ``left out``.
    sources
        Kinds of source whose results are left out, each option a list.
    influential
        Up to how many influential trials are left out, one at a time.
    restrictions
        The last five choices leave out trials or results. Together they may leave nothing, so by default they are
        the options of one choice, of which every path takes one: ``one at a time``, or else ``together``.
    """

    method: Annotated[tuple[Method, ...], OwnFirst] = ("protocol", "DL", "PM")
    interval: Annotated[tuple[Interval, ...], OwnFirst] = (
        "protocol",
        "HKSJ-adhoc",
        "z",
    )
    measure: Annotated[tuple[Literal["protocol", "alternative"], ...], OwnFirst] = ("protocol", "alternative")
    multi_arm: Annotated[tuple[Literal["protocol", "split_comparator", "average", "one"], ...], OwnFirst] = (
        "protocol",
        "average",
        "one",
    )
    adjusted: Annotated[tuple[Literal["protocol", "prefer", "avoid", "ignore"], ...], OwnFirst] = (
        "protocol",
        "avoid",
    )
    statistic: Annotated[tuple[Literal["protocol", "post", "change"], ...], OwnFirst] = ("protocol", "change")
    time: Annotated[tuple[Literal["protocol", "earliest", "latest"], ...], OwnFirst] = (
        "protocol",
        "earliest",
        "latest",
    )
    instruments: dict[str, Lists] = Field(default_factory=dict)
    impute: Annotated[tuple[Own | tuple[Literal["P bound", "borrowed SD"], ...], ...], OwnFirst] = (
        "protocol",
    )
    refuse: Lists = ("protocol", ("any",))
    doubtful: Literal["protocol", "each", "together"] = "each"
    risk_of_bias: Annotated[tuple[Literal["protocol", "not high", "low"], ...], OwnFirst] = (
        "protocol",
        "not high",
    )
    smallest: Annotated[tuple[Own | Annotated[float, Field(gt=0)], ...], OwnFirst] = ("protocol",)
    indirect: Annotated[tuple[InOrOut, ...], OwnFirst] = ("protocol", "included", "left out")
    mixed: Annotated[tuple[InOrOut, ...], OwnFirst] = ("protocol",)
    single: Annotated[tuple[Literal["protocol", "left out"], ...], OwnFirst] = ("protocol",)
    sources: Lists = ("protocol",)
    influential: int = Field(default=3, ge=0)
    restrictions: Literal["one at a time", "together"] = "one at a time"

    @property
    def fills(self) -> tuple[tuple[str, ...], ...]:
        """What each option of ``impute`` fills."""
        return tuple(() if fill == "protocol" else fill for fill in self.impute)
