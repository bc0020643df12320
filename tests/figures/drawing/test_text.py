from __future__ import annotations

import io
import sys
import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.textpath import text_to_path

from evidence.figures import funnel
from evidence.figures.drawing.text import clean, significant, text_size, text_width, wrap
from evidence.models.pool import pool

module, style_module = (sys.modules[f"evidence.figures.drawing.{name}"] for name in ("text", "style"))


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (0.051234, "0.0512"), (64.94, "64.9"), (1234.5, "1,234"), (9.999, "10.00")],
)
def test_significant(value, written):
    assert significant(value) == written


LETTERS = [*map(chr, range(32, 127)), *"éüñçßøåÆ–−—×≤≥…±²½←→↑↓", *"ffiflTAVLj. 2011" * 4]


@given(st.text(st.sampled_from(LETTERS), min_size=1, max_size=24), st.sampled_from(["normal", "bold"]))
def test_size_is_that_of_the_whole_text(text, weight):
    font = FontProperties(family=[style_module.FONT], size=9.0, weight=weight)
    whole = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    assert text_size(text, 9.0, weight) == pytest.approx(whole, abs=1e-9)


@pytest.fixture
def no_fonts(monkeypatch):
    """A machine without any other font, that has told nothing yet."""
    monkeypatch.setattr(module, "FALLBACKS", ())
    monkeypatch.setattr(module, "_TOLD", set())
    forget()
    yield
    forget()


def forget():
    for cached in (module._installed, module._fallback, module._letters, module.text_size, module._measured):
        cached.cache_clear()


def test_clean_keeps_letters_and_boxes_the_rest(no_fonts):
    with pytest.warns(UserWarning, match="No font"):
        assert clean("Müller\n  2004 李") == "Müller 2004 □"


@pytest.mark.parametrize(
    ("letter", "script"), [("李", "Chinese"), ("한", "Korean"), ("ह", "Devanagari"), ("ひ", "Hiragana")]
)
def test_a_script_without_a_font_is_named_once(no_fonts, letter, script):
    with pytest.warns(UserWarning, match=script):
        clean(letter)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clean(letter) == "□"


def test_letters_come_from_another_font_where_the_system_has_one(tmp_path, monkeypatch):
    family = "Noto Sans CJK SC"
    make_font(tmp_path / "other.ttf", family, "李한ह")
    known = list(fontManager.ttflist)
    monkeypatch.setattr(fontManager, "ttflist", [entry for entry in known if entry.name != family])
    fontManager.addfont(tmp_path / "other.ttf")
    monkeypatch.setattr(module, "FALLBACKS", (family,))
    forget()
    try:
        assert clean("Li 李 한 ह") == "Li 李 한 ह"
        assert text_width("李") == pytest.approx(8.0, rel=0.05)
        assert text_width("Li") == pytest.approx(text_width("L") + text_width("i"), rel=0.05)
        figure = funnel(
            pool([0.1, 0.4, 0.2], [0.1, 0.2, 0.3], labels=["李 2001", "한 2002", "ह 2003"]), labels=True
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # matplotlib warns of a letter that it cannot draw
            figure.savefig(io.BytesIO(), format="png")
    finally:
        style_module._USED.pop(family, None)
        fontManager._findfont_cached.cache_clear()  # type: ignore[attr-defined]
        forget()


def make_font(path, family, letters):
    """Write a font whose letters are squares as wide as high."""
    names = [".notdef", *(f"letter{place}" for place in range(len(letters)))]
    square = TTGlyphPen(None)
    square.moveTo((0, 0))
    for corner in ((0, 800), (800, 800), (800, 0)):
        square.lineTo(corner)
    square.closePath()
    shape = square.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    font.setupGlyf(dict.fromkeys(names, shape))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200), st.floats(20, 200))
def test_wrapped_lines_fit_and_lose_nothing(text, width):
    text = clean(text)
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line) <= width or len(line) == 1 for line in lines)
