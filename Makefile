# The verbs of this repository. Each sets up what it needs; Python >= 3.11 and pip are enough.
PYTHON ?= python3
V := .venv
BIN := $(V)/bin
# The product alone, and what is needed to work on it: stamps of one environment.
PRODUCT := $(V)/.product
READY := $(V)/.ready
SEED ?= 1
RUNS ?= 1

.PHONY: demo test test-all sdk sim lint bench docs clean help
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/'

demo: $(PRODUCT) ## the main job against the embedded sandbox, no account needed
	@$(BIN)/lastpage demo

test: $(READY) ## the tests
	@$(BIN)/python -m pytest -n auto

test-all: $(READY) ## what `make test` leaves out since it takes long: more seeds, every step, large worlds
	@$(BIN)/python -m pytest -n auto -m long

sdk: $(READY) ## the official SDKs against the sandbox: Python's, and JavaScript's where Node is there
	@$(BIN)/python -m pip install -q -e '.[sdk]' || echo "the Python SDK could not be installed; its tests are skipped"
	@if command -v npm > /dev/null; then \
	  npm install --silent --no-audit --no-fund --no-save --prefix .node purecloud-platform-client-v2 || \
	  echo "the JavaScript SDK could not be installed; its tests are skipped"; fi
	@$(BIN)/python -m pytest tests/sdk -rs

sim: $(READY) ## seeds of the simulation: make sim SEED=1 RUNS=500
	@$(BIN)/python -m tests.simulation $(SEED) $(RUNS)

lint: $(READY) ## style, types, structure
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(READY) ## the benchmarks; prints tables
	@$(BIN)/python -m pip install -q -e '.[bench]' || echo "what is compared with could not be installed; its rows are left out"
	@$(BIN)/python -m benchmarks

docs: $(READY) ## rewrite the generated parts of docs/
	@$(BIN)/python -m docs.generate

clean: ## remove what the other verbs made
	rm -rf $(V) .node demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Install what $(1) names; uv is quick where it can be had; pip always works.
install = $(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -e $(1) 2>/dev/null || $(BIN)/python -m pip install -q -e $(1)

$(PRODUCT): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lastpage needs Python 3.11 or newer; say which with: make PYTHON=python3.12 …"; exit 2; }
	@echo "setting up $(V) …"
	@$(PYTHON) -m venv $(V)
	@$(BIN)/python -m pip install -q uv 2>/dev/null || true
	@$(call install,.)
	@touch $@

$(READY): $(PRODUCT)
	@echo "adding what the tests need …"
	@$(call install,'.[dev]')
	@touch $@
