from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.appraisal.multiverse.fit import typical_sd
from evidence.appraisal.multiverse.result import CONCLUSIONS
from evidence.errors import DataError
from evidence.measures import ESTIMATORS
from evidence.tables.protocol.multiverse import MultiverseChoices
from evidence.tables.review import Review

CRYING = "singing-crying-short"
LIMIT = 4_000
RESULTS = ("estimate", "ci_low", "ci_high", "p_value", "tau2")


def check_path(review: Review, name: str, many: ev.Multiverse, path: int, rtol: float) -> bool:
    """Compare a path with the same options given to `synthesise`; tell whether it is pooled."""
    options = many.options(path)
    one = ev.synthesise(review, name, **options)
    row = many.paths.iloc[path]
    words = f"{name}, path {path}: {options}"
    assert (row["k"], row["trials"]) == (one.k, one.trials), words
    if one.fit is None:
        assert row[list(RESULTS)].isna().all(), words
        assert row["conclusion"] == "not pooled"
        return False
    factor = 1.0 if one.measure == many.measure else many.conversion
    fit = one.fit
    expected = [
        factor * fit.estimate,
        factor * fit.ci_low,
        factor * fit.ci_high,
        fit.p_value,
        factor**2 * fit.tau2,
    ]
    found = row[list(RESULTS)].to_numpy(dtype=float)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-14, err_msg=words)
    return True


@pytest.fixture(scope="module")
def all_of(review: Review) -> dict[str, ev.Multiverse]:
    """Give a multiverse of every analysis, the largest ones from a sample of the paths."""
    return {name: ev.multiverse(review, name, limit=LIMIT) for name in review.analyses}


def test_the_first_path_is_the_analysis(review: Review, all_of: dict[str, ev.Multiverse]) -> None:
    pooled = 0
    for name, many in all_of.items():
        assert many.options(0) == {}
        assert many.in_words(0) == "as the protocol"
        pooled += check_path(review, name, many, 0, 1e-12)
    assert pooled > 10


def test_paths_equal_single_analyses(review: Review, all_of: dict[str, ev.Multiverse]) -> None:
    rng = np.random.default_rng(4)
    pooled = 0
    for name, many in all_of.items():
        if len(many) > 1000:
            fitted = np.flatnonzero(many.paths["estimate"].notna())
            drawn: list[int] = list(rng.choice(fitted, 2)) if len(fitted) else []
            paths = [*drawn, *rng.integers(0, len(many), 1)]
            pooled += sum(check_path(review, name, many, int(path), 1e-10) for path in paths)
    assert pooled > 30


def test_main_analyses_have_many_paths(review: Review, all_of: dict[str, ev.Multiverse]) -> None:
    assert sum(many.total >= 50_000 for many in all_of.values()) >= 4
    for many in all_of.values():
        assert len(many) <= LIMIT
        assert many.sample == (many.total > LIMIT)
        assert not many.paths[list(many.active)].duplicated().any()


