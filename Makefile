.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet
UV := VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet
PYTEST := $(BIN)/pytest $(ARGS)
JOBS ?= 2
# Compiled modules are kept: without them, starting takes longer than the unit tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show the verbs
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "错误:需要 Python 3.11 或更新的版本。请安装后用 make PYTHON=/路径/python3 指定" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip --clear $(VENV)
	@if [ -x $(BIN)/pip ]; then pip="$(BIN)/python -m pip"; else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	  $$pip install --quiet --disable-pip-version-check uv || { echo "错误:不能安装 uv。请检查 pip 与网络" >&2; exit 1; }
	$(UV) --require-hashes -r requirements.lock
	$(UV) --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment from requirements.lock

.PHONY: run
run: setup ## Start everything here: Kafka, PostgreSQL, four services, gateway, demonstration data
	@$(BIN)/huiying up $(ARGS)

.PHONY: test
test: test-unit test-integration test-e2e ## Run all tests but the long fault campaigns

.PHONY: test-unit
test-unit: setup ## Run what needs no server (seconds)
	$(PYTEST) -n $(JOBS) --dist worksteal -p no:pytest_httpserver $(wildcard tests/unit tests/contracts tests/conventions)

.PHONY: test-integration
test-integration: setup ## Run what needs a real Kafka and PostgreSQL
	$(PYTEST) -n $(JOBS) --dist loadfile $(wildcard tests/component tests/integration)

.PHONY: test-e2e
test-e2e: setup ## Drive the pages in a real browser
	$(PYTEST) $(wildcard tests/e2e)

.PHONY: faults
faults: setup ## Kill processes in the middle of work and audit what is left
	$(PYTEST) tests/faults

.PHONY: campaign
campaign: ## Run the properties of the unit tests with many more examples (minutes)
	HYPOTHESIS_PROFILE=campaign $(MAKE) test-unit ARGS="-m hypothesis $(ARGS)"

.PHONY: bench
bench: setup ## Measure against the limits of the parts; writes bench.json
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: check
check: lint types imports ## Everything that judges the code without running it

.PHONY: lint
lint: setup ## Ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: setup ## Ruff: mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: setup ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy -p tests.support

.PHONY: imports
imports: setup ## import-linter: who may import whom
	$(BIN)/lint-imports

.PHONY: docs
docs: setup ## Write docs/events.md, docs/asyncapi.json and state diagrams from the code
	$(BIN)/python -m deploy.event_docs
	$(BIN)/python -m deploy.diagrams

.PHONY: lock
lock: setup ## Renew the lock files from pyproject.toml
	$(BIN)/$(LOCK) --extra local --extra dev --extra build pyproject.toml -o requirements.lock
	$(BIN)/$(LOCK) --extra build --extra gateway pyproject.toml -o deploy/image.lock

.PHONY: lock-kafka
lock-kafka: setup ## Renew the lock of Kafka's artifacts from deploy/local/jgo.toml
	cd deploy/local && ../../$(BIN)/jgo --class-path-only --cache-dir "$$(mktemp -d)" lock

.PHONY: assets
assets: setup ## Renew the browser assets from the npm lock file (the only verb that needs Node)
	$(BIN)/python -m deploy.assets

.PHONY: compose
compose: ## Run the whole system in containers: secrets, image, docker compose up
	@$(PYTHON) deploy/make_secrets.py
	docker compose -f deploy/compose.yaml up --build --wait
