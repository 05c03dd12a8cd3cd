# The three commands a newcomer needs: make demo, make test, make demo-down. All need root on Debian 12.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help deps check test demo demo-down bench bench-data soak docs pictures clean

VENV := .venv
BIN := $(VENV)/bin
PROJECT ?= relion-2d
SITE := inputs/sites/this-machine.yaml
BUILD := build/$(PROJECT)
export CFY_WORKDIR ?= $(CURDIR)/build/cloudify
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## / - /'

$(BIN)/.packages: packages.txt
	./tools/install-packages packages.txt
	mkdir -p $(BIN) && touch $@

$(BIN)/.installed: $(BIN)/.packages requirements.txt requirements-dev.txt setup.py
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --require-virtualenv -r requirements.txt -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

deps: $(BIN)/.installed ## install the Debian packages and the Python environment

check: deps ## lint, types, unit tests (four minutes on two processors)
	ruff check cloudify_scipion tests tools puppet setup.py
	mypy
	./tools/check-puppet
	pytest -q -n auto -m 'not long and not machine and not packaging' tests

test: deps check ## everything: real install, real browser (needs root)
	pytest -q -n $$((2 * $$(nproc))) --dist worksteal -m long tests  # they wait for half of their time
	pytest -q -m 'machine or packaging' tests

demo: deps ## from the project file to a desktop in the browser
	@mkdir -p $(CFY_WORKDIR)
	cloudify-scipion check inputs/projects/$(PROJECT).json --site $(SITE)
	cloudify-scipion render inputs/projects/$(PROJECT).json --site $(SITE) -o $(BUILD)
	cfy profiles use local
	cfy install $(BUILD)/blueprint.yaml -b $(PROJECT) -i $(BUILD)/inputs.yaml
	@cloudify-scipion open $(PROJECT)

demo-down: deps ## uninstall the demo, and clear the software cache of all projects
	@if [ -d $(CFY_WORKDIR)/.cloudify/profiles/local/deployments/$(PROJECT) ]; then \
	  cfy uninstall -b $(PROJECT) --task-retries 3 --task-retry-interval 5; \
	else echo "$(PROJECT) is not installed"; fi
	cloudify-scipion held
	cloudify-scipion cache prune --all

docs: deps ## write the documents' tables anew from the code
	python -m tests.docs.reference

pictures: deps ## take the documents' pictures anew, of a real desktop (needs root)
	CLOUDIFY_SCIPION_NEW_PICTURE=1 pytest -q tests/browser/test_picture.py tests/browser/test_docs_pictures.py

bench: deps ## measure; writes docs/benchmarks.md
	python -m tools.bench docs/benchmarks.md

soak: deps ## 10,000 other histories of the agent; writes docs/soak.md
	python -m tests.unit.agent.histories.soak 10000 docs/soak.md

bench-data: deps ## measure the saving of data beside rsync and rclone; writes docs/benchmarks-data.md
	python -m tools.bench_data docs/benchmarks-data.md

clean: ## remove what was built here, but Cloudify's memory of installed projects
	rm -rf dist *.egg-info
	find build -mindepth 1 -maxdepth 1 ! -name cloudify -exec rm -rf {} + 2>/dev/null || true
