# The verbs of this repository. Each sets up what it needs; Python >= 3.11 and pip are enough.
PYTHON ?= python3
V := .venv
BIN := $(V)/bin
# The product alone, and what is needed to work on it: stamps of one environment.
PRODUCT := $(V)/.product
READY := $(V)/.ready
# An environment of its own, with the lowest versions that are declared; and the tests that are run in it.
LOWEST := $(V)/lowest
TESTS ?= tests
# A fresh environment, to see what the newest versions are.
NEWEST := $(V)/newest
SEED ?= 1
RUNS ?= 1

.PHONY: demo test test-all test-lowest constraints sdk sim lint bench docs clean help
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/'

demo: $(PRODUCT) ## the main job against the embedded sandbox, no account needed
	@$(BIN)/lastpage demo

test: $(READY) ## the tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-all: $(READY) ## what `make test` leaves out since it takes long: more seeds, every step, large worlds
	@$(BIN)/python -m pytest -n auto --dist worksteal -m long

test-lowest: $(PRODUCT) ## the tests with the lowest versions that pyproject.toml declares; a part: TESTS=tests/sinks
	@test -x $(BIN)/uv || { echo "this lane needs uv, which pip could not install into $(V)"; exit 2; }
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv --without-pip $(LOWEST)
	@$(BIN)/uv pip install -q --compile-bytecode --python $(LOWEST)/bin/python --resolution lowest-direct $(WHEELS) -e '.[dev,sdk,bench,fuzz]' || \
	  { echo "an old version may have no wheel for this Python; make PYTHON=python3.11 clean test-lowest"; exit 2; }
	@$(LOWEST)/bin/python -m pytest -n auto --dist worksteal $(TESTS)

constraints: $(PRODUCT) ## rewrite constraints.txt with the newest versions; then `make clean test-all` says whether they are good
	@$(PYTHON) -m venv --clear $(NEWEST)
	@$(NEWEST)/bin/python -m pip install -q $(WHEELS) -e '.[dev,sdk,bench,fuzz]' uv hatchling
	@{ grep '^#' constraints.txt; $(NEWEST)/bin/python -m pip freeze --exclude-editable; } > $(NEWEST)/constraints.txt
	@cp $(NEWEST)/constraints.txt constraints.txt

sdk: $(READY) ## the official SDKs against the sandbox: Python's, and JavaScript's where Node is there
	@$(call install,'.[sdk]') || echo "the Python SDK could not be installed; its tests are skipped"
	@if command -v npm > /dev/null; then \
	  npm install --silent --no-audit --no-fund --no-save --prefix .node purecloud-platform-client-v2 || \
	  echo "the JavaScript SDK could not be installed; its tests are skipped"; fi
	@$(BIN)/python -m pytest tests/sdk -rs

sim: $(READY) ## seeds of the simulation: make sim SEED=1 RUNS=500; of a year that is synced: OF=daily, hourly, quarter-hourly
	@$(BIN)/python -m tests.simulation $(SEED) $(RUNS) $(OF)

lint: $(READY) ## style, types, structure
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(READY) ## the benchmarks; prints tables; beside another build: AGAINST=a.whl, or a checkout
	@$(call install,'.[bench]') || echo "what is compared with could not be installed; its rows are left out"
	@$(BIN)/python -m benchmarks $(if $(AGAINST),--against $(AGAINST))

docs: $(READY) ## rewrite the generated parts of docs/
	@$(BIN)/python -m docs.generate

clean: ## remove what the other verbs made
	rm -rf $(V) .node demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Nothing but lastpage is built: a version without a wheel for this Python is not to be had, and found out at once.
WHEELS := --only-binary :all: --no-binary lastpage
# Install what $(1) names, in the versions of constraints.txt: uv is quick where it can be had, pip always works. A Python that is
# newer than the set, or an index that lacks some of it, gets the newest versions that pyproject.toml allows, and is told so.
install = { $(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python $(WHEELS) -c constraints.txt -e $(1) 2> /dev/null || \
  $(BIN)/python -m pip install -q $(WHEELS) -c constraints.txt -e $(1) 2> /dev/null || \
  { echo "the versions of constraints.txt cannot be had here; taking the newest that are allowed"; \
    $(BIN)/python -m pip install -q -e $(1); }; }

$(PRODUCT): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lastpage needs Python 3.11 or newer; say which with: make PYTHON=python3.12 …"; exit 2; }
	@echo "setting up $(V) …"
	@$(PYTHON) -m venv $(V)
	@$(BIN)/python -m pip install -q $(WHEELS) -c constraints.txt uv 2> /dev/null || true
	@$(call install,.)
	@touch $@

$(READY): $(PRODUCT)
	@echo "adding what the tests need …"
	@$(call install,'.[dev]')
	@touch $@
