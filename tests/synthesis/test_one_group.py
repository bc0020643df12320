"""Analyses of single groups: proportions, rates, means and correlations from the tables of a review."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import evidence as ev
from evidence.effects.choosing.question import pairs

ROOT = Path(__file__).parents[2]
RATES = json.loads((ROOT / "validation" / "rates.json").read_text("utf-8"))
KNOWN = [
    case
    for case in RATES["cases"]
    if case["function"] == "on" and case["options"]["measure"] not in ("PFT", "IRFT", "IRR")
]
VALUES = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")


def imported(folder: Path, table: dict[str, Any] | str, **options: Any) -> ev.Review:
    """Import a table with one group a study, and read the review that it becomes."""
    folder.mkdir()
    text = table if isinstance(table, str) else pd.DataFrame(table).to_csv(index=False)
    (folder / "made.csv").write_text(text, "utf-8")
    return ev.import_effects(folder / "made.csv", **options).write(folder / "review")


def changed(review: ev.Review, change: Any) -> ev.Review:
    """Change the protocol of a review, and read it again."""
    assert review.path is not None
    path = review.path / "review.yaml"
    protocol = yaml.safe_load(path.read_text("utf-8"))
    change(protocol)
    path.write_text(json.dumps(protocol), "utf-8")
    return ev.read_review(review.path)


def only(review: ev.Review) -> str:
    """The one analysis of a review."""
    (name,) = review.analyses
    return name


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{case['data']} {case['options']['measure']}")
def test_a_review_of_single_groups_gives_what_metafor_gives(case: dict[str, Any], tmp_path: Path) -> None:
    measure = case["options"]["measure"]
    review = imported(tmp_path / "one", RATES["data"][case["data"]], measure=measure)
    result = ev.synthesise(review, only(review), method="DL")
    assert (result.measure, result.analysis.one_group) == (measure, True)
    assert result.fit is not None
    told = [result.shown(getattr(result.fit, name)) for name in VALUES]
    np.testing.assert_allclose(told, [case["expected"][name] for name in VALUES], rtol=1e-9, atol=1e-12)
    row = result.to_frame().iloc[0]
    assert row["estimate"] == told[0]
    assert np.isnan(row["p_value"]) == (measure != "ZCOR")  # zero means something of a correlation alone
    shown = result.fit.on()
    assert [shown.estimate, shown.ci_low, shown.ci_high] == pytest.approx(told[:3])


def test_means_are_those_of_effect_size_on_the_scale_of_the_outcome(tmp_path: Path) -> None:
    table = {"study": ["A", "B", "C"], "mean": [5.0, 6.5, 4.0], "sd": [2.0, 1.5, 2.5], "n": [30, 50, 20]}
    review = imported(tmp_path / "one", table)
    direct = ev.effect_size("MN", m="mean", sd="sd", n="n", data=pd.DataFrame(table))
    assert review.effects(only(review))["effect"].tolist() == direct["effect"].tolist()
    assert review.effects(only(review))["variance"].tolist() == pytest.approx(direct["variance"].tolist())

    def rescale(protocol: dict[str, Any]) -> None:
        protocol["outcomes"]["outcome"]["rescale"] = [0, 100]

    def scale(folder: Path) -> None:
        for name in ("arm_results",):
            path = folder / f"{name}.csv"
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
            rows.assign(scale_min="0", scale_max="10").to_csv(path, index=False)

    assert review.path is not None
    scale(review.path)
    review = changed(review, rescale)
    effects = review.effects(only(review)).sort_values("label")
    assert effects["effect"].tolist() == pytest.approx([50.0, 65.0, 40.0])
    assert effects["se"].tolist() == pytest.approx(
        [10 * sd / n**0.5 for sd, n in zip(*[table["sd"], table["n"]], strict=True)]
    )
    assert set(effects["unit"]) == {"points of 0 to 100"}


def test_an_arm_with_no_or_every_event_says_what_was_added(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,0,20\nBob,7,7\nCyd,3,30\n")
    effects = review.effects(only(review)).set_index("label")
    assert effects.loc["Ann", "effect"] == pytest.approx(np.log(0.5 / 20.5))
    assert effects.loc["Bob", "variance"] == pytest.approx(1 / 7.5 + 1 / 0.5)
    added = effects["derivation"].str.contains("1/2 added to counts", regex=False)
    assert added.to_dict() == {"Ann": True, "Bob": True, "Cyd": False}
    assert effects.loc["Ann", "events_arm"] == 0.0
    assert (effects["comparator_arm_id"] == "").all()
    assert effects["n_comparator"].isna().all()
    assert effects["n"].tolist() == [20.0, 7.0, 30.0]


def test_fewer_studies_than_the_protocol_asks_for_are_shown_and_not_combined(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,2,20\nBob,5,30\n")
    assert ev.synthesise(review, only(review)).fit is not None
    review = changed(review, lambda protocol: protocol["model"].update(minimum_studies=3))
    result = ev.synthesise(review, only(review))
    assert result.fit is None
    assert "Ann: proportion 10.0% (95% CI 2.5% to 32.4%)" in result.sentence()
    said = ev.finding(review, only(review)).sentence
    assert said.startswith(
        "Two studies give usable numbers on outcome (participants); they are shown and not combined"
    )


def test_two_groups_of_a_study_are_two_groups_of_one_study(tmp_path: Path) -> None:
    text = "study,group,events,n\nAnn,men,2,20\nAnn,women,4,30\nBob,men,3,25\nCyd,women,5,60\n"
    review = imported(tmp_path / "one", text, measure="PLO")
    assert tuple(review.analyses) == ("men-outcome-any", "women-outcome-any")

    def both(protocol: dict[str, Any]) -> None:
        first = protocol["analyses"][0]
        protocol["analyses"] = [{**first, "id": "all", "intervention": ["men", "women"]}]

    review = changed(review, both)
    result = ev.synthesise(review, "all-outcome-any")
    assert (result.k, result.trials, result.n) == (4, 3, 135.0)
    # Nothing is shared by groups without a comparator, so nothing is divided.
    assert not result.effects["derivation"].str.contains("divided").any()
    one = ev.synthesise(review, "all-outcome-any", multi_arm="one")
    assert one.effects["label"].is_unique
    mean = ev.synthesise(review, "all-outcome-any", multi_arm="average").effects.set_index("label")
    pair = result.effects[result.effects["label"] == "Ann"]
    assert mean.loc["Ann", "effect"] == pytest.approx(pair["effect"].mean())
    assert mean.loc["Ann", "variance"] == pytest.approx(pair["variance"].sum() / 4)
    assert mean.loc["Ann", "n"] == 50.0


def test_an_arm_answers_if_it_has_the_intervention_and_nothing_else(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,2,20\nBob,5,30\nCyd,5,30\n", intervention="drug")
    assert review.path is not None
    arms = pd.read_csv(review.path / "arms.csv", dtype=str, keep_default_na=False)
    arms["components"] = ["drug", "drug+diet", "drug+usual"]
    arms.to_csv(review.path / "arms.csv", index=False)

    def parts(protocol: dict[str, Any]) -> None:
        protocol["components"] = {"studied": ["drug", "diet"], "usual": ["usual"]}
        first = protocol["analyses"][0]
        conditions: dict[str, str] = {"with": "yes", "without": "no", "any": "either"}
        protocol["analyses"] += [{**first, "id": name, "diet": how} for name, how in conditions.items()]

    review = changed(review, parts)
    held = {
        analysis.spec.id: [arm.trial_id for arm in pairs(review, analysis)]
        for analysis in review.analyses.values()
    }
    assert held == {
        "drug": ["ann", "cyd"],
        "with": ["bob"],
        "without": ["ann", "cyd"],
        "any": ["ann", "bob", "cyd"],
    }
    assert review.effects("any-outcome-any")["diet"].tolist() == ["without it", "with it", "without it"]


def test_baseline_values_are_taken_by_a_window_that_ends_there(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,mean,sd,n\nAnn,2,1,20\nBob,5,2,30\nCyd,5,1,30\n")
    assert review.path is not None
    rows = pd.read_csv(review.path / "arm_results.csv", dtype=str, keep_default_na=False)
    rows.assign(timepoint_weeks="0").to_csv(review.path / "arm_results.csv", index=False)
    assert ev.synthesise(ev.read_review(review.path), only(review)).k == 0
    review = changed(review, lambda protocol: protocol["windows"].update(any={"to": 0}))
    assert ev.synthesise(review, only(review)).k == 3


@pytest.mark.parametrize(
    ("table", "measure", "cells", "kind"),
    [
        ("study,events,n\nAnn,2,20\nBob,5,30\n", "PLO", {"events": ""}, "no events"),
        ("study,events,n\nAnn,2,20\nBob,5,30\n", "PR", {"n": ""}, "no size"),
        ("study,events,time\nAnn,2,20\nBob,5,30\n", "IRLN", {"person_time": ""}, "no person-time"),
        ("study,events,time\nAnn,2,20\nBob,5,30\n", "IRS", {"events": ""}, "no events"),
        ("study,r,n\nAnn,.2,20\nBob,.5,30\n", "ZCOR", {"correlation": ""}, "no correlation"),
        ("study,r,n\nAnn,.2,20\nBob,.5,30\n", "COR", {"n": ""}, "no size"),
        ("study,r,n\nAnn,.2,20\nBob,.5,30\n", "ZCOR", {"n": "3"}, "inconsistent"),
        ("study,mean,sd,n\nAnn,2,1,20\nBob,5,2,30\n", "MN", {"mean": ""}, "no mean"),
        ("study,mean,sd,n\nAnn,2,1,20\nBob,5,2,30\n", "MN", {"sd": ""}, "no spread"),
        ("study,mean,sd,n\nAnn,2,1,20\nBob,5,2,30\n", "MNLN", {"mean": "-2"}, "inconsistent"),
        ("study,mean,sd,n\nAnn,2,1,20\nBob,5,2,30\n", "MN", {"statistic": "change"}, "other statistic"),
        ("study,events,n\nAnn,2,20\nBob,5,30\n", "PLO", {"note": "CHECK: misprint"}, "doubtful"),
    ],
)
def test_a_group_without_its_numbers_says_what_is_missing(
    table: str, measure: str, cells: dict[str, str], kind: str, tmp_path: Path
) -> None:
    review = imported(tmp_path / "one", table, measure=measure)
    assert review.path is not None
    path = review.path / "arm_results.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column, text in cells.items():
        rows.loc[0, column] = text
    rows.to_csv(path, index=False)
    review = ev.read_review(review.path)
    result = ev.synthesise(review, only(review))
    assert result.effects["label"].tolist() == ["Bob"]
    assert result.reported["reason_kind"].tolist() == [kind]
    told = ev.reports_on(review, only(review)).trials
    assert told["direction"].isna().all()
    assert (told["p"] == "").all()


def test_what_compares_refuses_single_groups(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,2,20\nBob,5,30\nCyd,9,40\n")
    name = only(review)
    refusals: dict[str, Any] = {
        "takes one group": lambda: ev.synthesise(review, name, measure="RR"),
        "a network compares": lambda: ev.network_data(review, "outcome", "any", nodes="fine"),
        "which side results favour": lambda: ev.multiverse(review, name, progress=False),
        "no effect to be missed": lambda: ev.sequential_analysis(review, name),
        "leave mid out": lambda: ev.grade(review, name, mid=2),
        "no important difference to vary": lambda: ev.certainty_by_difference(review, name),
    }
    for words, call in refusals.items():
        with pytest.raises(ev.DataError, match=words):
            call()
    absolute = ev.absolute_effects(review, name)
    assert absolute.needed == ""
    assert np.isnan(absolute.response)
    assert ev.sensitivity(review, name)["kind"].tolist() == ["main"]
    assert ev.patients_table(review, [ev.finding(review, name)]).shown.empty


def test_a_protocol_keeps_measures_of_one_and_of_two_groups_apart(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,2,20\nBob,5,30\n", intervention="drug")
    faults: list[tuple[str, Any]] = [
        (
            "PLO of outcome takes one group; leave the comparator out",
            lambda one: one.update(comparator="drug"),
        ),
        ("RR of outcome takes two groups", lambda one: one.update(choices={"measure": "RR"})),
        ("use yes, no or either", lambda one: one.update(drug="both_arms")),
    ]
    for words, change in faults:
        with pytest.raises(ev.DataError, match=words):
            changed(review, lambda protocol, change=change: change(protocol["analyses"][0]))
        original = {"id": "drug", "intervention": "drug", "outcomes": ["outcome"], "windows": ["any"]}
        path = review.path / "review.yaml" if review.path else tmp_path
        protocol = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**protocol, "analyses": [original]}), "utf-8")
    for key, value, words in (
        ("minimal_important_difference", 0.1, "minimal_important_difference has no meaning"),
        ("alternative_measure", "RR", "do not take the same number of groups"),
        ("present_as", {"per": 0}, "give a number above 0"),
    ):
        with pytest.raises(ev.DataError, match=words):
            changed(
                review,
                lambda protocol, key=key, value=value: protocol["outcomes"]["outcome"].update({key: value}),
            )
        protocol = json.loads(path.read_text("utf-8"))
        del protocol["outcomes"]["outcome"][key]
        path.write_text(json.dumps(protocol), "utf-8")
    assert ev.read_review(path.parent).analyses


def test_rates_are_told_per_so_much_of_their_unit(tmp_path: Path) -> None:
    text = "study,events,person-years\nAnn,3,1200\nBob,7,2500\nCyd,12,2400\n"
    review = imported(tmp_path / "one", text, intervention="usual care", outcome="falls")

    def thousand(protocol: dict[str, Any]) -> None:
        protocol["outcomes"]["falls"]["present_as"] = {"per": 1000, "unit": "person-years"}

    plain = ev.finding(review, only(review)).sentence
    assert re.search(r"falls \(usual care\) is 0\.003\d per unit of time at risk", plain)
    found = ev.finding(changed(review, thousand), only(review))
    assert re.fullmatch(
        r"On average over studies, falls \(usual care\) is 3\.\d\d per 1000 person-years\. 95% interval: \d\.\d\d to "
        r"\d\.\d\d; 3 studies; certainty not rated\.",
        found.sentence,
    )


def test_the_certainty_of_single_groups_is_not_rated_but_by_hand(tmp_path: Path) -> None:
    review = imported(tmp_path / "one", "study,events,n\nAnn,2,20\nBob,5,30\nCyd,9,40\n")
    name = only(review)
    rated = ev.grade(review, name)
    assert (rated.level, rated.symbols) == ("", "")
    unrated = [one.name for one in rated.domains if one.not_rated]
    assert unrated == ["imprecision", "publication bias"]
    assert {one.not_rated.kind for one in rated.domains if one.not_rated} == {"one group"}
    assert rated.summary().startswith("Certainty: not rated\n")
    inconsistency = next(one for one in rated.domains if one.name == "inconsistency")
    assert "no line to cross" in inconsistency.reason
    assert ev.results_table(review).shown["Certainty"].tolist() == ["not rated"]

    def by_hand(protocol: dict[str, Any]) -> None:
        protocol["certainty"] = {
            "overrides": [
                {"analysis": name, "domain": domain, "downgrade": 1, "reason": "wide, and few studies"}
                for domain in unrated
            ]
        }

    review = changed(review, by_hand)
    rated = ev.grade(review, name)
    assert rated.level == "very low"  # two by hand, and nobody has judged the risk of bias
    assert ev.finding(review, name).level == "very low"


def test_a_study_is_added_with_its_one_group(tmp_path: Path) -> None:
    text = "study,events,person-years\nAnn,3,1200\nBob,7,2500\nCyd,12,2400\n"
    review = imported(tmp_path / "one", text, intervention="drug", outcome="falls")
    assert review.path is not None
    added = ev.add_trial(
        review.path,
        trial={"label": "Dee 2020", "design": "unknown", "citation": "Dee 2020"},
        arms=[{"components": "drug"}],
        # Events over time may come more than once to one person.
        arm_results=[
            {
                "arm_id": "drug",
                "outcome": "falls",
                "instrument": "falls",
                "events": "30",
                "n": "20",
                "person_time": "400",
            }
        ],
        source={"source_url": "https://example.org", "source_kind": "full_text"},
    )
    (row,) = added.effects.to_dict("records")
    assert (row["comparator"], row["k_before"], row["k_after"]) == ("", 3, 4)
    assert row["estimate"] == pytest.approx(30 / 400)
    assert re.search(r"  this trial, Drug: 0\.0[78] \(95% CI 0\.05 to 0\.11\)", added.summary())
    assert ", 4 groups" in added.summary()
    assert ev.synthesise(added.write(), only(review)).k == 4
