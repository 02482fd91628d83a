.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --quiet

.PHONY: help
help: ## Show the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Huiying needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment from requirements.lock

.PHONY: run
run: setup ## Start everything here: Kafka, PostgreSQL, four services, gateway, demonstration data
	$(BIN)/huiying up $(ARGS)

.PHONY: lock
lock: setup ## Renew the lock files from pyproject.toml
	$(BIN)/$(LOCK) --extra local --extra dev --extra build pyproject.toml -o requirements.lock
	$(BIN)/$(LOCK) --extra build pyproject.toml -o deploy/image.lock

.PHONY: assets
assets: setup ## Renew the browser assets from the npm lock file (the only verb that needs Node)
	$(BIN)/python -m deploy.assets
