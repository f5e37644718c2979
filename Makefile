# make demo   train a hybrid network on smartwatch gestures, export it as an int8 .tflite and as C
# make test   ruff, mypy, and the whole test suite once per backend
# make docs   the documentation as a site, in build/docs/index.html
# Everything is installed into .venv; nothing else on the machine is touched. The kernels are
# compiled after that, when the frameworks that they are bound to are there; what is up to date
# stays. Without a C++ compiler the portable operations serve.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
TEST_ARGS ?=
DOCS_ARGS ?=

.PHONY: demo test docs clean

demo: $(VENV)/.demo-installed
	-$(BIN)/python custom_ops/build.py --optional
	$(BIN)/python examples/gesture_to_microcontroller.py $(DEMO_ARGS)

test: $(VENV)/.test-installed
	$(BIN)/python custom_ops/build.py --optional
	$(BIN)/python tests/run_all.py $(TEST_ARGS)

docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(DOCS_ARGS)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-installed: $(BIN)/python setup.py pyproject.toml requirements/demo.txt
	$(BIN)/python -m pip install --quiet --constraint requirements/constraints.txt --requirement requirements/demo.txt
	touch $@

$(VENV)/.docs-installed: $(VENV)/.demo-installed requirements/docs.txt
	$(BIN)/python -m pip install --quiet --constraint requirements/constraints.txt --requirement requirements/docs.txt
	touch $@

$(VENV)/.test-installed: $(VENV)/.docs-installed requirements/test.txt
	$(BIN)/python -m pip install --quiet --constraint requirements/constraints.txt --requirement requirements/test.txt
	touch $@

clean:
	rm -rf $(VENV) custom_ops/_lib build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis runs
