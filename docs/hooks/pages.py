"""Pages that are made when the documentation is built, so that nothing is written twice.

MkDocs calls `on_config`, `on_files` and `on_page_content`. The reference, the gallery and the data dictionary follow
from the code; the guide for those who change it is CONTRIBUTING.md; the navigation is read from the folders.
"""

from __future__ import annotations

import logging
import re
import sys
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from latex2mathml.converter import convert

sys.path.insert(0, str(Path(__file__).parent))
from dictionary import dictionary
from gallery import gallery
from mkdocs.structure.files import File, Files
from reference import reference

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

# Its note of a change in a future MkDocs is not about these pages.
logging.getLogger("mkdocs.material").setLevel(logging.ERROR)

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "How to": "how-to",
    "Methods": "methods",
    "Coming from": "coming-from",
}
"""Folders whose pages come into the navigation by themselves, in the order of their titles."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lay out the navigation: what is written by hand in order, folders as they are."""
    config.nav = [
        {"Start": "index.md"},
        {"Tutorial": "tutorial.md"},
        *({title: _pages(folder)} for title, folder in SECTIONS.items()),
        {"Gallery": "gallery.md"},
        {"Data dictionary": "data-dictionary.md"},
        {"Reference": ["reference/index.md", *(f"reference/{name}.md" for name in reference())]},
        {
            "For those who carry this on": [
                "carry-on/architecture.md",
                "carry-on/decisions.md",
                {"Change the code": "carry-on/contributing.md"},
                {"Changes": "carry-on/changes.md"},
            ]
        },
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that follow from the code."""
    made: dict[str, str | bytes] = {
        "data-dictionary.md": dictionary(),
        "carry-on/contributing.md": _taken("CONTRIBUTING.md"),
        "carry-on/changes.md": _taken("CHANGELOG.md"),
    }
    made |= {f"reference/{name}.md": text for name, text in reference().items()}
    made |= gallery()
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Set formulas as MathML, which browsers draw by themselves."""
    return re.sub(
        r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>',
        lambda found: convert(unescape(found[2]).strip(), display="block" if found[1] == "div" else "inline"),
        html,
        flags=re.DOTALL,
    )


def _pages(folder: str) -> list[str]:
    paths = (ROOT / "docs" / folder).glob("*.md")
    return [f"{folder}/{path.name}" for path in sorted(paths, key=lambda path: path.read_text("utf-8"))]


def _taken(name: str) -> str:
    """Take a file of the repository; names of files in it are no links."""
    return (ROOT / name).read_text(encoding="utf-8")
