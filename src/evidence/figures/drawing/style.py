"""The look of every figure: font, sizes, lines and a palette that colour-blind readers can tell apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib
import matplotlib.style

__all__ = [
    "BLUE",
    "BODY",
    "FAINT",
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
    "page_width",
    "style",
    "superscript",
]

# Okabe and Ito (2008), Color Universal Design: distinguishable under all common forms of colour blindness.
BLUE, SKY, VERMILLION, ORANGE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00"
INK, GREY, FAINT = "#1A1A1A", "#666666", "#C8C8C8"

# Sizes in points. PAGE is the text width of a journal page; a figure grows beyond it only if its text must.
BODY, SMALL, TITLE = 8.0, 7.0, 10.0
LINE, HAIRLINE = 1.0, 0.5
PAGE, MARGIN = 540.0, 9.0
_WIDTH: ContextVar[float | None] = ContextVar("width of the page in points", default=None)

SETTINGS: dict[str, Any] = {
    # DejaVu Sans travels with matplotlib, so that every machine measures and draws the same letters.
    "font.family": ["DejaVu Sans"],
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
    with ONE_AT_A_TIME, matplotlib.style.context(["default", SETTINGS]):
        yield


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
