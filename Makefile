# Two commands on a fresh machine with Python 3.11 and make: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
RIGHT_PYTHON := -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))"
VENV ?= .venv
BIN := $(VENV)/bin
# Where the demo's films, runs and report go; never into the checkout.
DEMO ?= $(HOME)/film-genres/demo

.PHONY: demo picture test test-quick test-nodes test-pythons check lint types all-tests bench install lock

FILMS := --store $(DEMO)/store --runs $(DEMO)/runs
COURSEWORK := --store $(DEMO)/store --runs $(DEMO)/coursework --preset coursework

demo: install
	@echo "1/6  Drawing sample films and preparing them"
	@$(BIN)/python ray_jobs/prepare_data.py --films sample --sample-films 1200 --store $(DEMO)/store --overwrite
	@echo && echo "2/6  Training the coursework's models, the poster CNN and the overview LSTM (about 2 min)"
	@$(BIN)/python ray_jobs/train_cnn.py $(COURSEWORK) --epochs 20 --learning-rate 1e-3
	@$(BIN)/python ray_jobs/train_lstm.py $(COURSEWORK) --epochs 10 --batch-size 32 --learning-rate 2e-3
	@echo && echo "3/6  Training the best ones (about 2 min)"
	@$(BIN)/python ray_jobs/train_cnn.py $(FILMS) --preset best --epochs 20
	@$(BIN)/python ray_jobs/train_lstm.py $(FILMS) --preset best
	@echo && echo "4/6  Training one model on poster and overview together (about 1 min)"
	@$(BIN)/python ray_jobs/train_fusion.py $(FILMS) --preset best --epochs 10
	@echo && echo "5/6  Comparing the best of each kind, and with the coursework's"
	@$(BIN)/python ray_jobs/evaluate.py $(FILMS) --report $(DEMO)/report --reference $(DEMO)/coursework --explain 40
	@echo && echo "6/6  Predicting one film with the ensemble of that comparison"
	@$(BIN)/python ray_jobs/predict.py --model $(DEMO)/runs --overview "A detective hunts a killer through the city." \
		--poster "$$(ls -d $(DEMO)/store-sample-1200-seed-0/Images/* | tail -n 1)"
	@echo && echo "Serve the models:  $(BIN)/python ray_jobs/serve.py --model $(DEMO)/runs"
	@echo "Export them:       $(BIN)/python ray_jobs/export.py --model $(DEMO)/runs --out $(DEMO)/exported"

# The README's picture, of the page that the demo made; it needs a Chromium.
picture: install
	@$(BIN)/python docs/images/make_picture.py $(DEMO)/report/comparison.html

# Sources are compiled once, not in each of the hundreds of processes that the tests start, whatever the machine says.
all-tests test-quick test-nodes: export PYTHONDONTWRITEBYTECODE :=
# Two processes of tests, each with a Ray of two CPUs: one waits where the other computes.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Types are checked beside the tests: that takes one core half a minute.
test: lint
	@$(MAKE) --no-print-directory -j 2 all-tests types

all-tests: install
	$(PYTEST)

# The inner loop: no running Ray, no training of minutes.
test-quick: install
	$(PYTEST) -m "not slow and not cluster"

check: lint types

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# Clusters of two machines, which are namespaces of Linux and share a bucket; needs root. The S3 server has
# an environment of its own, because it wants other versions of packages that the jobs use.
MOTO := .venv-moto/bin
test-nodes: install
	@test -x $(MOTO)/moto_server || { "$(PYTHON)" -m venv .venv-moto && \
		$(MOTO)/python -m pip install --quiet --disable-pip-version-check "moto[server]==5.*"; }
	$(BIN)/python -m pytest -p no:randomly tests/nodes --nodes --moto $(abspath $(MOTO))/moto_server

# The short sizes, under 15 minutes on 2 idle cores; the full ones: `benchmarks/table.py` without --quick.
bench: install
	@$(BIN)/python benchmarks/table.py --quick

# The quick tests on each Python that the package declares and this machine has, in an environment of its own.
test-pythons:
	@for version in 3.11 3.12 3.13; do \
		python=$$(command -v python$$version) && $$python -c "" 2> /dev/null || { echo "Python $$version: not here"; continue; }; \
		echo "Python $$version: $$python" && $(MAKE) test-quick VENV=.venv-$$version PYTHON=$$python || exit 1; \
	done

# The versions and digests of all packages, of all extras, for every Python and system: from there installs everything.
# What is locked stays, unless pyproject.toml forbids it; UPGRADE="--upgrade-package NAME", or --upgrade for all.
lock: install
	@$(BIN)/python -m uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --all-extras \
		--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file requirements.lock $(UPGRADE)

# uv knows no pip.conf: where a registry or a certificate is named there alone, pip installs the same versions.
WITH_PIP = { echo "uv cannot install: pip installs the same versions"; \
	sed -n 's/^\([A-Za-z0-9].*[^ ]\) \\$$/\1/p' requirements.lock > $(VENV)/versions.txt && $(BIN)/python -m pip install \
	--quiet --disable-pip-version-check --constraint $(VENV)/versions.txt --editable ".[dev]"; }

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" && "$(PYTHON)" $(RIGHT_PYTHON) || { echo "Python 3.11, 3.12 or 3.13 is needed, not" \
		"'$(PYTHON)': install one, or name it as in: make install PYTHON=/usr/bin/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (TensorFlow and Ray: about 1 GB to download, 1 to 4 minutes)"
	@$(BIN)/python $(RIGHT_PYTHON) 2> /dev/null || rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --compile-bytecode \
		--constraints requirements.lock --build-constraints requirements.lock --editable ".[dev]" || $(WITH_PIP)
	@touch $@
