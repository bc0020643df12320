# Every target sets up what it needs in .venv; a second run does not install again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
ARGS ?=

# pip names every package it takes; a dot for each keeps the terminal quiet but alive.
DOTS := awk '/^ *Collecting/ { printf "."; fflush() } END { print "" }'

.PHONY: help report docs examples test browser figures figures-check lab lint format bench fuzz validation lock clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

report: $(VENV)/.installed  ## Run the notebooks and build the site in report/ (options: ARGS="--only 03").
	$(BIN)/evidence report $(ARGS)

docs: $(VENV)/.installed  ## Build the documentation into build/docs.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

examples: $(VENV)/.installed  ## Make the report of each review in examples/ into build/examples.
	for folder in examples/*/; do $(BIN)/evidence report --data "$$folder" --notebooks "$${folder}notebooks" \
		--output "build/$${folder%/}" --cache build/examples-cache; done

test: $(VENV)/.installed  ## Run the tests (options for pytest: ARGS="-k forest"; with coverage, half as long again: ARGS=--cov).
	$(BIN)/python -m pytest -n auto --dist worksteal --mpl --durations 30 --durations-min 5 $(ARGS)

browser: report  ## Look at the report in Chromium, as its readers do (Debian: apt install chromium).
	$(BIN)/python -m pytest -m browser tests/browser

figures: $(VENV)/.installed  ## Draw the forest and funnel plot of every analysis into figures/.
	$(BIN)/evidence figures $(ARGS)

figures-check: $(VENV)/.installed  ## Draw the figures afresh; compare with figures/, differences in build/figures-check.html.
	$(BIN)/evidence figures --check --output-page build/figures-check.html $(ARGS)

lab: $(VENV)/.installed-lab  ## Open the notebooks in JupyterLab.
	$(BIN)/jupyter lab notebooks

lint: $(VENV)/.installed  ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed  ## Put the code into the one agreed form.
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(VENV)-bench/.installed $(VENV)/.installed  ## Set this package beside others; writes benchmarks/README.md (options: ARGS="--rounds 20").
	mkdir -p build
	$(BIN)/python benchmarks/report_times.py --output build/report_times.json $(REPORT_ARGS)
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(VENV)-bench/bin/python -W ignore benchmarks/bench.py --report build/report_times.json $(ARGS)

fuzz: $(VENV)/.installed  ## Try 20,000 random and adversarial inputs and 10,000 corrupted files (options: ARGS="--inputs 2000 --files 0 --seed 7").
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

validation: $(VENV)/.installed  ## Compute the reference values anew with R and tabulate the agreement (some minutes).
	$(BIN)/python validation/own_effects.py
	for script in validation/*.R; do echo "$$script"; Rscript --vanilla "$$script"; done
	$(BIN)/python validation/summary.py

lock: $(VENV)/.installed  ## Renew both lock files after a change in pyproject.toml (newer versions: ARGS=--upgrade).
	$(PIP) --quiet uv
	$(BIN)/python -m uv pip compile pyproject.toml --extra scale --extra docs --extra dev $(UV) $(ARGS) --output-file requirements.lock
	$(BIN)/python -m uv pip compile pyproject.toml --all-extras --constraint requirements.lock $(UV) $(ARGS) \
		--output-file requirements-lab.lock

UV := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

clean:  ## Remove the report and all caches (the environment in .venv stays).
	rm -rf report .evidence-cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed; name it as in "make $(MAKECMDGOALS) PYTHON=python3.12".' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo 'Python cannot make environments yet; on Debian, "apt install python3-venv" adds what is missing.' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/pip
	@echo 'Installing the locked packages into $(VENV): two minutes or so, the first time only.'
	@$(PIP) --no-deps --require-hashes --requirement requirements.lock | $(DOTS)
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)-bench/.installed: benchmarks/requirements.txt pyproject.toml
	@$(PYTHON) -m venv $(VENV)-bench
	@echo 'Installing the packages to compare with into $(VENV)-bench.'
	@$(VENV)-bench/bin/python -m pip install --disable-pip-version-check --requirement $< --editable '.[scale]' | $(DOTS)
	@touch $@

$(VENV)/.installed-lab: requirements-lab.lock $(VENV)/.installed
	@echo 'Installing JupyterLab into $(VENV).'
	@$(PIP) --no-deps --require-hashes --requirement requirements-lab.lock | $(DOTS)
	@touch $@
