"""Smaller files for the same figure: what a browser does not need is left out."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from evidence.files import draft

__all__ = ["shrink_svg"]

SHORT = 5
"""Letters of a name that is kept."""

NUMBER = re.compile(r"(?<![\w.#-])-?\d+\.\d{3,}(?![\w.])")
USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
OUTLINE = re.compile(r' d="([^"]*)"')
STYLE = re.compile(r' style="([^"]*)"')
NAMED = re.compile(r'( id="| href="#|url\(#)([^")]+)')
# A group that changes nothing: around marks, or around one other group. Marks are read in one way only: with two for
# each, a group of many marks that ends otherwise would be tried in 2^marks ways.
EMPTY_GROUP = re.compile(
    r"<g>((?:<(?:path|use|image|text)\b[^>]*>(?:[^<]*</text>)?)*+|<g [^>]*>(?:(?!</?g[ >]).)*</g>)</g>",
    re.DOTALL,
)
# What is said, marks and scales are kept as they are.
EXACT = re.compile(
    r'(<path id="[^"]*" d="[^"]*"|(?:scale|matrix)\([^)]*\)|<title>.*?</title>|>[^<>]+</text>)', re.DOTALL
)
# Marks in a row that are cut off by one outline. With a transform of its own a mark would move the outline.
_CLIPPED = r'<(?:path|use) (?![^>]*transform)[^>]*clip-path="url\(#{}\)"[^>]*/>'
CLIPPED = re.compile(_CLIPPED.format("(?P<clip>[^)]+)") + f"(?:{_CLIPPED.format('(?P=clip)')}){{2,}}")
TEXT = re.compile(r"<text [^>]*>")
RASTER = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=\s]+")
FAMILY = re.compile(r" ?font-family:([^;\"]*);?")
USUAL = {"font-size: 8px", "text-anchor: start", "fill: #1a1a1a"}
"""The look of a text that needs no word, because the style sheet says it."""


def shrink_svg(path: Path) -> None:
    """Write an SVG of matplotlib again with coordinates to a hundredth of a point, short names and nothing unused.

    Parameters
    ----------
    path : Path
        The file, replaced in one step. What is written in it stays to the letter, and so does the title, which
        describes the figure; references are written as SVG 2 has them, without XLink. Rasters keep every pixel: those
        of at most 256 colours are written with a palette.
    """
    text = path.read_text("utf-8")
    unread = r"<!DOCTYPE.*?>\s*|<!--.*?-->\s*|<metadata>.*?</metadata>\s*| xmlns:xlink=\"[^\"]*\""
    text = re.sub(unread, "", text, flags=re.DOTALL).replace("xlink:href=", "href=")
    text = "".join(
        part if place % 2 else NUMBER.sub(_rounded, part) for place, part in enumerate(EXACT.split(text))
    )
    family = FAMILY.search(text)
    if family and "</style>" in text and "text{font-family" not in text:
        usual = f"text{{font-family:{family[1].strip()};font-size:8px;fill:#1a1a1a}}</style>"
        text = TEXT.sub(_plain_text, text).replace("</style>", usual, 1)
    text = OUTLINE.sub(lambda found: f' d="{_terse(found[1])}"', text)
    used = set(USED.findall(text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    text = STYLE.sub(lambda found: re.sub(r"\s*([:;,])\s*", r"\1", found[0]), text)
    short = {name: f"n{place:x}" for place, name in enumerate(sorted(used)) if len(name) > SHORT}
    text = NAMED.sub(lambda found: found[1] + short.get(found[2], found[2]), text)
    groups = 1
    while groups:
        text, groups = EMPTY_GROUP.subn(r"\1", text)
    text = CLIPPED.sub(_clipped_once, text)
    text = RASTER.sub(lambda found: _with_palette(found[0]), text)
    with draft(path) as beside:
        beside.write_text(text.strip() + "\n", "utf-8", newline="\n")


def _clipped_once(found: re.Match[str]) -> str:
    clip = f' clip-path="url(#{found["clip"]})"'
    return f"<g{clip}>{found[0].replace(clip, '')}</g>"


def _with_palette(encoded: str) -> str:
    """A PNG of at most 256 colours as one with a palette, where that is shorter; every pixel stays what it was."""
    pixels = np.asarray(Image.open(BytesIO(b64decode(encoded))).convert("RGBA"))
    codes, places = np.unique(np.ascontiguousarray(pixels).view(np.uint32), return_inverse=True)
    if len(codes) > 256:
        return encoded
    colours = codes.view(np.uint8).reshape(-1, 4)
    image = Image.fromarray(places.reshape(pixels.shape[:2]).astype(np.uint8), mode="P")
    image.putpalette(colours[:, :3].tobytes())
    made = BytesIO()
    image.save(made, "PNG", optimize=True, transparency=colours[:, 3].tobytes())
    return min(encoded, b64encode(made.getvalue()).decode("ascii"), key=len)


def _rounded(found: re.Match[str]) -> str:
    short = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _plain_text(found: re.Match[str]) -> str:
    """A text without what the style sheet says of all, and without a turn by nothing."""
    tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", FAMILY.sub("", found[0]))
    look = re.search(r' style="([^"]*)"', tag)
    if look is None:
        return tag
    parts = [part for part in (one.strip() for one in look[1].split(";")) if part and part not in USUAL]
    return tag.replace(look[0], f' style="{"; ".join(parts)}"' if parts else "")


def _terse(outline: str) -> str:
    """Write a path without blanks that part nothing, and a command that follows itself only once."""
    short = ""
    before = ""
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", outline):
        plain = " ".join(numbers.split())
        goes_on = (command == before and command in "LQC") or (command == "L" and before == "M")
        short += f" {plain}" if goes_on else command + plain
        before = command
    return short
