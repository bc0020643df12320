from __future__ import annotations

import base64
from typing import Any

import nbformat.v4 as nb
import pytest
from bs4 import BeautifulSoup

from evidence.report.site.outputs import output_html
from evidence.report.site.render import render

PNG = "image/png"


def shown(**data: Any) -> str:
    bundle = {key.replace("__", "+").replace("_", "/", 1): value for key, value in data.items()}
    return output_html(nb.new_output("display_data", data=bundle))


def picture(html: str) -> str:
    image = BeautifulSoup(html, "html.parser").img
    assert image is not None
    return str(image["src"])


def test_drawings_are_pictures_that_run_no_script() -> None:
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    source = picture(shown(image_svg__xml=drawing, text_plain="<SVG>"))
    assert base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode() == drawing


def test_a_drawing_within_html_is_kept() -> None:
    html = shown(text_html="<div>before <svg width='9'><rect/></svg> after</div>")
    assert "before" in html
    assert "after" in html
    assert "<rect" in base64.b64decode(picture(html).removeprefix("data:image/svg+xml;base64,")).decode()


@pytest.mark.parametrize("kind", ["image_gif", "image_webp", "image_jpeg", "image_png"])
def test_pictures_of_every_kind(kind: str) -> None:
    assert picture(shown(**{kind: "AA\nAA"})) == f"data:{kind.replace('_', '/')};base64,AAAA"


def test_formulas_are_set() -> None:
    assert "<mfrac>" in shown(text_latex=r"$\displaystyle \frac{1}{2}$", text_plain="x")
    aligned = shown(text_latex=r"$$\begin{aligned} a &= b \\ c &= d \end{aligned}$$")
    assert aligned.count("<mtr>") == 2
    assert "&amp;" not in aligned
    assert "<pre" in shown(text_latex=r"\textbf{no formula}")


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<script>draw()</script>", "Not shown here: a part that a script makes."),
        ("<div id='x'></div><script>draw()</script>", "Not shown here: a part that a script makes."),
        ("<div></div>", "Not shown here: part that a script makes."),
        ("<img src='https://example.org/a.png'>", "Shown elsewhere: https://example.org/a.png"),
        ("<iframe src='https://example.org/map'></iframe>", "Shown elsewhere: https://example.org/map"),
        ("<video src='data:video/mp4;base64,AA' controls></video>", "Not shown here: a video."),
        (
            "<table><tr><td>1</td></tr></table><script>x()</script>",
            "Not shown here: a part that a script makes.",
        ),
        (
            "<style>#T_0a1b2_row0_col0 {background-color: red}</style><table><tr><td>1</td></tr></table>",
            "the colours",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(html: str, said: str) -> None:
    soup = BeautifulSoup(shown(text_html=html, text_plain="<object>"), "html.parser")
    assert said in soup.get_text()
    assert not soup.select("script, iframe, video, style")


def test_a_static_picture_stands_for_what_a_script_would_draw() -> None:
    html = shown(text_html="<div></div><script>draw()</script>", image_png="AAAA", text_plain="Figure()")
    assert picture(html) == "data:image/png;base64,AAAA"
    assert "Not shown" not in html


def test_kinds_that_no_page_can_show_are_named() -> None:
    html = shown(**{"application_vnd.plotly.v1__json": {"data": []}, "text_plain": "Figure"})
    assert "application/vnd.plotly.v1+json cannot be shown" in html
    assert "Figure" in html


def test_plain_tables_and_texts_carry_no_notice() -> None:
    for html in (
        "<table><tr><td>1</td></tr></table>",
        "<style scoped>.dataframe {color: red}</style><b>x</b>",
    ):
        assert "notice" not in shown(text_html=html)


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("mean <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        ("Progress: <progress value=3 max=10></progress>", '<progress value="3" max="10">'),
        ("<meter value=.5></meter>", '<meter value=".5">'),
        ('<img src="data:image/svg+xml;base64,AAAA">', 'src="data:image/svg+xml;base64,AAAA"'),
    ],
)
def test_parts_that_neither_run_nor_fetch_are_shown(html: str, kept: str) -> None:
    assert kept in shown(text_html=html)
    assert "Not shown" not in shown(text_html=html)


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<input value="typed"> label', "a field to fill in"),
        ("<select><option>a</option></select> label", "a field to fill in"),
        (
            "<style>#T_1 td { font-weight: bold; }</style><table id='T_1'><tr><td>1</td></tr></table>",
            "other marks",
        ),
        ("text <img id='anim'><script>play()</script>", "a part that a script makes"),
    ],
)
def test_parts_that_are_left_out_beside_others_are_named(html: str, said: str) -> None:
    assert said in shown(text_html=html)


def test_what_is_hidden_stays_hidden() -> None:
    assert "secret" not in shown(
        text_html='a<div style="color: red; display : none">secret <b>secret</b></div>'
    )


def test_formulas_in_any_signs_are_set() -> None:
    for text in (r"\(x^2\)", r"\[x^2\]", "$x^2$"):
        assert "<msup>" in shown(text_latex=text)


def test_an_exit_that_was_expected_does_not_end_the_notebook() -> None:
    output = nb.new_output("error", ename="SystemExit", evalue="3", traceback=["SystemExit: 3"])
    cell = nb.new_code_cell("exit", outputs=[output])
    assert "ended itself here" in render("a", nb.new_notebook(cells=[cell])).body
    cell.metadata["tags"] = ["raises-exception"]
    body = render("a", nb.new_notebook(cells=[cell])).body
    assert "ended itself here" not in body
    assert "SystemExit: 3" in body
