# Upcycle: `make demo` and `make test` need only make and Python 3.11.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
UV := .tools/bin/uv
ML := .venv/bin/python
AIRFLOW := .venv-airflow/bin/python
UPCYCLE_HOME ?= $(CURDIR)/runs
export UPCYCLE_HOME
# Stamps: an environment is installed again only when its lock or its recipe changes.
ML_STAMP := .venv/.installed
AIRFLOW_STAMP := .venv-airflow/.installed
# The same certificates that the system's own tools trust; mirrors keep working.
export UV_NATIVE_TLS ?= true
export UV_HTTP_TIMEOUT ?= 180
export TF_CPP_MIN_LOG_LEVEL ?= 2
UV_VERSION := 0.9.0

.PHONY: help demo demo-data test test-all lint format bench architectures airflow install lock screenshots clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: install demo-data ## Install, then the whole retraining run on a real TF1 model, through Airflow
	@$(AIRFLOW) -m dags.embedded retrain_demo

demo-data: $(ML_STAMP) ## Draw the demo's photographs with road signs (once)
	@$(ML) -m components.example_gen.road_signs --out $(UPCYCLE_HOME)/demo/data

test: install ## Install, then run the tests (without the slow ones)
	@PYTEST_ARGS='-m "not slow"' ./tests/run

test-all: install ## All tests, the slow proofs too
	@PYTEST_ARGS='' ./tests/run

lint: install ## ruff, mypy, import-linter, hadolint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/hadolint docker/Dockerfile.*
	.venv/bin/mypy detection components pipelines dags benchmarks
	.venv/bin/mypy docker/native docker/health.py
	.venv/bin/lint-imports

format: install ## Format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

architectures: install ## Prove every architecture again, for docs/architectures.md
	@$(ML) docs/generate_architectures.py --prove

bench: install ## Benchmarks, each a ratio against a named peer
	@for file in benchmarks/bench_*.py; do $(ML) $$file || exit 1; done
	@for name in step input_pipeline; do $(ML) -m benchmarks.training.$$name || exit 1; done
	@for name in parse overhead; do $(AIRFLOW) -m benchmarks.dags.$$name || exit 1; done

airflow: install demo-data ## The Airflow UI on loopback; Ctrl-C stops it
	@exec $(AIRFLOW) -m dags.serve $(ARGS)

screenshots: demo ## Take the pictures in docs/images again (needs Debian's chromium and chromium-driver)
	@PYTHONPATH=. $(AIRFLOW) docs/take_screenshots.py

install: $(ML_STAMP) $(AIRFLOW_STAMP) ## Both environments

lock: $(UV) ## Resolve both environments again
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --group demo --group dev -o requirements-dev.lock -q
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  -c requirements-dev.lock -o requirements.lock -q
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --extra cuda \
	  -c requirements.lock -o requirements-cuda.lock -q
	cd dags && ../$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --group dev -o requirements.lock -q

clean: ## Remove environments and tools; runs/ stays
	rm -rf .venv .venv-airflow .tools

$(UV):
	@echo "getting uv $(UV_VERSION)"
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION) 2> .tools/pip.log \
	  || { cat .tools/pip.log >&2; exit 1; }

$(ML_STAMP): requirements-dev.lock pyproject.toml third_party/tfx_bsl_sql_util/pyproject.toml | $(UV)
	@echo "installing the ML environment (TensorFlow, TFX, Beam): about a minute, 4 GB"
	@test -x $(ML) || $(UV) venv -q --python $(PYTHON) .venv
	@$(UV) pip sync -q --python $(ML) --require-hashes --compile-bytecode requirements-dev.lock
	@$(UV) pip install -q --python $(ML) --no-deps --no-build-isolation ./third_party/tfx_bsl_sql_util
	@$(UV) pip install -q --python $(ML) --no-deps --no-build-isolation -e .
	@touch $@

$(AIRFLOW_STAMP): dags/requirements.lock | $(UV)
	@echo "installing the Airflow environment"
	@test -x $(AIRFLOW) || $(UV) venv -q --python $(PYTHON) .venv-airflow
	@$(UV) pip sync -q --python $(AIRFLOW) --require-hashes --compile-bytecode dags/requirements.lock
	@touch $@
