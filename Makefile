# One command each, from a fresh clone: make help
# VENV=path puts the environment elsewhere.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

# The experiment of `make report` and `make verify`.
CONFIG ?= config/config.yaml
export CONFIG # which recipes name "$$CONFIG", as a shell would read $(CONFIG)
EXPERIMENT = $$($(BIN)/python -c "import os, yaml; \
    print(yaml.safe_load(open(os.environ['CONFIG'])).get('experiment', 'demo'))")

PHOTOGRAPHS ?= $(wildcard ../shared/cifar10-subset)

.PHONY: help demo report verify docs test test-all lint bench slurm-up slurm-down slurm-test kill-test \
    slurm-packages browser-packages

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 20

demo: $(VENV)/installed ## the experiment on embedded digits, with all figures
	$(BIN)/snakemake --cores all

report: $(VENV)/installed ## one HTML file of it (CONFIG=file: of another experiment)
	$(BIN)/snakemake --cores all --configfile "$$CONFIG"
	$(BIN)/snakemake --configfile "$$CONFIG" --report "results/$(EXPERIMENT)/report.html"

verify: $(VENV)/installed ## whether tables, figures and configuration belong together
	$(BIN)/python -m dropleak.report.verify --configfile "$$CONFIG"

docs: report ## the documentation as a site, with the report as an example: site/index.html
	$(BIN)/sphinx-build --fail-on-warning --quiet -c docs/site . site
	cp "results/$(EXPERIMENT)/report.html" site/report.html

WORKERS = --numprocesses auto --maxprocesses 8 --dist loadfile

test: $(VENV)/installed ## tests that a person waits for: 5 minutes
	$(BIN)/pytest -m "not slow" $(WORKERS)

test-all: export SLURM_TESTS = required
test-all: export BROWSER_TESTS = required
test-all: test slurm-packages browser-packages ## those and the rest: faults, a browser, a Slurm cluster, as root
	$(BIN)/pytest -m slow --ignore tests/slurm $(WORKERS)
	$(BIN)/pytest tests/slurm # which share the one cluster of a machine

lint: $(VENV)/installed ## formatting, lints and types
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakemake --lint

bench: $(VENV)/installed ## the engine against the published script's loop: 4 minutes
	$(BIN)/python benchmarks/images.py $(PHOTOGRAPHS)
	$(BIN)/python benchmarks/bench.py

# Two nodes with two simulated GPUs each.
slurm-up: $(VENV)/installed ## start a Slurm cluster on this machine, as root
	$(BIN)/python tests/slurm/cluster.py up

slurm-down: $(VENV)/installed ## stop it
	$(BIN)/python tests/slurm/cluster.py down

slurm-test: export SLURM_TESTS = required
slurm-test: $(VENV)/installed slurm-packages ## the tests on such a cluster: 10 minutes
	$(BIN)/pytest tests/slurm

kill-test: export KILLS = 36
kill-test: $(VENV)/installed ## kill -9 at random moments, 36 times: half an hour
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
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
