from __future__ import annotations

import re

import pytest

from evidence.report.site.markdown import markdown_html


def html(text: str, trusted: bool = True) -> str:
    return markdown_html(text, trusted=trusted)


def test_html_of_an_author_is_kept_and_html_of_data_is_escaped() -> None:
    text = "Study <b>A</b>\n\n<div>block</div>"
    assert "<b>A</b>" in html(text)
    assert "<div>block</div>" in html(text)
    assert "&lt;b&gt;A&lt;/b&gt;" in html(text, trusted=False)
    assert "<div>" not in html(text, trusted=False)


def test_links_of_data_cannot_run_code() -> None:
    assert "javascript:" not in html("[x](javascript:alert(1))", trusted=False)


def test_formulas_become_mathml() -> None:
    page = html(r"The error is $SE = \frac{u - l}{2 \times 1.96}$." + "\n\n$$\nx < y\n$$\n")
    assert "<mfrac>" in page
    assert 'display="block"' in page
    assert "&lt;" in page


@pytest.mark.parametrize(
    ("text", "rows", "cells", "shown"),
    [
        (r"$$\begin{gather} a=b \\ c=d \end{gather}$$", 2, 2, "a=bc=d"),
        (r"\begin{gather*} a=b \\ c=d \end{gather*}", 2, 2, "a=bc=d"),
        (r"$$\begin{gathered}[t] a \\ b \end{gathered}$$", 2, 2, "ab"),
        (r"$$\begin{aligned}[t] a&=b \\ c&=d\end{aligned}$$", 2, 4, "a=bc=d"),
        (r"$$\begin{alignedat}{2} a&=b & c&=d \\ e&=f & g&=h \end{alignedat}$$", 2, 8, "a=bc=de=fg=h"),
        (r"$$\begin{alignedat}[t]{2} a&=b \end{alignedat}$$", 1, 2, "a=b"),
        (r"\begin{alignat*}{2} a&=b \end{alignat*}", 1, 2, "a=b"),
        (r"\begin{align*} a &= b \label{one} \\ &= c \notag \end{align*}", 2, 4, "a=b=c"),
        (r"$$\begin{multline} a \\ b \end{multline}$$", 2, 2, "ab"),
        (r"$$a = b \label{one}$$", 0, 0, "a=b"),
    ],
)
def test_formulas_of_several_lines(text: str, rows: int, cells: int, shown: str) -> None:
    page = html(text)
    assert "<code>" not in page
    assert (page.count("<mtr"), page.count("<mtd")) == (rows, cells)
    assert re.sub(r"<[^>]+>|\s", "", page).replace("&#x0003D;", "=") == shown


def test_formulas_cannot_bring_in_tags() -> None:
    for text in (r"$\text{<script>alert(1)</script>}$", "$<script>$", r"$\mathrm{<b>}$"):
        page = html(text, trusted=False)
        assert "<script" not in page
        assert "<b>" not in page


def test_prices_and_broken_formulas_stay_readable() -> None:
    assert "$5 and $6" in html("It costs $5 and $6.")
    assert "frac" in html(r"$\frac{$")


def test_tables_definitions_and_code_in_colour() -> None:
    assert "<td>1</td>" in html("| a |\n|---|\n| 1 |\n")
    assert "<dt>Term</dt>" in html("Term\n: What it means\n")
    assert 'class="highlight"' in html("```python\nx = 1\n```")
    assert "x &lt; 1" in html("```\nx < 1\n```")


def test_room_between_lines_and_wide_cases_are_set() -> None:
    page = html(r"$$\begin{aligned} a &= b \\[4pt] c &= d \end{aligned}$$")
    assert page.count("<mtr>") == 2
    assert "4pt" not in page
    assert html(r"$$f = \begin{dcases} 1 & x \\ 2 & y \end{dcases}$$").count("<mtr>") == 2
