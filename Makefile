# Everything a person types; each target builds the environment it needs first.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
# its tests are skipped where go is not there to build it
TOXIPROXY := $(if $(shell command -v go),build/bin/toxiproxy-server)

.PHONY: run stop test faults deploy helm oracle lint bench clean

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or 3.12 is needed: install it, or name it with make PYTHON=…' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or 3.12 is needed, this is " + sys.version) if sys.version_info[:2] not in ((3, 11), (3, 12)) else 0'
	@echo 'Building the environment in .venv …'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/uv pip install -q --compile-bytecode -p $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@

run: $(STAMP)
	@$(BIN)/governance up

# needs no environment: where there is none, nothing of it can run
stop:
	@test ! -x $(BIN)/governance || $(BIN)/governance down

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

build/bin/toxiproxy-server:
	@echo 'Building toxiproxy …'
	@GOBIN=$(CURDIR)/build/bin go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
	@mv build/bin/server $@

# every fault of docs/reliability.md, the long part too; GOVERNANCE_TEST_SEED=… repeats a run
faults: $(STAMP) $(TOXIPROXY)
	$(BIN)/python -m pytest tests/faults -m 'faults or not faults' -n 2 --dist loadgroup

# Celery workers and run pools, the long part too: some ten minutes
deploy: $(STAMP)
	$(BIN)/python -m pytest tests/deploy -m 'deploy or not deploy'

# our values against Dagster's own chart; needs Go and the web, or HELM=… and CHART=… where they are at hand
HELM_VERSION := v3.20.2
HELM ?= $(CURDIR)/.helm/helm
CHART ?= $(CURDIR)/.helm/dagster
helm: $(STAMP)
	@mkdir -p .helm
	@test -x $(HELM) || GOBIN=$(CURDIR)/.helm go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	@test -d $(CHART) || $(HELM) pull dagster --repo https://dagster-io.github.io/helm --untar -d .helm \
	  --version "$$($(BIN)/dagster --version | grep -o '[0-9.]*$$')"
	GOVERNANCE_TEST_HELM=$(HELM) GOVERNANCE_TEST_CHART=$(CHART) $(BIN)/python -m pytest tests/deploy/test_chart.py

# DataHub as a witness: everything it reads from the sandbox must be in the inventory
oracle: $(STAMP)
	$(BIN)/python -m bench.oracle

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# the whole takes some 20 minutes on a machine that does nothing else; `make bench PARTS=growth` measures one part anew,
# `make bench TABLES=500` is a quick look
bench: $(STAMP)
	@$(BIN)/uv pip install -q -p $(BIN)/python -c constraints.txt -e '.[bench]'
	$(BIN)/python -m bench.report $(if $(TABLES),--tables $(TABLES)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(PARTS),--parts $(PARTS))

clean: stop
	rm -rf .venv .governance .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
