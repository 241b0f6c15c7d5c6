# Every target works on a fresh Debian 12 with Python 3.10 or later and a network to PyPI.
PYTHON ?= python3
VENV ?= .venv
BASE_VENV ?= .venv-base
CLASSIC_VENV ?= .venv-classic
BIN := $(VENV)/bin

.PHONY: help install demo test test-slow test-base test-classic lint clean

help:
	@echo "make demo          install into $(VENV) and walk the whole way on drawn faces"
	@echo "make test          install into $(VENV), check style and types, run the fast tests"
	@echo "make test-slow     the tests that train and convert for minutes"
	@echo "make test-base     the device's tests in a venv with the base install alone (no TensorFlow)"
	@echo "make test-classic  the same with tflite-runtime and numpy 1"

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/edgeemo demo --force

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

# The device's rooms: what must work without TensorFlow, scikit-learn and matplotlib. These venvs hold the package as a
# user gets it, not a link to the checkout, so it is installed anew each time.
test-base: $(BASE_VENV)/.installed
	@rm -rf build && $(BASE_VENV)/bin/pip install --disable-pip-version-check -q --no-deps .
	$(BASE_VENV)/bin/python -m pytest tests/edge tests/benchmarks tests/test_base.py -m "not slow"

test-classic: $(CLASSIC_VENV)/.installed
	@rm -rf build && $(CLASSIC_VENV)/bin/pip install --disable-pip-version-check -q --no-deps .
	$(CLASSIC_VENV)/bin/python -m pytest tests/edge tests/test_base.py -m "not slow"

# The package is the repository root; type checkers need to see it under its name.
lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/typing && ln -sfn $(CURDIR) $(VENV)/typing/edgeemo
	MYPYPATH=$(VENV)/typing $(BIN)/mypy -p edgeemo.edge -p edgeemo.train -p edgeemo.optimize -p edgeemo.benchmarks \
	  -m edgeemo.cli -m edgeemo.demo

$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --disable-pip-version-check -q -e '.[dev]'
	@$(call ensure_opencv,$(BIN))
	@touch $@

$(BASE_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(BASE_VENV)
	$(BASE_VENV)/bin/pip install --disable-pip-version-check -q . pytest pytest-timeout pytest-rerunfailures
	@$(call ensure_opencv,$(BASE_VENV)/bin)
	@touch $@

$(CLASSIC_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(CLASSIC_VENV)
	$(CLASSIC_VENV)/bin/pip install --disable-pip-version-check -q '.[tflite-runtime]' pytest pytest-timeout pytest-rerunfailures
	@$(call ensure_opencv,$(CLASSIC_VENV)/bin)
	@touch $@

# opencv-python needs the desktop's libraries (libGL); where they are missing, its headless build does the same for us.
define ensure_opencv
	$(1)/python -c 'import cv2' 2>/dev/null || { \
	  echo "no libGL on this machine: taking opencv-python-headless"; \
	  version=$$($(1)/pip list --format=freeze | sed -n 's/^opencv-python==//p'); \
	  $(1)/pip uninstall -q -y opencv-python && \
	  $(1)/pip install --disable-pip-version-check -q "opencv-python-headless==$$version"; \
	}
endef

clean:
	rm -rf $(VENV) $(BASE_VENV) $(CLASSIC_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
