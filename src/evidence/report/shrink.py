"""Smaller files for the same figure: what a browser does not need is left out."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from evidence.files import draft

__all__ = ["shrink_png", "shrink_svg"]

COLOURS = 48
SHORT = 5
"""Letters of a name that is kept."""

NUMBER = re.compile(r"(?<![\w.#-])-?\d+\.\d{3,}(?![\w.])")
USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
LETTER = re.compile(r'<path id="(DejaVuSans[^"]*)" d="([^"]*)" transform="scale\(0\.015625\)"/>')
LETTER_NAME = re.compile(r"DejaVuSans-(?:(Bold|Oblique)-)?([0-9a-f]+)")
LETTER_PLACE = re.compile(r'transform="translate\((-?[\d.]+) 0\)"')
OUTLINE = re.compile(r' d="([^"]*)"')
STYLE = re.compile(r' style="([^"]*)"')
NAMED = re.compile(r'( id="| href="#|url\(#)([^")]+)')
# A group that changes nothing: around marks, or around one other group.
EMPTY_GROUP = re.compile(
    r"<g>((?:<(?:path|use|image)\b[^>]*/>)*|<g [^>]*>(?:(?!</?g[ >]).)*</g>)</g>", re.DOTALL
)
# Texts, marks and scales are kept as they are.
EXACT = re.compile(r'(<path id="[^"]*" d="[^"]*"|(?:scale|matrix)\([^)]*\)|<title>.*?</title>)', re.DOTALL)


def shrink_png(path: Path) -> None:
    """Write a PNG again with a palette of its own colours; its size in dots and its texts stay.

    Parameters
    ----------
    path : Path
        The file, replaced in one step.
    """
    with Image.open(path) as image:
        texts = PngInfo()
        for name, text in image.info.items():
            if isinstance(name, str) and isinstance(text, str):
                texts.add_itxt(name, text)
        resolution = image.info.get("dpi")
        # Of the methods, this one keeps white and the colours of thin lines.
        flat = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    with draft(path) as beside:
        flat.save(beside, optimize=True, pnginfo=texts, **({"dpi": resolution} if resolution else {}))


def shrink_svg(path: Path) -> None:
    """Write an SVG of matplotlib again with coordinates to a hundredth of a point, short names and nothing unused.

    Parameters
    ----------
    path : Path
        The file, replaced in one step. Outlines of letters move by less than a hundredth of a point too. The title,
        which describes the figure, stays; references are written as SVG 2 has them, without XLink.
    """
    text = path.read_text("utf-8")
    unread = r"<!DOCTYPE.*?>\s*|<!--.*?-->\s*|<metadata>.*?</metadata>\s*| xmlns:xlink=\"[^\"]*\""
    text = re.sub(unread, "", text, flags=re.DOTALL).replace("xlink:href=", "href=")
    text = LETTER.sub(_letter, text)
    text = "".join(
        part if place % 2 else LETTER_PLACE.sub(_place, NUMBER.sub(_rounded, part))
        for place, part in enumerate(EXACT.split(text))
    )
    text = OUTLINE.sub(lambda found: f' d="{_terse(found[1])}"', text)
    text = LETTER_NAME.sub(lambda found: f"{(found[1] or 'R')[0]}{found[2]}", text)
    used = set(USED.findall(text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    text = STYLE.sub(lambda found: re.sub(r"\s*([:;,])\s*", r"\1", found[0]), text)
    short = {name: f"n{place:x}" for place, name in enumerate(sorted(used)) if len(name) > SHORT}
    text = NAMED.sub(lambda found: found[1] + short.get(found[2], found[2]), text)
    groups = 1
    while groups:
        text, groups = EMPTY_GROUP.subn(r"\1", text)
    with draft(path) as beside:
        beside.write_text(text.strip() + "\n", "utf-8", newline="\n")


def _rounded(found: re.Match[str]) -> str:
    short = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _place(found: re.Match[str]) -> str:
    """Place a letter of a word, in hundredths of the size of the font."""
    return f'x="{float(found[1]):.0f}"'


def _letter(found: re.Match[str]) -> str:
    """Write the outline of a letter, in 6400ths of the size of its font, in 800ths."""
    outline = re.sub(r"-?\d+", lambda number: f"{round(int(number[0]) / 8)}", found[2])
    return f'<path id="{found[1]}" d="{outline}" transform="scale(0.125)"/>'


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
