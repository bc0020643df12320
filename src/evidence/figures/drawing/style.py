"""The look of every figure: font, sizes, lines and a palette that colour-blind readers can tell apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.colors import to_rgb

__all__ = [
    "BLUE",
    "BODY",
    "DEEP_GREEN",
    "DEEP_ORANGE",
    "FAINT",
    "FALLBACKS",
    "FONT",
    "GREY",
    "HAIRLINE",
    "INK",
    "LINE",
    "MARGIN",
    "ONE_AT_A_TIME",
    "ORANGE",
    "PAGE",
    "SKY",
    "SMALL",
    "TITLE",
    "VERMILLION",
    "at_width",
    "contrast",
    "ink_on",
    "page_width",
    "style",
    "superscript",
    "use_font",
]

# Okabe and Ito (2008), Color Universal Design: distinguishable under all common forms of colour blindness.
BLUE, SKY, VERMILLION, ORANGE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00"
# Dark enough for white letters on them (WCAG 2: at least 4.5 to 1).
DEEP_GREEN, DEEP_ORANGE = "#00704F", "#B84A00"
INK, GREY, FAINT = "#1A1A1A", "#666666", "#C8C8C8"

# Sizes in points. PAGE is the text width of a journal page; a figure grows beyond it only if its text must.
BODY, SMALL, TITLE = 8.0, 7.0, 10.0
LINE, HAIRLINE = 1.0, 0.5
PAGE, MARGIN = 540.0, 9.0
_WIDTH: ContextVar[float | None] = ContextVar("width of the page in points", default=None)

FONT = "DejaVu Sans"
FALLBACKS = (
    *(
        "Noto Sans CJK SC",
        "Noto Sans CJK JP",
        "Noto Sans CJK KR",
        "Noto Sans SC",
        "Noto Sans JP",
        "Noto Sans KR",
    ),
    *("Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
    *("Microsoft YaHei", "SimHei", "Yu Gothic", "MS Gothic", "Malgun Gothic", "NanumGothic", "UnDotum"),
    *("PingFang SC", "Hiragino Sans", "Hiragino Sans GB", "Apple SD Gothic Neo", "AppleGothic"),
    *(
        "Noto Sans Devanagari",
        "Lohit Devanagari",
        "Nirmala UI",
        "Mangal",
        "Kohinoor Devanagari",
        "Devanagari MT",
    ),
    *("Noto Sans Thai", "Noto Sans Tamil", "Noto Sans Bengali", "Noto Sans Hebrew", "Noto Sans Arabic"),
    *("Noto Sans Symbols", "Noto Sans Symbols 2", "Noto Sans Symbols2", "Segoe UI Symbol", "Symbola"),
    *("Apple Symbols", "Arial Unicode MS", "Unifont"),
)
"""Fonts for letters that the own one lacks, the first that the system has is taken."""
_USED: dict[str, None] = {}

SETTINGS: dict[str, Any] = {
    # DejaVu Sans travels with matplotlib, so that every machine measures and draws the same letters.
    "font.family": [FONT],
    "font.size": BODY,
    "text.color": INK,
    # Without hinting a text is as wide on the screen as in the layout, which measures the font's outlines.
    "text.hinting": "no_hinting",
    "axes.linewidth": HAIRLINE,
    "axes.edgecolor": INK,
    "axes.labelsize": BODY,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": HAIRLINE,
    "ytick.major.width": HAIRLINE,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Letters as outlines: an SVG looks alike everywhere and needs no font; its metadata carry the words.
    "svg.fonttype": "path",
    "svg.hashsalt": "evidence",
    "pdf.fonttype": 42,
}


ONE_AT_A_TIME = threading.RLock()
"""Held by a thread while it draws or measures text."""


@contextmanager
def style() -> Iterator[None]:
    """Apply the look while figures are made or written, whatever the reader's own matplotlib settings.

    The settings of matplotlib belong to the whole process, so that one thread draws at a time; they are as before
    when the last one is done.
    """
    fonts = {"font.family": [FONT, *_USED]}
    with ONE_AT_A_TIME, matplotlib.style.context(["default", SETTINGS | fonts]):
        yield


def contrast(one: Any, other: Any) -> float:
    """How much two colours stand out from each other, from 1 to 21 (contrast ratio of WCAG 2)."""
    low, high = sorted(_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Any) -> float:
    parts = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def ink_on(colour: Any) -> str:
    """Colour of letters that can be read on a ground: dark, white, or, between the two, black."""
    return next((ink for ink in (INK, "white") if contrast(ink, colour) >= 4.5), "black")


def use_font(family: str) -> None:
    """Let figures that are made from now on take letters from another font, too, where the own one lacks them."""
    _USED.setdefault(family)


@contextmanager
def at_width(points: float) -> Iterator[None]:
    """Lay figures out for a page of this width, with no letter smaller than `SMALL`."""
    token = _WIDTH.set(points)
    try:
        yield
    finally:
        _WIDTH.reset(token)


def page_width(usual: float = PAGE) -> float:
    """Width in points for which a figure is laid out: the usual one, unless `at_width` says otherwise."""
    return _WIDTH.get() or usual


def superscript() -> float:
    """Size of raised letters and of other small print."""
    return 5.5 if _WIDTH.get() is None else SMALL
