# Two commands to start: `make demo` and `make test`. Both set up their own environment in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := pyproject.toml hatch_build.py constraints.txt $(shell find src spec -type f -not -path '*/contract/*' -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo test nightly seeds lint format docs bench wheel clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'

$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(PIP) install --quiet --constraint constraints.txt '.[audit,page,record,serve,traffic]'
	@touch $@

$(VENV)/tested: $(VENV)/installed pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --group test
	@touch $@

$(VENV)/linted: $(VENV)/installed pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --group lint
	@touch $@

demo: $(VENV)/installed ## check recordings, audit the embedded server, make a page of it
	@echo '$$ chatcontract check recordings/careless-server.jsonl'
	@$(BIN)/chatcontract check recordings/careless-server.jsonl --fail-on never
	@echo
	@echo '$$ chatcontract audit demo --output reports/demo'
	@$(BIN)/chatcontract audit demo --output reports/demo
	@echo 'The page: reports/demo/audit.html'

test: $(VENV)/tested ## the whole suite, against the installed wheel
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

nightly: $(VENV)/tested ## the suite with the long setting of every property
	CHATCONTRACT_NIGHTLY=1 $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)
	CHATCONTRACT_NIGHTLY=1 $(BIN)/python -m pytest -p no:xdist -s tests/server/test_sweep.py

seeds: $(VENV)/tested ## the client pages that the document generates (needs Java)
	$(PIP) install --quiet --constraint constraints.txt --group seeds
	$(BIN)/python -m pytest -m seeds -p no:xdist $(ARGS)

lint: $(VENV)/linted ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/chatcontract docs --check

format: $(VENV)/linted ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/installed ## write the generated pages anew
	$(BIN)/chatcontract docs

bench: $(VENV)/installed ## ratios of CPU time, see benchmarks/README.md
	$(PIP) install --quiet --constraint constraints.txt --group bench
	$(BIN)/python benchmarks/run.py $(ARGS)

wheel: $(BIN)/python ## the distribution files, in dist/
	$(PIP) install --quiet --constraint constraints.txt build
	$(BIN)/python -m build

clean: ## remove what was made
	rm -rf $(VENV) dist build src/chatcontract/contract .pytest_cache .mypy_cache .ruff_cache .hypothesis
