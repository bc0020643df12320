"""Numbers and lists as they stand in a sentence: fixed decimals, true minus signs, P values as in journals."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

__all__ = [
    "Listed",
    "capital",
    "column_words",
    "counted",
    "in_words",
    "interval",
    "joined",
    "limit_digits",
    "number",
    "p_number",
    "p_value",
    "parts_of",
    "plain",
    "ratio_number",
    "slug",
]

_MINUS = "\u2212"
_PARTS = {"ci": "CI", "id": "ID", "sd": "SD", "se": "SE", "mid": "MID", "tau2": "τ²", "i2": "I²"}
"""How parts of names of columns are written."""
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def number(value: float, digits: int = 2) -> str:
    """Write a number with fixed decimals, commas and a true minus sign, never a negative zero; empty if missing."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    written = f"{abs(value):,.{digits}f}"
    return f"{_MINUS}{written}" if value < 0 and written.strip("0.") else written


def limit_digits(value: float, digits: int) -> int:
    """Decimals of a limit: one more where rounding would move it, so that what lies below does not print as equal."""
    return digits + (round(value, digits) != round(value, digits + 1))


def ratio_number(value: float, digits: int = 2) -> str:
    """Write a ratio, which is never 0: two significant digits where fixed decimals would leave fewer."""
    if not 0.0 < value < 0.5 * 10.0 ** (1 - digits):
        return number(value, digits)
    if value < 0.5e-6:
        return "<0.000001"
    return f"{value:.{min(1 - math.floor(math.log10(value)), 7)}f}"


def interval(
    estimate: float,
    low: float,
    high: float,
    *,
    digits: int = 2,
    level: float = 0.95,
    ratio: bool = False,
    sign: str = "",
    unit: str = "",
    kind: str = "CI",
) -> str:
    """Write an estimate with its interval: ``−2.90 (95% CI −4.00 to −1.80)``.

    A sign such as % stands after each number, a unit after the estimate; the kind says what the interval is.
    """
    write = ratio_number if ratio else number
    at, first, last = (f"{write(value, digits)}{sign}" for value in (estimate, low, high))
    span = "no interval" if math.isnan(low) else f"{100 * level:.12g}% {kind} {first} to {last}"
    return f"{at}{f' {unit}' * bool(unit)} ({span})"


def p_value(p: float) -> str:
    """Write a P value: ``P = .03``, ``P = .004``, ``P < .001``, ``P > .99``."""
    return "P not estimable" if math.isnan(p) else " ".join(("P", *_p_parts(p)))


def p_number(p: float) -> str:
    """Write a P value for a column of them: ``.03``, ``< .001``; empty if it is missing."""
    if math.isnan(p):
        return ""
    sign, digits = _p_parts(p)
    return digits if sign == "=" else f"{sign} {digits}"


def _p_parts(p: float) -> tuple[str, str]:
    if p < 0.001:
        return "<", ".001"
    if p > 0.99:
        return ">", ".99"
    # A third digit below .01 and where two would round across .05.
    digits = 3 if p < 0.01 or 0.045 <= p < 0.055 else 2
    rounded = Decimal(repr(float(p))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)  # .955 is .96
    return "=", str(rounded).removeprefix("0")


def counted(count: int, word: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``no trials``, ``1 trial``, ``12 trials``."""
    return f"{f'{count:,}' if count else 'no'} {word if count == 1 else plural or word + 's'}"


def in_words(count: int) -> str:
    """Write a count below ten as a word: ``two``, ``12``."""
    return _SMALL[count] if 0 <= count < len(_SMALL) else f"{count:,}"


def joined(parts: Iterable[str], word: str = "and") -> str:
    """Join parts as in a sentence: ``a, b and c``."""
    listed = list(parts)
    return " ".join([", ".join(listed[:-1]), word, listed[-1]]) if len(listed) > 1 else "".join(listed)


def capital(text: str) -> str:
    """Begin with a capital letter, unless the first word is a symbol such as n; the article a is none."""
    symbol = len(first := text.partition(" ")[0]) == 1 and first != "a"
    return text if symbol else text[:1].upper() + text[1:]


def plain(name: str) -> str:
    """Write a name of the tables as words: ``manual therapy + exercise``."""
    return name.replace("_", " ").replace("+", " + ")


def column_words(name: str) -> str:
    """Write the name of a column as words: ``CI low``, ``P value``."""
    if name.startswith("p_"):  # p alone stays small
        name = f"P{name[1:]}"
    return " ".join(_PARTS.get(word, word) for word in name.replace("_", " ").split(" "))


def parts_of(text: object, joint: str | None = None) -> tuple[Any, ...]:
    """Give the parts that a text was joined from, none if it is empty; plain text is one, or parted by `joint`."""
    if isinstance(text, Listed):
        return text.parts
    parts = (str(text),) if joint is None else str(text).split(joint)
    return tuple(part for part in parts if part.strip())


class Listed(str):
    """A text, as in a cell of a table, with the parts that it was joined from: people read it, programs its `parts`.

    A column of them has the dtype object; the operations of pandas that make it one of plain text drop the parts.
    """

    parts: tuple[Any, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[Any], joint: str = "; ", end: str = "") -> Self:
        """Join parts, in front of the text that ends them."""
        listed = tuple(parts)
        text = cls(joint.join(map(str, listed)) + end)
        text.parts = listed
        return text


def slug(text: str, joint: str, length: int = 60) -> str:
    """Give a short name of small letters and digits, its words joined by a sign."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", joint, plain).strip(joint)
    if len(name) > length:
        name = name[:length].rpartition(joint)[0] or name[:length]
    return name
