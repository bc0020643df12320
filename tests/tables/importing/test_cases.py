"""Small made-up files that were once read into a wrong answer, each for one kind of fault."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.cli.import_ import import_
from evidence.figures.forest_table import forest_table
from evidence.report.running.plan import plan
from evidence.tables.importing import imported as imported_module
from evidence.tables.importing.read import is_revman_file
from evidence.tables.protocol.questions import questions

CASES = Path(__file__).parent / "cases"


def revman(name: str, folder: Path, **options: Any) -> tuple[Any, Any]:
    made = ev.import_revman(CASES / name, **options)
    return made, made.write(folder / "review")


def effects(name: str, folder: Path, **options: Any) -> tuple[Any, Any]:
    made = ev.import_effects(CASES / name, **options)
    return made, made.write(folder / "review")


def pooled(review: Any, name: str) -> Any:
    return ev.synthesise(review, name)


def shown(result: Any) -> list[float]:
    return [result.shown(value) for value in (result.fit.estimate, result.fit.ci_low, result.fit.ci_high)]


def test_events_are_swapped_as_the_settings_say(tmp_path: Path) -> None:
    made, review = revman("swap-data-rows.csv", tmp_path)
    result = pooled(review, made.analyses[0])
    np.testing.assert_allclose(np.exp(result.effects["effect"]), [1 / 3, 0.25], rtol=1e-12)
    assert (result.fit.method, result.fit.counts) == ("EE", "IV")
    weight = 1 / np.array([1 / 10 - 1 / 50 + 1 / 30 - 1 / 50, 1 / 5 - 1 / 50 + 1 / 20 - 1 / 50])
    expected = np.exp((weight * np.log([1 / 3, 0.25])).sum() / weight.sum())
    assert shown(result)[0] == pytest.approx(expected, rel=1e-12)
    # The total in the made-up file was not computed from its rows, and that is told.
    assert shown(result) == pytest.approx([0.303, 0.17, 0.52], abs=0.02)


def test_rows_of_the_total_and_of_subgroups_alone_count_once(tmp_path: Path) -> None:
    made, review = revman("app-data-rows.csv", tmp_path)
    assert made.analyses == (
        "experimental-cure-any",
        "experimental-low-dose-cure-any",
        "experimental-high-dose-cure-any",
    )
    held = {
        name: [
            (row["label"], row["events_arm"], row["n_arm"], row["events_comparator"], row["n_comparator"])
            for row in review.effects(name).to_dict("records")
        ]
        for name in made.analyses
    }
    assert held[made.analyses[0]] == [("Ann 2001", 25, 100, 20, 50), ("Bob 2002", 12, 60, 20, 60)]
    assert held[made.analyses[1]] == [("Ann 2001 (Low dose)", 10, 50, 20, 50), ("Bob 2002", 12, 60, 20, 60)]
    assert held[made.analyses[2]] == [("Ann 2001 (High dose)", 15, 50, 20, 50)]
    assert [review.analysis(name).title.rpartition(": ")[2] for name in made.analyses] == [
        "cure",
        "cure, Low dose",
        "cure, High dose",
    ]


def test_levels_are_kept_and_nothing_is_pooled_without_a_total(tmp_path: Path) -> None:
    made, review = revman("lvl-data-rows.csv", tmp_path)
    result = pooled(review, made.analyses[0])
    assert (result.k, result.fit) == (2, None)
    assert "no total" in result.note
    assert review.protocol.model_of(result.analysis).level == 0.99
    assert review.protocol.model_of(result.analysis).method == "EE"
    with pytest.raises(ev.DataError, match="asks for no total"):
        ev.multiverse(review, made.analyses[0])


def test_observed_minus_expected_are_log_ratios(tmp_path: Path) -> None:
    made, review = revman("oev-data-rows.csv", tmp_path)
    result = pooled(review, made.analyses[0])
    np.testing.assert_allclose(result.effects["effect"], [-4.2 / 12.5, -2.1 / 8.1], rtol=1e-9)
    np.testing.assert_allclose(result.effects["variance"], [1 / 12.5, 1 / 8.1], rtol=1e-9)
    assert shown(result)[0] == pytest.approx(np.exp(-6.3 / 20.6), rel=1e-9)
    assert ev.check(review).empty


def test_the_measure_of_estimates_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="--measure"):
        ev.import_revman(CASES / "giv-data-rows.csv")
    made, review = revman("giv-data-rows.csv", tmp_path, measure="HR")
    np.testing.assert_allclose(review.effects(made.analyses[0])["effect"], [-0.25, 0.10], rtol=1e-12)


@pytest.mark.parametrize("name", ["sub.rm5", "no.rm5"])
def test_subtotals_are_never_pooled_over(tmp_path: Path, name: str) -> None:
    made, review = revman(name, tmp_path)
    results = [pooled(review, one) for one in made.analyses]
    assert [(result.k, result.trials) for result in results] == [(2, 2)] * len(results)
    if name == "no.rm5":
        assert [result.fit for result in results] == [None]
    else:
        assert made.analyses == ("drug-pain-at-3-months-any", "drug-pain-at-12-months-any")
        assert [(result.fit.method, result.fit.counts) for result in results] == [("DL", "MH")] * 2
        first = shown(results[0])[0]
        direct = ev.mantel_haenszel([20, 25], [80, 75], [30, 35], [70, 65], measure="RR")
        assert first == pytest.approx(np.exp(direct.estimate), rel=0.01)


def test_each_analysis_has_its_own_method_model_and_level(tmp_path: Path) -> None:
    made, review = revman("mix.rm5", tmp_path / "mix")
    results = [pooled(review, name) for name in made.analyses]
    assert [result.fit.method for result in results] == ["EE", "EE", "DL"]
    assert [spec.model.method for spec in review.protocol.analyses] == [None, None, "DL"]
    made, review = revman("ci90.rm5", tmp_path / "ci")
    assert pooled(review, made.analyses[0]).fit.level == 0.99
    made, review = revman("peto.rm5", tmp_path / "peto")
    result = pooled(review, made.analyses[0])
    direct = ev.peto([4, 3, 3], [96, 97, 197], [0, 0, 1], [100, 100, 199])
    assert result.fit.counts == "PETO"
    assert result.fit.estimate == pytest.approx(direct.estimate, rel=1e-12)
    np.testing.assert_allclose(result.effects["effect"], direct.effect, rtol=1e-12)
    assert review.protocol.model.counts == "IV"  # Peto's method is for odds ratios alone, so no usual model
    assert [spec.model.counts for spec in review.protocol.analyses] == ["PETO"]
    made, review = revman("hr.rm5", tmp_path / "hr")
    result = pooled(review, made.analyses[0])
    assert result.measure == "HR"
    assert shown(result)[0] == pytest.approx(np.exp(-9 / 26), rel=1e-12)


@pytest.mark.parametrize(
    ("measure", "model", "counts", "taken", "words"),
    [
        ("", "Fixed", "PETO", "OR", "the file names no measure, OR is taken"),
        (
            "RR",
            "Fixed",
            "MH",
            "RR",
            "Peto's method gives odds ratios of equal effects; Mantel-Haenszel is taken",
        ),
        (
            "PETO_OR",
            "Random",
            "MH",
            "OR",
            "Peto's method gives odds ratios of equal effects; Mantel-Haenszel is taken",
        ),
    ],
)
def test_peto_with_another_measure_or_random_effects(
    tmp_path: Path, measure: str, model: str, counts: str, taken: str, words: str
) -> None:
    """No import is written that the next command cannot pool."""
    head = "Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Statistical Method,Effect Measure"
    rows = [
        f"{head},Analysis Model,Group Label 1,Group Label 2,Events 1,Total 1,Events 2,Total 2",
        "1,0,0,Drug v placebo,,,,,,,,,,",
        f"1,1,0,Death,DIC,PETO,{measure},{model},Drug,Placebo,,,,",
        *(
            f"1,1,0,{name},,,,,,,{numbers}"
            for name, numbers in (("Ann 2001", "4,100,1,100"), ("Bob 2002", "3,90,2,95"))
        ),
    ]
    made = ev.import_revman(write(tmp_path, "peto.csv", "\n".join(rows) + "\n"))
    assert any(words in text for text in made.said)
    review = made.write(tmp_path / "peto")
    (name,) = made.analyses
    result = pooled(review, name)
    assert (result.measure, result.fit.counts) == (taken, counts)


def test_headings_count_in_any_case(tmp_path: Path) -> None:
    made, review = effects("metafor-c.csv", tmp_path, measure="MD")
    assert list(review.trials["label"]) == ["Ann", "Bob"]
    assert "columns: study = Study, yi = Yi, vi = Vi" in made.said


def test_an_effect_beyond_all_ratios_is_refused_in_words() -> None:
    with pytest.raises(ev.DataError, match=r"row 2, column yi: found '1000'; is too large for the logarithm"):
        ev.import_effects(CASES / "metafor-big.csv", measure="OR")


def test_estimates_may_come_with_their_interval(tmp_path: Path) -> None:
    made, review = effects("metafor-ci.csv", tmp_path / "a", measure="MD")
    row = review.effects(made.analyses[0]).iloc[0]
    assert (row["effect"], row["se"]) == (1, pytest.approx(1 / 1.959964, rel=1e-6))
    made, review = effects("metafor-orc.csv", tmp_path / "b")
    row = review.effects(made.analyses[0]).iloc[0]
    assert row["measure"] == "OR"
    assert row["effect"] == pytest.approx(np.log(1.5), abs=0.01)
    assert row["se"] == pytest.approx(np.log(2 / 1.1) / 2 / 1.959964, rel=1e-6)


def test_what_the_importer_writes_passes_the_checks(tmp_path: Path) -> None:
    _, review = effects("metafor-eff.csv", tmp_path / "a", measure="MD")
    assert ev.check(review).empty
    _, review = effects("metafor-eff.csv", tmp_path / "b", measure="OR")
    assert ev.check(review).empty


def test_columns_of_like_names_stay_apart(tmp_path: Path) -> None:
    _, review = effects("metafor-col.csv", tmp_path, measure="MD")
    assert review.trials[["a_b", "a_b_2", "a_b_3"]].iloc[0].tolist() == ["x", "y", "z"]
    assert review.protocol.columns["trials"]["a_b_2"].description == "column a-b of metafor-col.csv"


def test_separators_are_told_and_thousands_refused(tmp_path: Path) -> None:
    made, _ = effects("metafor-s.csv", tmp_path)
    assert "columns are separated by semicolons" in made.summary()
    with pytest.raises(ev.DataError, match=r"column ai: found '1,200'; .*write 1200 without commas"):
        ev.import_effects(CASES / "metafor-k.csv")
    with pytest.raises(ev.DataError, match="the file has a header and no rows"):
        ev.import_effects(CASES / "metafor-h.csv", measure="MD")


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_decimal_commas_and_encodings_are_told(tmp_path: Path) -> None:
    text = "Étude;yi;vi\nMüller 1999;0,25;0,04\nBob;-0,1;0,09\n"
    for encoding, words in (("utf-16", "UTF-16"), ("cp1252", "Latin-1"), ("utf-8-sig", "decimal commas")):
        made = ev.import_effects(
            write(tmp_path, "a.csv", text, encoding), measure="MD", columns={"study": "Étude"}
        )
        assert words in made.summary()
        assert made.tables["trials"][0]["label"] == "Müller 1999"
        assert [row["estimate"] for row in made.tables["contrast_results"]] == ["0.25", "-0.1"]
    tabs = write(tmp_path, "a.tsv", "study\tyi\tvi\nA\t1\t2\n")
    assert "tabs" in ev.import_effects(tabs, measure="MD").summary()
    with pytest.raises(ev.DataError, match=r"may mean 1200 or 1\.200"):
        ev.import_effects(write(tmp_path, "b.csv", "study;ai;bi;ci;di\nA;1,200;1;2;3\n"))


def test_a_title_above_the_header_is_passed_over_in_an_import(tmp_path: Path) -> None:
    made = ev.import_effects(
        write(tmp_path, "a.csv", "Results of the trials,,\nstudy,yi,vi\nA,1,2\n"), measure="MD"
    )
    assert "row 1, a title above the header" in made.summary()
    assert made.tables["contrast_results"][0]["locator"] == "a.csv: row 3"


def test_workbooks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"study": ["A", "B"], "yi": [0.5, 1], "vi": [0.04, 2]}).to_excel(
            book, sheet_name="one", index=False
        )
        pd.DataFrame({"study": ["C"], "ai": [1], "bi": [2], "ci": [3], "di": [4]}).to_excel(
            book, sheet_name="two", index=False
        )
    made = ev.import_effects(path, measure="MD")
    assert [row["estimate"] for row in made.tables["contrast_results"]] == ["0.5", "1"]
    assert "sheet 'one'; not read: two" in made.summary()
    assert len(ev.import_effects(path, sheet="two").tables["arm_results"]) == 2
    with pytest.raises(ev.DataError, match="no sheet 'three'; it has one, two"):
        ev.import_effects(path, sheet="three")
    with pytest.raises(ev.DataError, match="cannot be read as a workbook"):
        ev.import_effects(write(tmp_path, "b.xlsx", "study,yi,vi\n"))


def test_rows_of_one_study_are_told_apart_by_outcome_and_arms(tmp_path: Path) -> None:
    text = (
        "study,treat1,treat2,outcome,TE,seTE\n"
        "A,x,y,pain,1,0.5\nA,x,z,pain,2,0.5\nB,y,z,pain,1,0.4\nB,y,z,sleep,3,0.6\n"
    )
    made = ev.import_effects(write(tmp_path, "a.csv", text), measure="MD")
    review = made.write(tmp_path / "review")
    assert len(review.trials) == 2
    assert set(review.arms["components"]) == {"x", "y", "z"}
    assert made.to_frame()["studies"].tolist() == [1, 1, 1, 1]
    assert review.effects("x-v-z-pain-any")["effect"].tolist() == [2]


def test_one_arm_a_row_is_a_network(tmp_path: Path) -> None:
    text = "study,treatment,responders,n\nA,x,5,50\nA,y,8,50\nA,z,9,50\nB,x,3,40\nB,z,8,40\n"
    made = ev.import_effects(write(tmp_path, "a.csv", text), measure="OR", comparator="z")
    review = made.write(tmp_path / "review")
    assert len(review.arm_results) == 5
    assert review.effects("x-v-z-outcome-any")["label"].tolist() == ["A", "B"]
    first = review.effects("x-v-z-outcome-any").iloc[0]
    assert first["effect"] == pytest.approx(np.log(5 / 45 / (9 / 41)), rel=1e-9)


def test_rates_and_ratios_of_means(tmp_path: Path) -> None:
    rates = write(tmp_path, "r.csv", "study,x1i,t1i,x2i,t2i\nA,5,100,10,90\n")
    made = ev.import_effects(rates)
    row = made.write(tmp_path / "r").effects(made.analyses[0]).iloc[0]
    assert row["measure"] == "IRR"
    assert row["effect"] == pytest.approx(np.log(5 / 100 / (10 / 90)), rel=1e-9)
    assert row["variance"] == pytest.approx(1 / 5 + 1 / 10, rel=1e-9)
    means = write(tmp_path, "m.csv", "study,m1i,sd1i,n1i,m2i,sd2i,n2i\nA,10,2,20,8,3,25\n")
    made = ev.import_effects(means, measure="ROM")
    row = made.write(tmp_path / "m").effects(made.analyses[0]).iloc[0]
    direct = ev.effect_size("ROM", m1=[10], sd1=[2], n1=[20], m2=[8], sd2=[3], n2=[25]).iloc[0]
    assert (row["effect"], row["variance"]) == (
        pytest.approx(direct["effect"]),
        pytest.approx(direct["variance"]),
    )


@pytest.mark.parametrize(
    ("text", "words", "measure", "given"),
    [
        ("study,xi,ni\nA,5,100\nB,9,80\n", "a proportion", "PLO", {"events": [5, 9], "n": [100, 80]}),
        ("Author,Cases,Total\nA,5,100\nB,9,80\n", "a proportion", "PLO", {"events": [5, 9], "n": [100, 80]}),
        ("study,xi,mi\nA,5,95\nB,9,71\n", "a proportion", "PLO", {"events": [5, 9], "n": [100, 80]}),
        ("study,ri,ni\nA,0.5,100\nB,0.2,80\n", "a correlation", "ZCOR", {"r": [0.5, 0.2], "n": [100, 80]}),
        ("study,xi,ti\nA,5,100\nB,9,80\n", "a rate", "IRLN", {"events": [5, 9], "time": [100, 80]}),
        ("mean,sd,n\n5,1,100\n9,2,80\n", "a mean", "MN", {"m": [5, 9], "sd": [1, 2], "n": [100, 80]}),
    ],
)
def test_one_group_a_study_becomes_a_review_without_a_comparator(
    tmp_path: Path, text: str, words: str, measure: str, given: Any
) -> None:
    made = ev.import_effects(write(tmp_path, "p.csv", text), outcome="fever")
    assert f"measure: {measure}" in made.said
    assert "one group a study: nothing is compared" in made.said
    assert not any("better" in line for line in made.said)
    assert made.analyses == ("participants-fever-any",)
    assert "comparator" not in made.protocol["analyses"][0]
    (row,) = made.to_frame().to_dict("records")
    assert (row["measure"], row["arm"], row["comparator"], row["studies"]) == (measure, "participants", "", 2)
    review = made.write(tmp_path / "review")
    assert review.analyses["participants-fever-any"].title == "Participants: fever"
    assert ev.check(review).empty
    direct = ev.effect_size(measure, **given)
    effects = review.effects("participants-fever-any").sort_values("result_ids")
    assert effects["effect"].tolist() == pytest.approx(direct["effect"].tolist(), rel=1e-12)
    assert effects["variance"].tolist() == pytest.approx(direct["variance"].tolist(), rel=1e-12)
    # Only what a file has makes columns of its own.
    columns = {"person_time", "correlation"} & set(pd.read_csv(tmp_path / "review" / "arm_results.csv"))
    assert columns == {"IRLN": {"person_time"}, "ZCOR": {"correlation"}}.get(measure, set()), words


def test_a_measure_of_one_group_takes_each_arm_of_a_row_for_itself(tmp_path: Path) -> None:
    text = "study,group,events,n\nAnn,men,2,20\nAnn,women,4,30\nBob,men,3,25\n"
    made = ev.import_effects(write(tmp_path, "p.csv", text), measure="PAS")
    assert made.analyses == ("men-outcome-any", "women-outcome-any")
    assert made.to_frame()["studies"].tolist() == [2, 1]
    assert len(made.tables["trials"]) == 2


def test_one_group_a_study_refuses_what_it_cannot_take(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "study,cases,total\nA,5,100\nB,9,80\n")
    with pytest.raises(ev.DataError, match="PLO takes one group, so there is no comparator"):
        ev.import_effects(path, comparator="placebo")
    with pytest.raises(ev.DataError, match="whose way back depends on the sizes of the studies; use one of"):
        ev.import_effects(path, measure="PFT")
    with pytest.raises(ev.DataError, match=r"proportion in p\.csv allow PR, PLN, PLO, PAS"):
        ev.import_effects(path, measure="RR")
    two = write(tmp_path, "two.csv", "study,ai,n1i,ci,n2i\nA,5,100,4,90\n")
    with pytest.raises(ev.DataError, match="the column is missing"):
        ev.import_effects(two, measure="PLO")
    made = ev.import_effects(two, measure="PLO", columns={"events": "ai", "n": "n1i"})
    assert made.tables["arm_results"][0]["events"] == "5"
    bad = write(tmp_path, "bad.csv", "study,r,n\nA,1.5,100\nB,0.2,80\n")
    with pytest.raises(ev.DataError, match=r"bad\.csv: row 2"):
        ev.import_effects(bad).write(tmp_path / "bad")
    more = write(tmp_path, "more.csv", "study,events,n\nA,5,4\nB,9,80\nC,9,80\n")
    assert ev.import_effects(more).left_out == ("row 2: 5 events among 4 participants",)


def test_subgroups_of_a_table_have_analyses_of_their_own(tmp_path: Path) -> None:
    wide = (
        "study,subgroup,ai,n1i,ci,n2i\n"
        "Ann,low,10,50,20,50\nAnn,high,12,50,21,52\nBob,low,9,40,13,41\nCyd,high,9,60,20,61\n"
    )
    long = "study,subgroup,arm,events,n\n"
    for line in wide.splitlines()[1:]:
        study, subgroup, a, n1, c, n2 = line.split(",")
        long += f"{study},{subgroup},drug,{a},{n1}\n{study},{subgroup},placebo,{c},{n2}\n"
    for name, text in (("wide", wide), ("long", long)):
        made = ev.import_effects(
            write(tmp_path, f"{name}.csv", text), measure="OR", intervention="drug", comparator="placebo"
        )
        review = made.write(tmp_path / name)
        assert made.analyses == ("drug-outcome-any", "drug-low-outcome-any", "drug-high-outcome-any")
        held = {one: sorted(review.effects(one)["label"]) for one in made.analyses}
        assert held == {
            "drug-outcome-any": ["Ann", "Ann (high)", "Bob", "Cyd"],
            "drug-low-outcome-any": ["Ann", "Bob"],
            "drug-high-outcome-any": ["Ann (high)", "Cyd"],
        }
        high = review.effects("drug-high-outcome-any").set_index("label")["effect"]
        assert high["Ann (high)"] == pytest.approx(np.log(12 * 31 / (38 * 21)), rel=1e-12)
        assert ev.check(review).empty


def test_no_row_and_no_value_of_a_table_goes_in_silence(tmp_path: Path) -> None:
    twice = "study,arm,events,n,weeks\nAnn,x,10,50,3\nAnn,y,20,50,3\nAnn,x,12,50,12\nAnn,y,21,52,12\n"
    with pytest.raises(ev.DataError) as caught:
        ev.import_effects(write(tmp_path, "a.csv", twice))
    assert [fault.row for fault in caught.value.faults] == [4, 5]
    assert "row 2 has this arm of Ann, too; tell the rows of a study apart" in str(caught.value)
    with pytest.raises(ev.DataError, match="row 3, column arm: the name of the arm is missing"):
        ev.import_effects(write(tmp_path, "b.csv", "study,arm,events,n\nAnn,x,10,50\nAnn,,20,50\n"))
    alone = "study,arm,events,n\nAnn,x,10,50\nAnn,y,20,50\nBob,x,3,40\n"
    made = ev.import_effects(write(tmp_path, "c.csv", alone))
    assert made.left_out == ("row 4: Bob has no second arm to compare x with",)
    again = "study,treat1,treat2,ai,n1i,ci,n2i,dose\nAnn,x,y,10,50,20,50,5\nAnn,x,y,12,50,21,52,7\n"
    made = ev.import_effects(write(tmp_path, "d.csv", again))
    assert "several rows of one study stand in one comparison, and each counts there: 'Ann'" in made.summary()
    assert "rows of one study differ in: dose" in made.summary()
    made = ev.import_effects(write(tmp_path, "e.csv", "study,yi,vi,,\nA,1,1,x,\nB,2,1,,\n"), measure="MD")
    assert "passed over 1 column without a heading" in made.summary()


def test_pages_are_made_for_the_first_thirty_comparisons_and_that_is_said(tmp_path: Path) -> None:
    for count in (30, 31):
        lines = [f"A,t{number},p,1,1\nB,t{number},p,2,1" for number in range(count)]
        path = write(tmp_path, f"{count}.csv", "study,treat1,treat2,yi,vi\n" + "\n".join(lines) + "\n")
        made = ev.import_effects(path, measure="MD")
        made.write(tmp_path / str(count))
        notebook = json.loads((tmp_path / str(count) / "notebooks" / "01-question.ipynb").read_text("utf-8"))
        said = "the report has one for each of the first 30 comparisons; change `most`" in made.summary()
        most = notebook["metadata"]["evidence"].get("most")
        assert (len(made.analyses), said, most) == ((30, False, None) if count == 30 else (31, True, 30))


def test_bounds_of_p_values_have_a_column_for_their_sign(tmp_path: Path) -> None:
    made = ev.import_effects(write(tmp_path, "a.csv", "study,yi,pval\nA,1,<0.05\nB,2,0.01\n"), measure="MD")
    assert [(row["p_value"], row["p_operator"]) for row in made.tables["contrast_results"]] == [
        ("0.05", "<"),
        ("0.01", "="),
    ]


def test_tables_that_stand_beside_the_data_rows_are_told(tmp_path: Path) -> None:
    for name, text, words in (
        ("s.csv", "Analysis group,Analysis number,Effect measure\n1,1,RR\n", "the settings of the analyses"),
        ("r.csv", "Study,Domain (judgement): Random sequence generation\nA,Low risk\n", "the risk of bias"),
    ):
        with pytest.raises(ev.DataError, match=f"{words}; name the file of the data rows"):
            is_revman_file(write(tmp_path, name, text))


def test_study_information_and_risk_of_bias_are_read_beside_the_data_rows(tmp_path: Path) -> None:
    rows, beside = tmp_path / "CD1-analysis-data", tmp_path / "CD1-study-data"
    rows.mkdir()
    beside.mkdir()
    for name in ("swap-data-rows.csv", "swap-overall-estimates-and-settings.csv"):
        shutil.copy(CASES / name, rows / name.replace("swap", "CD1"))
    write(
        beside,
        "CD1-study-information.csv",
        "Study,Year,Char: Participants,Char: Methods\nAnn 2001,2001,adults,blind\n",
    )
    of = "Allocation concealment: All outcomes"
    heading = f"Domain (judgement): {of},Domain (support): {of}"
    write(
        beside,
        "CD1-risk-of-bias.csv",
        f"Study,{heading}\nAnn 2001,High risk,open list\nBob 2002,Low risk,sealed\n",
    )
    review = ev.import_revman(rows / "CD1-data-rows.csv").write(tmp_path / "review")
    assert review.trials.iloc[0][["population", "year"]].tolist() == ["adults", 2001]
    assert "Methods: blind" in review.trials.iloc[0]["notes"]
    bias = review.risk_of_bias[["trial_id", "domain", "judgement", "basis"]].to_numpy().tolist()
    assert bias == [
        ["ann-2001", "allocation_concealment", "high", "open list"],
        ["bob-2002", "allocation_concealment", "low", "sealed"],
    ]


def test_a_dry_run_shows_the_mapping_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_(CASES / "metafor-orc.csv", dry_run=True, output=tmp_path / "review")
    printed = capsys.readouterr()
    assert "columns: study = study, or = or, ci.lb = lower, ci.ub = upper" in printed.out
    assert "lower is taken for 'outcome'" in printed.out
    assert not (tmp_path / "review").exists()
    with pytest.raises(ev.DataError, match="leave out one of the two"):
        import_(CASES / "metafor-orc.csv", dry_run=True, report=True)


def test_an_import_says_which_totals_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_(CASES / "oev-data-rows.csv", output=tmp_path / "a")
    assert "totals: 1 of 1 in the file agree" in capsys.readouterr().out
    import_(CASES / "ci90.rm5", output=tmp_path / "b")
    printed = capsys.readouterr().out
    assert "totals: 0 of 1" in printed
    assert "the file counts 3 studies, its rows give 2" in printed


def test_each_comparison_has_a_page_and_keeps_it_when_names_change(tmp_path: Path) -> None:
    made, review = revman("sub.rm5", tmp_path)
    folder = tmp_path / "review" / "notebooks"
    assert sorted(path.name for path in folder.iterdir()) == ["01-question.ipynb", "02-data.ipynb"]
    assert not any(name in path.read_text("utf-8") for path in folder.iterdir() for name in made.analyses)
    asked = [question.id for question in questions(review.protocol)]
    assert [job.name for job in plan(folder, folder.parent, {})] == [*asked, "02-data"]
    titles = [question.title for question in questions(review.protocol)]
    assert len(set(titles)) == len(titles)


def test_a_large_import_has_its_first_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported_module, "MOST_PAGES", 1)
    rows = "study,treat1,treat2,ai,n1i,ci,n2i\nA,tea,water,1,20,4,21\nB,milk,water,3,30,5,31\n"
    (tmp_path / "net.csv").write_text(rows, "utf-8")
    made = ev.import_effects(tmp_path / "net.csv")
    review = made.write(tmp_path / "review")
    folder = tmp_path / "review" / "notebooks"
    asked = [question.id for question in questions(review.protocol)]
    assert len(asked) > 1
    assert "first 1 comparisons" in made.summary()
    assert [job.name for job in plan(folder, folder.parent, {})] == [asked[0], "02-data"]
    assert [job.name for job in plan(folder, folder.parent, {}, [asked[1]])] == [asked[1]]


SETTINGS = (
    "Analysis group,Analysis number,Analysis name,Data type,Experimental group label,Control group label,"
    "Statistical method,Effect measure,Analysis model,Overall estimates,Subgroup estimates"
)
ROWS = (
    "Analysis group,Analysis number,Analysis name,Subgroup,Subgroup number,Applicability,Study,Experimental cases,"
    "Experimental N,Control cases,Control N"
)


def web(folder: Path, overall: str, rows: list[str], subgroups: list[str]) -> tuple[Any, Any]:
    """An export of RevMan Web with one outcome."""
    settings = f"1,1,Cure,Dichotomous,Drug,Placebo,MH,Risk Ratio,Fixed effect,{overall},true"
    write(folder, "x-overall-estimates-and-settings.csv", f"{SETTINGS}\n{settings}\n")
    head = "Analysis group,Analysis number,Subgroup,Subgroup number,Mean,CI start,CI end"
    write(folder, "x-subgroup-estimates.csv", "\n".join([head, *subgroups]) + "\n")
    made = ev.import_revman(write(folder, "x-data-rows.csv", "\n".join([ROWS, *rows]) + "\n"))
    return made, made.write(folder / "review")


def test_subgroups_without_a_total_hold_their_own_rows(tmp_path: Path) -> None:
    rows = [
        "1,1,Cure,A,1,SUBGROUP_ONLY,Ann 2001,5,50,8,50",
        "1,1,Cure,A,1,SUBGROUP_AND_OVERALL,Bob 2002,3,60,1,60",
        "1,1,Cure,B,2,SUBGROUP_ONLY,Cyd 2003,6,60,2,60",
        "1,1,Cure,B,2,OVERALL_ONLY,Dee 2004,5,80,2,80",
    ]
    made, review = web(tmp_path, "false", rows, ["1,1,A,1,0.89,0.4,2.2", "1,1,B,2,3,0.6,14"])
    results = [pooled(review, name) for name in made.analyses]
    assert [list(result.effects["label"]) for result in results] == [
        ["Dee 2004"],
        ["Ann 2001", "Bob 2002"],
        ["Cyd 2003"],
    ]
    assert results[0].fit is None  # what counts only in a total that is not shown is kept and not combined
    assert shown(results[1])[0] == pytest.approx(
        (5 * 50 / 100 + 3 * 60 / 120) / (8 * 50 / 100 + 1 * 60 / 120)
    )
    assert shown(results[2])[0] == pytest.approx(3.0)
    assert len(review.reviews) == 2


TWINS = {
    "Other": (8 / 9, "0.9"),
    "Other (2)": ((6 * 60 / 120 + 5 * 80 / 161) / (2 * 60 / 120 + 2 * 81 / 161), "2.8"),
}


def test_two_subgroups_of_one_name_stay_two(tmp_path: Path) -> None:
    """In RevMan Web their numbers tell them apart, in RevMan 5 the place where they stand."""
    numbers = {"Ann": "5,50,8,50", "Bob": "3,60,1,60", "Cyd": "6,60,2,60", "Dee": "5,81,2,80"}
    (tmp_path / "web").mkdir()
    rows = [f"1,1,Cure,Other,{1 + (name > 'Bob')},,{name},{text}" for name, text in numbers.items()]
    totals = ["1,1,Other,1,0.9,0.4,2.2", "1,1,Other,2,2.8,0.9,8.5"]
    of_web = web(tmp_path / "web", "true", rows, totals)
    head = (
        "Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Statistical Method,Effect Measure,"
        "Analysis Model,Group Label 1,Group Label 2,df,Effect Estimate,CI Start,CI End,Events 1,Total 1,Events 2,"
        "Total 2"
    )
    lines = [
        head,
        "1,0,0,Drug v placebo,,,,,,,,,,,,,,",
        "1,1,0,Cure,DIC,MH,RR,Fixed,Drug,Placebo,3,1.5,0.7,2.9,,,,",
        "1,1,1,Other,,,,,,,1,0.9,0.4,2.2,,,,",
        *(f"1,1,1,{name},,,,,,,,,,,{numbers[name]}" for name in ("Ann", "Bob")),
        "1,1,2,Other,,,,,,,1,2.8,0.9,8.5,,,,",
        *(f"1,1,2,{name},,,,,,,,,,,{numbers[name]}" for name in ("Cyd", "Dee")),
    ]
    five = ev.import_revman(write(tmp_path, "five.csv", "\n".join(lines) + "\n"))
    for made, review in (of_web, (five, five.write(tmp_path / "five"))):
        assert len(made.analyses) == 3
        for name, (label, (ratio, total)) in zip(made.analyses[1:], TWINS.items(), strict=True):
            assert review.analysis(name).spec.label == label
            assert shown(pooled(review, name))[0] == pytest.approx(ratio)
            row = review.reviews[review.reviews["analysis"] == name].iloc[0]
            assert f"{row['estimate']:g}" == total


def test_ratios_where_logarithms_are_expected_are_refused(tmp_path: Path) -> None:
    text = "study,estimate,lower,upper\nA,1.5,1.1,2.045\nB,0.8,0.5,1.28\nC,2.0,1.0,4.0\n"
    with pytest.raises(ev.DataError, match=r"fit ratios and not their logarithms.*head it 'or'"):
        ev.import_effects(write(tmp_path, "natural.csv", text), measure="OR")
    logs = "study,estimate,lower,upper\nA,0.405,0.095,0.715\nB,-0.22,-0.69,0.25\n"
    made = ev.import_effects(write(tmp_path, "logs.csv", logs), measure="OR")
    assert "estimate is read as the logarithm of the OR" in made.said


def test_nothing_matters_that_nobody_declared(tmp_path: Path) -> None:
    """The default by which imprecision is rated is no difference that patients were asked about."""
    text = "study,ai,n1i,ci,n2i\nA,10,100,30,100\nB,12,100,33,100\nC,9,100,28,100\n"
    made = ev.import_effects(write(tmp_path, "counts.csv", text), measure="OR")
    review = made.write(tmp_path / "review")
    found = ev.finding(review, made.analyses[0])
    assert math.isnan(found.words.mid)
    assert "matter" not in found.sentence + found.numbers
    assert "large" not in found.sentence
    result = pooled(review, made.analyses[0])
    table = forest_table(result, review=review, certainty=found.certainty)
    assert "too small to matter" not in str(table)
    told = ev.finding(review, made.analyses[0], mid=1.25)
    assert "large" in told.sentence
