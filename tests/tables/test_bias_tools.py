from __future__ import annotations

import pytest

from evidence.errors import DataError
from evidence.tables.bias_tools import COCHRANE_2011, NOT_JUDGED, ROB_2, TOOLS, tool_of


def test_domains_tell_their_tool():
    for tool in TOOLS:
        assert tool_of(tool.domains) is tool
    assert tool_of(["missing_outcomes", "missing_outcomes"]) is COCHRANE_2011
    assert tool_of(["deviations"]) is ROB_2


def test_unknown_and_mixed_domains_are_refused():
    with pytest.raises(DataError, match="'randomization' is no domain of a known tool"):
        tool_of(["other", "randomization"])
    with pytest.raises(
        DataError, match="'deviations' is a domain of RoB 2, but 'other' one of Cochrane 2011"
    ):
        tool_of(["other", "deviations"])
    with pytest.raises(DataError, match="no judgements"):
        tool_of([])


def test_unknown_judgements_are_refused():
    with pytest.raises(
        DataError, match="ben, other: 'fine' is no judgement of Cochrane 2011; use low, unclear"
    ):
        COCHRANE_2011.level("fine", "ben, other")
    with pytest.raises(DataError, match="'unclear' is no judgement of RoB 2"):
        ROB_2.level("unclear")
    assert COCHRANE_2011.level("some") == "unclear"
    assert ROB_2.level("some") == "some concerns"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_overall_rule_needs_every_domain_unless_one_is_high(tool):
    best, middle, worst = tool.levels
    first, *_, last = tool.domains
    low = dict.fromkeys(tool.domains, best)
    assert tool.overall(low) == best
    assert tool.overall({**low, last: middle}) == middle
    assert tool.overall({**low, first: middle, last: worst}) == worst
    assert tool.overall({last: worst}) == worst
    assert tool.overall({name: best for name in tool.domains if name != last}) == NOT_JUDGED
    assert tool.overall({first: middle}) == NOT_JUDGED
    assert tool.overall({}) == NOT_JUDGED
