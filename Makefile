# `make` lists what there is. Everything runs in .venv, which the first target makes.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NBVAL := --nbval-lax --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 1800 notebooks
export TF_CPP_MIN_LOG_LEVEL := 3

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: data assets ## run every notebook and build the book into _build/html
	$(BIN)/python tools/build_book.py

test: data assets browser ## lint, unit tests, every notebook, the built book in a browser (about 17 minutes from nothing)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/build_book.py
	$(BIN)/pytest -m "not long" tests
	$(BIN)/pytest $(NBVAL)

test-all: data assets browser ## also what takes long (80 minutes)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/build_book.py
	$(BIN)/pytest tests
	$(BIN)/pytest $(NBVAL)

lab: data ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: data ## run every notebook and save it with its outputs
	$(BIN)/python tools/run_notebooks.py

train: data ## train the shipped models again (hours; goes on where it was)
	$(BIN)/python tools/train_shipped.py

bench: data ## images per second: our training step beside the original's manner
	$(BIN)/python benchmarks/training_speed.py

data: $(READY) ## get both data sets into the cache
	@$(BIN)/python tools/get_data.py

assets: $(READY)
	@$(BIN)/python tools/book_assets.py

browser: $(READY)
	@$(BIN)/python tools/get_browser.py

setup: $(READY) ## make .venv and install everything into it

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

repository: $(READY) ## URL=https://github.com/you/book: set the repository's address everywhere
	@$(BIN)/python tools/repository.py "$(URL)"

clean: ## remove the environment and everything that was built
	rm -rf .venv _build .jupyter_cache .pytest_cache .ruff_cache *.egg-info

.PHONY: help book test test-all lab notebooks train bench data assets browser setup repository clean
