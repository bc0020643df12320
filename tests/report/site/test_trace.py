from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence.effects.reported.reasons import ArmId, step
from evidence.report.site.shell import PageEntry
from evidence.report.site.trace import TrialBody, derivation_steps, trial_bodies, write_trials
from evidence.wording import Listed

if TYPE_CHECKING:
    from tests.conftest import SmallReview


@pytest.fixture(scope="module")
def bodies(review: ev.Review) -> dict[str, TrialBody]:
    return trial_bodies(review)


def parsed(bodies: dict[str, TrialBody], trial: str) -> BeautifulSoup:
    return BeautifulSoup(bodies[trial].html, "html.parser")


def test_each_effect_of_each_analysis_stands_on_the_page_of_its_trial(
    bodies: dict[str, TrialBody], review: ev.Review
) -> None:
    assert list(bodies) == review.trials["trial_id"].tolist()
    shown = sum(len(parsed(bodies, trial).select(".use")) for trial in bodies)
    assert shown == sum(len(review.effects(name)) for name in review.analyses)


def test_a_derivation_shows_numbers_steps_weight_source_and_both_readings(
    bodies: dict[str, TrialBody], review: ev.Review
) -> None:
    row = review.effects("massage-inactive-disability-short").query("trial_id == 'cherkin-2011'").iloc[0]
    soup = parsed(bodies, "cherkin-2011")
    use = next(
        part
        for part in soup.select(".use")
        if part["id"] == "massage-inactive-disability-short" and str(row["result_ids"]) in part.get_text()
    )
    steps = [step.get_text() for step in use.select("li")]
    assert steps == derivation_steps(row["derivation"], {"usual": "Usual care"})
    assert sum(step.count("−") for step in steps) == row["derivation"].count("-") - row["derivation"].count(
        "0-23"
    )
    assert any(step.startswith("Usual care takes part in 2 comparisons") for step in steps)
    fit = ev.synthesise(review, "massage-inactive-disability-short").fit
    assert fit is not None
    weight = re.search(r"weight ([0-9.]+)%", use.get_text())
    assert weight is not None
    assert any(math.isclose(float(weight[1]), w, abs_tol=0.051) for w in fit.weights)
    ids = {str(tag["id"]) for tag in soup.select("[id]")}
    assert {str(link["href"])[1:] for link in soup.select('a[href^="#"]')} <= ids
    result = soup.select_one(f"#{row['result_ids']}")
    assert result is not None
    read = review.agreement[review.agreement["result_id"] == row["result_ids"]]
    alike = (read["value_a"] == read["value_b"]) & (read["value_b"] == read["consensus"])
    assert 0 < alike.sum() < len(read)
    both = next(note.get_text() for note in result.select(".note") if "Readers saw alike" in note.get_text())
    assert both.endswith(
        "weeks (10), level in percent (95), measure (MD), adjusted (yes), second group (Usual care)."
    )
    numbers = next(line.get_text() for line in result.select("p"))
    printed = review.contrast_results.set_index("result_id").loc[str(row["result_ids"])]
    estimate, low, high = (
        f"{printed[name]:g}".replace("-", "−") for name in ("estimate", "ci_low", "ci_high")
    )
    assert numbers.startswith(f"Mean difference {estimate}, 95% CI {low} to {high}")
    cells = [[cell.get_text() for cell in line.select("td")] for line in result.select("tbody tr")]
    assert cells == read[~alike][["value_a", "value_b", "consensus", "agreed"]].to_numpy().tolist()
    assert str(row["source_url"]) in [link["href"] for link in result.select("a")]


def test_what_differs_by_more_than_its_writing_stands_in_the_table(bodies: dict[str, TrialBody]) -> None:
    for trial in bodies:
        for line in parsed(bodies, trial).select("details tbody tr"):
            *read, kept, _ = (cell.get_text() for cell in line.select("td"))
            seen = [*filter(None, read), kept]
            assert len({float(one) if re.fullmatch(r"-?[\d.]+", one) else one for one in seen}) > 1, (
                trial,
                seen,
            )


def test_each_reader_stands_over_what_that_reader_saw(
    bodies: dict[str, TrialBody], review: ev.Review
) -> None:
    third = review.agreement[review.agreement["field"].str.contains(r"\bv T\b", regex=True)]
    assert {"[A v T]", "[B v T]", "(v T)"} == set(third["field"].str.partition(" ")[2])
    for trial in third["trial_id"].unique():
        text = parsed(bodies, trial).get_text()
        assert not re.search(r"\[\w v T\]|\(v T\)", text), trial
    result = parsed(bodies, "goertz-2017").select_one("#goertz-2017-1")
    assert result is not None
    heads = [cell.get_text() for cell in result.select("thead th")]
    assert heads == ["Field", "Reader A", "Reader B", "Reader T", "Kept", "Agreed"]
    lines = [[cell.get_text() for cell in line.select("th, td")] for line in result.select("tbody tr")]
    assert ["this result", "present", "absent", "", "present", "no"] in lines
    assert ["mean", "1.8", "", "1.8", "-1.8", "yes"] in lines
    assert ["adjusted", "unclear", "", "yes", "yes", "no"] in lines


def test_two_comparisons_of_a_field_are_one_line(bodies: dict[str, TrialBody]) -> None:
    soup = parsed(bodies, "uk-beam-2004")
    lines = [
        [cell.get_text() for cell in line.select("th, td")]
        for line in soup.select("#uk-beam-2004-31 tbody tr")
    ]
    assert lines[0][:5] == ["estimate", "1.9", "1.9", "1.87", "-1.87"]
    assert len({line[0] for line in lines}) == len(lines)


