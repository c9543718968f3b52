# Everything is created inside the checkout: .venv, .meltano, .airflow, .postgres, .emulator, .env.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Variables of another project in your shell must not leak in.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH MELTANO_PROJECT_ROOT MELTANO_ENVIRONMENT

# Once, at the installation: a container or CI that sets PYTHONDONTWRITEBYTECODE, or cannot write there,
# would compile everything with each start.
export UV_COMPILE_BYTECODE := 1

PYTHON ?= python3
UV := .venv/bin/uv
MELTANO := .venv/bin/meltano
PACKAGES := tap-omdb utilities/omdb-emulator utilities/embedded-postgres analyze
MANIFESTS := $(PACKAGES:=/pyproject.toml)
PLUGINS := # all

# Called directly, because a call through Meltano takes three seconds longer.
POSTGRES := .meltano/utilities/postgres/venv/bin/embedded-postgres
EMULATOR := .meltano/utilities/omdb-emulator/venv/bin/omdb-emulator

##@ Use

.PHONY: demo
demo: start ## Run the whole pipeline on the emulator and show the result
	@export TAP_OMDB_API_URL="http://127.0.0.1:$$(.venv/bin/dotenv get OMDB_EMULATOR_PORT)/"; \
	  $(MELTANO) --environment=demo run tap-omdb target-postgres dbt:run dashboard:build 2>&1 \
	    | tee demo.log | sed -uE '/(info|warning) *\] meltano |Skipping parse|Beginning sync/d'
	@echo "Everything that was logged is in demo.log."
	@$(POSTGRES) psql --no-psqlrc --file=scripts/demo.sql

START_POSTGRES = export EMBEDDED_POSTGRES_PORT="$$(.venv/bin/dotenv get EMBEDDED_POSTGRES_PORT)"; \
  $(POSTGRES) start --env-file .env

.PHONY: start
start: .meltano/.installed env ## Start the embedded Postgres and the OMDb emulator
	@$(START_POSTGRES)
	@export OMDB_EMULATOR_PORT="$$(.venv/bin/dotenv get OMDB_EMULATOR_PORT)"; \
	  $(EMULATOR) start --env-file .env

.PHONY: stop
stop: ## Stop both; the data is kept
	@for command in $(EMULATOR) $(POSTGRES); do if [ -e "$$command" ]; then "$$command" stop; fi; done

.PHONY: status
status: ## Show whether both are running
	@for command in $(POSTGRES) $(EMULATOR); do \
	  if [ -e "$$command" ]; then "$$command" status || true; else echo "Not installed: $$command"; fi; \
	done

OPEN := $(firstword $(foreach command,xdg-open open,$(shell command -v $(command) 2> /dev/null)))

.PHONY: dashboard
dashboard: start ## Build the page about the movies and the pipeline, and open it
	@$(MELTANO) --environment=demo --log-level=warning invoke dashboard:build
	@$(or $(OPEN),false) analyze/public/index.html 2> /dev/null || echo "Open analyze/public/index.html"

.PHONY: enrich
enrich: export LIST_FILE := $(value LIST)
enrich: $(if $(filter prod,$(ENVIRONMENT)),.meltano/.installed env,start) ## Write your list, enriched with data of OMDb (LIST=watchlist.csv ARGS=--format=xlsx)
	@scripts/enrich.sh "$$LIST_FILE" $(ARGS)

.PHONY: export
export: .meltano/.installed env ## Write every mart to export/, as Parquet and CSV (ENVIRONMENT=prod)
	@$(if $(filter prod,$(ENVIRONMENT)),,$(START_POSTGRES) > /dev/null)
	@$(MELTANO) --log-level=warning $(ENVIRONMENT:%=--environment=%) invoke exports:marts

.PHONY: install
install: .meltano/.installed env ## Install Meltano and the plugins, and create .env

.PHONY: health
health: .meltano/.installed env ## Show whether the pipeline is healthy (ENVIRONMENT=prod, ARGS=--json)
	@$(MELTANO) --log-level=error $(ENVIRONMENT:%=--environment=%) invoke dbt:health $(ARGS)

AIRFLOW = .airflow/venv/bin/python orchestrate/local_airflow.py
EXECUTOR ?= local
WORKERS ?= 2

