# `make` lists what there is. Everything runs in .venv, which the first target makes.
.DEFAULT_GOAL := help
PYTHON ?= python3
# newest, floors: what the weekly run takes instead of the pins, in an environment of its own
VERSIONS ?= pinned
VENV := $(if $(filter pinned,$(VERSIONS)),.venv,_build/venv-$(VERSIONS))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RESOLVE := $(BIN)/uv pip compile --quiet --no-annotate pyproject.toml
ALL := --group dev --extra study --extra many
# Two files of tests side by side. Warnings are errors with the pins; elsewhere packages warn each
# other, and that is only shown.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile $(if $(filter-out pinned,$(VERSIONS)),-W default)
NBVAL := $(BIN)/pytest $(if $(filter-out pinned,$(VERSIONS)),-W default) --nbval-lax \
	--nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 1800 notebooks
export TF_CPP_MIN_LOG_LEVEL := 3

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: data assets ## run every notebook and build the book into _build/html
	$(BIN)/python tools/build_book.py

test: lint book browser ## lint, tests, the built book in a browser, the outputs of its notebooks (what CI runs)
	$(PYTEST) -m "not long"

test-fast: lint data ## lint, and the tests that need no training, no browser and no book
	$(PYTEST) -m "not (slow or long or browser or book)"

test-all: lint book browsers ## also what takes long, and nbval by itself
	$(PYTEST)
	$(NBVAL)

test-code: data assets ## tests without browser and book, and every notebook; VERSIONS=floors or newest
	$(PYTEST) -m "not (long or browser or book)"
	$(NBVAL)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --no-progress .github

lab: data ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: data ## run every notebook and save it with its outputs
	$(BIN)/python tools/run_notebooks.py

train: data ## train the shipped models again (hours; goes on where it was, and keeps what is finished in runs/)
	$(BIN)/python tools/train_shipped.py
	$(BIN)/python tools/make_pictures.py
	$(BIN)/python tools/make_diagrams.py
	$(BIN)/python tools/front_page.py

study: data ## train what the chapter on claims compares, measure and judge it (goes on where it was)
	$(BIN)/python -m vae_study $(if $(RUN),--run $(RUN)) $(if $(DATASET),--dataset $(DATASET)) $(if $(SEED),--seed $(SEED))

bench: data browser ## speed, beside what a reader would use instead
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/explorer_speed.py
	$(BIN)/python benchmarks/make_readme.py

bench-book: data assets ## minutes for the book and for each notebook in it
	$(BIN)/python benchmarks/book_speed.py
	$(BIN)/python benchmarks/make_readme.py

data: $(READY) ## get the three data sets and the emoji into the cache (240 MB)
	@$(BIN)/python tools/get_data.py

assets: $(READY)
	@$(BIN)/python tools/book_assets.py

browser: $(READY)
	@$(BIN)/python tools/get_browser.py

browsers: $(READY)
	@$(BIN)/python tools/get_browser.py all

setup: $(READY) ## make .venv and install everything into it

# The newest versions are others every day, so they are looked for each time.
$(READY): requirements.txt pyproject.toml $(if $(filter newest,$(VERSIONS)),always)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
		"Python 3.11, 3.12 or 3.13 is needed (TensorFlow has no newer one); this is %d.%d. " \
		"Choose one: make book PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@$(MAKE) --no-print-directory resolved-$(VERSIONS)
	$(PIP) $(if $(filter newest,$(VERSIONS)),--upgrade) -r $(VENV)/requirements.txt
	$(PIP) --no-deps --editable .
	@touch $@

resolved-pinned:
	@cp requirements.txt $(VENV)

resolved-newest: uv
	$(RESOLVE) $(ALL) --upgrade -o $(VENV)/requirements.txt

resolved-floors: uv
	$(RESOLVE) --no-deps --resolution lowest-direct -o $(VENV)/floors.txt
	$(RESOLVE) $(ALL) --constraint $(VENV)/floors.txt -o $(VENV)/requirements.txt

uv:
	$(PIP) $$(grep ^uv== requirements.txt)

pins: $(READY) ## raise the pins in requirements.txt to the newest versions
	UV_CUSTOM_COMPILE_COMMAND="make pins" $(RESOLVE) $(ALL) --python-version 3.11 --upgrade -o requirements.txt

repository: $(READY) ## URL=https://github.com/you/book: set the repository's address everywhere
	@$(BIN)/python tools/repository.py "$(URL)"

clean: ## remove the environment and everything that was built
	rm -rf .venv _build .jupyter_cache .pytest_cache .ruff_cache *.egg-info

.PHONY: help book test test-fast test-all test-code lint lab notebooks train study bench bench-book data assets browser browsers setup resolved-pinned resolved-newest resolved-floors uv pins repository clean always