def test_scores_of_week_0_are_of_baseline(small: SmallReview) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3.0, sd=2.0, n=40, timepoint_weeks=0)
    small.arm("ava", "song", mean=2.0, sd=2.0, n=40)
    first, later = (
        head.get_text() for head in parsed(trial_bodies(small.read()), "ava").select(".result h3")
    )
    assert first.endswith(", week 0 (scores at baseline)")
    assert later.endswith("(final scores)")


def test_no_unit_names_the_measure_again_or_its_logarithm(bodies: dict[str, TrialBody]) -> None:
    every = "".join(body.html for body in bodies.values())
    assert "Risk ratio" in every
    assert "Risk difference" in every
    assert not re.search(r"\((log \w+ ratio|risk difference)\)", every)
    assert "Read by readers A, B and T; " in every


def test_steps_name_the_arms_and_begin_with_capital_letters() -> None:
    care = ArmId("uc")
    steps = [
        step("Massage incl. heat v uc, at 4 weeks"),
        step(care, ": mean -4.2, SD 4.8, n 70"),
        step("MD = -4.2 - (-4) = -0.2"),
        step("g = -0.2 / 4.9"),
        step(care, " takes part in 2 comparisons, and ", ArmId("x"), " in 3"),
    ]
    assert derivation_steps(Listed.of(steps, ". ", "."), {"uc": "Usual care", "u": "Other"}) == [
        "Massage incl. heat v uc, at 4 weeks",
        "Usual care: mean −4.2, SD 4.8, n 70",
        "MD = −4.2 − (−4) = −0.2",
        "g = −0.2 / 4.9",
        "Usual care takes part in 2 comparisons, and x in 3",
    ]
    assert derivation_steps(Listed()) == []


def test_a_label_with_a_full_stop_is_no_step_of_its_own(small: SmallReview) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.rows["arms"][0]["label"] = "Song incl. dance; twice"
    small.arm("ava", "song", mean=3.0, sd=2.0, n=40)
    small.arm("ava", "quiet", mean=4.0, sd=2.0, n=50)
    (use,) = parsed(trial_bodies(small.read()), "ava").select(".use")
    steps = [item.get_text() for item in use.select("li")]
    assert steps[0].startswith("Song incl. dance; twice v ")
    assert steps[1].startswith("Song incl. dance; twice: mean 3")


def test_ids_of_a_page_are_unique(bodies: dict[str, TrialBody]) -> None:
    for trial in bodies:
        ids = [tag["id"] for tag in parsed(bodies, trial).select("[id]")]
        assert len(ids) == len(set(ids)), trial


def test_texts_of_the_tables_are_only_text(filled: SmallReview, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    filled.rows["trials"][0] |= {"label": evil, "citation": evil, "notes": evil}
    filled.rows["arm_results"][0] |= {"as_reported": evil, "note": evil, "locator": evil}
    filled.rows["arms"][0] |= {"description": evil}
    write_trials(filled.read(), tmp_path, title="Lullabies", entries=[PageEntry("trials", "Trials")])
    for name in ("trials.html", "trials/ava.html"):
        soup = BeautifulSoup((tmp_path / name).read_text("utf-8"), "html.parser")
        assert [tag for tag in soup.select("script") if "src" not in tag.attrs] == []
        assert evil in soup.get_text()
    listed = BeautifulSoup((tmp_path / "trials.html").read_text("utf-8"), "html.parser").select("tbody a")
    assert all((tmp_path / str(link["href"])).is_file() for link in listed)
    assert len(listed) == 2


def test_trials_that_may_share_patients_say_so(filled: SmallReview) -> None:
    filled.protocol["same_patients"] = [{"trials": ["ava", "ben"], "reason": "one ward"}]
    bodies = trial_bodies(filled.read())
    assert "perhaps those of Ben (one ward): an analysis takes the first of them that" in bodies["ava"].html
    assert "perhaps those of Ava (one ward)" in bodies["ben"].html


@pytest.mark.parametrize("whole", [True, False])
def test_strata_are_one_trial_of_the_list_and_lead_to_each_other(
    filled: SmallReview, tmp_path: Path, whole: bool
) -> None:
    if whole:
        filled.trial("cid", song="singing, 40", quiet="silence, 50")
    filled.protocol["strata"] = [{"whole": "cid", "parts": ["ava", "ben"]}]
    review = filled.read()
    write_trials(review, tmp_path, title="Lullabies", entries=[PageEntry("trials", "Trials")])
    said = (tmp_path / "trials.html").read_text("utf-8")
    assert "count as one trial" in said
    [row] = BeautifulSoup(said, "html.parser").select("tbody tr")
    name = "cid" if whole else "ava"
    assert [link["href"] for link in row.select("a")] == [f"trials/{name}.html"]
    assert "no outcome numbers" not in row.get_text()
    page = BeautifulSoup(trial_bodies(review)[name].html, "html.parser")
    others = [f"{one}.html" for one in ("cid", "ava", "ben") if one != name and (whole or one != "cid")]
    assert [link["href"] for link in page.select('a[href$=".html"]')] == others


def test_a_trial_without_a_poolable_result_says_why(small: SmallReview) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3.0, n=40)
    small.arm("ava", "quiet", mean=4.0, n=50)
    small.trial("eve", song="singing, 40")
    bodies = trial_bodies(small.read())
    text = parsed(bodies, "ava").get_text(" ")
    assert "No analysis pools an effect of this trial." in text
    reasons = small.read().comparisons("singing-crying-short").query("trial_id == 'ava'")["reason"]
    assert len(reasons) == 1
    assert reasons.iloc[0] in text
    assert "What could not be pooled" not in bodies["eve"].html
    assert "What was reported" not in bodies["eve"].html
