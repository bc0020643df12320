"""Leaving with everything: the forms that other programs read, each read back."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

import evidence as ev
from evidence import cli
from evidence.report.export.excel import LONGEST, workbook_tables, write_excel
from evidence.report.export.frictionless import write_frictionless
from evidence.report.export.json_results import read_json, results_schema, review_results, write_json
from evidence.report.export.revman import write_revman
from evidence.synthesis.networks import review_networks
from evidence.synthesis.stored import stored_totals

if TYPE_CHECKING:
    from tests.conftest import SmallReview

ID = "singing-crying-short"


def test_revman_tables_come_back_with_every_result(filled: SmallReview, tmp_path: Path) -> None:
    review = filled.read()
    paths = write_revman(review, tmp_path / "out")
    assert paths[0].name == "review-data-rows.csv"
    with paths[0].open(encoding="utf-8") as file:
        sizes = {row[f"{side} N"] for row in csv.DictReader(file) for side in ("Experimental", "Control")}
    assert all(size == "" or size.isdigit() for size in sizes)
    made = ev.import_revman(paths[0])
    back = made.write(tmp_path / "back")
    done = [one for one in (ev.synthesise(review, name) for name in review.analyses) if one.k]
    again = [ev.synthesise(back, name) for name in made.analyses]
    assert len(again) == len(done)
    assert any(one.fit is not None for one in done)
    for one, other in zip(done, again, strict=True):
        assert (one.measure, one.k) == (other.measure, other.k)
        np.testing.assert_allclose(other.effects["effect"], one.effects["effect"], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(other.effects["se"], one.effects["se"], rtol=1e-12)
        assert (one.fit is None) == (other.fit is None)
        if one.fit is not None and other.fit is not None:
            for name in ("estimate", "se", "ci_low", "ci_high", "tau2", "q"):
                assert getattr(other.fit, name) == pytest.approx(getattr(one.fit, name), rel=1e-9, abs=1e-9)
    totals = stored_totals(back)
    assert len(totals) == sum(one.fit is not None for one in done)
    assert totals["agrees"].all()


def test_judgements_come_back_with_what_they_rest_on(filled: SmallReview, tmp_path: Path) -> None:
    trials = [str(row["trial_id"]) for row in filled.rows["trials"]]
    filled.rows["risk_of_bias"] = []
    judged = [
        ("randomisation", "low"),
        ("allocation_concealment", "some"),
        ("blinding_participants", "unclear"),
    ]
    for trial in trials:
        for domain, judgement in [*judged, ("missing_outcomes", "high")]:
            basis = f"why {judgement}"
            filled.add("risk_of_bias", trial_id=trial, domain=domain, judgement=judgement, basis=basis)
    review = filled.read()
    paths = write_revman(review, tmp_path / "out")
    back = ev.import_revman(paths[0]).write(tmp_path / "back")
    label = review.trials.set_index("trial_id")["label"]
    used = back.trials.set_index("trial_id")["label"]
    found = {
        (used[row["trial_id"]], row["domain"], row["judgement"], row["basis"])
        for row in back.risk_of_bias.to_dict("records")
    }
    expected = {
        (label[row["trial_id"]], row["domain"], row["judgement"], row["basis"])
        for row in review.risk_of_bias.to_dict("records")
        if label[row["trial_id"]] in set(used)
    }
    assert expected
    assert expected <= found


def counts_review(folder: Path, model: dict[str, Any], measure: str = "OR") -> ev.Review:
    """Make a review of counts, of which one has no event in an arm."""
    folder.mkdir()
    text = "study,ai,n1i,ci,n2i\nAhn 2001,3,40,9,41\nBode 2003,11,120,17,118\nCruz 2004,0,30,4,31\n=1+1,5,70,6,69\n"
    (folder / "made.csv").write_text(text, "utf-8")
    ev.import_effects(folder / "made.csv", measure=measure, better="lower").write(folder / "review")
    path = folder / "review" / "review.yaml"
    protocol = yaml.safe_load(path.read_text("utf-8"))
    protocol["model"] |= model
    path.write_text(json.dumps(protocol), "utf-8")
    return ev.read_review(folder / "review")


@pytest.mark.parametrize(
    ("measure", "model", "kind"),
    [
        ("OR", {"counts": "MH", "method": "EE", "interval": "z"}, "Dichotomous"),
        ("RR", {"counts": "MH", "method": "DL", "interval": "z"}, "Dichotomous"),
        ("OR", {"counts": "PETO", "method": "EE", "interval": "z"}, "Dichotomous"),
        ("RD", {"method": "REML", "interval": "HKSJ"}, "Dichotomous"),
    ],
)
def test_counts_go_to_revman_as_counts(
    tmp_path: Path, measure: str, model: dict[str, Any], kind: str
) -> None:
    review = counts_review(tmp_path / "x", model, measure)
    paths = write_revman(review, tmp_path / "out")
    with paths[1].open(encoding="utf-8") as file:
        assert [row["Data type"] for row in csv.DictReader(file)] == [kind]
    with paths[0].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Experimental cases"] for row in rows] == ["5", "3", "11", "0"]
    assert rows[0]["Study"] == "'=1+1"
    made = ev.import_revman(paths[0])
    fit = ev.synthesise(review, "treatment-outcome-any").fit
    back = ev.synthesise(made.write(tmp_path / "back"), made.analyses[0])
    assert fit is not None
    assert back.fit is not None
    for name in ("estimate", "se", "ci_low", "ci_high", "tau2", "q", "i2"):
        assert getattr(back.fit, name) == pytest.approx(getattr(fit, name), rel=1e-9, abs=1e-9)
    assert back.effects["label"].iloc[0] == "=1+1"


def test_revman_is_told_what_it_does_not_have(tmp_path: Path) -> None:
    review = counts_review(tmp_path / "x", {"method": "PM", "interval": "HKSJ-adhoc"})
    said = write_revman(review, tmp_path / "out")[-1].read_text("utf-8")
    assert "RevMan's settings do not name the estimator PM (REML is set)." in said
    assert "RevMan's settings do not name the interval HKSJ-adhoc (HKSJ is set)." in said


def exported(folder: Path, review: ev.Review) -> tuple[list[dict[str, str]], str]:
    """Export a review for RevMan; give its rows and its README."""
    paths = write_revman(review, folder)
    with paths[0].open(encoding="utf-8") as file:
        return list(csv.DictReader(file)), paths[-1].read_text("utf-8")


def test_every_comparison_is_written_or_named(filled: SmallReview, tmp_path: Path) -> None:
    filled.trial("eve", song="singing, 40", quiet="silence, 50")
    filled.arm("eve", "song", mean=3.0, n=40)
    filled.arm("eve", "quiet", mean=5.0, n=50)
    review = filled.read()
    rows, said = exported(tmp_path / "out", review)
    with (tmp_path / "out" / "review-overall-estimates-and-settings.csv").open(encoding="utf-8") as file:
        names = {
            (
                row["Analysis group"],
                row["Analysis number"],
            ): f"{row['Analysis group name']}: {row['Analysis name']}"
            for row in csv.DictReader(file)
        }
    written = [(names[row["Analysis group"], row["Analysis number"]], row["Study"]) for row in rows]
    _, part = said.split("## Not written")
    lists = dict(re.findall(r"^- `(.+?)`\n((?:  - .+\n)*)", part, re.MULTILINE))
    assert "no result for crying in this window was seen" in lists["singing-crying-long"]
    both = Counter[bool]()
    for name, analysis in review.analyses.items():
        for label, group in review.comparisons(name).groupby("label"):
            lines = [
                line for line in lists.get(name, "").split("\n") if "the estimate is written" not in line
            ]
            arms = [f"{label} ({row['arm']} v {row['comparator']})" for row in group.to_dict("records")]
            named = sum(arm in line for arm in arms for line in lines)
            found = sum(
                title == analysis.title and (study == label or study.startswith(f"{label} ("))
                for title, study in written
            )
            assert named + found == len(group), (name, label)
            both[bool(named)] += 1
    assert both[True] > 5
    assert both[False] >= 3
    incomplete = next(row for row in rows if row["Study"] == "Eve")
    assert [incomplete[name] for name in ("GIV SE", "Experimental mean", "Experimental SD")] == [
        "",
        "3.0",
        "",
    ]


def test_trials_without_an_event_go_to_revman(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    text = "study,ai,n1i,ci,n2i\nAhn,3,40,9,41\nBode,11,120,17,118\nCruz,0,30,0,31\n"
    (folder / "made.csv").write_text(text, "utf-8")
    ev.import_effects(folder / "made.csv", measure="OR", better="lower").write(folder / "review")
    path = folder / "review" / "review.yaml"
    protocol = yaml.safe_load(path.read_text("utf-8"))
    protocol["model"] |= {"counts": "PETO", "method": "EE", "interval": "z"}
    path.write_text(json.dumps(protocol), "utf-8")
    review = ev.read_review(folder / "review")
    rows, said = exported(tmp_path / "out", review)
    sides = ("Experimental cases", "Experimental N", "Control cases", "Control N")
    assert [[row[name] for name in sides] for row in rows if row["Study"] == "Cruz"] == [
        ["0", "30", "0", "31"]
    ]
    assert rows[2]["Footnotes"] == "Not poolable: no event in either arm: the ratio is not defined"
    assert "## Not written" not in said
    made = ev.import_revman(tmp_path / "out" / "review-data-rows.csv")
    back = ev.synthesise(made.write(tmp_path / "back"), made.analyses[0])
    one = ev.synthesise(review, "treatment-outcome-any")
    assert one.fit is not None
    assert back.fit is not None
    assert (back.k, len(back.not_poolable)) == (one.k, len(one.not_poolable)) == (2, 1)
    assert back.fit.estimate == pytest.approx(one.fit.estimate, rel=1e-9)


def test_reported_arms_stand_beside_estimates(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text(
        "study,m1i,sd1i,n1i,m2i,sd2i,n2i\nAhn,12.5,3,40,10,2.5,41\nBode,9,2,30,8,2,31\nCruz,9,,30,8,2,31\n"
    )
    made = ev.import_effects(tmp_path / "made.csv", measure="ROM", better="lower")
    folder = tmp_path / "review"
    made.write(folder)
    rows, said = exported(tmp_path / "out", ev.read_review(folder))
    names = (
        "Experimental mean",
        "Experimental SD",
        "Experimental N",
        "Control mean",
        "Control SD",
        "Control N",
    )
    assert [float(rows[0][name]) for name in names] == [12.5, 3, 40, 10, 2.5, 41]
    assert float(rows[0]["GIV Mean"]) == pytest.approx(math.log(1.25))
    assert "the means and SDs beside them are as reported, in: treatment-outcome-any." in said
    again = ev.import_revman(tmp_path / "out" / "review-data-rows.csv")
    back = ev.synthesise(again.write(tmp_path / "back"), again.analyses[0])
    one = ev.synthesise(ev.read_review(folder), "treatment-outcome-any")
    assert one.fit is not None
    assert back.fit is not None
    assert back.fit.estimate == pytest.approx(one.fit.estimate, rel=1e-9)


def test_counts_stand_beside_a_reported_ratio(small: SmallReview, tmp_path: Path) -> None:
    for trial, events in (("ava", 30), ("ben", 20), ("cai", "")):
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        if events:
            small.arm(trial, "song", "settled", events=events, n=40)
            small.arm(trial, "quiet", "settled", events=25, n=50)
    small.contrast(
        "cai",
        "song",
        "quiet",
        "settled",
        measure="RR",
        estimate=1.4,
        ci_low=1.1,
        ci_high=1.8,
        statistic="count",
    )
    review = small.read()
    rows, said = exported(tmp_path / "out", review)
    kept = {row["Study"]: row for row in rows}
    assert kept["Ava"]["Experimental cases"] == "30"
    assert kept["Ben"]["Control N"] == "50"
    assert kept["Cai"]["Experimental cases"] == ""
    assert all(row["GIV SE"] for row in rows)
    assert "the counts beside them are as reported" in said


def read(path: Path, sheet: str, **options: Any) -> pd.DataFrame:
    return pd.read_excel(path, sheet_name=sheet, engine="openpyxl", **options)


def test_a_workbook_holds_everything_and_no_formula(filled: SmallReview, tmp_path: Path) -> None:
    row = filled.rows["trials"][0]
    row["label"] = '=HYPERLINK("http://example.org")'
    row["notes"] = "@SUM(1)"
    row["population"] = "x" * 40_000
    review = filled.read()
    path = write_excel(review, tmp_path / "out")[0]
    book = openpyxl.load_workbook(path)
    tables = workbook_tables(review)
    assert book.sheetnames == ["about", *tables]
    for sheet in book:
        for cells in sheet.iter_rows():
            for cell in cells:
                assert cell.data_type != "f", (sheet.title, cell.coordinate, cell.value)
    results = read(path, "results").set_index("analysis")
    fit = ev.synthesise(review, ID).fit
    assert fit is not None
    assert results.loc[ID, "estimate"] == fit.estimate
    assert results.loc[ID, "tau2_high"] == fit.tau2_high
    trials = read(path, "trials", keep_default_na=False)
    assert list(trials["label"]) == list(review.trials["label"])
    assert trials.loc[0, "notes"] == "@SUM(1)"
    held = str(trials.loc[0, "population"])
    assert len(held) == LONGEST
    assert held.endswith("cut: the cell holds no more]")
    codebook = read(path, "codebook", keep_default_na=False)
    described = set(zip(codebook["table"], codebook["column"], strict=True))
    assert described == {(name, column) for name in tables if name != "codebook" for column in tables[name]}
    assert (codebook["description"] != "").all()
    found = codebook.set_index(["table", "column"])
    assert found.loc[("trials", "year"), "allowed"] == "from 1900 to 2100"


def test_a_data_package_is_a_review_with_schemas_that_hold(filled: SmallReview, tmp_path: Path) -> None:
    review = filled.read()
    place = tmp_path / "out"
    paths = write_frictionless(review, place)
    package = json.loads((place / "datapackage.json").read_text("utf-8"))
    assert {path.name for path in paths} == {
        "datapackage.json",
        "review.yaml",
        *(resource["path"] for resource in package["resources"]),
    }
    held: dict[str, list[dict[str, str]]] = {}
    for resource in package["resources"]:
        with (place / resource["path"]).open(encoding=resource["encoding"], newline="") as file:
            reader = csv.DictReader(file)
            held[resource["name"]] = list(reader)
            fields = {field["name"]: field for field in resource["schema"]["fields"]}
            if held[resource["name"]]:
                assert list(reader.fieldnames or ()) == list(fields)
        assert all(field.get("description", "x") for field in fields.values())
        for row in held[resource["name"]]:
            for name, text in row.items():
                if text == "":
                    assert not fields[name].get("constraints", {}).get("required")
                elif fields[name]["type"] == "integer":
                    int(text)
                elif fields[name]["type"] == "number":
                    float(text)
                elif fields[name]["type"] == "boolean":
                    assert text in ("True", "False")
    for resource in package["resources"]:
        schema, rows = resource["schema"], held[resource["name"]]
        if key := schema.get("primaryKey"):
            keys = [tuple(row[name] for name in key) for row in rows]
            assert len(keys) == len(set(keys))
        for link in schema.get("foreignKeys", []):
            target = link["reference"]
            known = {tuple(row[name] for name in target["fields"]) for row in held[target["resource"]]}
            used = {tuple(row[name] for name in link["fields"]) for row in rows}
            assert {one for one in used if any(one)} <= known
    again = ev.read_review(place)
    assert ev.synthesise(again, ID).sentence() == ev.synthesise(review, ID).sentence()


def test_results_as_json_are_as_their_schema_says(filled: SmallReview, tmp_path: Path) -> None:
    review = filled.read()
    paths = write_json(review, tmp_path / "out")
    document = json.loads(paths[0].read_text("utf-8"))
    schema = json.loads(paths[1].read_text("utf-8"))
    assert document["$schema"] == paths[1].name
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert schema == results_schema()
    assert read_json(paths[0]) == review_results(review)
    by_id = {one["id"]: one for one in document["analyses"]}
    assert set(by_id) == set(review.analyses)
    one = ev.synthesise(review, ID)
    assert one.fit is not None
    found = by_id[ID]
    assert found["result"]["estimate"] == one.fit.estimate
    assert found["result"]["tau2_low"] == one.fit.tau2_low
    assert sum(row["weight"] for row in found["comparisons"] if row["reason"] == "") == pytest.approx(100)
    assert len(found["comparisons"]) == one.k + len(one.not_poolable)
    nothing = [name for name in review.analyses if ev.synthesise(review, name).fit is None]
    assert nothing
    assert all(by_id[name]["result"] is None for name in nothing)


def test_json_that_is_not_as_the_schema_says_is_refused(filled: SmallReview, tmp_path: Path) -> None:
    paths = write_json(filled.read(), tmp_path / "out")
    document = json.loads(paths[0].read_text("utf-8"))
    document["analyses"][0]["k"] = "many"
    paths[0].write_text(json.dumps(document), "utf-8")
    with pytest.raises(ValidationError):
        read_json(paths[0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, results_schema())


def test_ratios_are_told_as_ratios_and_kept_as_logs(tmp_path: Path) -> None:
    review = counts_review(tmp_path / "x", {"method": "EE", "interval": "z"})
    found = review_results(review).analyses[0]
    assert found.result is not None
    assert found.result.shown.estimate == pytest.approx(np.exp(found.result.estimate))
    assert found.result.prediction_low is None


def test_networks_of_a_review_are_those_of_its_questions(filled: SmallReview) -> None:
    filled.trial("Told", a="storytelling", b="silence")
    filled.arm("Told", "a", mean=30, sd=10, n=40)
    filled.arm("Told", "b", mean=40, sd=11, n=41)
    review = filled.read()
    found = review_networks(review)
    assert "crying-short-fine" in [one.id for one in found]
    for one in found:
        assert one.fit is not None
        assert len(one.fit.treatments) >= 3
        data = ev.network_data(review, one.outcome, one.window, nodes=one.nodes)
        assert {*one.contrasts["treat1"]} <= {*data["treat1"], *data["treat2"]}


def test_networks_tell_results_of_enough_trials_with_their_certainty(filled: SmallReview) -> None:
    filled.trial("Told", a="storytelling", b="silence")
    filled.arm("Told", "a", mean=30, sd=10, n=40)
    filled.arm("Told", "b", mean=40, sd=11, n=41)
    review = filled.read()
    [network] = [one for one in review_results(review).networks if one.id == "crying-short-fine"]
    # Two trials compare singing with silence, and here two are enough; one compares storytelling.
    [told] = network.treatments
    assert (told.treatment, network.reference, told.rests_on, told.studies) == ("singing", "silence", 2, 2)
    found = ev.network_findings(review, "crying", "short", nodes="fine", reference="silence")
    assert told.certainty == found.finding("singing", "silence").level
    assert set(network.not_told) == {"storytelling"}
    assert network.not_told["storytelling"].startswith("Only one trial gives usable numbers")


def test_the_command_writes_each_form_in_its_place(
    filled: SmallReview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = filled.write()
    kinds = ["r", "revman", "excel", "frictionless", "json"]
    command = ["evidence", "export", *kinds, "--data", str(folder), "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    said = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert all(path.is_file() for path in said)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("frictionless", "json", "manifest.json", "r", "review.xlsx", "revman")
    ]
    assert (tmp_path / "out" / "r" / "analyses.R").is_file()
