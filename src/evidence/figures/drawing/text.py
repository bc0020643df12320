"""Text in figures: how wide it is, where it breaks, which letters the font has."""

from __future__ import annotations

import math
import re
import unicodedata
import warnings
from functools import lru_cache
from itertools import pairwise

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import text_to_path

from evidence.figures.drawing.style import BODY, FALLBACKS, FONT, ONE_AT_A_TIME, use_font
from evidence.wording import number

__all__ = ["Size", "clean", "known_size", "significant", "text_size", "text_width", "wrap"]

Size = tuple[float, float, float]
"""Width, height and depth below the baseline."""

MISSING = "\u25a1"
"""An empty box, for a letter that no font has."""
PLAIN = re.compile(r"[ -~¡-¬®-ÿ–−—×≤≥…←→↑↓]+")
"""Texts in Latin letters with usual signs: how wide a part is depends on its neighbours alone."""
JOINED = re.compile(r"f+[il]?|.")
"""Letters that the font may draw as one, or a single letter."""
UNIT = 100.0
"""Size of type in which parts of a text are measured."""
_WEIGHTS = {"normal": "normal", 400: "normal", "bold": "bold", 700: "bold"}
_TOLD: set[str] = set()


def text_width(text: str, size: float = BODY, weight: str = "normal") -> float:
    """Width of one line of text in points, from the outlines of the fonts."""
    return text_size(text, size, weight)[0]


@lru_cache(maxsize=8192)
def text_size(text: str, size: float = BODY, weight: str = "normal") -> Size:
    """Width, height and depth below the baseline of one line of text in points, from the outlines of the fonts."""
    if not PLAIN.fullmatch(text):
        return _measured(text, size, weight)
    # Adding up is a hundred times faster than laying out the whole, and as exact.
    parts = JOINED.findall(text)
    width = _measured(parts[-1], UNIT, weight)[0] + sum(_step(*pair, weight) for pair in pairwise(parts))
    inks = [_measured(part, UNIT, weight) for part in set(parts)]
    depth = max(one[2] for one in inks)
    height = max(one[1] - one[2] for one in inks) + depth
    scale = size / UNIT
    return width * scale, height * scale, depth * scale


def known_size(text: str, font: FontProperties) -> Size | None:
    """The size in points of a text in a font that matplotlib asks for; None if only matplotlib can tell."""
    weight = _WEIGHTS.get(font.get_weight())
    ours = font.get_family()[0] == FONT and font.get_style() == "normal"
    if not ours or weight is None or not PLAIN.fullmatch(text):
        return None
    return text_size(text, font.get_size_in_points(), weight)


@lru_cache(maxsize=16384)
def _step(part: str, following: str, weight: str) -> float:
    """Width that a part of a text takes up before another: some pairs stand nearer than their outlines."""
    return _measured(part + following, UNIT, weight)[0] - _measured(following, UNIT, weight)[0]


@lru_cache(maxsize=8192)
def _measured(text: str, size: float, weight: str) -> Size:
    """Size of a text as matplotlib lays it out."""
    if not text:
        return 0.0, 0.0, 0.0
    with ONE_AT_A_TIME:  # the font keeps the text that it was last given
        families = [FONT, *dict.fromkeys(found for letter in text if (found := _fallback(letter)))]
        font = FontProperties(family=families, size=size, weight=weight)
        width, height, depth = text_to_path.get_text_width_height_descent(text, font, ismath=False)
        return float(width), float(height), float(depth)


def clean(text: object) -> str:
    """Text on one line, in which a letter that no font of this machine has shows as an empty box.

    A letter that the own font lacks (Chinese, Japanese, Korean, Hindi, signs) is drawn from another font where the
    system has one; else a warning names the script, once.
    """
    line = " ".join(str(text).split())
    shown = []
    for letter in line:
        if ord(letter) in _letters(FONT):
            shown.append(letter)
        elif family := _fallback(letter):
            use_font(family)
            shown.append(letter)
        else:
            _tell(_script(letter), letter)
            shown.append(MISSING)
    return "".join(shown)


@lru_cache(maxsize=4096)
def _fallback(letter: str) -> str:
    """The first installed font that has a letter which the own font lacks; empty if there is none or no need."""
    if ord(letter) in _letters(FONT):
        return ""
    return next((family for family in _installed() if ord(letter) in _letters(family)), "")


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    names = {entry.name for entry in fontManager.ttflist}
    return tuple(family for family in FALLBACKS if family in names)


@lru_cache(maxsize=32)
def _letters(family: str) -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=family))).get_charmap())


def _script(letter: str) -> str:
    """Name the script of a letter, from its name in Unicode."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0]
    return {"CJK": "Chinese (Han)", "HANGUL": "Korean (Hangul)"}.get(first, first.capitalize())


def _tell(script: str, letter: str) -> None:
    if script in _TOLD:
        return
    _TOLD.add(script)
    warnings.warn(
        f"No font of this machine has the letters of {script} ({letter}): they show as empty boxes in figures. "
        "Install one that has them, such as a font of the Noto family.",
        stacklevel=3,
    )


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
        if text_width(word, size, weight) <= width:
            lines[-1] = word
            continue
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
