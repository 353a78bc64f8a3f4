# make run, make test, make check, make bench, make fuzz, make screenshots, make pictures: each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config/example.toml

# numpy does not gain from threads here, and they would take time from the packet loops.
export OPENBLAS_NUM_THREADS := 1

.PHONY: run test check bench fuzz clean prompts screenshots pictures

$(VENV)/run.stamp: setup.cfg pyproject.toml
	sh tools/make-venv.sh "$(PYTHON)" $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev,interop]'
	touch $@

run: $(VENV)/run.stamp
	$(BIN)/python -m bridge run --config $(CONFIG)

test: $(VENV)/dev.stamp
	sh tools/install-test-needs.sh
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp
	$(BIN)/ruff check --config tools/ruff.toml .
	$(BIN)/ruff format --check --config tools/ruff.toml .
	$(BIN)/mypy
	$(BIN)/lint-imports

# CASES: those of a name, a pattern or a family, such as browsers.
CASES ?= *
bench: $(VENV)/dev.stamp
	$(BIN)/python -m tools.bench --only '$(CASES)'

# FUZZ_CASES: cases for each parser.
FUZZ_CASES ?= 1000000
fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tools.fuzz --cases $(FUZZ_CASES)

# Pictures of every state of the page, into out/screenshots.
screenshots: $(VENV)/dev.stamp
	sh tools/install-test-needs.sh
	$(BIN)/python -m tools.screenshots

# What participants see: every layout, sign and card, into out/pictures.
pictures: $(VENV)/dev.stamp
	$(BIN)/python -m tools.pictures

prompts: $(VENV)/dev.stamp
	$(BIN)/python -m tools.prompts

clean:
	rm -rf $(VENV) tests/peers/npm/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
