# Everything a person or the continuous integration types. `make help` explains the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
TESTS ?=
# As many processes as the tests are spread over; a file of tests stays in one of them, in the order of the files.
SPREAD ?= -n 2 --dist loadscope --no-loadscope-reorder

# The tests start hundreds of processes: what Python has compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run demo test test-all unit lint bench results chaos shots check clean venv system

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and '$(PYTHON)' was not found. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock | venv
	@echo "Installing the libraries (about 500 MB, once) ..."
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock | venv
	@echo "Installing the libraries and the tools for tests (once) ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@ $(VENV)/run.stamp

install: $(VENV)/run.stamp  ## make .venv and install the locked libraries

run: install  ## start the web pages and a worker
	@exec $(BIN)/python -m app serve

demo: install  ## start with a sample project that trains at once
	@exec $(BIN)/python -m app demo

system:
	@sh tests/system.sh

lint: $(VENV)/dev.stamp  ## style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -n 2
	$(BIN)/lint-imports
	$(BIN)/codespell app worker templates static/js static/css migrations tests benchmarks docs README.md Makefile

unit: $(VENV)/dev.stamp  ## the quick tests only
	$(BIN)/python -m pytest $(SPREAD) -m "not (slow or page or ml or browser or postgres or redis or s3 or real)" $(TESTS)

test: system lint  ## install what the tests need, lint, and run all tests
	$(BIN)/python -m pytest $(SPREAD) $(TESTS)

test-all: system lint  ## the tests with many more random examples, and the full fault tests
	HYPOTHESIS_PROFILE=thorough CHAOS=full $(BIN)/python -m pytest $(SPREAD) --ignore tests/chaos $(TESTS)
	$(MAKE) chaos

bench: $(VENV)/dev.stamp  ## measure the speed and write docs/results.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.page

results: $(VENV)/dev.stamp  ## train on the real pictures and write docs/results.md
	$(BIN)/python -m benchmarks.results
	$(BIN)/python -m benchmarks.page

chaos: system $(VENV)/dev.stamp  ## fault tests in full: kills, cuts, full disks, clocks (an hour)
	$(BIN)/python -m benchmarks.chaos $(TESTS); code=$$?; $(BIN)/python -m benchmarks.page && exit $$code

shots: system $(VENV)/dev.stamp  ## take the screenshots of the documentation
	WRITE_SHOTS=1 $(BIN)/python -m pytest tests/e2e/test_demo.py

check: lint unit  ## lint and the quick tests

clean:  ## remove .venv and caches; the data folder stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
