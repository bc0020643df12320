from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evidence as ev

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "importing.json").read_text("utf-8"))
ASPIRIN, MENTAL = REFERENCE["data"]["aspirin"], REFERENCE["data"]["mental"]


def element(name: str, *inside: str, **attributes: Any) -> str:
    words = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{words}>" + "\n".join(inside) + f"</{name}>\n"


def outcome(
    kind: str, name: str, *rows: str, labels: Sequence[str] = ("Aspirin", "Control"), **attributes: Any
) -> str:
    given = {"NO": 1, "RANDOM": "NO", "METHOD": "IV", "TOTALS": "YES", "SUBGROUPS": "NO", "CI_TOTAL": "95"}
    return element(
        f"{kind}_OUTCOME",
        element("NAME", name),
        element("GROUP_LABEL_1", labels[0]),
        element("GROUP_LABEL_2", labels[1]),
        element("GRAPH_LABEL_1", "Favours experimental"),
        element("GRAPH_LABEL_2", "Favours control"),
        *rows,
        **(given | attributes),
    )


def comparison(*outcomes: str, number: int = 1, name: str = "Aspirin v control") -> str:
    return element("COMPARISON", element("NAME", name), *outcomes, NO=number, ID=f"CMP-{number:03}")


def review_file(path: Path, studies: str, *comparisons: str, beside: str = "", **attributes: Any) -> Path:
    """Write a review in the form of RevMan 5."""
    text = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + element(
        "COCHRANE_REVIEW",
        element("COVER_SHEET", element("TITLE", "Examples of Fleiss 1993")),
        element("STUDIES_AND_REFERENCES", element("STUDIES", element("INCLUDED_STUDIES", studies))),
        beside,
        element("ANALYSES_AND_DATA", *comparisons),
        **attributes,
    )
    path.write_text(text, "utf-8")
    return path


def study(name: str, year: object = "", *inside: str) -> str:
    return element("STUDY", *inside, ID=f"STD-{name}", NAME=name, YEAR=year)


def studies(data: dict[str, Any]) -> str:
    return "".join(study(name, year) for name, year in zip(data["study"], data["year"], strict=True))


def count_rows(data: dict[str, Any]) -> list[str]:
    keys = {"EVENTS_1": "ai", "TOTAL_1": "n1i", "EVENTS_2": "ci", "TOTAL_2": "n2i"}
    return [
        element("DICH_DATA", STUDY_ID=f"STD-{name}", **{key: data[own][i] for key, own in keys.items()})
        for i, name in enumerate(data["study"])
    ]


def mean_rows(data: dict[str, Any]) -> list[str]:
    keys = {
        f"{name}_{arm}": f"{own}{arm}i"
        for name, own in (("MEAN", "m"), ("SD", "sd"), ("TOTAL", "n"))
        for arm in "12"
    }
    return [
        element("CONT_DATA", STUDY_ID=f"STD-{name}", **{key: data[own][i] for key, own in keys.items()})
        for i, name in enumerate(data["study"])
    ]


