from __future__ import annotations

from typing import Any

import pytest

import evidence as ev
from evidence.measures import INTERVALS, NEVER_NARROWER
from evidence.report.site.glossary import glossary_html


def test_the_interval_of_few_trials_is_told_in_one_way_everywhere(filled: Any) -> None:
    filled.protocol["model"] = {"minimum_studies": 2, "interval": "HKSJ-adhoc"}
    found = ev.synthesise(filled.read(), "singing-crying-short")
    assert found.note.endswith(f"how much effects vary; the interval is {NEVER_NARROWER}.")
    assert INTERVALS["HKSJ-adhoc"].name.endswith(NEVER_NARROWER)
    assert f"HKSJ-adhoc is the same, {NEVER_NARROWER}" in " ".join(glossary_html().split())


@pytest.mark.parametrize(
    ("effects", "wider"), [([1.0, 1.01, 0.99, 1.0], False), ([0.0, 1.0, 3.0, 5.0], True)]
)
def test_and_it_is_so(effects: list[float], wider: bool) -> None:
    """As wide as t where trials agree by chance; else it may be wider, as their spread says."""
    adhoc, t = (ev.pool(effects, [0.1, 0.2, 0.3, 0.4], ci=name) for name in ("HKSJ-adhoc", "t"))
    apart = (adhoc.ci_high - adhoc.ci_low) / (t.ci_high - t.ci_low)
    assert apart == pytest.approx(1.0, rel=0.05) if not wider else apart >= 1.0
