# The commands of the project. Everything they need is installed by deploy/bootstrap.py, once, and
# again only when what it depends on has changed.

PYTHON ?= python3
BIN := .venv/bin
# Each process has servers, ports, keys and a database of its own. In two of them, tests with servers leave a
# third of two cores idle.
TEST_PROCESSES ?= 2
SERVICE_TEST_PROCESSES ?= 4
SIDE_BY_SIDE := --numprocesses $(TEST_PROCESSES) --dist worksteal
SERVICES_SIDE_BY_SIDE := --numprocesses $(SERVICE_TEST_PROCESSES) --dist worksteal
SOURCES := mdp_site marketdata scanners widgets tests manage.py deploy/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help demo test check schema unit oracle services contract integration end-to-end client bench lock format clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: ## Install what is needed and run the whole platform on a synthetic market (PORT=8000, SCENARIO=demo)
	@$(PYTHON) deploy/bootstrap.py demo
	@exec $(BIN)/python -m mdp_site.demo

test: ## Install what the tests need and run every check and test
	@$(PYTHON) deploy/bootstrap.py test
	@$(MAKE) --no-print-directory check client unit oracle services end-to-end

check: ## Format, lint, types, import contracts, migrations, and the files that follow from the declarations
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py schema --check

schema: ## Write the files that follow from declarations: columns, boards, streams, symbol feeds, settings, messages
	$(BIN)/python manage.py schema

unit: ## Tests that need no network, in seconds
	$(BIN)/pytest -q $(SIDE_BY_SIDE) tests/unit tests/architecture

oracle: ## Whole simulated days against a slow, obvious computation; ORACLE_DAYS=1
	$(BIN)/pytest -q $(SIDE_BY_SIDE) tests/oracle

services: ## Contract and integration tests in one go, since they start the same servers
	$(BIN)/pytest -q $(SERVICES_SIDE_BY_SIDE) tests/contract tests/integration

contract: ## One suite per interface, on every implementation
	$(BIN)/pytest -q $(SERVICES_SIDE_BY_SIDE) tests/contract

integration: ## Real Valkey, RabbitMQ, simulator and web server on private ports
	$(BIN)/pytest -q $(SERVICES_SIDE_BY_SIDE) tests/integration

end-to-end: ## What `make demo` starts, seen through a browser
	$(BIN)/pytest -q tests/end_to_end

client: ## Types, lint and tests of the browser code
	$(BIN)/python deploy/bootstrap.py npm run check
	$(BIN)/python deploy/bootstrap.py npm run test

bench: ## Measure against the machine's limits; BENCH=row,row for some, BENCH_CLIENTS=500 for few clients. Writes bench.json
	@$(PYTHON) deploy/bootstrap.py test
	@$(BIN)/python -m tests.bench $(BENCH)

lock: ## Write deploy/requirements-*.txt anew, with hashes, after a change of dependencies; LOCK=--upgrade for newer ones
	@$(PYTHON) deploy/bootstrap.py lock $(LOCK)

format: ## Rewrite the sources in house style
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clean: ## Remove what was installed, built and stored (not a running demo)
	rm -rf .venv .demo marketdata/kernels/__pycache__ widgets/client/node_modules widgets/static/widgets staticfiles .mypy_cache .ruff_cache .pytest_cache