.PHONY: airflow
airflow: .airflow/.installed start ## Start Airflow (EXECUTOR=celery WORKERS=2, ENVIRONMENT=prod)
	@$(ENVIRONMENT:%=export MELTANO_ENVIRONMENT=%;) $(AIRFLOW) start --executor=$(EXECUTOR) --workers=$(WORKERS)

.PHONY: airflow-stop
airflow-stop: ## Stop Airflow and its tasks; the data is kept
	@if [ -e .airflow/venv ]; then $(AIRFLOW) stop; fi

# Nothing but psql itself prints, so that other programs can read its output. Neither make nor a shell
# expands the arguments, so that every SQL arrives as it is typed.
SPLIT := import os, shlex, sys; os.execv(sys.argv[1], [*sys.argv[1:], *shlex.split(os.environ["PSQL_ARGS"])])

.PHONY: psql
psql: export PSQL_ARGS := $(value ARGS)
psql: .meltano/.installed env ## Query the data with psql (ARGS='-c "select 1"'; a script on stdin)
	@$(START_POSTGRES) > /dev/null
	@.venv/bin/python -c '$(SPLIT)' $(POSTGRES) psql

.PHONY: reset
reset: .meltano/.installed stop ## Delete all data of demo and dev: Postgres, state, cached responses
	@$(POSTGRES) destroy --yes
	@$(MELTANO) --log-level=error state list | { grep -E '^(demo|dev):' || true; } \
	  | while read -r id; do \
	    $(MELTANO) --log-level=error state clear --force "$$id" < /dev/null; \
	    echo "The state $$id is deleted."; \
	  done
	@rm -rf .emulator .meltano/cache/tap-omdb/{demo,dev}
	@echo "The cached responses of demo and dev are deleted. .env and prod are unchanged."

.PHONY: dictionary
dictionary: start ## Generate a page that describes every table and column
	@$(MELTANO) --environment=demo --log-level=warning invoke dbt:docs
	@echo "Open transform/target/static_index.html"

##@ Check

# One more than there are cores, but at most four, since many tests wait. tests/conftest.py orders the files, the slowest first.
WORKERS_OF_TESTS ?= $(shell nproc 2> /dev/null | awk '{ print ($$1 < 4 ? $$1 + 1 : 4) }')

.PHONY: test
test: .venv/.dev ## Run all checks and tests, from nothing
	@$(MAKE) --jobs=2 lint .meltano/.installed .airflow/.installed # the checks beside the installations
	.venv/bin/pytest --numprocesses=$(WORKERS_OF_TESTS) --dist=loadfile --no-loadscope-reorder --durations=10

.PHONY: test-airflow
test-airflow: .venv/.dev .meltano/.installed .airflow/.installed ## Run only the tests of Airflow
	.venv/bin/pytest tests/airflow

.PHONY: image-test
image-test: .meltano/.installed ## Build the images without Docker, and run them (as root, with buildah)
	@scripts/image_test.sh

.PHONY: bench
bench: .venv/.dev .meltano/.installed ## Compare the pipeline with other ways: about 12 minutes on an idle machine
	@UV=$(UV) $(UV) run --quiet benchmarks/pipeline.py --write benchmarks/README.md

.PHONY: lint
lint: lint-python lint-sql lint-files ## Run only the checks

.PHONY: lint-python lint-sql lint-files
lint-python: .venv/.dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo --no-cache

lint-sql: .venv/.dev
	.venv/bin/sqlfluff lint transform
	cd transform && ../.venv/bin/python ../scripts/dbt_any_server.py --quiet parse && ../.venv/bin/dbt-bouncer run

lint-files: .venv/.dev
	.venv/bin/check-jsonschema --builtin-schema vendor.meltano meltano.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug_report.yml
	.venv/bin/hadolint Dockerfile
	.venv/bin/python scripts/tap_docs.py --check

##@ Maintain

.PHONY: docs
docs: .venv/.dev ## Update what is made from the tap's settings
	.venv/bin/python scripts/tap_docs.py