def lullabies(small: Any, **rules: Any) -> Review:
    """Five trials with what the choices are about: three arms, several times, doubts, assumptions, sources."""
    small.trial("ava", song="singing, 40", quiet="silence, 50", hum="humming, 30")
    for arm, mean in (("song", 3.0), ("quiet", 5.0), ("hum", 4.2)):
        small.arm("ava", arm, mean=mean, sd=2.0)
        small.arm("ava", arm, mean=mean + 0.3, sd=2.2, timepoint_weeks=4)
        small.arm("ava", arm, mean=mean - 6.0, sd=2.4, statistic="change")
    small.trial("ben", 61, song="singing", quiet="silence")
    small.contrast("ben", "song", "quiet", estimate=-0.5, ci_low=-1.5, ci_high=0.5, ci_level=95)
    small.trial("cai", song="singing, 30", quiet="routine, 30")
    small.contrast("cai", "song", "quiet", estimate=-1.0, se=0.4, adjusted="yes", n_arm=30, n_comparator=30)
    small.contrast("cai", "song", "quiet", estimate=-0.2, se=0.5, n_arm=30, n_comparator=30)
    small.trial("dee", song="singing, 25", quiet="silence, 25")
    small.contrast("dee", "song", "quiet", estimate=-3.0, se=0.6, note="CHECK: larger than the scale allows")
    small.trial("eve", song="singing, 80", quiet="silence, 80")
    small.contrast("eve", "song", "quiet", estimate=0.4, se=0.3, source_kind="abstract", status="confirmed")
    small.trial("flo", song="singing, 20", quiet="silence, 20")
    small.contrast("flo", "song", "quiet", estimate=-1.2, p_value=0.05, p_operator="<")
    small.add("risk_of_bias", trial_id="cai", domain="randomisation", judgement="high", basis="said so")
    small.protocol["same_patients"] = [{"trials": ["eve", "ben"], "reason": "same nursery"}]
    small.protocol["indirect"] = [{"trial": "eve", "reason": "older infants"}]
    small.protocol["outcomes"]["crying"]["minimal_important_difference"] = 5
    if rules:
        small.protocol["multiverse"] = rules
    review: Review = small.read()
    return review


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {
            "impute": ["protocol", ["P bound"]],
            "refuse": ["protocol", ["equal allocation"], ["any"]],
            "doubtful": "together",
            "risk_of_bias": ["protocol", "not high", "low"],
            "smallest": ["protocol", 61],
            "single": ["protocol", "left out"],
            "sources": ["protocol", ["abstract"]],
            "restrictions": "together",
            "method": ["protocol", "EE"],
            "interval": ["protocol", "z"],
        },
    ],
)
def test_every_path_of_a_small_review(small: Any, rules: dict[str, Any]) -> None:
    review = lullabies(small, **rules)
    many = ev.multiverse(review, CRYING)
    assert not many.sample
    rng = np.random.default_rng(2)
    paths = np.unique([0, *rng.integers(0, len(many), 40)])
    assert sum(check_path(review, CRYING, many, int(path), 1e-10) for path in paths) >= 8
    assert {"measure", "shared arms", "indirect results"} <= set(many.active)


def test_shared_patients_come_back_when_the_first_trial_is_out(small: Any) -> None:
    review = lullabies(small)
    many = ev.multiverse(review, CRYING)
    frame = many.paths[many.paths["changed"] == 1]
    out = frame[frame["indirect results"] == "left out"]
    # Eve is out, so that Ben, who may hold the same infants, comes in.
    assert (out["trials"] == many.default["trials"]).all()
    assert not np.isclose(out["estimate"], many.default["estimate"]).any()


def test_correlated_comparisons_are_not_pooled(small: Any) -> None:
    small.protocol["model"] = {"multi_arm": "correlated", "minimum_studies": 2}
    review = lullabies(small)
    many = ev.multiverse(review, CRYING)
    assert many.default["conclusion"] == "not pooled"
    check_path(review, CRYING, many, 0, 1e-12)
    flips = many.flips()
    assert len(flips)
    assert set(flips["changed"]) == {1}
    assert flips["changes"].str.contains("shared arms: ").any()


def test_options_that_change_nothing_count_once(small: Any) -> None:
    review = lullabies(
        small, time=["protocol", "earliest", "latest"], adjusted=["protocol", "ignore", "avoid"]
    )
    many = ev.multiverse(review, CRYING)
    same = many.collapsed.set_index(["choice", "option"])["same_as"]
    assert same["time", "latest"] == "target"
    # Without regard to adjustment, the trial's next rule decides, and it prefers neither.
    assert set(many.active["time"]) == {"target", "earliest"}
    assert len(many) == math.prod(len(labels) for labels in many.active.values())
    whole = many.paths.groupby("data_set")[["k", "trials"]].nunique()
    assert (whole == 1).all(axis=None)
    assert len(many.k) == many.paths["data_set"].nunique()