def pooled_values() -> Iterator[tuple[str, str, list[float], list[float]]]:
    """What is pooled from an import of both examples: function, reference, our values and theirs."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        made = ev.import_revman(fleiss_file(folder))
        review = made.write(folder / "review")
        for analysis, result in zip(made.analyses, ("aspirin_mh", "mental_md_ee"), strict=True):
            fit = ev.synthesise(review, analysis).fit
            assert fit is not None
            for reference, part, names in (
                ("metafor", "results", ("estimate", "se", "ci_low", "ci_high", "q")),
                ("RevMan", "revman", ("estimate", "ci_low", "ci_high")),
            ):
                ours, theirs = [getattr(fit, one) for one in names], REFERENCE[part][result]
                if part == "revman" and result == "aspirin_mh":
                    ours = np.exp(ours).tolist()  # RevMan writes the ratio
                yield "import_revman", reference, ours, [theirs[one] for one in names]


@pytest.fixture
def fleiss(tmp_path: Path) -> Path:
    return fleiss_file(tmp_path)


def fleiss_file(folder: Path) -> Path:
    """The two examples of Fleiss (1993) as RevMan 5 writes them."""
    pooled = REFERENCE["revman"]["aspirin_mh"]
    result = {"EFFECT_SIZE": pooled["estimate"], "CI_START": pooled["ci_low"], "CI_END": pooled["ci_high"]}
    return review_file(
        folder / "fleiss.rm5",
        studies(ASPIRIN) + studies(MENTAL),
        comparison(
            outcome("DICH", "Death", *count_rows(ASPIRIN), EFFECT_MEASURE="OR", METHOD="MH", STUDIES=7, I2=39.7,
                    ESTIMABLE="YES", **result),
            outcome("CONT", "Mental health", *mean_rows(MENTAL), EFFECT_MEASURE="MD", NO=2,
                    labels=("Treatment", "Control"), ESTIMABLE="YES", EFFECT_SIZE=""),
        ),
        DOI="10.1000/fleiss",
    )  # fmt: skip


def test_a_review_of_revman_5_gives_its_pooled_results(fleiss: Path, tmp_path: Path) -> None:
    made = ev.import_revman(fleiss)
    review = made.write(tmp_path / "review")
    assert made.analyses == ("aspirin-death-any", "treatment-mental-health-any")
    assert review.protocol.model.method == "EE"
    assert review.protocol.title == "Examples of Fleiss 1993"
    found = list(pooled_values())
    assert len(found) == 4
    for _, reference, ours, theirs in found:
        if reference == "metafor":
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        elif theirs[0] > 0.0:
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        else:  # RevMan wrote eight decimals
            np.testing.assert_allclose(ours, theirs, atol=5e-9)


def test_its_counts_give_the_mantel_haenszel_result_that_revman_printed(fleiss: Path, tmp_path: Path) -> None:
    review = ev.import_revman(fleiss).write(tmp_path / "review")
    counts = review.arm_results[review.arm_results["statistic"] == "count"]
    first, second = (counts[counts["arm_id"] == arm] for arm in ("aspirin", "control"))
    a, c = first["events"].to_numpy(), second["events"].to_numpy()
    fit = ev.mantel_haenszel(a, first["n"].to_numpy() - a, c, second["n"].to_numpy() - c, measure="OR")
    ours = np.exp([fit.estimate, fit.ci_low, fit.ci_high])
    np.testing.assert_allclose(ours, list(REFERENCE["revman"]["aspirin_mh"].values()), rtol=1e-12)


def test_the_result_of_the_file_stands_beside_ours(fleiss: Path, tmp_path: Path) -> None:
    review = ev.import_revman(fleiss).write(tmp_path / "review")
    assert len(review.reviews) == 1
    row = review.reviews.iloc[0]
    assert (row["outcome"], row["measure"], row["k"]) == ("death", "OR", 7)
    assert row["estimate"] == REFERENCE["revman"]["aspirin_mh"]["estimate"]
    assert "Mantel-Haenszel, fixed effects, OR 0.8969 (0.8405 to 0.957)" in review.protocol.analyses[0].note


def test_places_and_sources_are_named(fleiss: Path, tmp_path: Path) -> None:
    review = ev.import_revman(fleiss).write(tmp_path / "review")
    first = review.arm_results.iloc[0]
    line = next(
        i for i, text in enumerate(fleiss.read_text("utf-8").splitlines(), start=1) if "DICH_DATA" in text
    )
    assert first["locator"] == f"fleiss.rm5: comparison 1, outcome 1, MRC-1 (line {line})"
    assert first["source_url"] == "https://doi.org/10.1000/fleiss"
    assert first["as_reported"] == "49/615 v 67/624"
    assert review.protocol.title == "Examples of Fleiss 1993"


def test_random_effects_of_the_file_become_the_model(tmp_path: Path) -> None:
    path = review_file(
        tmp_path / "a.rm5",
        studies(ASPIRIN),
        comparison(outcome("DICH", "Death", *count_rows(ASPIRIN), EFFECT_MEASURE="RR", RANDOM="YES")),
    )
    made = ev.import_revman(path)
    fit = ev.synthesise(made.write(tmp_path / "review"), made.analyses[0]).fit
    assert fit is not None
    expected = REFERENCE["results"]["aspirin_rr_dl"]
    np.testing.assert_allclose([fit.estimate, fit.se], [expected["estimate"], expected["se"]], rtol=1e-9)


def test_a_study_in_two_subgroups_counts_twice_as_in_the_file(tmp_path: Path) -> None:
    rows = mean_rows(MENTAL)
    groups = [
        element("CONT_SUBGROUP", element("NAME", name), *rows[start:], NO=number)
        for number, (name, start) in enumerate((("low dose", 0), ("high dose", 3)), start=1)
    ]
    path = review_file(
        tmp_path / "a.rm5",
        studies(MENTAL),
        comparison(outcome("CONT", "Health", *groups, EFFECT_MEASURE="MD", SUBGROUPS="YES")),
    )
    made = ev.import_revman(path)
    review = made.write(tmp_path / "review")
    result = ev.synthesise(review, made.analyses[0])
    m = {
        key: np.r_[MENTAL[f"{key}i"], MENTAL[f"{key}i"][3:]] for key in ("m1", "sd1", "n1", "m2", "sd2", "n2")
    }
    direct = ev.effect_size("MD", **m)
    assert result.fit is not None
    assert result.k == 7
    expected = ev.pool(direct["effect"], direct["variance"], method="EE", ci="z")
    assert result.fit.estimate == pytest.approx(expected.estimate, rel=1e-12)
    assert "Hart (high dose)" in set(review.trials["label"])


def test_arms_of_several_comparisons_stay_apart(tmp_path: Path) -> None:
    half = {key: values[:3] for key, values in ASPIRIN.items()}
    other = {key: values[1:5] for key, values in ASPIRIN.items()}
    path = review_file(
        tmp_path / "a.rm5",
        studies(ASPIRIN),
        comparison(
            outcome(
                "DICH", "Death", *count_rows(half), labels=("Experimental", "Control"), EFFECT_MEASURE="OR"
            )
        ),
        comparison(
            outcome(
                "DICH", "Death", *count_rows(other), labels=("Experimental", "Control"), EFFECT_MEASURE="OR"
            ),
            number=2,
        ),
    )
    made = ev.import_revman(path)
    review = made.write(tmp_path / "review")
    assert [ev.synthesise(review, name).k for name in made.analyses] == [3, 4]
    assert set(review.arms["arm_id"]) == {"experimental_1", "control_1", "experimental_2", "control_2"}


@pytest.mark.parametrize(
    ("words", "measure"), [("Odds Ratio", "OR"), ("Std. Mean Difference", "SMD"), ("RR", "RR")]
)
def test_generic_inverse_variance_outcomes_are_pooled(tmp_path: Path, words: str, measure: str) -> None:
    effects, errors = [-0.4, 0.1, -0.2], [0.2, 0.3, 0.15]
    rows = [
        element("IV_DATA", STUDY_ID=f"STD-{name}", ESTIMATE=effect, SE=se, TOTAL_1=20, TOTAL_2=0)
        for name, effect, se in zip("ABC", effects, errors, strict=True)
    ]
    path = review_file(
        tmp_path / "a.rm5",
        "".join(map(study, "ABC")),
        comparison(outcome("IV", "Change in pain", *rows, element("EFFECT_MEASURE", words), RANDOM="YES")),
    )
    made = ev.import_revman(path)
    review = made.write(tmp_path / "review")
    fit = ev.synthesise(review, made.analyses[0]).fit
    assert fit is not None
    expected = ev.pool(effects, np.square(errors), method="DL", ci="z")
    assert fit.estimate == pytest.approx(expected.estimate, rel=1e-12)
    assert fit.se == pytest.approx(expected.se, rel=1e-12)
    assert set(review.contrast_results["measure"]) == {measure}
    assert review.contrast_results["n_comparator"].isna().all()
    assert set(review.contrast_results["statistic"]) == {"change" if measure == "SMD" else "count"}


def test_observed_minus_expected_and_rates_have_analyses(tmp_path: Path) -> None:
    row = element("IPD_DATA", STUDY_ID="STD-A", O_E=-3, VAR=4, TOTAL_1=10, TOTAL_2=10)
    counted = element("DICH_DATA", STUDY_ID="STD-A", EVENTS_1=1, TOTAL_1=9, EVENTS_2=2, TOTAL_2=9)
    strange = element("IV_DATA", STUDY_ID="STD-A", ESTIMATE=1, SE=1)
    path = review_file(
        tmp_path / "a.rm5",
        study("A"),
        comparison(
            outcome("IPD", "Survival", row, element("EFFECT_MEASURE", "Hazard Ratio")),
            outcome("IV", "Falls", strange, element("EFFECT_MEASURE", "Rate ratio")),
            outcome("IV", "Stress", strange, element("EFFECT_MEASURE", "Correlation")),
            element("OTHER_OUTCOME", element("NAME", "Costs")),
            outcome("DICH", "Death", counted, EFFECT_MEASURE="RD"),
        ),
    )  # fmt: skip
    made = ev.import_revman(path)
    review = made.write(tmp_path / "review")
    assert made.analyses == ("aspirin-survival-any", "aspirin-falls-any", "aspirin-death-any")
    assert list(made.to_frame()["measure"]) == ["HR", "IRR", "RD"]
    fit = ev.synthesise(review, "aspirin-survival-any").fit
    assert fit is not None
    assert fit.estimate == pytest.approx(-0.75)
    survival = review.contrast_results.iloc[0]
    assert survival["measure"] == "HR"
    assert survival["estimate"] == pytest.approx(np.exp(-0.75))
    assert survival["se"] == 0.5
    left = "; ".join(made.left_out)
    for words in ("Correlation", "Costs"):
        assert words in left


def test_swapped_events_and_favoured_sides_are_followed(tmp_path: Path) -> None:
    rows = count_rows(ASPIRIN)
    text = outcome("DICH", "Death", *rows, EFFECT_MEASURE="RR", SWAP_EVENTS="YES")
    text = (
        text.replace("Favours experimental", "x")
        .replace("Favours control", "Favours x")
        .replace(">x<", ">Favours control<")
    )
    made = ev.import_revman(review_file(tmp_path / "a.rm5", studies(ASPIRIN), comparison(text)))
    review = made.write(tmp_path / "review")
    assert review.protocol.outcomes["death"].better == "higher"
    n1, n2 = np.array(ASPIRIN["n1i"]), np.array(ASPIRIN["n2i"])
    a, c = n1 - ASPIRIN["ai"], n2 - ASPIRIN["ci"]
    direct = ev.effect_size("RR", a=a, b=n1 - a, c=c, d=n2 - c)
    effects = review.effects(made.analyses[0])
    np.testing.assert_allclose(np.sort(effects["effect"]), np.sort(direct["effect"]), rtol=1e-12)


def test_studies_without_patients_are_listed_as_not_poolable(tmp_path: Path) -> None:
    empty = element(
        "DICH_DATA", STUDY_ID="STD-Davis", EVENTS_1=0, TOTAL_1=0, EVENTS_2=0, TOTAL_2=0, ESTIMABLE="NO"
    )
    path = review_file(
        tmp_path / "a.rm5",
        studies(ASPIRIN) + studies(MENTAL),
        comparison(outcome("DICH", "Death", *count_rows(ASPIRIN), empty, EFFECT_MEASURE="OR")),
    )
    made = ev.import_revman(path)
    result = ev.synthesise(made.write(tmp_path / "review"), made.analyses[0])
    assert result.k == 7
    assert list(result.not_poolable["label"]) == ["Davis"]


def test_characteristics_risk_of_bias_and_exclusions_are_taken_over(tmp_path: Path) -> None:
    reference = element(
        "REFERENCE", "<AU>Hart B</AU><TI>A <I>small</I> trial.</TI><SO>J Trials</SO><YR>1975</YR>",
        element("IDENTIFIERS", element("IDENTIFIER", TYPE="DOI", VALUE="10.1000/hart")), PRIMARY="YES",
    )  # fmt: skip
    characteristics = element(
        "CHARACTERISTICS_OF_STUDIES",
        element("INCLUDED_CHAR", "<CHAR_METHODS><P>RCT</P><P>two arms</P></CHAR_METHODS>",
                "<CHAR_PARTICIPANTS><P>40 adults</P></CHAR_PARTICIPANTS>", STUDY_ID="STD-Hart"),
        element("EXCLUDED_CHAR", "<CHAR_REASON_FOR_EXCLUSION><P>no control</P></CHAR_REASON_FOR_EXCLUSION>",
                STUDY_ID="STD-Out"),
    )  # fmt: skip

    def item(name: str, *results: str) -> str:
        rows = [
            element(
                "QUALITY_ITEM_DATA_ENTRY",
                f"<DESCRIPTION><P>seen {word}</P></DESCRIPTION>",
                STUDY_ID="STD-Hart",
                RESULT=word,
            )
            for word in results
        ]
        return element("QUALITY_ITEM", element("NAME", name), element("QUALITY_ITEM_DATA", *rows))

    bias = element(
        "QUALITY_ITEMS",
        item("Random sequence generation (selection bias)", "YES"),
        item("Allocation concealment (selection bias)", "UNKNOWN"),
        item("Blinding of participants and personnel (performance bias)", "NO"),
        item("Incomplete outcome data (attrition bias)", "YES", "NO"),
        item("Blinding (performance bias and detection bias)", "YES"),
    )
    path = review_file(
        tmp_path / "a.rm5",
        study("Hart", 1975, reference) + study("Wilson", 1977),
        comparison(
            outcome("CONT", "Health", *mean_rows({k: v[3:] for k, v in MENTAL.items()}), EFFECT_MEASURE="SMD")
        ),
        beside=element("EXCLUDED_STUDIES", study("Out")) + characteristics + bias,
    )
    made = ev.import_revman(path)
    review = made.write(tmp_path / "review")
    trial = review.trials.iloc[0]
    assert trial["citation"] == "Hart B. A small trial. J Trials. 1975"
    assert (trial["doi"], trial["population"], trial["year"]) == ("10.1000/hart", "40 adults", 1975)
    assert "Methods: RCT two arms" in trial["notes"]
    judged = review.risk_of_bias.set_index("domain")["judgement"].to_dict()
    assert judged == {
        "randomisation": "low",
        "allocation_concealment": "unclear",
        "blinding_participants": "high",
        "missing_outcomes": "high",
    }
    assert review.risk_of_bias["basis"].str.contains("worst of 2").sum() == 1
    assert any("Blinding (performance" in text for text in made.left_out)
    assert list(review.excluded["reason"]) == ["no control"]
    assert list(review.excluded["label"]) == ["Out"]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(*2 * (st.floats(-50, 50), st.floats(0.5, 20), st.integers(5, 200))), min_size=2, max_size=6
    )
)
def test_any_means_come_back_as_they_were(
    rows: list[tuple[float, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    names = ("m1", "sd1", "n1", "m2", "sd2", "n2")
    columns: dict[str, Any] = dict(zip(names, zip(*rows, strict=True), strict=True))
    data: dict[str, Any] = {f"{name}i": values for name, values in columns.items()}
    data["study"] = [f"Study {i}" for i in range(len(rows))]
    path = review_file(
        folder / "a.rm5",
        "".join(map(study, data["study"])),
        comparison(outcome("CONT", "Score", *mean_rows(data), EFFECT_MEASURE="MD", RANDOM="YES")),
    )
    made = ev.import_revman(path)
    fit = ev.synthesise(made.write(folder / "review"), made.analyses[0]).fit
    direct = ev.effect_size("MD", **columns)
    expected = ev.pool(direct["effect"], direct["variance"], method="DL", ci="z")
    assert fit is not None
    np.testing.assert_allclose(
        [fit.estimate, fit.se, fit.tau2], [expected.estimate, expected.se, expected.tau2], rtol=1e-9
    )


BOMB = '\n<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<COCHRANE_REVIEW>&b;</COCHRANE_REVIEW>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><COCHRANE_REVIEW>&a;</COCHRANE_REVIEW>'

DEFAULTS = '<!DOCTYPE r [<!ATTLIST A X CDATA "long">]><COCHRANE_REVIEW><A/><A/></COCHRANE_REVIEW>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, ("bad.rm5, row 2", "declares entities")),
        (OUTSIDE, ("bad.rm5, row 1", "declares entities")),
        (DEFAULTS, ("bad.rm5, row 1", "declares entities or attributes")),
        (
            "<COCHRANE_REVIEW>\n<A>\n</COCHRANE_REVIEW>",
            ("bad.rm5, row 3", "not well-formed", "mismatched tag"),
        ),
        ("<COCHRANE_REVIEW>&nbsp;</COCHRANE_REVIEW>", ("row 1", "undefined entity")),
        ("<OTHER/>", ("row 1: found 'OTHER'", "COCHRANE_REVIEW")),
        ("", ("bad.rm5", "no element found")),
        ("<A>" * 5000, ("nest more than",)),
        ('<?xml version="1.0" encoding="klingon"?><COCHRANE_REVIEW/>', ("bad.rm5, row 1", "encoding")),
        ("<COCHRANE_REVIEW/>", ("no results",)),
    ],
)
def test_files_that_are_no_review_are_refused(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "bad.rm5"
    path.write_text(text, "utf-8")
    with pytest.raises(ev.DataError) as caught:
        ev.import_revman(path).write(tmp_path / "review")
    for word in words:
        assert word in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.rm5"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('EVENTS_1="49"', 'EVENTS_1="many"', ("column DICH_DATA EVENTS_1: found 'many'", "number")),
        ('SD_1="4.7"', 'SD_1="-4.7"', ("column CONT_DATA SD_1: found '-4.7'", "at least 0")),
        ('STUDY_ID="STD-CDP"', 'STUDY_ID="STD-XYZ"', ("found 'STD-XYZ'", "no included study")),
    ],
)
def test_wrong_values_are_named_with_their_place(
    fleiss: Path, tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    text = fleiss.read_text("utf-8")
    assert old in text
    fleiss.write_text(text.replace(old, new), "utf-8")
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(ev.DataError) as caught:
        ev.import_revman(fleiss).write(tmp_path / "review")
    for word in words:
        assert word in str(caught.value)
    if "DATA" in words[0]:
        assert f"fleiss.rm5, row {line}" in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fleiss.rm5"]


def test_a_row_that_cannot_be_is_listed_and_the_rest_imported(fleiss: Path, tmp_path: Path) -> None:
    fleiss.write_text(fleiss.read_text("utf-8").replace('EVENTS_1="49"', 'EVENTS_1="900"'), "utf-8")
    made = ev.import_revman(fleiss)
    review = made.write(tmp_path / "review")
    assert len(made.left_out) == 1
    assert "MRC-1 (line " in made.left_out[0]
    assert "900 events among 615 participants" in made.left_out[0]
    assert ev.synthesise(review, made.analyses[0]).k == 6


def test_all_faults_come_in_one_message(fleiss: Path) -> None:
    text = (
        fleiss.read_text("utf-8").replace('EVENTS_1="49"', 'EVENTS_1="x"').replace('SD_2="3.8"', 'SD_2="y"')
    )
    fleiss.write_text(text, "utf-8")
    with pytest.raises(ev.DataError) as caught:
        ev.import_revman(fleiss)
    assert [fault.value for fault in caught.value.faults] == ["x", "y"]


def test_other_encodings_are_read(tmp_path: Path) -> None:
    data = {"study": ["Müller 1999", "Wilson"], "ai": [1, 2], "n1i": [9, 9], "ci": [3, 4], "n2i": [9, 9]}
    path = review_file(
        tmp_path / "a.rm5",
        study("Müller 1999", 1999) + study("Wilson"),
        comparison(
            outcome("DICH", "Death", *count_rows(data), EFFECT_MEASURE="OR"),
        ),
    )
    text = path.read_text("utf-8").replace('encoding="UTF-8"', 'encoding="ISO-8859-1"')
    path.write_bytes(text.encode("latin-1"))
    review = ev.import_revman(path).write(tmp_path / "review")
    assert list(review.trials["label"]) == ["Müller 1999", "Wilson"]
    assert list(review.trials["trial_id"]) == ["muller-1999", "wilson"]


# Exports as CSV.


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    header = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def of_revman_5(path: Path) -> Path:
    """The two examples as RevMan 5 exports them: headings above the studies, zeros where a number has no sense."""
    head = {"Comparison Number": 1, "Outcome Number": 1, "Subgroup Number": 0}
    rows: list[dict[str, Any]] = [{**head, "Outcome Number": 0, "Name": "Examples"}]
    for number, (data, name, head_of) in enumerate(
        (
            (ASPIRIN, "Death", {"Data Type": "DIC", "Statistical Method": "MH", "Effect Measure": "OR"}),
            (MENTAL, "Health", {"Data Type": "CON", "Statistical Method": "IV", "Effect Measure": "MD"}),
        ),
        start=1,
    ):
        labels = {
            "Group Label 1": "Aspirin",
            "Group Label 2": "Control",
            "Left Graph Label": "Favours experimental",
        }
        here = {**head, "Outcome Number": number}
        rows.append({**here, "Name": name, **head_of, "Analysis Model": "Fixed", "df": 4, **labels})
        for i, label in enumerate(data["study"]):
            row: dict[str, Any] = {**here, "Name": label, "Year of study": data["year"][i]}
            for arm in "12":
                count = {"1": "ai", "2": "ci"}[arm]
                row[f"Events {arm}"] = data[count][i] if count in data else 0
                row[f"Mean {arm}"] = data[f"m{arm}i"][i] if "m1i" in data else 0
                row[f"SD {arm}"] = data[f"sd{arm}i"][i] if "m1i" in data else 0
                row[f"Total {arm}"] = data[f"n{arm}i"][i]
            rows.append({**row, "Effect Estimate": 1, "SE": 1})
    return table(path, rows)


def of_revman_web(path: Path, *, settings: bool) -> Path:
    """The two examples as RevMan Web exports them."""
    rows: list[dict[str, Any]] = []
    for number, data in enumerate((ASPIRIN, MENTAL), start=1):
        for i, label in enumerate(data["study"]):
            row: dict[str, Any] = {
                "Analysis group": 1,
                "Analysis number": number,
                "Analysis name": ("Death", "Health")[number - 1],
            }
            row |= {
                "Subgroup": "",
                "Study": label,
                "Study year": data["year"][i],
                "GIV Mean": "",
                "GIV SE": "",
            }
            for arm, word in (("1", "Experimental"), ("2", "Control")):
                count = {"1": "ai", "2": "ci"}[arm]
                row[f"{word} mean"] = data[f"m{arm}i"][i] if "m1i" in data else ""
                row[f"{word} SD"] = data[f"sd{arm}i"][i] if "m1i" in data else ""
                row[f"{word} cases"] = data[count][i] if count in data else ""
                row[f"{word} N"] = data[f"n{arm}i"][i]
            rows.append(row)
    if settings:
        table(
            path.with_name(path.name.replace("data-rows", "overall-estimates-and-settings")),
            [
                {
                    "Analysis group": 1,
                    "Analysis number": number,
                    "Analysis name": name,
                    "Analysis group name": "Aspirin v control",
                    "Effect measure": measure,
                    "Analysis model": "Random effects",
                    "Statistical method": "Inverse Variance",
                    "Experimental group label": "Aspirin",
                    "Control group label": "#N/A",
                }
                for number, name, measure in ((1, "Death", "Odds Ratio"), (2, "Health", "Mean Difference"))
            ],
        )
    return table(path, rows)


def test_the_export_of_revman_5_gives_the_same_results(tmp_path: Path) -> None:
    made = ev.import_revman(of_revman_5(tmp_path / "fleiss.csv"))
    review = made.write(tmp_path / "review")
    assert made.analyses == ("aspirin-death-any", "aspirin-health-any")
    for name, expected in zip(made.analyses, ("aspirin_mh", "mental_md_ee"), strict=True):
        fit = ev.synthesise(review, name).fit
        assert fit is not None
        assert fit.estimate == pytest.approx(REFERENCE["results"][expected]["estimate"], rel=1e-9)
    assert review.arm_results.iloc[0]["locator"] == "fleiss.csv: comparison 1, outcome 1, MRC-1 (row 4)"


def test_the_export_of_revman_web_gives_the_same_results(tmp_path: Path) -> None:
    made = ev.import_revman(of_revman_web(tmp_path / "CD1-data-rows.csv", settings=True))
    review = made.write(tmp_path / "review")
    assert review.protocol.model.method == "DL"
    for name, expected in zip(made.analyses, ("aspirin_or_dl", "mental_md_dl"), strict=True):
        fit = ev.synthesise(review, name).fit
        assert fit is not None
        assert fit.estimate == pytest.approx(REFERENCE["results"][expected]["estimate"], rel=1e-9)


def test_headings_and_levels_of_any_form_are_read(tmp_path: Path) -> None:
    path = of_revman_5(tmp_path / "a.csv")
    text = path.read_text("utf-8").replace("Data Type", "data type").replace(",df,", ",DF,")
    path.write_text(text, "utf-8")
    assert ev.import_revman(path).analyses == ("aspirin-death-any", "aspirin-health-any")
    path = of_revman_web(tmp_path / "CD1-data-rows.csv", settings=True)
    settings = tmp_path / "CD1-overall-estimates-and-settings.csv"
    with settings.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for level, expected in (("9.9.9%", 0.95), ("...", 0.95), ("90.0%", 0.9)):
        table(settings, [row | {"Estimate CI": level} for row in rows])
        assert ev.import_revman(path).protocol["model"]["level"] == expected


def test_without_settings_the_measure_can_be_named(tmp_path: Path) -> None:
    path = of_revman_web(tmp_path / "CD1-data-rows.csv", settings=False)
    assert list(ev.import_revman(path).to_frame()["measure"]) == ["RR", "MD"]


def test_estimates_of_revman_web_are_logs_of_ratios(tmp_path: Path) -> None:
    rows = [
        {"Analysis group": 1, "Analysis number": 1, "Study": name, "GIV Mean": effect, "GIV SE": 0.2}
        for name, effect in (("A", -0.3), ("B", 0.1))
    ]
    path = table(tmp_path / "data-rows.csv", rows)
    with pytest.raises(ev.DataError, match="--measure"):
        ev.import_revman(path)
    made = ev.import_revman(path, measure="OR")
    effects = made.write(tmp_path / "review").effects(made.analyses[0])
    np.testing.assert_allclose(effects["effect"], [-0.3, 0.1], rtol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Study,", "Trial name,", ("row 1, column study", "missing")),
        ("MRC-1", "", ("row 2, column Study", "missing")),
        (",49,", ",forty,", ("row 2, column Experimental cases: found 'forty'", "number")),
    ],
)
def test_faults_of_an_export_are_named(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    path = of_revman_web(tmp_path / "data-rows.csv", settings=False)
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(ev.DataError) as caught:
        ev.import_revman(path).write(tmp_path / "review")
    for word in words:
        assert word in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data-rows.csv"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="there is no file"):
        ev.import_revman(tmp_path / "none.rm5")
