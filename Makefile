# One command each, from a fresh clone. VENV=path puts the environment elsewhere.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

# The experiment of `make report` and `make verify`.
CONFIG ?= config/config.yaml
export CONFIG # which recipes name "$$CONFIG", as a shell would read $(CONFIG)
EXPERIMENT = $$($(BIN)/python -c "import os, yaml; \
    print(yaml.safe_load(open(os.environ['CONFIG'])).get('experiment', 'demo'))")

PHOTOGRAPHS ?= $(wildcard ../shared/cifar10-subset)

.PHONY: demo report verify test lint bench slurm-up slurm-down slurm-test kill-test slurm-packages \
    browser-packages

demo: $(VENV)/installed
	$(BIN)/snakemake --cores all

report: $(VENV)/installed
	$(BIN)/snakemake --cores all --configfile "$$CONFIG"
	$(BIN)/snakemake --configfile "$$CONFIG" --report "results/$(EXPERIMENT)/report.html"

verify: export PYTHONPATH = workflow
verify: $(VENV)/installed
	$(BIN)/python -m dropleak.report.verify --configfile "$$CONFIG"

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

# A Slurm cluster on this machine, as root: two nodes with two simulated GPUs each.
slurm-up: $(VENV)/installed
	$(BIN)/python tests/slurm/cluster.py up

slurm-down: $(VENV)/installed
	$(BIN)/python tests/slurm/cluster.py down

slurm-test: export SLURM_TESTS = required
slurm-test: $(VENV)/installed slurm-packages
	$(BIN)/pytest tests/slurm

# kill -9 at random moments, each followed by a rerun: 36 times, half an hour.
kill-test: export KILLS = 36
kill-test: $(VENV)/installed
	$(BIN)/pytest tests/workflow/test_kills.py

slurm-packages:
	command -v slurmctld mariadbd || { apt-get update --quiet && \
	apt-get install --quiet --yes --no-install-recommends slurm-wlm slurmdbd munge mariadb-server; }

browser-packages:
	command -v chromium-headless-shell chromium || { apt-get update --quiet && \
	apt-get install --quiet --yes --no-install-recommends chromium-headless-shell; }

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@
