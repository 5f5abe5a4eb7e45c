# The whole workshop.  `make help` lists the targets; each is one line of work and its own documentation.
#
#   VENV=path     the virtual environment to use (default .venv)
#   PYTHON=path   the Python to create it with (default: the first of python3, python3.13, ... that is 3.11 or newer)
#   ARGS=...      passed on to pytest, the benchmarks or the ledger
#   INSTALLER=pip install with pip alone, without the pinned uv

VENV ?= .venv
ARGS ?=
RUN := $(VENV)/bin
INSTALLING := tools/install.sh requirements/installer.lock requirements/build.lock
BUILDING := pyproject.toml CMakeLists.txt tools/native/built_from.cmake $(wildcard src/native/*)
READY := $(VENV)/.test $(VENV)/.project

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up setup native test test-slow check fix bench docs requirements

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.core $(VENV)/.project ## install what serving needs, then import, train, gate, promote and serve
	@$(RUN)/tacit up $(ARGS)

setup: $(READY) ## install everything that developing and testing need
	@$(RUN)/python tools/native/freshness.py 2>/dev/null || $(MAKE) native

native: $(VENV)/.core ## build the native engine anew
	@tools/install.sh $(VENV) >&2
	@touch $(VENV)/.project

test: $(READY) ## run everything that is not marked slow
	@tools/servers.sh
	@$(RUN)/python -m pytest $(ARGS)

test-slow: $(READY) ## run what is marked slow
	@tools/servers.sh
	@$(RUN)/python -m pytest -m slow --timeout 3600 $(ARGS)

check: $(READY) ## lint, format, types, floors: everything short of running it
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

fix: $(READY) ## mend what can be mended mechanically
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

bench: $(READY) ## measure, and print each figure with its command
	@$(RUN)/python -m benchmarks $(ARGS)

docs: $(READY) ## regenerate docs/reference, the rules in docs/runbooks and the files of Prometheus from the code
	@$(RUN)/python -m tools.reference $(ARGS)
	@$(RUN)/python -m tools.alerting $(ARGS)

requirements: $(READY) ## which rows of the checklist the tests prove (ARGS=--json, ARGS=--slow)
	@$(RUN)/python -m tools.requirements $(ARGS)

# Stamps: a file per set of packages, newer than what it was installed from, so that nothing is installed twice.
$(VENV)/.core: $(INSTALLING) requirements/core.lock
	@tools/install.sh $(VENV) requirements/core.lock >&2
	@touch $@

$(VENV)/.test: $(VENV)/.core requirements/test.lock
	@tools/install.sh $(VENV) requirements/test.lock >&2
	@touch $@

$(VENV)/.project: $(VENV)/.core $(BUILDING)
	@tools/install.sh $(VENV) >&2
	@touch $@
