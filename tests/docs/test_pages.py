"""The pages of the documentation: their code runs, their links lead somewhere, none says what another says."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

import matplotlib.pyplot as plt
import pytest

import evidence as ev

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "hooks"))

from dictionary import dictionary  # noqa: E402
from gallery import NO_DRAWING, example  # noqa: E402
from reference import public_names, reference  # noqa: E402

from evidence.tables.schema import TABLES  # noqa: E402

WRITTEN = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
MADE = {"data-dictionary.md", "gallery.md", "carry-on/contributing.md", "carry-on/changes.md"}
PAGES = {*WRITTEN, *MADE, *(f"reference/{name}.md" for name in reference())}
PUBLISHED = ("report/", *(f"examples/{path.parent.name}/" for path in ROOT.glob("examples/*/review.yaml")))
"""What the workflow puts beside the documentation."""

BLOCK = re.compile(r"(<!-- not run: .+? -->\n+)?^( *)```python[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks(text: str) -> list[str]:
    """Take the Python of a page; a comment before a block may say why it cannot run here."""
    return [
        "\n".join(line.removeprefix(found[2]) for line in found[3].splitlines())
        for found in BLOCK.finditer(text)
        if not found[1]
    ]


@pytest.mark.parametrize("page", [page for page, text in sorted(WRITTEN.items()) if "```python" in text])
def test_the_code_of_a_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # How-to pages are read in the folder of a review, the others at the root of the repository.
    monkeypatch.chdir(ROOT / "data" if page.startswith("how-to/") else ROOT)
    space: dict[str, object] = {"__name__": "page"}
    for code in blocks(WRITTEN[page]):
        exec(compile(code, page, "exec"), space)
    plt.close("all")


def test_links_lead_to_pages_that_there_are() -> None:
    broken = []
    for page, text in WRITTEN.items():
        prose = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
        for target in (*re.findall(r"\]\(([^)\s]+)\)", prose), *re.findall(r'href="([^"]+)"', prose)):
            if target.startswith(("https://", "http://127.0.0.1", "#")):
                continue
            assert "://" not in target, f"{page} links to {target}"
            reached = (DOCS / page).parent.joinpath(unquote(target.split("#")[0])).resolve()
            name = reached.relative_to(DOCS).as_posix()
            if name not in PAGES and not name.startswith(PUBLISHED):
                broken.append((page, target))
    assert not broken


def test_the_workflow_publishes_what_the_pages_link_to() -> None:
    steps = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    assert "make docs report examples" in steps
    assert "cp -r report build/docs/report" in steps
    assert "cp -r build/examples build/docs/examples" in steps


def test_each_page_has_one_title_of_its_own() -> None:
    titles = defaultdict(list)
    for page, text in WRITTEN.items():
        code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        assert len(re.findall(r"^# ", code, re.MULTILINE)) == 1, page
        titles[text.splitlines()[0]].append(page)
    assert [pages for pages in titles.values() if len(pages) > 1] == []


def test_no_page_repeats_a_paragraph_of_another() -> None:
    said = defaultdict(set)
    for page, text in (WRITTEN | {"CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text("utf-8")}).items():
        for paragraph in re.split(
            r"\n\s*\n", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
        ):
            words = " ".join(paragraph.split())
            if len(words) > 80:
                said[words].add(page)
    assert {words: pages for words, pages in said.items() if len(pages) > 1} == {}


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(reference().values())
    assert [name for name in public_names() if f"heading: {name}\n" not in text] == []


def test_the_gallery_draws_every_figure() -> None:
    names = [name for name in ev.figures.__all__ if name not in NO_DRAWING]
    assert [name for name in names if "figure = ev.figures." not in example(getattr(ev.figures, name))] == []


def test_the_dictionary_has_every_column() -> None:
    text = dictionary()
    for table in TABLES:
        part = text.split(f"## {table.file}\n")[1].split("\n## ")[0]
        assert [column.name for column in table.columns if f"| `{column.name}` |" not in part] == []
