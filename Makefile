# Attestream: everything that is done in a checkout. `make` alone lists it. Paths are relative, so that any folder name will do.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
LOCKED := requirements/runtime.txt requirements/build.txt
UV := $(if $(wildcard $(BIN)/uv),$(BIN)/uv,uv)
LOCK := pip compile --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --quiet $(UPGRADE)

.PHONY: help install demo test lint format bench kafka lock clean

help: ## This list
	@echo "Attestream: make TARGET"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-9s %s\n", $$1, $$2}' Makefile

install: $(VENV)/.installed ## Make .venv with .venv/bin/attestream in it: locked, hashed dependencies

demo: $(VENV)/.installed ## The simulated cloud with a story; ONCE=1 ends by itself
	@$(BIN)/attestream demo $(if $(ONCE),--once)

test: lint ## Lint, then all tests (ARGS='-k name' for some, JOBS=4 for more processes, SOAK=1 for the slow ones)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/.ready ## ruff, mypy --strict, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python -m mypy --strict
	@$(BIN)/lint-imports

format: $(VENV)/.ready ## Put the code into the house's form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.ready ## Measure each stage side by side with the floor; writes benchmarks/results/latest.json
	@$(BIN)/python -m benchmarks $(ARGS)

kafka: $(VENV)/kafka/.fetched ## Fetch the Kafka broker that tests run against (needs Java 17 and Maven)

lock: ## Lock the dependencies again (needs uv; UPGRADE=--upgrade takes newer versions)
	@command -v "$(UV)" >/dev/null || { echo "make lock needs uv: run python3 -m pip install uv" >&2; exit 1; }
	@"$(UV)" $(LOCK) requirements/runtime.in -o requirements/runtime.txt
	@"$(UV)" $(LOCK) requirements/build.in -c requirements/runtime.txt -o requirements/build.txt
	@"$(UV)" $(LOCK) requirements/dev.in -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt

clean: ## Remove .venv and caches (never attestream-data, which is evidence)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what they depend on decides when pip is asked again. pip checks every file against its hash.
$(VENV)/.installed: $(LOCKED) requirements/hatch_dependencies.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Attestream needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) -V 2>/dev/null | grep ^Python || echo 'not there')." >&2; \
		echo "Name another one: make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "installing locked dependencies into $(VENV) (about a minute) …"
	@$(PIP) install --require-hashes $(LOCKED:%=-r %)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready: $(VENV)/.installed requirements/dev.txt
	@echo "installing tools for development …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Maven checks every jar against its checksum. The broker is for tests alone.
$(VENV)/kafka/.fetched: tests/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null || { \
		echo "make kafka needs Java and Maven: run apt-get install -y default-jre-headless maven" >&2; exit 1; }
	@echo "fetching Kafka into $(VENV)/kafka …"
	@rm -rf $(VENV)/kafka
	@mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums --file tests/kafka/pom.xml dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$(CURDIR)/$(VENV)/kafka"
	@touch $@
