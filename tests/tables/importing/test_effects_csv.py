from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evidence as ev

VALIDATION = Path(__file__).parents[3] / "validation"
POOL = json.loads((VALIDATION / "pool.json").read_text("utf-8"))
EFFECTS = json.loads((VALIDATION / "effect_size.json").read_text("utf-8"))["data"]
FLEISS: dict[str, Any] = json.loads((VALIDATION / "importing.json").read_text("utf-8"))
IMPORTED = [name for name in FLEISS["results"] if not name.endswith("_mh")]
"""Results of its data by inverse variance."""


def write(path: Path, columns: dict[str, Any]) -> Path:
    """Write columns as CSV, as R does: NA where there is no number."""
    length = max(len(values) for values in columns.values() if not isinstance(values, str | int))
    cells = [[values] * length if isinstance(values, str | int) else values for values in columns.values()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*cells, strict=True))
    return path


def metafor(data: str, method: str) -> dict[str, float]:
    """Give the result of metafor for a data set, with the interval from the normal distribution."""
    found = [
        case["values"]
        for case in POOL["cases"]
        if (case["data"], case["method"], case["ci"]) == (data, method, "z")
    ]
    assert len(found) == 1
    return found[0]


def pooled(made: Any, folder: Path, **options: Any) -> Any:
    """Write an import and pool its only analysis."""
    result = ev.synthesise(made.write(folder), made.analyses[0], **options)
    assert result.fit is not None
    return result.fit


@pytest.mark.parametrize("method", ["REML", "DL", "EE", "PM"])
def test_counts_of_bcg_give_the_result_of_metafor(tmp_path: Path, method: str) -> None:
    counts = {f"{name}i": EFFECTS["dat.bcg"][name] for name in "abcd"}
    path = write(tmp_path / "bcg.csv", {"trial": range(1, 14), **counts})
    fit = pooled(ev.import_effects(path, measure="RR"), tmp_path / "bcg", method=method)
    expected = metafor("bcg_rr", method)
    np.testing.assert_allclose(
        [fit.estimate, fit.se, fit.ci_low, fit.ci_high, fit.q],
        [expected[name] for name in ("estimate", "se", "ci_low", "ci_high", "q")],
        rtol=1e-7,
    )


def test_columns_with_other_headings_can_be_named(tmp_path: Path) -> None:
    counts = dict(zip(("tpos", "tneg", "cpos", "cneg"), EFFECTS["dat.bcg"].values(), strict=True))
    path = write(tmp_path / "bcg.csv", {"trial": range(1, 14), **counts})
    names = dict(zip(("ai", "bi", "ci", "di"), counts, strict=True))
    fit = pooled(ev.import_effects(path, columns=names), tmp_path / "bcg")
    assert fit.estimate == pytest.approx(metafor("bcg_rr", "REML")["estimate"], rel=1e-7)


@pytest.mark.parametrize("measure", ["MD", "SMD"])
def test_means_of_normand_give_the_result_of_metafor(tmp_path: Path, measure: str) -> None:
    means = {f"{name}i": values for name, values in EFFECTS["dat.normand1999"].items()}
    path = write(tmp_path / "normand.csv", {"study": range(1, 10), **means})
    fit = pooled(ev.import_effects(path, measure=measure), tmp_path / "normand")
    expected = metafor(f"normand1999_{measure.lower()}", "REML")
    np.testing.assert_allclose(
        [fit.estimate, fit.se, fit.tau2], [expected[name] for name in ("estimate", "se", "tau2")], rtol=1e-6
    )


@pytest.mark.parametrize("spread", ["vi", "sei"])
@pytest.mark.parametrize("data", ["bcg_rr", "bcg_rd", "hackshaw1998", "normand1999_smd", "normand1999_md"])
def test_estimates_give_the_result_of_metafor(tmp_path: Path, data: str, spread: str) -> None:
    measure = {"bcg_rr": "RR", "bcg_rd": "RD", "hackshaw1998": "OR", "normand1999_smd": "SMD"}.get(data, "MD")
    yi, vi = POOL["data"][data]["yi"], POOL["data"][data]["vi"]
    columns = {"slab": [f"S{i}" for i in range(len(yi))], "yi": yi}
    columns |= {"vi": vi} if spread == "vi" else {"sei": [math.sqrt(value) for value in vi]}
    made = ev.import_effects(write(tmp_path / "set.csv", columns), measure=measure)
    fit = pooled(made, tmp_path / "set", method="DL")
    expected = metafor(data, "DL")
    np.testing.assert_allclose([fit.estimate, fit.se], [expected["estimate"], expected["se"]], rtol=1e-7)


