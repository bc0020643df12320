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
REFERENCE = json.loads((ROOT / "validation" / "examples.json").read_text(encoding="utf-8"))
ENDS = ("estimate", "ci_low", "ci_high")


def ends(fit: Any) -> list[float]:
    return [fit.estimate, fit.ci_low, fit.ci_high]


def values(name: str) -> dict[str, tuple[str, Any, Any]]:
    """Results of an example by their names in the reference: function, our values and those of metafor."""
    return {key: (function, ours, theirs_of(key)) for key, (function, ours) in COMPUTE[name]().items()}


def theirs_of(key: str) -> list[float]:
    expected = REFERENCE[key]
    names = [one for one in (*ENDS, "tau2") if one in expected and (key != "network" or one[:2] != "ci")]
    return [value for one in names for value in np.atleast_1d(expected[one]).tolist()]


def bcg() -> dict[str, tuple[str, list[float]]]:
    review = ev.read_review(ROOT / "examples" / "bcg-vaccine")
    result = ev.synthesise(review, "bcg-tuberculosis-any")
    assert result.fit is not None
    trials = result.effects.merge(review.trials[["trial_id", "ablat"]], on="trial_id")
    fit = ev.regress(
        "effect ~ ablat", trials.assign(ablat=pd.to_numeric(trials["ablat"])), variance="variance"
    )
    latitude = [value for name in ENDS for value in fit.coefficients[name]]
    return {
        "bcg": ("synthesise", [*ends(result.fit), result.fit.tau2]),
        "latitude": ("regress", [*latitude, fit.tau2]),
    }


def rosiglitazone() -> dict[str, tuple[str, list[float]]]:
    review = ev.read_review(ROOT / "examples" / "rosiglitazone")
    as_revman = ev.synthesise(review, "mantel-haenszel-myocardial-infarction-any").fit
    assert as_revman is not None
    trials = pd.read_csv(ROOT / "examples" / "rosiglitazone" / "rosiglitazone.csv")
    a, c = trials["ai"], trials["ci"]
    return {
        "peto": ("synthesise", ends(ev.synthesise(review, "rosiglitazone-myocardial-infarction-any").fit)),
        "mantel_haenszel_revman": ("synthesise", [as_revman.estimate]),
        "mantel_haenszel": (
            "mantel_haenszel",
            ends(ev.mantel_haenszel(a, trials["n1i"] - a, c, trials["n2i"] - c)),
        ),
    }


def counselling() -> dict[str, tuple[str, list[float]]]:
    review = ev.read_review(ROOT / "examples" / "smoking-cessation")
    rows = review.arm_results
    contrasts = ev.contrasts_from_arms("trial_id", "arm_id", events="events", n="n", measure="OR", data=rows)
    net = ev.network(contrasts, reference="no_contact")
    arms = [arm.replace(" ", "_").replace("-", "_") for arm in REFERENCE["network"]["arms"]]
    return {"network": ("network", [*net.effects.loc[arms, "no_contact"], net.tau2])}


def vasospasm() -> dict[str, tuple[str, list[float]]]:
    review = ev.read_review(ROOT / "examples" / "vasospasm-therapy")
    fit = ev.synthesise(review, "therapy-improvement-any").fit
    assert fit is not None
    return {"logit": ("synthesise", [*ends(fit), fit.tau2])}


COMPUTE = {
    "bcg-vaccine": bcg,
    "rosiglitazone": rosiglitazone,
    "smoking-cessation": counselling,
    "vasospasm-therapy": vasospasm,
}


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


@pytest.mark.parametrize("name", EXAMPLES)
def test_results_agree_with_metafor(name: str) -> None:
    for key, (_, ours, theirs) in values(name).items():
        if (
            key == "network"
        ):  # metafor maximises its likelihood less exactly than that of a single comparison.
            np.testing.assert_allclose(ours[:-1], theirs[:-1], rtol=1e-5)
            np.testing.assert_allclose(ours[-1], theirs[-1], rtol=1e-4)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8, err_msg=key)


def test_every_reference_is_compared() -> None:
    assert {key for name in EXAMPLES for key in COMPUTE[name]()} == set(REFERENCE)


def test_rosiglitazone_agrees_with_the_publication() -> None:
    shown = np.exp(rosiglitazone()["peto"][1]).round(2)
    assert shown.tolist() == [1.43, 1.03, 1.98]  # Nissen and Wolski (2007): 1.43 (1.03 to 1.98)


def test_the_proportions_are_those_printed() -> None:
    review = ev.read_review(ROOT / "examples" / "vasospasm-therapy")
    results = review.arm_results
    printed = pd.read_csv(ROOT / "examples" / "vasospasm-therapy" / "pritz.csv")
    assert (
        results[["events", "n"]].astype(int).to_numpy().tolist()
        == printed[["events", "n"]].to_numpy().tolist()
    )
    assert set(ev.inventory(review)["status"]) == {"poolable"}


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
