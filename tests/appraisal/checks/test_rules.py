"""Every rule speaks about one planted error, at its place, and is silent about clean data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import evidence as ev
from evidence.appraisal.checks.directions import _printed_signs

TRIALS = ("ava", "ben", "cleo", "dan", "eva", "finn", "gus", "hal", "ida")


def clean(small: Any) -> Any:
    """Nine trials with baseline, follow-up, change, counts and differences that fit each other."""
    small.protocol["checks"] = {"granularity": {"SLEEP": 1}}
    small.add("instruments", instrument="VAS", construct="crying", family="VAS", higher_means="worse")
    for i, trial in enumerate(TRIALS):
        n = 40 + i
        small.trial(trial, n=2 * n, song=f"singing, {n}", quiet=f"silence, {n}")
        sd, before, song, quiet = 2.013 + 0.101 * i, 6.211 + 0.013 * i, 3.917 + 0.171 * i, 5.023 + 0.019 * i
        for arm, end, step in (("song", song, 0.0), ("quiet", quiet, 0.053)):
            start, spread, slept = before + step, sd + step, f"{(400 + i) / n:.2f}"
            first, last, change = f"{start:.3f} ({sd:.3f})", f"{end:.3f} ({spread:.3f})", f"{end - start:.3f}"
            small.arm(
                trial, arm, timepoint_weeks=0, mean=f"{start:.3f}", sd=f"{sd:.3f}", n=n, as_reported=first
            )
            small.arm(trial, arm, mean=f"{end:.3f}", sd=f"{spread:.3f}", n=n, as_reported=last)
            small.arm(trial, arm, mean=change, statistic="change", as_reported=f"change {change}")
            small.arm(trial, arm, "SLEEP", mean=slept, n=n, as_reported=f"slept {slept} h")
            events = 20 + i if arm == "song" else 11 + i
            share = 100 * events / n
            small.arm(trial, arm, "settled", events=events, n=n, as_reported=f"{events} ({share:.0f}%)")
        difference, se = round(song, 3) - round(quiet, 3), math.hypot(sd, sd + 0.053) / math.sqrt(n)
        low, high = difference - 1.9913 * se, difference + 1.9913 * se
        p = math.erfc(abs(difference) / se / math.sqrt(2))
        small.contrast(
            trial, "song", "quiet", estimate=f"{difference:.3f}", ci_low=f"{low:.3f}", ci_high=f"{high:.3f}",
            ci_level=95, p_value=f"{p:.3f}", p_operator="=", n_arm=n, n_comparator=n,
            as_reported=f"{difference:.3f} (95% CI {low:.3f} to {high:.3f}), P = {p:.3f}",
        )  # fmt: skip
    return small


def row_of(small: Any, table: str, **cells: Any) -> int:
    """Spreadsheet row of the first row with these cells."""
    rows = small.rows[table]
    return next(i for i, row in enumerate(rows) if all(row.get(k) == v for k, v in cells.items())) + 2


Plant = Callable[[Any], tuple[str, int, str]]


def cell(
    column: str, value: Any, /, table: str = "arm_results", also: dict[str, Any] | None = None, **cells: Any
) -> Plant:
    """Change one cell of a row, and others if the error needs them."""

    def plant(small: Any) -> tuple[str, int, str]:
        row = row_of(small, table, **cells)
        old = small.rows[table][row - 2]
        new = value(old.get(column)) if callable(value) else value
        old.update({column: new, **(also or {})})
        return f"{table}.csv", row, column

    return plant


POST: dict[str, Any] = {
    "trial_id": "cleo",
    "arm_id": "song",
    "instrument": "CRY",
    "timepoint_weeks": 10,
    "statistic": "post",
}
START: dict[str, Any] = {"trial_id": "cleo", "arm_id": "song", "instrument": "CRY", "timepoint_weeks": 0}
CHANGE: dict[str, Any] = {"trial_id": "cleo", "arm_id": "song", "statistic": "change"}
COUNT: dict[str, Any] = {"trial_id": "cleo", "arm_id": "song", "statistic": "count"}
SLEPT: dict[str, Any] = {"trial_id": "cleo", "arm_id": "song", "instrument": "SLEEP"}
BARE: dict[str, Any] = {"as_reported": ""}


def contrast(column: str, value: Any, also: dict[str, Any] | None = None) -> Plant:
    return cell(column, value, table="contrast_results", also=also, trial_id="cleo")


def trial(column: str, value: Any, also: dict[str, Any] | None = None) -> Plant:
    return cell(column, value, table="trials", also=also, trial_id="cleo")


def times(factor: float) -> Callable[[Any], str]:
    return lambda old: f"{float(old) * factor:.4g}"


def copied_row(small: Any) -> tuple[str, int, str]:
    row = dict(small.rows["arm_results"][row_of(small, "arm_results", **POST) - 2])
    small.add("arm_results", **row | {"trial_id": "dan", "timepoint_weeks": 20, "result_id": "copied"})
    return "arm_results.csv", len(small.rows["arm_results"]) + 1, "mean"


def copied_phrase(small: Any) -> tuple[str, int, str]:
    phrase = "4.1 (SD 2.0) at the end of song"
    small.rows["arm_results"][row_of(small, "arm_results", **POST) - 2].update(
        mean=4.1, sd="2.0", as_reported=phrase
    )
    row = row_of(small, "arm_results", **POST | {"trial_id": "eva"})
    small.rows["arm_results"][row - 2].update(mean=4.1, sd="2.0", as_reported=phrase)
    return "arm_results.csv", row, "trial_id"


def entered_twice(small: Any) -> tuple[str, int, str]:
    row = dict(small.rows["arm_results"][row_of(small, "arm_results", **POST) - 2])
    small.add("arm_results", **row | {"result_id": "again", "mean": "4.444", "as_reported": "4.444 (2.215)"})
    return "arm_results.csv", len(small.rows["arm_results"]) + 1, "result_id"


def turned_order(small: Any) -> tuple[str, int, str]:
    first = small.rows["contrast_results"][row_of(small, "contrast_results", trial_id="cleo") - 2]
    for week in (20, 30):
        small.add("contrast_results", **first | {"timepoint_weeks": week, "result_id": f"week-{week}"})
    first.update(arm_id="quiet", comparator_arm_id="song")
    return "contrast_results.csv", row_of(small, "contrast_results", trial_id="cleo"), "arm_id"


def consensus(small: Any) -> tuple[str, int, str]:
    row = row_of(small, "arm_results", **POST)
    small.add(
        "agreement", table="arm_results", field="mean", trial_id="cleo", consensus="4.26", agreed="yes",
        result_id=small.rows["arm_results"][row - 2]["result_id"],
    )  # fmt: skip
    return "arm_results.csv", row, "mean"


def sizes_in_phrases(small: Any) -> tuple[str, int, str]:
    rows = [row for row in small.rows["arm_results"] if row["trial_id"] == "cleo" and row.get("n")]
    for row in rows:
        row["as_reported"] += f", {row['n']} infants"
    rows[0]["as_reported"] = rows[0]["as_reported"].replace("42 infants", "39 infants")
    return "arm_results.csv", row_of(small, "arm_results", result_id=rows[0]["result_id"]), "n"


def other_range(small: Any) -> tuple[str, int, str]:
    for row in small.rows["arm_results"]:
        if row["trial_id"] == "cleo" and row["instrument"] == "CRY":
            row.update(scale_min=0, scale_max=10)
    return cell("scale_max", 15, **POST)(small)


def other_level(small: Any) -> tuple[str, int, str]:
    return contrast("ci_level", 90)(small)


def turned_sign(small: Any) -> tuple[str, int, str]:
    row = small.rows["contrast_results"][row_of(small, "contrast_results", trial_id="cleo") - 2]
    clear = BARE | {"estimate": -1.62, "ci_low": -2.58, "ci_high": -0.66, "p_value": ""}
    for week in (20, 30):
        small.add("contrast_results", **row | clear | {"timepoint_weeks": week, "result_id": f"week-{week}"})
    return contrast("estimate", 1.62, BARE | {"ci_low": 0.66, "ci_high": 2.58, "p_value": ""})(small)


PLANTED: dict[str, Plant] = {
    "marked as doubtful": cell("note", "CHECK: smudged", **POST),
    "level of an interval not stated": contrast("ci_level", ""),
    "not in the printed phrase": cell("mean", "4.529", **POST),
    "size not in the printed phrase": cell("n", 42, also={"as_reported": "4.259 (2.215), n = 24"}, **POST),
    "differs from what the readers agreed": consensus,
    "operator unlike the printed one": contrast("p_operator", "<"),
    "level unlike the printed one": other_level,
    "mean and SD exchanged": cell("mean", "2.215", also={"sd": "4.259"}, **POST),
    "size unlike the phrase, which prints it elsewhere": sizes_in_phrases,
    "another instrument in the phrase": cell(
        "instrument", "VAS", also={"as_reported": "RMDQ 4.259 (2.215)"}, **POST
    ),
    "score or change": cell("statistic", "post", also={"timepoint_weeks": 12}, **CHANGE),
    "sign unlike the printed one": cell("mean", "-4.259", **POST),
    "sign of a change": cell("mean", lambda old: str(old).removeprefix("-"), **CHANGE),
    "direction unlike the words of the source": contrast(
        "estimate", "0.802", {"as_reported": "0.802 (95% CI -0.15 to 1.75), favours song"}
    ),
    "outside the scale": cell("mean", 12, also=BARE, **POST),
    "range differs within the trial": other_range,
    "range unlike the instrument": cell("scale_max", 100, also={"scale_min": 0}, **POST),
    "mean unlike the trial's others": cell("mean", 0.4, also=BARE, **START),
    "mean unlike other trials": cell("mean", 0.6, also=BARE, **START),
    "change does not fit the scores": cell("mean", -5.5, also=BARE, **CHANGE),
    "group got worse": cell("mean", 2.0, also=BARE, **CHANGE),
    "SD too large for the scale": cell("sd", 6.5, also=BARE, **POST),
    "SD of zero": cell("sd", 0, also=BARE, **POST),
    "standard error as SD": cell("sd", 0.34, also=BARE, **POST),
    "SD unlike the others": cell("sd", 0.1, also=BARE, **POST),
    "mean and SD do not fit whole scores (GRIM)": cell("mean", 9.56, also=BARE, **SLEPT),
    "SD does not fit whole scores (GRIMMER)": cell("sd", 0.001, also=BARE | {"mean": "9.50"}, **SLEPT),
    "estimate outside its interval": contrast("estimate", 3, BARE),
    "interval not centred": contrast("ci_high", 3, BARE),
    "interval and P value disagree": contrast("p_value", 0.8, BARE),
    "standard error and the rest disagree": contrast("se", 2.2),
    "P value of zero": contrast("p_value", 0, BARE),
    "interval and SD of an arm disagree": cell("sd", 2.2, also={"ci_low": 4.2, "ci_high": 4.3} | BARE, **POST),
    "difference unlike the means": contrast("estimate", 0.9, BARE | {"ci_low": 0.0, "ci_high": 1.8}),
    "P value or interval unlike the arms": contrast("ci_low", -0.9, BARE | {"ci_high": -0.7}),
    "ratio or risk difference unlike the counts": lambda small: (
        small.contrast("cleo", "song", "quiet", "settled", measure="RR", estimate=0.59),
        ("contrast_results.csv", len(small.rows["contrast_results"]) + 1, "estimate"),
    )[1],
    "more events than patients": cell("events", 50, also=BARE, **COUNT),
    "count and percentage disagree": cell("n", 32, **COUNT),
    "more analysed than randomised": cell("n", 420, **POST),
    "many patients missing": cell("n", 12, **POST),
    "sizes differ at one time": cell("n", 24, **POST),
    "arms do not add up": trial("n_randomised", 83),
    "size of a difference unlike the arms": contrast("n_arm", 36),
    "baseline difference beyond chance": cell("mean", 9.3, also=BARE, **START),
    "very large effect": contrast("estimate", -7, BARE | {"ci_low": -8, "ci_high": -6}),
    "effect unlike the others": contrast("estimate", -5, BARE | {"ci_low": -6, "ci_high": -4}),
    "difference larger than half the scale": contrast("estimate", -7, BARE | {"ci_low": -8, "ci_high": -6}),
    "same numbers in two trials": copied_row,
    "same quotation in two trials": copied_phrase,
    "result entered twice": entered_twice,
    "arms in both orders": turned_order,
    "one publication for two trials": trial("citation", "ava, J Lullabies"),
    "retracted": trial("notes", "The article was retracted in 2020."),
    "year does not fit": trial("year", 2011, {"label": "Cleo 2001", "citation": "Cleo, J Lullabies 2001"}),
    "not a DOI": trial("doi", "doi.org/10.1000"),
    "unusual confidence level": contrast("ci_level", 20),
    "time unlike the phrase": cell("timepoint_weeks", 12, also={"as_reported": "4.259 (2.215) at 12 months"}, **POST),
    "time beyond the usual": cell("timepoint_weeks", 70, **POST),
    "time missing in one arm": cell("timepoint_weeks", "", **POST),
    "time of one result alone": cell("timepoint_weeks", 17, **POST),
    "components unlike the label": cell(
        "components", "singing", table="arms", also={"label": "Daily silence"}, trial_id="cleo", arm_id="quiet"
    ),
    "direction of an instrument": cell("higher_means", "better", table="instruments", instrument="CRY"),
    "clear effects in both directions": turned_sign,
    "interval unlike the SDs of the instrument": contrast("ci_low", -0.913, BARE | {"ci_high": -0.691}),
}  # fmt: skip


def test_every_rule_has_a_planted_error() -> None:
    assert set(PLANTED) == set(ev.check_rules()["rule"])


def test_clean_data_have_no_findings(small: Any) -> None:
    found = ev.check(clean(small).read())
    assert found.empty, found[["rule", "file", "row", "column", "message"]].to_string()


def test_direction_of_an_instrument_is_that_of_the_published_change(small: Any) -> None:
    small.add("instruments", instrument="HUSH", construct="crying", family="HUSH", higher_means="worse")
    small.add("important_changes", instrument="HUSH", higher_means="better")
    found = ev.check(clean(small).read(), rules="direction of an instrument")
    assert found["id"].tolist() == ["HUSH"]


def test_label_that_denies_a_component(small: Any) -> None:
    clean(small).rows["arms"][1]["label"] = "No singing"
    assert ev.check(small.read(), rules="components unlike the label").empty


def test_own_visits_of_a_measurement_are_no_finding(small: Any) -> None:
    clean(small)
    first = small.rows["arm_results"][row_of(small, "arm_results", **POST) - 2]
    small.add("arm_results", **first | {"timepoint_weeks": 17, "result_id": "later"})
    assert ev.check(small.read(), rules="time of one result alone").empty


@pytest.mark.parametrize("phrase", ["22 (52%)", "Twenty-two (52 %) had settled"])
def test_percentage_entered_as_events(phrase: str, small: Any) -> None:
    row = row_of(clean(small), "arm_results", **COUNT)
    small.rows["arm_results"][row - 2].update(events=52, n="", as_reported=phrase)
    found = ev.check(small.read(), rules="count and percentage disagree")
    assert found[["row", "column"]].values.tolist() == [[row, "events"]]


def test_arm_that_makes_the_gap_is_named(small: Any) -> None:
    row = row_of(clean(small), "arms", trial_id="cleo", arm_id="quiet")
    small.rows["arms"][row - 2]["n_randomised"] = 56
    found = ev.check(small.read(), rules="arms do not add up")
    assert found["id"].tolist() == ["cleo", "cleo/quiet"]


@pytest.mark.parametrize(("size", "findings"), [(84, 0), (42, 0), (60, 1)])
def test_arms_of_a_crossover(size: int, findings: int, small: Any) -> None:
    row = row_of(clean(small), "trials", trial_id="cleo")
    small.rows["trials"][row - 2].update(design="crossover", n_randomised=size)
    found = ev.check(small.read(), rules="arms do not add up")
    assert (found["file"] == "trials.csv").sum() == findings


def test_p_value_without_a_difference_is_held_against_the_means(small: Any) -> None:
    bare = BARE | {"estimate": "", "ci_low": "", "ci_high": "", "p_operator": "="}
    place = contrast("p_value", 0.96, bare)(clean(small))
    found = ev.check(small.read(), rules="P value or interval unlike the arms")
    assert list(zip(found["file"], found["row"], found["column"], strict=True)) == [place]


def test_sds_of_zero_stop_no_rule(small: Any) -> None:
    for row in clean(small).rows["arm_results"]:
        row.update(sd=0 if row.get("sd") else "", as_reported="")
    assert (ev.check(small.read())["rule"] == "SD of zero").sum() == 4 * len(TRIALS)


@pytest.mark.parametrize("rule", PLANTED)
def test_rule_finds_its_planted_error(rule: str, small: Any) -> None:
    place = PLANTED[rule](clean(small))
    found = ev.check(small.write(), rules=rule)
    places = set(zip(found["file"], found["row"], found["column"], strict=True))
    assert place in places
    # Where two rows are twins, or two arms differ, each names the other; nothing else is named.
    assert len(places) <= 2
    assert found["message"].str.len().gt(0).all()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("difference unlike the means", r"\(Song\) minus \S+ \(Quiet\) is "),
        ("very large effect", "^Song and Quiet differ by "),
        ("effect unlike the others", "between Song and Quiet; the middle effect on crying is "),
        ("arms in both orders", "^Quiet minus Song here, "),
    ],
)
def test_both_arms_of_a_difference_are_named(rule: str, words: str, small: Any) -> None:
    PLANTED[rule](clean(small))
    assert ev.check(small.write(), rules=rule)["message"].str.contains(words).all()


def test_rules_are_documented() -> None:
    rules = ev.check_rules()
    assert list(rules) == ["rule", "severity", "looks_for", "why", "look_at"]
    assert rules["rule"].is_unique
    for column in ("looks_for", "why", "look_at"):
        assert rules[column].str.len().gt(20).all()


@pytest.mark.parametrize("minus", ["-", "\N{MINUS SIGN}", "\N{EN DASH}"])
def test_a_minus_may_be_printed_as_a_dash(minus: str) -> None:
    assert _printed_signs(f"the differences were ({minus}34.53, {minus}25.61)", -34.53) == {-1}
    assert _printed_signs(f"0.5 (1.4{minus}3.5)", 3.5) == {1}
