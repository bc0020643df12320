"""The reviews in examples/: made by the import that their READMEs show, and agreeing with metafor."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import evidence as ev
from evidence.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/review.yaml"))


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return json.loads((ROOT / "validation" / "examples.json").read_text(encoding="utf-8"))


def near(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=1e-6, atol=1e-8)


def ends(fit: Any, expected: dict[str, Any]) -> None:
    near(
        [fit.estimate, fit.ci_low, fit.ci_high],
        [expected[name] for name in ("estimate", "ci_low", "ci_high")],
    )


def test_each_field_has_its_example() -> None:
    assert EXAMPLES == ["bcg-vaccine", "rosiglitazone", "smoking-cessation", "vasospasm-therapy"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tables_are_what_the_import_in_the_readme_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ROOT / "examples" / name
    block = (folder / "README.md").read_text(encoding="utf-8").split("```")[1]
    command = shlex.split(block.replace("\\\n", " "))
    assert command[:2] == ["evidence", "import"]
    place = command.index("--output") + 1
    command[place] = str(tmp_path / "made")
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, command[1:])
    assert result.exit_code == 0, result.output
    for table in ("trials", "arms", "arm_results", "instruments"):
        assert (folder / f"{table}.csv").read_text("utf-8") == (tmp_path / "made" / f"{table}.csv").read_text(
            "utf-8"
        )


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tables_are_plausible(name: str) -> None:
    findings = ev.check(ROOT / "examples" / name)
    assert "error" not in set(findings["severity"])


def test_bcg_agrees_with_metafor(reference: dict[str, Any]) -> None:
    review = ev.read_review(ROOT / "examples" / "bcg-vaccine")
    result = ev.synthesise(review, "bcg-tuberculosis-any")
    ends(result.fit, reference["bcg"])
    assert result.fit is not None
    near(result.fit.tau2, reference["bcg"]["tau2"])
    trials = result.effects.merge(review.trials[["trial_id", "ablat"]], on="trial_id")
    fit = ev.regress(
        "effect ~ ablat", trials.assign(ablat=pd.to_numeric(trials["ablat"])), variance="variance"
    )
    for column in ("estimate", "ci_low", "ci_high"):
        near(fit.coefficients[column], reference["latitude"][column])
    near(fit.tau2, reference["latitude"]["tau2"])


def test_rosiglitazone_agrees_with_metafor_and_the_publication(reference: dict[str, Any]) -> None:
    review = ev.read_review(ROOT / "examples" / "rosiglitazone")
    peto = ev.synthesise(review, "rosiglitazone-myocardial-infarction-any").fit
    ends(peto, reference["peto"])
    as_revman = ev.synthesise(review, "mantel-haenszel-myocardial-infarction-any").fit
    assert as_revman is not None
    near(as_revman.estimate, reference["mantel_haenszel_revman"]["estimate"])
    trials = pd.read_csv(ROOT / "examples" / "rosiglitazone" / "rosiglitazone.csv")
    a, c = trials["ai"], trials["ci"]
    ends(ev.mantel_haenszel(a, trials["n1i"] - a, c, trials["n2i"] - c), reference["mantel_haenszel"])
    assert peto is not None  # Nissen and Wolski (2007): 1.43 (1.03 to 1.98)
    assert np.exp([peto.estimate, peto.ci_low, peto.ci_high]).round(2).tolist() == [1.43, 1.03, 1.98]


def test_the_network_of_counselling_agrees_with_metafor(reference: dict[str, Any]) -> None:
    review = ev.read_review(ROOT / "examples" / "smoking-cessation")
    rows = review.arm_results
    contrasts = ev.contrasts_from_arms("trial_id", "arm_id", events="events", n="n", measure="OR", data=rows)
    net = ev.network(contrasts, reference="no_contact")
    expected = reference["network"]
    arms = [arm.replace(" ", "_").replace("-", "_") for arm in expected["arms"]]
    # metafor maximises the likelihood of a network less exactly than one of a single comparison.
    np.testing.assert_allclose(net.effects.loc[arms, "no_contact"], expected["estimate"], rtol=1e-5)
    np.testing.assert_allclose(net.tau2, expected["tau2"], rtol=1e-4)


def test_the_proportion_agrees_with_metafor(reference: dict[str, Any]) -> None:
    review = ev.read_review(ROOT / "examples" / "vasospasm-therapy")
    fit = ev.synthesise(review, "therapy-improvement-any").fit
    ends(fit, reference["logit"])
    assert fit is not None
    near(fit.tau2, reference["logit"]["tau2"])
    printed = pd.read_csv(ROOT / "examples" / "vasospasm-therapy" / "pritz.csv")
    results = review.arm_results
    assert (
        results[["events", "n"]].astype(int).to_numpy().tolist()
        == printed[["events", "n"]].to_numpy().tolist()
    )
    listed = ev.inventory(review)
    assert set(listed["status"]) == {"poolable"}


def test_the_notebooks_of_single_groups_are_those_of_the_import() -> None:
    ours = ROOT / "examples" / "vasospasm-therapy" / "notebooks"
    made = ROOT / "src" / "evidence" / "tables" / "templates" / "every" / "notebooks"
    for path in made.glob("*.ipynb"):
        assert (ours / path.name).read_text("utf-8") == path.read_text("utf-8")
    assert {path.name for path in ours.glob("*.ipynb")} == {path.name for path in made.glob("*.ipynb")}


def test_trials_without_counts_cannot_join_a_total_of_counts() -> None:
    review = ev.read_review(ROOT / "examples" / "rosiglitazone")
    table = ev.sensitivity(review, "rosiglitazone-myocardial-infarction-any")
    told = table.loc[table["kind"] == "missing results", "note"]
    assert told.str.contains("without counts").all()
    assert len(told) == 1
