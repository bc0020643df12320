"""Figures from threads are those from one, and leave matplotlib's settings as they were."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import matplotlib

import evidence as ev

FIT = ev.pool([0.1, 0.5, 0.3, -0.2], [0.04, 0.05, 0.06, 0.09], labels=["Ahn", "Bao", "Cruz", "Diaz"])


def picture(number: int) -> bytes:
    drawn = (ev.figures.forest, ev.figures.funnel, ev.figures.leave_one_out, ev.figures.baujat)[number % 4](
        FIT
    )
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def test_threads_draw_the_same_bytes_and_change_no_settings() -> None:
    before = dict(matplotlib.rcParams)
    alone = [picture(number) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(picture, range(12)))
    assert together == alone * 3
    assert dict(matplotlib.rcParams) == before
