# The entry point for all tasks: `make` lists the targets.
#
# Everything stays inside this checkout (.venv, target, demo-output). Settings of the caller's shell
# that would point a build or a test at another checkout, Spark or MLflow are unset here.

PYTHON ?=
ARGS ?=

VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
STAMPS := .venv/.stamps
CORE := python/sparktune/_core.abi3.so
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PYTHON_DIRS := python tests benches examples scripts
# Many tests wait for Spark or for a time-out, so two processes take half the time. A file stays in
# one process, with the servers and sessions that its tests share.
SIDE_BY_SIDE := -n 2 --dist loadfile
# Percent of lines that the tests must reach; the floor of Python is in pyproject.toml.
RUST_FLOOR := 97

export VIRTUAL_ENV := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
export CARGO_TARGET_DIR := $(CURDIR)/target
export PYO3_PYTHON := $(PY)
export PYSPARK_PYTHON := $(PY)
export PYSPARK_DRIVER_PYTHON := $(PY)
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME CONDA_PREFIX
unexport SPARK_HOME SPARK_CONF_DIR SPARK_REMOTE
unexport MLFLOW_TRACKING_URI MLFLOW_REGISTRY_URI MLFLOW_RUN_ID MLFLOW_EXPERIMENT_ID
unexport MLFLOW_EXPERIMENT_NAME SPARKTUNE_MLFLOW

# Find a JDK for Spark; see scripts/java_home.py.
WITH_JAVA = JAVA_HOME="$$($(PY) scripts/java_home.py)" && export JAVA_HOME &&

.DEFAULT_GOAL := help

.PHONY: help
help:  ## list the targets
	@echo "usage: make <target> [PYTHON=python3.12] [ARGS='...']"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

# --- Setting up -----------------------------------------------------------------------------

.PHONY: setup
setup: $(CORE)  ## create .venv, install the locked dependencies, build the extension; does only what changed

$(STAMPS)/venv:
	@sh scripts/check_rust.sh
	@sh scripts/create_venv.sh "$(PYTHON)" .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dependencies: requirements.lock | $(STAMPS)/venv
	@echo "Installing the locked dependencies (the first time takes a few minutes)"
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(STAMPS)/dependents: requirements-dependents.lock | $(STAMPS)/dependencies
	@echo "Installing packages built on Hyperopt, for the tests, into .venv/dependents"
	@rm -rf .venv/dependents
	$(PY) -m pip install --quiet --no-deps --require-hashes --target .venv/dependents \
		-r requirements-dependents.lock
	@touch $@

