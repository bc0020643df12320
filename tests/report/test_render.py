from __future__ import annotations

from typing import Any

import nbformat.v4 as nb
import pytest

from evidence.report.publish import MIME
from evidence.report.render import render

ATTACK = "<script>alert(1)</script>"


def page_of(*cells: Any) -> Any:
    return render("01-test", nb.new_notebook(cells=list(cells)))


def shown(**data: Any) -> str:
    """Return the body of a page with one code cell that displays the data."""
    bundle = {key.replace("_", "/", 1): value for key, value in data.items()}
    output = nb.new_output("display_data", data=bundle)
    return str(page_of(nb.new_code_cell("show()", outputs=[output])).body)


def test_title_description_and_contents_come_from_the_text() -> None:
    page = page_of(
        nb.new_markdown_cell("# What & why\n\nThis page *answers*.\n\nMore."),
        nb.new_markdown_cell("## Pain\n\n### Short\n\n#### Detail"),
    )
    assert (page.title, page.description) == ("What &amp; why", "This page <em>answers</em>.")
    assert [heading.anchor for heading in page.headings] == ["pain", "short"]


def test_a_notebook_without_text_is_named_by_its_file() -> None:
    page = page_of(nb.new_code_cell("1"))
    assert (page.title, page.description, page.headings) == ("01-test", "", ())


def test_code_is_folded_and_labelled() -> None:
    page = page_of(
        nb.new_code_cell("a = 1", metadata={"tags": ["parameters"]}),
        nb.new_code_cell("b = '<b>'", metadata={"tags": ["show-input"]}),
        nb.new_code_cell("  \n"),
    )
    assert page.body.count("<details") == 2
    assert "<summary>Parameters</summary>" in page.body
    assert '<details class="code" open><summary>Code</summary>' in page.body
    assert "<b>" not in page.body


@pytest.mark.parametrize(
    "body",
    [
        shown(text_plain=ATTACK),
        shown(text_markdown=f"**Study** {ATTACK} <img src=x onerror=alert(1)>"),
        shown(text_html=f"<table><tr><td>{ATTACK}</td></tr></table><img src=x onerror=alert(1)>"),
        shown(text_html='<a href="javascript:alert(1)">x</a><a href="data:text/html,x">y</a>'),
        shown(
            text_html='<img src="data:image/svg+xml;base64,AAAA"><iframe src="https://example.org"></iframe>'
        ),
        shown(application_json={"study": ATTACK}),
        str(
            page_of(nb.new_code_cell("p", outputs=[nb.new_output("stream", name="stdout", text=ATTACK)])).body
        ),
        str(page_of(nb.new_code_cell(f"x = '{ATTACK}'")).body),
    ],
)
def test_nothing_that_comes_from_data_can_run(body: str) -> None:
    for danger in (
        "<script",
        "<img src=x onerror",
        'onerror="',
        "javascript:",
        "data:text",
        "svg+xml",
        "<iframe",
    ):
        assert danger not in body


def test_escaped_text_of_a_data_frame_stays_visible() -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown(
        text_html="<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"
    )


def test_styles_of_a_data_frame_do_not_show_as_text() -> None:
    body = shown(text_html="<style scoped>.dataframe {color: red}</style><table><tr><td>1</td></tr></table>")
    assert "color: red" not in body
    assert "<td>1</td>" in body


def test_images_are_put_into_the_page() -> None:
    assert '<img alt="" src="data:image/png;base64,AAAA">' in shown(image_png="AA\nAA")


def test_tracebacks_and_warnings_are_plain_text() -> None:
    outputs = [
        nb.new_output("error", ename="E", evalue="v", traceback=["\x1b[31mE\x1b[0m: <v>"]),
        nb.new_output("stream", name="stderr", text="careful"),
    ]
    body = page_of(nb.new_code_cell("p", outputs=outputs)).body
    assert '<pre class="output stderr">E: &lt;v&gt;</pre>' in body
    assert '<pre class="output stderr">careful</pre>' in body


def test_published_items_have_caption_description_and_downloads() -> None:
    figure: dict[str, Any] = {
        "kind": "figure",
        "name": "forest",
        "caption": "Pain <short>",
        "alt": 'A "plot"',
        "files": {"SVG": "figures/forest.svg", "PNG": "figures/forest.png"},
    }
    table: dict[str, Any] = {
        "kind": "table",
        "name": "effects",
        "caption": "All",
        "html": f"<table><td>{ATTACK}</td></table>",
        "files": {"CSV": "tables/effects.csv"},
    }
    outputs = [
        nb.new_output("display_data", data={MIME: item, "text/html": "unused"}) for item in (figure, table)
    ]
    page = page_of(nb.new_code_cell("publish()", outputs=outputs))
    assert '<img src="figures/forest.svg" alt="A &quot;plot&quot;">' in page.body
    assert "<figcaption>Pain &lt;short&gt;</figcaption>" in page.body
    assert '<a href="tables/effects.csv" download>CSV</a>' in page.body
    assert "<script" not in page.body
    assert "unused" not in page.body
    assert [item["name"] for item in page.items] == ["forest", "effects"]
