"""The files that describe the package say the same thing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import evidence
from evidence.version import DISTRIBUTION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA_NAMES = {
    "lazy-loader": "lazy_loader",
    "matplotlib": "matplotlib-base",
    "nbconvert": "nbconvert-core",
    "playwright": "playwright-python",
}
COMMON = ("scale", "docs", "dev")
LOCKS = {"requirements.lock": COMMON, "requirements-lab.lock": (*COMMON, "lab")}


def requirements(*extras: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"]]
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def locked(name: str) -> dict[str, list[str]]:
    """Return the locked versions by package name."""
    versions: dict[str, list[str]] = {}
    for match in re.finditer(r"^([a-z0-9-]+)==([^\s;\\]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE):
        versions.setdefault(match[1], []).append(match[2])
    return versions


def test_the_package_knows_its_name_and_where_its_version_stands() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["version"]
    assert f'"{evidence.__version__}"' in (ROOT / version["path"]).read_text("utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", evidence.__version__)


def test_environment_names_the_packages_and_bounds_of_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    *by_conda, by_pip = environment["dependencies"]
    stated = {*by_conda, *by_pip["pip"]} - {"pip", "-e ."}
    wanted = {
        f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}"
        for r in requirements(*PROJECT["optional-dependencies"])
    }
    extras = {"mkdocstrings-python>=1.12"}  # what "mkdocstrings[python]" asks for besides
    assert stated == wanted | extras | {f"python{PROJECT['requires-python']}"}


def test_the_conda_recipe_names_the_packages_and_bounds_of_pyproject() -> None:
    text = (ROOT / "packaging" / "conda" / "meta.yaml").read_text("utf-8")
    assert f'{{% set version = "{evidence.__version__}" %}}' in text
    assert f'{{% set name = "{DISTRIBUTION}" %}}' in text
    recipe = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", re.sub(r"^\{%.*%\}$", "", text, flags=re.MULTILINE)))
    run = {line.replace(" ", "") for line in recipe["requirements"]["run"]}
    wanted = {f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}" for r in requirements()}
    assert run == wanted | {f"python{PROJECT['requires-python']}"}
    scale = {f"{r.name}{r.specifier}" for r in map(Requirement, PROJECT["optional-dependencies"]["scale"])}
    assert {line.replace(" ", "") for line in recipe["requirements"]["run_constrained"]} == scale


def test_the_release_publishes_without_a_secret() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert "secrets." not in text
    assert "password" not in text
    assert workflow["permissions"] == {"contents": "read"}
    publish = workflow["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "try"
    assert {"ubuntu-latest", "macos-latest", "windows-latest"} == set(
        workflow["jobs"]["try"]["strategy"]["matrix"]["system"]
    )


def test_the_checks_run_on_three_systems() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text("utf-8"))
    job = workflow["jobs"]["systems"]
    matrix = job["strategy"]["matrix"]
    systems = {*matrix["system"], *(entry["system"] for entry in matrix["include"])}
    assert systems == {"ubuntu-latest", "macos-latest", "windows-latest"}
    commands = [step["run"] for step in job["steps"] if "run" in step]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(command in commands for command in ("python -m pytest -n auto", "python -m evidence report"))
    assert all(command in readme for command in ("python -m evidence report", "python -m pytest"))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_every_dependency_within_its_bounds(name: str) -> None:
    versions = locked(name)
    for requirement in requirements(*LOCKS[name]):
        held = versions.get(canonicalize_name(requirement.name), [])
        assert held, f"{requirement.name} is missing in {name}; run make lock"
        assert all(requirement.specifier.contains(version) for version in held), (
            f"{requirement.name} in {name}"
        )


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_and_no_host(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"://|file:|--index-url|--find-links| @ ", text)
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_both_locks_agree() -> None:
    narrow, wide = (locked(name) for name in LOCKS)
    assert {package: wide.get(package) for package in narrow} == narrow


def test_citation_carries_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (citation["version"], citation["license"]) == (evidence.__version__, PROJECT["license"])
    assert citation["authors"]


def test_make_lists_its_targets() -> None:
    listing = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    targets = set(re.findall(r"^  make (\w+)", listing, re.MULTILINE))
    assert {"help", "report", "test", "figures", "lab", "lint", "lock", "clean"} <= targets


def test_readme_and_checks_name_the_same_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    checks = re.findall(r"^make \w+", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert "make test" in checks
    assert all(command in readme for command in [*checks, "make report"])


def test_the_library_example_of_the_readme_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    code = code.replace('"data"', repr(str(ROOT / "data")))
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert {"massage.svg", "massage.png"} <= {path.name for path in tmp_path.iterdir()}


def test_the_readme_shows_commands_that_exist() -> None:
    from typer.main import get_command

    from evidence.cli import app

    readme = (ROOT / "README.md").read_text("utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    shown = re.findall(r"^evidence ([\w-]+)([^#\n]*)", readme, re.MULTILINE)
    assert {name for name, _ in shown} == set(commands)
    for name, rest in shown:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--\w+", rest)) <= options
