# Every target is a few lines; `make` alone lists them.
PYTHON  ?= python3
BACKEND ?= auto
GPUS    ?= 0
HOSTS   ?= 1
EPOCHS  ?=
ARGS    ?=
VENV    := .venv
BIN     := $(VENV)/bin
DATA    := examples/mnist/data
METRICS := --metric 'train:loss=train_loss=([0-9.]+)' --metric 'test:loss=test_loss=([0-9.]+)' --metric 'test:accuracy=test_accuracy=([0-9.]+)'
DEMO    := build/compose-demo
TRAIN    = $(BIN)/sagelet train --backend $(BACKEND) --gpus $(GPUS) --hosts $(HOSTS) --channel training=$(DATA) $(METRICS) $(if $(EPOCHS),--hp epochs=$(EPOCHS)) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help train-torch train-tf compose-demo data data-full setup dev serve images doctor test test-all check fmt fmt-check lint types arch bench docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

train-torch: setup data  ## train PyTorch on MNIST   [HOSTS=N] [BACKEND=docker|process] [GPUS=N] [EPOCHS=N] [ARGS=...]
	@$(TRAIN) --framework pytorch examples/mnist/pytorch_mnist.py

train-tf: setup data  ## train TensorFlow on MNIST
	@$(TRAIN) --framework tensorflow examples/mnist/tensorflow_mnist.py

compose-demo: setup data  ## train PyTorch on MNIST with docker compose, no sagelet running   [HOSTS="2 4"] [EPOCHS=1]
	@docker compose version >/dev/null || { echo 'this needs docker compose v2: https://docs.docker.com/compose/install/' >&2; exit 1; }
	@set -e; for hosts in $(if $(filter command environment,$(firstword $(origin HOSTS))),$(HOSTS),2 4); do \
	  folder=$(DEMO)/$$hosts-hosts; echo "== $$hosts hosts: $$folder/compose.yaml"; \
	  $(BIN)/sagelet compose --framework pytorch examples/mnist/pytorch_mnist.py --name mnist-$$hosts-hosts --hosts $$hosts \
	    --gpus $(GPUS) --channel training=$(DATA) --hp epochs=$(or $(EPOCHS),1) -o $$folder $(ARGS); \
	  (cd $$folder && trap 'docker compose down -v -t 1 >/dev/null 2>&1' EXIT && docker compose up --abort-on-container-failure); \
	  ls -l $$folder/model/*/model.pt; \
	done

data: setup  ## expand the 10,000 + 2,000 digits in the repository
	@$(BIN)/python examples/mnist/data.py $(DATA)

data-full: setup  ## fetch all 60,000 + 10,000 digits (npm)
	@$(BIN)/python examples/mnist/data.py $(DATA) --full

setup: $(VENV)/.setup  ## create .venv with sagelet in it
$(VENV)/.setup: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sagelet needs Python 3.11 or newer; set PYTHON=/path/to/one")'
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade 'pip>=25.1' && $(BIN)/python -m pip install -qq -e '.[examples]' && touch $@

dev: $(VENV)/.dev
$(VENV)/.dev: pyproject.toml $(VENV)/.setup
	@echo "installing the development tools (once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --group dev && touch $@

serve: setup  ## run the control plane: AWS clients train here   [ARGS=...]
	@$(BIN)/sagelet serve $(ARGS)

images: setup  ## build the framework images
	@$(BIN)/sagelet images build

doctor: setup  ## what this machine can do
	@$(BIN)/sagelet doctor

test: dev  ## run the tests; what this machine cannot run is skipped, with the reason
	@$(BIN)/pytest $(ARGS)

test-all: dev  ## run the slow tests too (they install frameworks and build images)
	@$(BIN)/pytest --slow $(ARGS)

check: fmt-check lint types arch  ## format, lint, types, import contracts

fmt: dev  ## format the code
	@$(BIN)/ruff format && $(BIN)/ruff check --fix

fmt-check: dev
	@$(BIN)/ruff format --check

lint: dev
	@$(BIN)/ruff check

types: dev
	@$(BIN)/mypy

arch: dev
	@$(BIN)/lint-imports

bench: dev  ## measure against the peers; writes benchmarks/RESULTS.md
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: dev  ## write the reference pages that come from the code
	@$(BIN)/python docs/generate.py

clean:  ## remove what the targets above made in this folder
	rm -rf $(VENV) $(DATA) .pytest_cache .mypy_cache .ruff_cache .hypothesis
