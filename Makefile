# Two commands do all the set-up: `make demo` and `make test`. Both need nothing but Python 3.11 or newer and make.
#
# A stamp in the environment tells what has been installed; it is redone when pyproject.toml or the lock file changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c requirements.lock
LOCK_OPTIONS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test test-integration lint format bench docs proto lock clean

help:            ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "spanwarden: no $(PYTHON) here; install Python 3.11 or newer, or say make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spanwarden: Python 3.11 or newer is needed, this is %d.%d; say make PYTHON=..." % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "spanwarden: $(PYTHON) cannot make a virtual environment; install its venv package (python3-venv on Debian and Ubuntu)" >&2; exit 1; }

$(VENV)/.run: $(BIN)/python pyproject.toml requirements.lock
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(INSTALL) -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	$(INSTALL) -e '.[test,lint]'
	@touch $@

$(VENV)/.integration: $(VENV)/.test
	$(INSTALL) -e '.[test,integration]'
	@touch $@

demo: $(VENV)/.run      ## Start the service, replay recorded agent runs through OTLP, print the findings.
	$(BIN)/spanwarden demo --once

run: $(VENV)/.run       ## Start the service on its defaults (localhost:4317 and 4318).
	$(BIN)/spanwarden serve

test: $(VENV)/.test     ## Every test that needs Python alone, with coverage.
	$(BIN)/python -m pytest -q -m "not integration" --cov --cov-report=term:skip-covered

test-integration: $(VENV)/.integration  ## Live parts: real instrumentation, exporters and Collector (built with Go), a webhook.
	$(BIN)/python scripts/check_licences.py
	-$(BIN)/python scripts/build_collector.py
	$(BIN)/python -m pytest -q -m integration

lint: $(VENV)/.lint     ## Style, types, room boundaries, generated code and docs, licences.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_proto.py --check
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python scripts/check_licences.py

format: $(VENV)/.lint   ## Rewrite the code in the house style.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

BENCHES := pipeline decision_latency acknowledgements decode_and_observe histories open_runs judge rules journal ledger \
	receive_requests workers
bench: $(VENV)/.integration    ## Measure the service and its rooms beside their floors and peers; about ten minutes.
	@for bench in $(BENCHES); do echo "== $$bench"; PYTHONPATH=tests $(BIN)/python tests/bench/$$bench.py || exit 1; done

docs: $(VENV)/.test     ## Write the generated parts of docs/.
	$(BIN)/python scripts/generate_docs.py

proto: $(VENV)/.lint    ## Generate code from proto/.
	$(BIN)/python scripts/generate_proto.py

lock: $(BIN)/python     ## Resolve requirements.lock; LOCK_OPTIONS=--upgrade takes the newest of everything.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header \
		$(LOCK_OPTIONS) pyproject.toml -o requirements.lock

clean:           ## Remove the environment and caches.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
