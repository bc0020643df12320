"""Text in figures: how wide it is, where it breaks, which letters the font has."""

from __future__ import annotations

import math
from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

from evidence.figures.drawing.style import BODY, ONE_AT_A_TIME
from evidence.wording import number

__all__ = ["clean", "significant", "text_width", "wrap"]

FONT = "DejaVu Sans"


@lru_cache(maxsize=8192)
def text_width(text: str, size: float = BODY, weight: str = "normal") -> float:
    """Width of one line of text in points, from the outlines of the font."""
    if not text:
        return 0.0
    font = FontProperties(family=FONT, size=size, weight=weight)
    with ONE_AT_A_TIME:  # the font keeps the text that it was last given
        return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def clean(text: object) -> str:
    """Text on one line in which a letter that the font lacks shows as an empty box."""
    line = " ".join(str(text).split())
    known = _letters()
    return "".join(letter if ord(letter) in known else "\u25a1" for letter in line)


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


def wrap(text: str, width: float, size: float = BODY, weight: str = "normal") -> list[str]:
    """Break text into lines of at most `width` points, between words or inside a word that is too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, weight) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and text_width(lines[-1] + letter, size, weight) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def significant(value: float, figures: int = 3) -> str:
    """Three significant figures without an exponent, as for tau2; whole numbers keep all their digits."""
    if value == 0 or not math.isfinite(value):
        return number(value, 0)
    if abs(value) < 0.5e-12:
        return "0"
    return number(value, min(max(figures - 1 - math.floor(math.log10(abs(value))), 0), 12))
