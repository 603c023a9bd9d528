# Two commands: `make demo` sees it work, `make test` checks everything. Each makes .venv by itself.
#   make demo GFLASH=20000   trains on so many GFLASH showers instead of the shipped Geant4 sample
#   TORCH=...                another torch requirement; one that is already in .venv is left alone
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo
GFLASH ?= 0

.PHONY: demo test lint lock clean

demo: $(READY)
	$(BIN)/moliere run $(if $(filter 0,$(GFLASH)),demo,demo-gflash --set simulate.events=$(GFLASH)) -o $(DEMO) --overwrite

test: lint
	$(BIN)/python -m pytest -q -n auto -m "not slurm"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): pyproject.toml requirements.lock
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install -q --disable-pip-version-check "$(TORCH)"
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	touch $(READY)

# every file that may be installed, by its hash, for all systems and Pythons; torch and what it needs stay outside
lock: $(READY)
	$(BIN)/pip install -q --disable-pip-version-check uv
	echo 'torch; python_version < "3"' > $(VENV)/outside.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --python-version 3.11 -c constraints.txt --override $(VENV)/outside.txt --extra dev -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) $(DEMO)