$(CORE): $(STAMPS)/dependencies $(RUST_SOURCES) pyproject.toml
	@sh scripts/check_rust.sh
	@echo "Building the extension in release mode"
	MATURIN_PEP517_ARGS="--features inspect" $(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# --- Using it -------------------------------------------------------------------------------

.PHONY: demo
demo: setup  ## search for a model on local Spark, logged to MLflow; results in demo-output/
	@$(WITH_JAVA) $(PY) examples/model_search.py $(ARGS)

# --- Checking it ----------------------------------------------------------------------------

.PHONY: test
test: coverage test-rest  ## run every test once, those of Spark and MLflow included

.PHONY: test-rest
test-rest: setup $(STAMPS)/dependents  ## run what `make coverage` leaves out: slow tests and those of Spark
	@$(WITH_JAVA) $(PY) -m pytest $(SIDE_BY_SIDE) -m "slow or spark"

.PHONY: test-fast
test-fast: setup  ## run the quick Python tests (a minute): no JVM, no MLflow store, nothing slow
	$(PY) -m pytest $(ARGS)

.PHONY: matrix
matrix: wheel  ## run the Spark tests with other versions (ARGS='3.10:3.5 3.13:4', meaning Python:PySpark)
	@sh scripts/matrix.sh $(if $(ARGS),$(ARGS),3.10:3.5 3.12:4.0 3.13:4)

.PHONY: test-rust
test-rust: setup  ## run the Rust tests
	cargo test --locked --package sparktune-core

.PHONY: test-python
test-python: setup $(STAMPS)/dependents  ## run the Python tests (ARGS='tests/test_plotting.py -k name' for some)
	@$(WITH_JAVA) $(PY) -m pytest --all $(ARGS)

.PHONY: coverage
coverage: coverage-rust coverage-python  ## run the tests of Rust and of Python without Spark; fail below the floors

.PHONY: coverage-rust
coverage-rust: setup
	@if sh scripts/llvm_cov.sh; then \
	PATH="$(CARGO_TARGET_DIR)/tools/bin:$$PATH" cargo llvm-cov --locked --package sparktune-core \
		--summary-only --fail-under-lines $(RUST_FLOOR) && \
	cargo test --locked --package sparktune-core --doc; \
	else $(MAKE) test-rust; fi

.PHONY: coverage-python
coverage-python: setup
	rm -f .coverage .coverage.*
	$(PY) -m coverage run -m pytest $(SIDE_BY_SIDE) -m "not slow and not spark" $(ARGS)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

.PHONY: fuzz
fuzz: setup  ## run the property tests at depth (minutes to an hour); `make test` runs them for seconds
	PROPTEST_CASES=$${PROPTEST_CASES:-5000} cargo test --locked --package sparktune-core --test incremental --test extremes
	HYPOTHESIS_PROFILE=deep $(PY) -m pytest --timeout 0 -m hypothesis $(ARGS)

.PHONY: campaign
campaign: setup  ## kill 200 drivers of searches with a journal, and count what is lost (ARGS='--kills 20 --modes serial')
	@$(WITH_JAVA) $(PY) tests/journal/campaign/campaign.py $(ARGS)

.PHONY: lint
lint: setup  ## check format, style, types, layers, sizes, spelling, licences; changes nothing
	$(PY) -m ruff check $(PYTHON_DIRS)
	$(PY) -m ruff format --check $(PYTHON_DIRS)
	$(PY) -m mypy
	$(PY) -m mypy.stubtest sparktune._core
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(PY) scripts/layers.py
	$(PY) scripts/sizes.py
	$(VENV)/bin/typos --format brief
	$(PY) scripts/wording.py
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: licences were not checked (cargo install cargo-deny)"; fi

.PHONY: wording
wording: setup  ## look for constructions that are not English (CONTRIBUTING.md, 'Style')
	$(PY) scripts/wording.py $(ARGS)

.PHONY: audit
audit:  ## check the extension's dependencies for known vulnerabilities (cargo-deny, network)
	cargo deny check advisories

.PHONY: fmt
fmt: setup  ## format Python and Rust code, apply safe fixes
	$(PY) -m ruff check --fix $(PYTHON_DIRS)
	$(PY) -m ruff format $(PYTHON_DIRS)
	cargo fmt --all

.PHONY: bench
bench: setup  ## time the suggesters alone (cargo bench), then against hyperopt, optuna and rustuna
	cargo bench --locked --package sparktune-core --bench suggest
	$(PY) benches/vs_peers.py $(ARGS)
	$(PY) benches/fmin_loop.py $(ARGS)
	$(PY) benches/memory.py

.PHONY: bench-instructions
bench-instructions:  ## count instructions of a suggestion (needs valgrind)
	@sh scripts/bench_instructions.sh $(ARGS)

.PHONY: quality
quality: setup  ## compare what searches find on public problems (docs/quality.md); resumable, takes hours
	$(PY) -m pip install --quiet --require-hashes -r requirements-quality.lock
	$(PY) benches/quality/run.py $(ARGS)

.PHONY: bench-pruning
bench-pruning: setup  ## compare searches that prune (docs/pruning.md); resumable, takes hours
	$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements-curves.lock
	$(PY) benches/pruning $(ARGS)

.PHONY: gallery
gallery: setup  ## draw the pictures of docs/plots.md from a real search (some minutes)
	$(PY) scripts/gallery.py $(ARGS)

.PHONY: bench-mlflow
bench-mlflow: setup  ## time searches with and without recording, against MlflowSparkStudy
	@$(WITH_JAVA) $(PY) benches/recording.py $(ARGS)

# --- Shipping it ----------------------------------------------------------------------------

.PHONY: wheel
wheel: $(STAMPS)/dependencies  ## build the wheel and the source distribution into dist/
	@sh scripts/check_rust.sh
	$(VENV)/bin/maturin build --release --locked --sdist --out dist

.PHONY: lock
lock: $(STAMPS)/venv  ## update requirements*.lock from pyproject.toml (ARGS=--upgrade for newer versions)
	$(PY) -m pip install --quiet "uv>=0.8,<1"
	sh scripts/lock.sh $(ARGS)

.PHONY: clean
clean:  ## remove everything that was built, installed or written by a run
	rm -rf .venv target dist .cache demo-output $(CORE)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	rm -rf mlruns mlartifacts mlflow.db spark-warehouse metastore_db derby.log artifacts
	find python tests benches examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +
