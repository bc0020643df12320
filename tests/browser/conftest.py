"""A browser, and a report for it to open: that in ``report/``, or the folder that EVIDENCE_REPORT names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evidence.report.export.pdf import find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

ROOT = Path(__file__).parents[2]
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    assert program, "these tests need Chromium; on Debian: apt install chromium"
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=program, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def report() -> Path:
    """Give the report to look at."""
    folder = Path(os.environ.get("EVIDENCE_REPORT", ROOT / "report")).resolve()
    assert (folder / "index.html").is_file(), f"{folder} holds no report; make one first with: make report"
    return folder


class Watched:
    """A page, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.addresses: list[str] = []
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self._said("error", str(error)))
        page.on("requestfailed", lambda request: self._failed(request.url, request.failure))
        page.on("request", self._requested)
        page.on("dialog", self._asked)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"{kind}: {text}")

    def _asked(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        self.addresses.append(request.url)

    def _failed(self, address: str, why: str | None) -> None:
        if why != "net::ERR_ABORTED":  # a lazy image under way when the next page was opened
            self.faults.append(f"not loaded: {address} ({why})")

    def open(self, path: Path, anchor: str = "") -> Page:
        """Open a file of the report."""
        self.page.goto(path.as_uri() + anchor, wait_until="load")
        return self.page


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Give a page whose errors are noted."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Watched(context.new_page())
    context.close()
