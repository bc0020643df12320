"""Smaller files for the same figure: what a browser does not need is left out."""

from __future__ import annotations

import os
import re
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

__all__ = ["shrink_png", "shrink_svg"]

COLOURS = 128

NUMBER = re.compile(r"(?<![\w.#-])-?\d+\.\d{3,}(?![\w.])")
USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
LETTER_MOVED = re.compile(r'transform="translate\((-?[\d.]+) 0\)"')
# Texts, outlines of letters and marks, and scales are kept as they are.
EXACT = re.compile(
    r'(<path id="[^"]*" d="[^"]*"|(?:scale|matrix)\([^)]*\)|<metadata>.*?</metadata>|<title>.*?</title>)',
    re.S,
)


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
        # Of the methods, this one keeps white and the colours of large areas exactly.
        flat = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
    draft = path.with_name(f".{path.stem}.{os.getpid()}.png")
    flat.save(draft, optimize=True, pnginfo=texts, **({"dpi": resolution} if resolution else {}))
    os.replace(draft, path)


def shrink_svg(path: Path) -> None:
    """Write an SVG of matplotlib again with coordinates to a hundredth of a point and without unused names.

    Parameters
    ----------
    path : Path
        The file, replaced in one step. Outlines of letters, which are scaled down where they are used, stay exact.
    """
    text = path.read_text("utf-8")
    text = re.sub(r"<!DOCTYPE.*?>\s*|<!--.*?-->\s*", "", text, flags=re.S)
    text = "".join(
        part if place % 2 else LETTER_MOVED.sub(r'x="\1"', NUMBER.sub(_rounded, part))
        for place, part in enumerate(EXACT.split(text))
    )
    used = set(USED.findall(text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"DejaVuSans-(?:(Bold|Oblique)-)?([0-9a-f]+)", _letter, text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    draft = path.with_name(f".{path.stem}.{os.getpid()}.svg")
    draft.write_text(text.strip() + "\n", "utf-8", newline="\n")
    os.replace(draft, path)


def _rounded(found: re.Match[str]) -> str:
    short = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _letter(found: re.Match[str]) -> str:
    return f"{(found[1] or 'R')[0]}{found[2]}"
