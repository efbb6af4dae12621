# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock

.PHONY: help demo run test test-integration lint format bench docs proto lock clean
help:            ## Show this list.
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spanwarden needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml requirements.lock
	$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	$(PIP) -e '.[test,lint]'
	@touch $@

demo: $(VENV)/.run      ## Start the service, replay recorded agent runs through OTLP, print the findings.
	$(BIN)/spanwarden demo --once

run: $(VENV)/.run       ## Start the service on its defaults (localhost:4317 and 4318).
	$(BIN)/spanwarden serve

test: $(VENV)/.test     ## Every test that needs Python alone.
	$(BIN)/python -m pytest -q -m "not integration" --cov --cov-report=term:skip-covered

lint: $(VENV)/.lint     ## Style, types, room boundaries, generated code.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_proto.py --check

format: $(VENV)/.lint   ## Rewrite the code in the house style.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(VENV)/.lint    ## Generate code from proto/.
	$(BIN)/python scripts/generate_proto.py

lock: $(VENV)/.lint     ## Resolve requirements.lock anew, for every Python and platform we support.
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header pyproject.toml -o requirements.lock

clean:           ## Remove the environment and caches.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
