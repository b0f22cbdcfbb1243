# One command each, from a fresh clone. VENV=path puts the environment elsewhere.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

PHOTOGRAPHS ?= $(wildcard ../shared/cifar10-subset)

.PHONY: demo test lint bench

demo: $(VENV)/installed
	$(BIN)/snakemake --cores all

test: $(VENV)/installed
	$(BIN)/pytest

lint: $(VENV)/installed
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakemake --lint

bench: export PYTHONPATH = workflow
bench: $(VENV)/installed
	$(BIN)/python benchmarks/images.py $(PHOTOGRAPHS)
	$(BIN)/python benchmarks/bench.py

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@
