from __future__ import annotations

import re
from typing import Any

import evidence as ev


def test_a_comparison_is_named_once_with_its_outcomes(review: Any) -> None:
    reasons = ev.audit(review).verdicts["why"].tolist()
    terms = "|".join(re.escape(one.term) for one in review.analyses.values() if one.term)
    seen = 0
    for reason in reasons:
        for part in reason.split("; "):
            places = re.findall(rf"((?:Massage|Manual therapy)[^:;]*?), ([a-z ]+), ({terms})", part)
            told = [(comparison.rpartition(" and ")[2], term) for comparison, _, term in places]
            assert len(told) == len(set(told)), part
            seen += any(" and " in outcomes for _, outcomes, _ in places)
    assert seen > 2
    assert any("pain and disability, short term: certainty too low" in reason for reason in reasons)
