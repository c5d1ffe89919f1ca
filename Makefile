# The two commands: `make lab` shows the main job on a practice upstream, `make test` runs every test.
# Both get what they need: a virtual environment from hash-pinned requirements, the Pulumi engine and,
# for the tests, the real peers (per-user caches, see tools/).

.DEFAULT_GOAL := help
.PHONY: help venv engine peers lab lab-down test check format bench clean

# The first Python of at least 3.11; override with `make PYTHON=/path/to/python …`.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	if command -v $$candidate >/dev/null 2>&1 && \
	   $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$candidate; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?= tests
WORKERS ?= auto

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/' | \
	  while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

$(READY): requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed and was not found;" \
	  "install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "· virtual environment ($(PYTHON), hash-pinned requirements)"
	@$(PYTHON) -m venv $(VENV)
	@# --no-deps: the list is whole, and older pips look past its pins for extras (coverage[toml])
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements-dev.txt
	@$(BIN)/python -m pip check
	@touch $@

venv: $(READY) ## Make the virtual environment

engine: $(READY) ## Get the Pulumi engine (PATH, the SDK's installer, or built), once a user
	@$(BIN)/python tools/engine.py

peers: $(READY) ## Get the real programs the tests compare with, once a user
	@$(BIN)/python -m tools.peers

lab: $(READY) ## The main job, end to end, on a practice upstream on loopback
	@engine=$$($(BIN)/python tools/engine.py) && PATH="$$engine:$$PATH" $(BIN)/python -m lab

lab-down: $(READY) ## Stop what the lab left running and remove .lab/
	@$(BIN)/python -m lab down

test: $(READY) peers ## Run every test
	@engine=$$($(BIN)/python tools/engine.py) && PATH="$$engine:$$PATH" AIRGAP_KILLS=200 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(READY) ## ruff, mypy and the architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(READY) ## Let ruff format and mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## Measure against peers, side by side
	@engine=$$($(BIN)/python tools/engine.py) && PATH="$$engine:$$PATH" $(BIN)/python -m bench

clean: lab-down ## Remove what was made in this checkout (not the per-user caches)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
