from __future__ import annotations

import pytest

from evidence.report.site.clean import plain


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\nb\n", "a\nb\n"),
        ("  0%|  |\r 50%|# |\r100%|##|\n", "100%|##|\n"),
        ("long text\rshort", "shorttext"),
        ("windows\r\nline\r\n", "windows\nline\n"),
        ("abc\b\bX", "aXc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://example.org\x07link\x1b]8;;\x07", "link"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("outer 0\ninner 0\x1b[A\router 1\ninner 1\n", "outer 1\ninner 1\n"),
        ("waiting\r\x1b[Kdone", "done"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
    ],
)
def test_text_is_as_a_terminal_would_leave_it(text: str, left: str) -> None:
    assert plain(text) == left