def imported_values(result: str, folder: Path) -> tuple[list[float], list[float]]:
    """Write the data of a result of metafor as CSV, import and pool them; our values and metafor's."""
    data, measure, method = result.split("_")
    made = ev.import_effects(write(folder / "set.csv", FLEISS["data"][data]), measure=measure.upper())
    fit, expected = pooled(made, folder / "set", method=method.upper()), FLEISS["results"][result]
    names = ("estimate", "se", "ci_low", "ci_high")
    return [getattr(fit, name) for name in names], [expected[name] for name in names]


@pytest.mark.parametrize("result", IMPORTED)
def test_each_measure_gives_the_result_of_metafor(tmp_path: Path, result: str) -> None:
    np.testing.assert_allclose(*imported_values(result, tmp_path), rtol=1e-6)


@pytest.fixture
def aspirin(tmp_path: Path) -> Path:
    return write(
        tmp_path / "aspirin.csv",
        {**FLEISS["data"]["aspirin"], "dose": [1, 2, 3, 4, 5, 6, "NA"], "mean.age": 60, "notes": ""},
    )


def test_every_row_names_its_place_and_nothing_is_added(aspirin: Path, tmp_path: Path) -> None:
    made = ev.import_effects(
        aspirin,
        intervention="Aspirin",
        comparator="Placebo",
        outcome="death",
        weeks=52,
        source_url="https://a.org/x",
    )
    review = made.write(tmp_path / "review")
    assert made.analyses == ("aspirin-death-any",)
    assert list(review.trials["label"][:2]) == ["MRC-1 1974", "CDP 1976"]
    assert set(review.trials["mean_age"]) == {"60"}
    assert "notes_in_file" in review.trials
    assert list(review.trials["dose"]) == ["1", "2", "3", "4", "5", "6", "NA"]
    first = review.arm_results.iloc[0]
    assert (first["n"], first["events"], first["timepoint_weeks"]) == (615, 49, 52)
    assert first["locator"] == "aspirin.csv: row 2"
    assert first["as_reported"] == "ai 49, n1i 615, ci 67, n2i 624"
    assert first["source_url"] == "https://a.org/x"
    assert first["note"] == ""
    empty = ["country", "registration", "pmid", "doi", "population"]
    assert (review.trials[empty] == "").all(axis=None)
    assert review.trials["n_randomised"].isna().all()
    assert review.arm_results[["mean", "sd", "se", "ci_low"]].isna().all(axis=None)


def test_a_time_that_the_file_does_not_give_stays_empty(aspirin: Path, tmp_path: Path) -> None:
    review = ev.import_effects(aspirin).write(tmp_path / "review")
    assert review.arm_results["timepoint_weeks"].isna().all()
    assert review.protocol.windows["any"].words == "at any time"
    assert set(review.trials["design"]) == {"unknown"}


def test_the_import_says_what_it_read(aspirin: Path) -> None:
    made = ev.import_effects(aspirin)
    assert made.to_frame()["studies"].tolist() == [7]
    assert "7 in trials.csv" in made.summary()
    assert "aspirin.csv" in made._repr_html_()


def test_rows_without_a_number_keep_their_trial_but_give_no_result(tmp_path: Path) -> None:
    columns = {"study": ["A", "B", "C"], "yi": [0.1, "NA", 0.3], "vi": [0.01, 0.02, 0.03]}
    made = ev.import_effects(write(tmp_path / "set.csv", columns), measure="MD")
    review = made.write(tmp_path / "set")
    assert len(review.trials) == 3
    assert len(review.contrast_results) == 2
    assert made.left_out == ("result of 1 row in which a number is missing: B (row 3)",)
    assert "Not imported" in review.protocol.scope_note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study,ai,n1i,ci\nA,1,2,3\n", ("set.csv, row 1, column n2i", "the column is missing", "--column")),
        (
            "study,ai,n1i,ci,n2i\nA,1,9,2,9\nB,many,9,2,9\n",
            ("set.csv, row 3, column ai: found 'many'", "number"),
        ),
        ("study,ai,n1i,ci,n2i\nA,1.5,9,2,9\n", ("row 2, column ai: found '1.5'", "whole number")),
        ("study,ai,n1i,ci,n2i\nA,-1,9,2,9\n", ("row 2, column ai: found '-1'", "at least 0")),
        ("study,yi,vi\nA,0.1,0\n", ("row 2, column vi: found '0'", "above 0")),
        ("study,yi,vi\nA,inf,1\n", ("row 2, column yi: found 'inf'", "number")),
        (
            "study,ai,n1i,ci,n2i\nA,7,5,2,9\n",
            ("set.csv holds no results", "row 2: 7 events among 5 participants"),
        ),
        ("", ("set.csv", "empty")),
        ("study,yi,vi\n", ("set.csv: the file has a header and no rows",)),
    ],
)
def test_faults_name_file_row_column_and_value(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "set.csv"
    path.write_text(text, "utf-8")
    measure = "MD" if "yi" in text else "RR"
    with pytest.raises(ev.DataError) as caught:
        ev.import_effects(path, measure=measure).write(tmp_path / "review")
    for word in words:
        assert word in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measure": "XX"}, "use one of MD"),
        ({"measure": "MD"}, "allow RR, OR, RD"),
        ({"weeks": 0}, "above 0"),
        ({"source_url": "here"}, "http"),
        ({"better": "up"}, "lower or higher"),
        ({"intervention": " "}, "need names"),
        ({"columns": {"ai": "aii"}}, "no such column"),
        ({"columns": {"zi": "ai"}}, "no column 'zi'"),
    ],
)
def test_wrong_options_are_told(aspirin: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ev.DataError, match=words):
        ev.import_effects(aspirin, **options)