def test_conclusions(all_of: dict[str, ev.Multiverse]) -> None:
    for many in all_of.values():
        paths, shares = many.paths, many.conclusions
        assert shares["paths"].sum() == len(many)
        assert shares["share"].sum() == pytest.approx(1)
        assert shares["share_of_data_sets"].sum() == pytest.approx(1)
        sign = 1 if many.better == "higher" else -1
        low, high = np.sort([sign * paths["ci_low"], sign * paths["ci_high"]], axis=0)
        mid = math.inf if math.isnan(many.mid) else many.mid
        expected = np.select(
            [paths["estimate"].isna(), low >= mid, low > 0, high < 0],
            [CONCLUSIONS[4], CONCLUSIONS[0], CONCLUSIONS[1], CONCLUSIONS[3]],
            CONCLUSIONS[2],
        )
        assert (paths["conclusion"].astype(str) == expected).all()


def test_flips_are_the_nearest_other_conclusions(all_of: dict[str, ev.Multiverse]) -> None:
    seen = 0
    for many in all_of.values():
        paths, flips = many.paths, many.flips()
        own = paths["conclusion"].iloc[0]
        other = paths[(paths["conclusion"] != own) & (paths["conclusion"] != "not pooled")]
        assert flips.empty == other.empty
        if len(flips):
            seen += 1
            assert (flips["changed"] == other["changed"].min()).all()
            assert len(flips) == min(20, (other["changed"] == other["changed"].min()).sum())
            assert not flips["conclusion"].astype(str).isin([own, "not pooled"]).any()
    assert seen > 5


def test_importance(small: Any) -> None:
    many = ev.multiverse(lullabies(small), CRYING)
    table, paths = many.importance.set_index("choice"), many.paths
    assert set(table.index) == set(many.active)
    pooled = paths[paths["estimate"].notna()]
    spread = pooled["estimate"].var(ddof=0)
    for name in many.active:
        means = pooled.groupby(name, observed=True)["estimate"].transform("mean")
        assert table.loc[name, "first_order"] == pytest.approx(means.var(ddof=0) / spread, abs=1e-10)
        others = [other for other in many.active if other != name]
        within = pooled["estimate"] - pooled.groupby(others, observed=True)["estimate"].transform("mean")
        assert table.loc[name, "total"] == pytest.approx((within**2).mean() / spread, abs=1e-10)
    assert table["total"]["interval"] == 0
    assert table["conclusion_total"]["interval"] > 0


def test_a_sample_is_drawn_from_all_paths(small: Any) -> None:
    review = lullabies(small)
    whole, few = ev.multiverse(review, CRYING), ev.multiverse(review, CRYING, limit=500)
    assert few.sample
    assert few.total == len(whole)
    assert 400 < len(few) <= 500
    choices = list(whole.active)
    assert not few.paths[choices].duplicated().any()
    both = few.paths.merge(whole.paths, on=choices, suffixes=("", "_whole"))
    assert len(both) == len(few)
    for name in RESULTS:
        np.testing.assert_allclose(both[name], both[f"{name}_whole"], rtol=1e-12)
    pd.testing.assert_frame_equal(few.paths, ev.multiverse(review, CRYING, limit=500).paths)
    assert not few.paths.equals(ev.multiverse(review, CRYING, limit=500, seed=2).paths)
    assert few.importance["total"].isna().all()
    assert "random sample" in few.sentence()
    with pytest.raises(DataError, match="limit must be at least 9"):
        ev.multiverse(review, CRYING, limit=8)


def test_the_order_of_the_rows_does_not_matter(small: Any, tmp_path: Any) -> None:
    first = ev.multiverse(lullabies(small), CRYING).paths
    for table in ("arm_results", "contrast_results", "trials", "arms"):
        small.rows[table].reverse()
    small.folder = tmp_path / "turned"
    second = ev.multiverse(small.read(), CRYING).paths
    np.testing.assert_allclose(
        np.sort(first["estimate"].to_numpy()), np.sort(second["estimate"].to_numpy()), rtol=1e-10
    )
    assert first["conclusion"].value_counts().to_dict() == second["conclusion"].value_counts().to_dict()


def test_standardised_differences_on_the_outcomes_scale(small: Any) -> None:
    review = lullabies(small)
    # Reported SDs of final scores of Ava, 2.0 and 2.2 on 0-10, at two times, in three pairs of arms.
    assert typical_sd(review, "crying") == pytest.approx(21.0)
    many = ev.multiverse(review, CRYING)
    row = many.paths[(many.paths["changed"] == 1) & (many.paths["measure"] == "SMD")].iloc[0]
    one = ev.synthesise(review, CRYING, measure="SMD")
    assert one.fit is not None
    assert row["estimate"] == pytest.approx(21.0 * one.fit.estimate, rel=1e-12)
    assert row["tau2"] == pytest.approx(441.0 * one.fit.tau2, rel=1e-12)


