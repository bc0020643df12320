"""The answer to a question as part of a page: what was found, for how many people, how sure, what would change it.

It is made of text and small drawings, fits a phone, follows the theme and is read aloud.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.appraisal.certainty.grade import SYMBOLS
from evidence.report.site.shell import templates
from evidence.wording import capital, joined, limit_digits

__all__ = ["BarScale", "card_html", "important"]

ROOM = 0.03
"""Share of the width that stays free at either end."""
OPEN_CHANGES = 1
"""Sentences on what would change a result that stand on the first page; the others are on the question's own."""
_ENDS = ("ci_low", "ci_high", "prediction_low", "prediction_high")
TIMES_MID = 2.5
"""How many important differences a scale shows at least."""


@dataclass(frozen=True, slots=True)
class BarScale:
    """Where values stand in a drawing, in percent of its width; ratios by their logarithms.

    Attributes
    ----------
    low, high : float
        What the drawing holds, of the same size to both sides of no difference.
    none : float
        The value of no difference: 0, or 1 for ratios; NaN of what one group has.
    """

    low: float
    high: float
    none: float

    @classmethod
    def of(cls, findings: Sequence[Mapping[str, Any]]) -> BarScale:
        """Return the scale that holds the intervals of findings in one unit, and what is too small to matter."""
        if findings[0]["one_group"]:
            ends = [
                part[name]
                for one in findings
                for part in (one, *one["single"])
                for name in _ENDS
                if part.get(name) is not None
            ]
            percent = findings[0]["unit"] == "%"
            return cls(0.0, 100.0, math.nan) if percent else cls(min(ends), max(ends), math.nan)
        ratio = bool(findings[0]["ratio"])
        sizes = [0.0]
        for one in findings:
            if one["mid"] is not None:
                sizes.append(TIMES_MID * _size(one["mid"], ratio))
            sizes += [
                _size(part[name], ratio)
                for part in (one, *one["single"])
                for name in ("ci_low", "ci_high")
                if part.get(name) is not None
                and not (one["widest"] and _size(part[name], ratio) > one["widest"])
            ]
        most = max(sizes) or 1.0
        return cls(math.exp(-most), math.exp(most), 1.0) if ratio else cls(-most, most, 0.0)

    @property
    def ratio(self) -> bool:
        """Whether distances are those of logarithms."""
        return self.none == 1

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 to 100; what is beyond the drawing stands at its end."""
        low, high, at = (
            math.log(x) if self.ratio else x
            for x in (self.low, self.high, min(max(value, self.low), self.high))
        )
        return round(100 * (ROOM + (1 - 2 * ROOM) * (at - low) / (high - low)), 2)


def _size(value: float, ratio: bool) -> float:
    return abs(math.log(value)) if ratio else abs(value)


def card_html(record: Mapping[str, Any], *, page: str = "", whole: bool = True) -> str:
    """Return the answer to a question.

    Parameters
    ----------
    record : mapping
        As `evidence.appraisal.questions.QuestionAnswer.record` gives it.
    page : str
        Address of the question's own page, if there is one.
    whole : bool
        With its title, its question and the first statement, as on the first page; without, these stand around it.

    Returns
    -------
    str
        HTML in which every text is escaped.
    """
    lead = record["findings"][record["lead"]]
    several = len({one["comparison"] for one in record["findings"]}) > 1
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in sorted(record["findings"], key=lambda one: not one["combined"]):  # these first
        groups.setdefault((one["outcome"], one["unit"]), []).append(one)
    # What changes the result, or else what comes nearest to it.
    looked_at = record["changes"]
    changes = [row for row in looked_at if row["changed"]] or looked_at[:1]
    if whole:  # another result says more than that there is none
        changes = sorted(changes, key=lambda row: not row["combined"])[:OPEN_CHANGES]
    return (
        templates()
        .get_template("card.html")
        .render(
            record=record,
            lead=lead,
            page=page,
            whole=whole,
            symbols=SYMBOLS,
            joined=joined,
            outcomes=[_outcome(name, unit, group, several) for (name, unit), group in groups.items()],
            lacking=_lacking(record["findings"], several),
            people=_people(record["people"]),
            changes=[row["sentence"] for row in changes],
            rest=[row["sentence"] for row in looked_at if row not in changes],
        )
    )


def _outcome(name: str, unit: str, findings: Sequence[Mapping[str, Any]], several: bool) -> dict[str, Any]:
    """Rows of one outcome on one scale; each names its comparison where there are several."""
    drawn = [one for one in findings if one["k"]]
    scale = BarScale.of(drawn) if drawn else None
    side = "left" if findings[0]["lower_is_better"] else "right"
    return {
        "name": capital(name),
        "unit": "ratio" if findings[0]["ratio"] else unit,
        "side": "" if findings[0]["one_group"] else f"; {side} is better",
        "rows": [_row(one, scale, several) for one in drawn] if scale else [],
        "matters": _listed([_matters(findings), findings[0]["yardstick"]], "; "),
    }


def important(one: Mapping[str, Any]) -> str:
    """The smallest difference that matters, in the unit of a finding; empty where none is declared."""
    return "" if one["mid"] is None else _limit(one["mid"], one["digits"])


def _limit(value: float, digits: int) -> str:
    return f"{round(value, limit_digits(value, digits)):g}"


def _matters(findings: Sequence[Mapping[str, Any]]) -> str:
    """From where on a difference matters, on either side of a ratio; empty where that is not declared.

    Where a trial tells its result in another unit, the words say for which it holds.
    """
    one = findings[0]
    if not (least := important(one)):
        return ""
    if not one["ratio"]:
        if any(other["other_units"] for other in findings):
            return f"{least} {one['unit']} or more matter, for results in that unit"
        return f"{least} or more matters"
    low, high = sorted((one["mid"], 1 / one["mid"]))
    return f"{_limit(low, one['digits'])} or less, or {_limit(high, one['digits'])} or more, matters"


def _row(one: Mapping[str, Any], scale: BarScale, several: bool) -> dict[str, Any]:
    """What one line of the drawing shows, with the same in words."""
    when = _listed([one["comparison"] if several else "", one["term"]])
    row: dict[str, Any] = {"one": one, "when": capital(when), "bars": [], "said": one["numbers"]}
    if not math.isnan(scale.none):
        row["zero"] = scale.place(scale.none)
    if one["mid"] is not None:
        first, last = sorted(map(scale.place, (1 / one["mid"] if scale.ratio else -one["mid"], one["mid"])))
        row["band"] = (first, round(last - first, 2))
    parts = [one] if one["combined"] else one["single"]
    for part in parts:
        places: dict[str, Any] = {name: scale.place(part[name]) for name in ("estimate", "ci_low", "ci_high")}
        if part.get("prediction_low") is not None and part.get("prediction_high") is not None:
            places["from"], places["to"] = (scale.place(part[f"prediction_{end}"]) for end in ("low", "high"))
        ends = [part[name] for name in _ENDS if part.get(name) is not None]
        places["beyond"] = [
            (sign, scale.place(end))
            for sign, end, over in (
                ("◂", scale.low, min(ends) < scale.low),
                ("▸", scale.high, max(ends) > scale.high),
            )
            if over
        ]
        row["bars"].append(places)
    return row


def _lacking(findings: Iterable[Mapping[str, Any]], several: bool) -> str:
    """The results that no trial gives usable numbers for, in a few words, apart from those that none reports."""
    without, unreported = [], []
    for one in findings:
        told = _listed([one["comparison"] if several else "", one["outcome"], one["term"]])
        if one["reported"] and not one["k"]:
            without.append(f"{told} ({one['lacking']})")
        elif not one["k"]:
            unreported.append(told)
    heads = ("Without usable numbers", "Reported by none that the protocol takes")
    return " ".join(
        f"{head}: {'; '.join(told)}." for head, told in zip(heads, (without, unreported), strict=True) if told
    )


def _listed(parts: Sequence[str], between: str = ", ") -> str:
    return between.join(filter(None, parts))


def _people(people: Mapping[str, float]) -> dict[str, Any] | None:
    """One hundred people: how many improve anyway, how many more (or fewer) with the treatment."""
    if not people:
        return None
    without, more = round(people["without"]), round(people["more"])
    if people["low"] <= 0 <= people["high"]:  # a picture of more or fewer would say more than the interval
        return None
    both, either = sorted((without, without + more))
    kind = "gain" if more >= 0 else "loss"
    kinds = ("same", kind, "no")
    return {
        "icons": [
            {"x": 10 * (n % 20) + 5, "y": 10 * (n // 20) + 5, "kind": kinds[(n >= both) + (n >= either)]}
            for n in range(100)
        ],
    }