# Chromium refuses its sandbox to root; the page is our own.
SCREENSHOT = chromium --headless $(if $(filter 0,$(shell id -u)),--no-sandbox) --hide-scrollbars \
  --window-size=1200,860 --virtual-time-budget=10000

.PHONY: screenshots
screenshots: dashboard ## Take the README's screenshots of the demo's page, in Chromium
	$(SCREENSHOT) --screenshot=docs/images/dashboard-movies.png \
	  "file://$$PWD/analyze/public/index.html#movies"
	$(SCREENSHOT) --screenshot=docs/images/dashboard-lists.png \
	  "file://$$PWD/analyze/public/index.html#lists"

.PHONY: format
format: .venv/.dev ## Format the code
	.venv/bin/ruff check --fix
	.venv/bin/ruff format
	.venv/bin/sqlfluff fix transform

.PHONY: lock
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate $(UPGRADE)
lock: .venv/.meltano ## Update requirements/*.txt (UPGRADE=--upgrade: to the newest versions)
	$(COMPILE) requirements/all.in $(MANIFESTS) --all-extras --output-file requirements/all.txt
	echo uv | $(COMPILE) - --constraints requirements/all.txt --output-file requirements/uv.txt
	$(COMPILE) requirements/airflow.in --output-file requirements/airflow.txt
	printf '%s\n' 'hatchling>=1.27' editables | $(COMPILE) - --output-file requirements/build.txt

.PHONY: clean
clean: airflow-stop stop ## Delete what was installed or built; keeps data, state and .env
	rm -rf .venv .meltano/extractors .meltano/loaders .meltano/utilities .meltano/.installed
	rm -rf .airflow/venv .airflow/.installed
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis transform/target transform/logs

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make TARGET" } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Intermediate targets -------------------------------------------------

# Virtual environments do not survive a move of the checkout, so the stamp has its path.
MOVED := $(shell [ "$$(cat .venv/.meltano 2> /dev/null)" = "$$PWD" ] || echo moved)
.PHONY: moved

.venv/.meltano: requirements/uv.txt requirements/meltano.in requirements/all.txt $(MOVED)
	@command -v $(PYTHON) > /dev/null || \
	  { echo "There is no $(PYTHON): install Python 3.11 or newer, or set PYTHON=... to one" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old: set PYTHON=... to Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
	  { echo "$(PYTHON) cannot create virtual environments: install its venv package (Debian, Ubuntu: python3-venv)" >&2; exit 1; }
	@echo "Installing Meltano in .venv ..." >&2
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip install --quiet --python .venv --constraints requirements/all.txt -r requirements/meltano.in
	@echo "$$PWD" > $@

.venv/.dev: .venv/.meltano requirements/all.txt requirements/build.txt $(MANIFESTS)
	@echo "Installing the tools of tests and checks in .venv ..." >&2
	@$(UV) pip install --quiet --python .venv --require-hashes -r requirements/all.txt
	@$(UV) pip install --quiet --python .venv --no-deps --build-constraints requirements/build.txt \
	  $(PACKAGES:%=--editable ./%)
	@touch $@

.meltano/.installed: .venv/.meltano meltano.yml requirements/all.txt requirements/build.txt $(MANIFESTS)
	@echo "Installing the plugins ..." >&2
	@$(MELTANO) --log-level=warning install --clean $(PLUGINS)
	@.venv/bin/python -m compileall -q $(PACKAGES) scripts
	@touch $@

.airflow/.installed: .venv/.meltano requirements/airflow.txt
	@echo "Installing Airflow in .airflow/venv ..." >&2
	@$(UV) venv --quiet --clear --python .venv .airflow/venv
	@$(UV) pip install --quiet --python .airflow/venv --require-hashes -r requirements/airflow.txt
	@touch $@

# It will hold your API key, hence the mode. Meltano reads the ports from it.
.PHONY: env
env: .venv/.meltano
	@[ -e .env ] || install -m 600 .env.example .env
	@for name in EMBEDDED_POSTGRES_PORT OMDB_EMULATOR_PORT; do \
	  .venv/bin/dotenv get $$name > /dev/null || .venv/bin/dotenv --quote never set $$name \
	    "$$(.venv/bin/dotenv --file .env.example get $$name)" > /dev/null; \
	done
