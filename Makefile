# One front door for each job; every target sets up what it needs. `make help` lists them.
# PYTHON=... chooses the interpreter (3.11 or newer); SEED=... the demo's worlds, MINUTES=... how
# long `make weights` trains, TOKENS=... what each size of `make scaling` sees; QUICK=1 makes `make lab` a rehearsal of a few minutes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 0
MINUTES ?= 200
TOKENS ?= 12000000
TESTS ?= tests
RESULTS := $(if $(QUICK),lab-quick,docs/results)

# A stamp is named after the content of its lock, so a set-up that is up to date costs nothing.
digest = $(firstword $(shell cat pyproject.toml $(1) | cksum))
RUNTIME := $(VENV)/runtime-$(call digest,requirements/runtime.txt).stamp
DEV := $(VENV)/dev-$(call digest,requirements/dev.txt).stamp
TORCH := .venv-training/torch-2.13.0.stamp

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench lab docs weights scaling lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(DEV) ## install everything that the other targets need into .venv

demo: $(RUNTIME) ## run the main job offline on the embedded model
	@$(BIN)/sleeptime demo --seed $(SEED)

test: $(DEV) ## run all tests, on real SQLite and real PostgreSQL
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder --durations=15 $(TESTS)

check: $(DEV) ## lint, format, types and import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV) ## rewrite the code in the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(DEV) ## measure the speeds that README shows
	@$(BIN)/python -m bench

lab: $(DEV) ## run every experiment on the embedded model, held-out families apart, and write docs/results (QUICK=1: a rehearsal, in lab-quick)
	@$(BIN)/sleeptime lab run pareto --split held-out $(if $(QUICK),--quick) --output $(RESULTS)/held-out
	@$(BIN)/sleeptime lab run all $(if $(QUICK),--quick) --output $(RESULTS)

docs: $(DEV) ## check that links in the docs lead somewhere and that their code runs
	@$(BIN)/python -m pytest -q tests/acceptance/test_docs.py

weights: $(TORCH) ## remake the weights of nano from nothing (hours on two cores; uses a GPU when there is one)
	@.venv-training/bin/python -m training.train --minutes $(MINUTES) --out runs/nano
	@.venv-training/bin/python -m training.export runs/nano/checkpoint.pt
	@.venv-training/bin/python -m training.export_vectors

scaling: $(TORCH) $(DEV) ## measure nano by training tokens and size: trains three sizes (hours on two cores)
	@for width in 128 192 256; do \
		.venv-training/bin/python -m training.train --width $$width --heads $$((width / 64)) --ffn $$((width * 11 / 4)) \
			--tokens $(TOKENS) --stages 1 --milestones 0 --out runs/scaling/$$width || exit 1; \
	done
	@for checkpoint in runs/scaling/*/checkpoint.pt runs/nano/part-*.pt runs/nano/checkpoint.pt; do \
		.venv-training/bin/python -m training.export $$checkpoint --target $${checkpoint%.pt}-weights > /dev/null || exit 1; \
	done
	@$(BIN)/python -m training.scaling runs/scaling/*/*-weights runs/nano/*-weights

lock: $(DEV) ## refresh the committed locks from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@sh requirements/lock.sh $(BIN)/uv

clean: ## remove what set-up made
	rm -rf $(VENV) .venv-training

$(RUNTIME):
	@sh requirements/install.sh "$(PYTHON)" $(VENV) requirements/runtime.txt
	@rm -f $(VENV)/runtime-*.stamp && touch $@

$(DEV):
	@sh requirements/install.sh "$(PYTHON)" $(VENV) requirements/dev.txt
	@rm -f $(VENV)/dev-*.stamp $(VENV)/runtime-*.stamp && touch $@ $(RUNTIME)

$(TORCH):
	@sh requirements/install.sh "$(PYTHON)" .venv-training requirements/dev.txt
	@.venv-training/bin/python -m pip install --quiet torch==2.13.0
	@touch $@
