# `make train` and `make test` set up what they need; nothing else has to be done by hand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup train check format test test-all gpu clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "archc needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[dev]'
	$(BIN)/python -m compileall -q archc backends
	@touch $@

train: $(READY)
	$(BIN)/archc train specs/lenet.arch

# Format, lint and types.
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The one gate: what CI runs. Large cases are sampled here.
test: check
	$(BIN)/python -m pytest -n 2 -m "not slow"

# Everything that `make test` samples, run before an issue is closed.
test-all: check
	$(BIN)/python -m pytest -n 2 --hypothesis-profile explore

# What needs a GPU: its tests and a table of speeds. It takes the Python that it is given, which
# has the frameworks for that GPU, and sets up nothing.
gpu:
	$(PYTHON) tools/gpu.py

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist
