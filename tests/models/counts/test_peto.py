import json
from pathlib import Path

import numpy as np
import pytest

from evidence.errors import ModelError
from evidence.models.counts.peto import peto

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "rare.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "peto"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["data"])
def test_agrees_with_metafor(case):
    data = REFERENCE["data"][case["data"]]
    fit = peto(data["a"], data["b"], data["c"], data["d"])
    for name, value in case["expected"].items():
        assert getattr(fit, name) == pytest.approx(value, rel=1e-8, abs=1e-14), name


def test_pools_the_one_step_odds_ratios_of_the_studies():
    fit = peto([3, 5, 0], [97, 45, 20], [5, 9, 0], [95, 40, 20])
    told = ~np.isnan(fit.effect)
    weight = 1.0 / fit.variance[told]
    assert told.tolist() == [True, True, False]
    assert fit.estimate == pytest.approx((weight * fit.effect[told]).sum() / weight.sum(), rel=1e-12)
    assert fit.q_df == 1
    assert "Study 3" in fit.note


def test_no_events_is_explained():
    with pytest.raises(ModelError, match="both events and non-events"):
        peto([0, 2], [9, 0], [0, 3], [9, 0])
