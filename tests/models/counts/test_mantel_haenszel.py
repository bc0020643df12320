import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.counts.mantel_haenszel import mantel_haenszel

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "rare.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "mantel_haenszel"]

TABLE = ([3, 5, 2, 0], [97, 45, 60, 50], [5, 9, 3, 4], [95, 40, 55, 47])


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c['data']}-{'-'.join(map(str, c['options'].values()))}"
)
def test_agrees_with_metafor(case):
    data = REFERENCE["data"][case["data"]]
    fit = mantel_haenszel(data["a"], data["b"], data["c"], data["d"], **case["options"])
    expected = dict(case["expected"])
    assert fit.weights[[0, -1]] == pytest.approx(
        [expected.pop("first_weight"), expected.pop("last_weight")], rel=1e-10
    )
    for name, value in expected.items():
        assert getattr(fit, name) == pytest.approx(value, rel=1e-8, abs=1e-14), name


def test_ratio_and_tables():
    fit = mantel_haenszel(*TABLE, labels=list("wxyz"))
    assert fit.ratio() == pytest.approx(np.exp([fit.estimate, fit.ci_low, fit.ci_high]))
    frame = fit.to_frame()
    assert frame["label"].tolist() == list("wxyz")
    assert frame["weight"].sum() == pytest.approx(100.0)
    assert "Tarone" in fit.summary()
    assert fit._repr_html_().startswith("<pre>Mantel")


def test_one_study_gives_its_own_odds_ratio():
    fit = mantel_haenszel([4], [6], [2], [8])
    assert fit.estimate == pytest.approx(np.log(4 * 8 / (6 * 2)))
    assert fit.se == pytest.approx(np.sqrt(1 / 4 + 1 / 6 + 1 / 2 + 1 / 8))
    assert (fit.q, fit.q_df, fit.i2) == (0.0, 0, 0.0)


def test_studies_without_events_do_not_move_a_ratio_and_are_named():
    more = [[*cells, extra] for cells, extra in zip(TABLE, (0, 30, 0, 30), strict=True)]
    for measure in ("OR", "RR"):
        fit, without = mantel_haenszel(*more, measure=measure), mantel_haenszel(*TABLE, measure=measure)
        assert fit.estimate == pytest.approx(without.estimate, rel=1e-12)
        assert fit.se == pytest.approx(without.se, rel=1e-12)
        assert "Study 5" in fit.note


def test_swapping_groups_turns_the_sign():
    a, b, c, d = TABLE
    for measure in ("OR", "RR", "RD"):
        one, two = mantel_haenszel(a, b, c, d, measure=measure), mantel_haenszel(c, d, a, b, measure=measure)
        assert one.estimate == pytest.approx(-two.estimate, rel=1e-12)
        assert one.se == pytest.approx(two.se, rel=1e-12)


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        (([1], [2], [-1], [3]), {}, "Study 1: c = -1"),
        (([1], [2], [np.nan], [3]), {"labels": ["Smith"]}, "Smith: c = nan"),
        (([1], [2], [0], [0]), {}, "Study 1: group 2 has no participants"),
        (([1, 2], [2], [1], [3]), {}, "differ in length"),
        (([], [], [], []), {}, "no study"),
        (([1], [2], [1], [3]), {"measure": "HR"}, "unknown measure"),
        (([1], [2], [1], [3]), {"level": 1.0}, "level"),
    ],
)
def test_faulty_input_is_named(cells, options, message):
    with pytest.raises(DataError, match=message):
        mantel_haenszel(*cells, **options)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_no_events_anywhere_is_explained(measure):
    with pytest.raises(ModelError, match=r"risk difference|sampling variance"):
        mantel_haenszel([0, 0], [9, 9], [0, 0], [9, 9], measure=measure)


counts = st.one_of(st.integers(0, 5), st.integers(0, 10**6), st.just(0))
studies = st.lists(st.tuples(counts, counts, counts, counts), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(studies, st.sampled_from(["OR", "RR", "RD"]), st.sampled_from(["none", "only0"]))
def test_finite_or_explained(tables, measure, to):
    a, b, c, d = zip(*tables, strict=True)
    try:
        fit = mantel_haenszel(a, b, c, d, measure=measure, add=0.5, to=to)
    except EvidenceError:
        return
    assert np.isfinite([fit.estimate, fit.se, fit.ci_low, fit.ci_high, fit.p_value, fit.q, fit.i2]).all()
    assert fit.se > 0.0
    order = np.argsort(a, kind="stable")
    again = mantel_haenszel(*(np.array(x)[order] for x in (a, b, c, d)), measure=measure, add=0.5, to=to)
    assert again.estimate == pytest.approx(fit.estimate, rel=1e-9, abs=1e-12)