def test_without_alternative_measure_or_sd(small: Any) -> None:
    del small.protocol["outcomes"]["crying"]["alternative_measure"]
    assert "measure" not in ev.multiverse(lullabies(small), CRYING).active


def test_without_results(filled: Any) -> None:
    many = ev.multiverse(filled.read(), "added-crying-short")
    assert many.default["conclusion"] == "not pooled"
    assert many.flips().empty
    assert many.importance["total"].eq(0).all()
    assert "cannot be pooled" in many.summary()


def test_progress_is_reported(small: Any) -> None:
    calls: list[tuple[int, int]] = []
    many = ev.multiverse(lullabies(small), CRYING, progress=lambda done, of: calls.append((done, of)))
    assert calls[-1][0] == calls[-1][1] <= len(many.k)


def test_a_bar_needs_a_terminal(
    small: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evidence.appraisal.multiverse.fit.LONG", 1)
    ev.multiverse(lullabies(small), CRYING)
    assert capsys.readouterr() == ("", "")


def test_too_many_choices_to_draw_from(small: Any) -> None:
    for number in range(62):
        small.trial(f"gus{number}", song="singing, 9", quiet="silence, 9")
        small.contrast(f"gus{number}", "song", "quiet", estimate=-1, se=1, note="CHECK: odd")
    with pytest.raises(DataError, match="come in together"):
        ev.multiverse(lullabies(small), CRYING)


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ({"method": ["protocol", "XYZ"]}, r"multiverse\.method\.1"),
        ({"method": ["DL"]}, r"multiverse\.method.*first option must be 'protocol'"),
        ({"interval": ["protocol", "z", "z"]}, r"multiverse\.interval.*stands here twice"),
        ({"colour": ["protocol"]}, r"multiverse\.colour"),
        ({"smallest": ["protocol", -1]}, r"multiverse\.smallest\.1"),
        ({"doubtful": "some"}, r"multiverse\.doubtful"),
    ],
)
def test_unknown_options_name_their_place(filled: Any, rules: dict[str, Any], place: str) -> None:
    filled.protocol["multiverse"] = rules
    with pytest.raises(DataError, match=f"(?s)review.yaml.*{place}"):
        filled.read()


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ({"laughing": ["protocol", ["CRY"]]}, r"multiverse\.instruments\.laughing: .* no outcome 'laughing'"),
        ({"crying": ["protocol", ["GIGGLE"]]}, r"multiverse\.instruments\.crying: .* 'GIGGLE'"),
    ],
)
def test_unknown_instruments_name_their_place(filled: Any, orders: dict[str, Any], message: str) -> None:
    filled.protocol["multiverse"] = {"instruments": orders}
    with pytest.raises(DataError, match=message):
        ev.multiverse(filled.read(), CRYING)


def test_the_protocol_knows_the_methods_of_the_models() -> None:
    options = ("protocol", *(code for code in ESTIMATORS if code != "GENQ"))
    assert MultiverseChoices(method=options).method == options
    assert MultiverseChoices(method=("protocol", "reml"), interval=("protocol", "hksj")).method[1] == "REML"
    for key, value in (("method", "GENQ"), ("interval", "KR")):
        with pytest.raises(ValueError, match=f"unknown {key} '{value}'"):
            MultiverseChoices.model_validate({key: ["protocol", value]})
    assert MultiverseChoices().method[0] == "protocol"


def test_shows_itself(small: Any) -> None:
    many = ev.multiverse(lullabies(small), CRYING)
    frame = many.to_frame()
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["paths"] == len(many)
    assert row["lowest"] <= row["median"] <= row["highest"]
    assert row["most_important"] == many.importance["choice"].iloc[0]
    text = many.summary()
    assert f"{len(many):,} paths through" in text
    assert many.analysis.title in many._repr_html_()