def test_an_estimate_needs_its_measure(tmp_path: Path) -> None:
    path = write(tmp_path / "set.csv", {"study": ["A"], "yi": [1], "vi": [1]})
    with pytest.raises(ev.DataError, match="--measure"):
        ev.import_effects(path)


@pytest.mark.parametrize("name", ["intervention", "comparator", "outcomes", "Étude", "介入"])
def test_any_name_can_be_given_to_the_arms(aspirin: Path, tmp_path: Path, name: str) -> None:
    made = ev.import_effects(aspirin, intervention=name, comparator=name, outcome=name)
    fit = pooled(made, tmp_path / "review", method="EE")
    direct = ev.import_effects(aspirin)
    assert fit.estimate == pooled(direct, tmp_path / "direct", method="EE").estimate


@pytest.mark.parametrize(("levels", "expected"), [((90, 99), (90.0, 99.0)), (("0.9", ""), (90.0, 95.0))])
def test_the_level_of_an_interval_is_used(
    tmp_path: Path, levels: tuple[Any, Any], expected: tuple[float, float]
) -> None:
    columns = {"study": ["A", "B"], "or": [1.5, 1.2], "lower": [1.1, 0.8], "upper": [2.0454545, 1.8]}
    made = ev.import_effects(write(tmp_path / "a.csv", {**columns, "ci_level": levels}), better="lower")
    assert "kept as columns of trials" not in made.summary()
    assert "ci_level = ci_level" in made.said[0]
    effects = made.write(tmp_path / "review").effects(made.analyses[0]).set_index("label")
    z = {90.0: 1.6448536, 95.0: 1.9599640, 99.0: 2.5758293}
    for label, low, high, level in (("A", 1.1, 2.0454545, expected[0]), ("B", 0.8, 1.8, expected[1])):
        se = (math.log(high) - math.log(low)) / (2 * z[level])
        assert effects.loc[label, "se"] == pytest.approx(se, rel=1e-6)


def test_a_level_that_cannot_be_is_a_fault(tmp_path: Path) -> None:
    columns = {"study": ["A"], "rr": [1.5], "lower": [1.1], "upper": [2.0], "conf.level": [9]}
    with pytest.raises(ev.DataError, match="is no level of a confidence interval"):
        ev.import_effects(write(tmp_path / "a.csv", columns))


def test_rows_without_a_number_are_named(tmp_path: Path) -> None:
    columns = {"study": list("ABCDEFG"), "yi": [1, *["NA"] * 6], "vi": 1}
    made = ev.import_effects(write(tmp_path / "a.csv", columns), measure="MD")
    named = "B (row 3), C (row 4), D (row 5), E (row 6), F (row 7) and 1 more"
    assert made.left_out == (f"results of 6 rows in which a number is missing: {named}",)
    arms = {"study": ["A", "A", "B", "B"], "arm": list("xyxy"), "events": [1, 2, 3, ""], "n": 20}
    made = ev.import_effects(write(tmp_path / "b.csv", arms))
    assert made.left_out == ("result of 1 row in which a number is missing: B (row 5)",)


def test_several_rows_of_one_study_are_told(tmp_path: Path) -> None:
    columns = {"study": ["A", "A", "B", "C", "C"], "yi": [1, 2, 3, 4, "NA"], "vi": 1}
    made = ev.import_effects(write(tmp_path / "a.csv", columns), measure="MD")
    said = [text for text in made.said if text.startswith("several rows of one study")]
    assert len(said) == 1
    assert "as a study of its own: 'A'; tell them apart" in said[0]
    columns = {"study": ["A", "B"], "yi": [1, 2], "vi": 1}
    made = ev.import_effects(write(tmp_path / "b.csv", columns), measure="MD")
    assert not [text for text in made.said if text.startswith("several rows")]
