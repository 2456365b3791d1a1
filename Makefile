# Each target installs what it needs in .venv. Required: python3 (3.11 or newer), make and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint types bench soak docs dist clean

demo: $(VENV)/.demo
	$(BIN)/dify-async demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

# Everything that takes longer: all tests with thorough fuzzing, other versions of Python and of the
# dependencies, and a soak test that watches memory.
test-all: $(VENV)/.dev
	$(BIN)/nox --session thorough tests lowest
	$(MAKE) soak

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

# Takes about 10 minutes, and writes the figures of docs/performance.md. The peers are installed in .venv/peers.
bench: $(BIN)/python
	$(BIN)/python -m benchmarks.run

# The documentation site, in site/. Fails on warnings and broken links.
docs: $(VENV)/.docs
	$(BIN)/zensical build --strict --clean

soak: $(VENV)/.demo
	$(BIN)/python -m benchmarks.soak

clean:
	rm -rf $(VENV) site .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis dist

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'dify-async needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[cli]"
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[cli]" --group dev
	touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[cli]" --group docs
	touch $@

# The sdist and the wheel, checked in an empty environment.
dist: $(VENV)/.dist
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*
	rm -rf $(VENV)/empty && $(PYTHON) -m venv $(VENV)/empty
	$(VENV)/empty/bin/python -m pip install --quiet "$$(ls dist/*.whl)[cli]" mypy
	cp tests/typing/sync_client.py $(VENV)/empty/consumer.py  # Away from the source tree.
	cd $(VENV)/empty && bin/python -m mypy --strict consumer.py
	cd $(VENV)/empty && bin/dify-async demo > /dev/null

$(VENV)/.dist: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet "build>=1.2" "twine>=6"
	touch $@
