from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import evidence as ev


def test_batch_figure_shows_the_shares() -> None:
    rng = np.random.default_rng(1)
    code = np.repeat(np.arange(150), 4)
    frame = pd.DataFrame(
        {"review": "A", "comparison": code, "effect": rng.normal(0.3, 0.5, 600), "variance": 0.1}
    )
    results = ev.batch(frame, ci=["HKSJ", "z", "t"])
    summary = ev.batch_summary(results)
    figure = ev.figures.batch(summary, title="How often does the interval matter?")
    changed = 100 * summary.changes["changed"]
    assert f"REML, z {changed[1]:.1f}%" in figure.alt_text
    assert changed[1] > 5
    pd.testing.assert_frame_equal(figure.numbers, summary.changes)
    texts = [text for text, *_ in figure.places()]
    assert f"{changed[1]:.1f}%" in texts


def test_coverage_figure_carries_its_numbers_and_refuses_what_it_cannot_draw() -> None:
    result = ev.simulate(
        {"tau2": [0.0, 0.2]}, ci=["HKSJ", "z"], repetitions=400, tau_prior=ev.priors.half_normal(0.5)
    )
    figure = ev.figures.coverage(result, x_label="tau2")
    assert list(figure.numbers.columns) == ["tau2", "method", "ci", "coverage", "coverage_mcse"]
    assert len(figure.numbers) == 6
    assert "REML, z" in figure.alt_text
    assert "Bayes" in figure.alt_text
    assert ev.figures.coverage(result, quantity="width").alt_text.startswith("Width")
    with pytest.raises(ev.DataError, match="several rows"):
        ev.figures.coverage(pd.concat([result, result]))
    with pytest.raises(ev.DataError, match="no 'shape'"):
        ev.figures.coverage(result, quantity="shape")
