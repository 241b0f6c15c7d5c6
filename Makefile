# Every target works on a fresh Debian 12 with Python 3.10 or later and a network to PyPI.
PYTHON ?= python3
VENV ?= .venv
BASE_VENV ?= .venv-base
CLASSIC_VENV ?= .venv-classic
ARM ?= .arm
# The longest first: two run at a time.
ARM_PARTS := test-arm-suite-3.11 test-arm-faces-3.11 test-arm-suite-3.13 test-arm-faces-3.13
BIN := $(VENV)/bin

.PHONY: help install demo check units words test test-slow test-giant test-base test-classic arm test-arm report lint style types clean $(ARM_PARTS)
.PHONY: test-device test-train test-optimize

help:
	@echo "make demo          install into $(VENV) and run the end-to-end demo on synthetic faces"
	@echo "make check         style, spelling, types, import rules, and the unit tests: under a minute, between two edits"
	@echo "make test          install into $(VENV), check style and types, run every fast test: under eight minutes"
	@echo "make test-device   the part of it that covers the device; make test-train, test-optimize: the other parts"
	@echo "make test-slow     the tests that train and convert for minutes"
	@echo "make test-giant    those that take minutes each alone"
	@echo "make test-base     the device tests in a venv with the base install alone (no TensorFlow)"
	@echo "make test-classic  the same with tflite-runtime and numpy 1"
	@echo "make arm           the emulated Pythons for edgeemo benchmark --instructions: $(ARM)/bin/python3.11 and 3.13"
	@echo "make test-arm      the same as an emulated Raspberry Pi, 200 faces against this machine, and instruction counts"
	@echo "make report        measure all models side by side into docs/benchmark-report.md (see docs/report.sh)"

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/edgeemo demo --force

# What to run between two edits. tests/tools/unit_tests.py holds the rule for what is a unit test.
check: style
	@$(MAKE) --no-print-directory -j2 -Otarget units types

units: $(VENV)/.installed
	$(BIN)/python -m pytest -p tests.tools.unit_tests -q -m "not slow and not seconds"

# Side by side on two cores. The device tests wait for cameras more than they compute, the others the other way round:
# those that compute give way to those with deadlines.
test: CHOICE = not slow
test: style
	$(call side_by_side,test-device,types test-train,test-optimize)

test-slow: CHOICE = slow and not giant
test-slow: $(VENV)/.installed
	$(call side_by_side,test-device,test-train,test-optimize)

CHOICE := not slow
DEVICE := tests/edge tests/benchmarks
TRAINING := tests/train

test-device: $(VENV)/.installed
	$(BIN)/python -m pytest $(DEVICE) -m "$(CHOICE)"

test-train: $(VENV)/.installed
	$(BIN)/python -m pytest $(TRAINING) -m "$(CHOICE)"

test-optimize: $(VENV)/.installed
	$(BIN)/python -m pytest $(addprefix --ignore=,$(DEVICE) $(TRAINING)) -m "$(CHOICE)"

# $(1) targets with deadlines and $(2) others, whose output is shown at the end; $(3) those whose output is shown at
# once. Fails when one of them fails.
define side_by_side
	+@first=$$(mktemp); second=$$(mktemp); make='$(MAKE) --no-print-directory'; \
	$$make CHOICE='$(CHOICE)' $(1) >$$first 2>&1 & one=$$!; \
	nice -n 10 $$make CHOICE='$(CHOICE)' $(2) >$$second 2>&1 & two=$$!; \
	trap 'kill $$one $$two 2>/dev/null; rm -f $$first $$second' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	nice -n 10 $$make CHOICE='$(CHOICE)' $(3); failed=$$?; \
	wait $$one || failed=1; wait $$two || failed=1; cat $$first $$second; exit $$failed
endef

# What would not fit into CI's time.
test-giant: $(VENV)/.installed
	$(BIN)/python -m pytest -m giant

# What must work on a device, without TensorFlow, scikit-learn and matplotlib. These venvs hold the package as a user
# gets it, not a link to the checkout, so each run installs it again.
test-base: $(BASE_VENV)/.installed
	@rm -rf build && $(BASE_VENV)/bin/pip install --disable-pip-version-check -q --no-deps .
	$(BASE_VENV)/bin/python -m pytest tests/edge tests/benchmarks tests/test_base.py -m "not slow"

test-classic: $(CLASSIC_VENV)/.installed
	@rm -rf build && $(CLASSIC_VENV)/bin/pip install --disable-pip-version-check -q --no-deps .
	$(CLASSIC_VENV)/bin/python -m pytest tests/edge tests/test_base.py -m "not slow"

# Two emulated interpreters with the packages of the base install.
arm: $(ARM)/.ready-3.11 $(ARM)/.ready-3.13

# The device's architecture under qemu: as a Pi 4 with Debian 12, Python 3.11 and both runtimes, and as a Pi 5 with
# Debian 13, Python 3.13 and LiteRT. docs/arm.md says what is left out, and why.
test-arm: arm
	@rm -rf build $(ARM)/dist
	@$(BASE_VENV)/bin/pip wheel --disable-pip-version-check -q --no-deps --wheel-dir $(ARM)/dist . && rm -rf build
	@$(BASE_VENV)/bin/pip install --disable-pip-version-check -q --no-deps --upgrade --target $(ARM)/package $(ARM)/dist/*.whl
	@for venv in $(BASE_VENV) $(CLASSIC_VENV); do \
	  $$venv/bin/pip install --disable-pip-version-check -q --no-deps --force-reinstall $(ARM)/dist/*.whl || exit 1; \
	done
	@nice -n 10 $(MAKE) --no-print-directory -j2 -Otarget $(ARM_PARTS)

test-arm-suite-3.11:
	$(ARM)/bin/python3.11 $(ARM_PYTEST) tests/edge tests/test_base.py

test-arm-suite-3.13:
	$(ARM)/bin/python3.13 $(ARM_PYTEST) $(ARM_SHORT)

test-arm-faces-3.11:
	EDGEEMO_ARM_PYTHON=$(CURDIR)/$(ARM)/bin/python3.11 $(CLASSIC_VENV)/bin/python -m pytest tests/arm -rP

test-arm-faces-3.13:
	EDGEEMO_ARM_PYTHON=$(CURDIR)/$(ARM)/bin/python3.13 $(BASE_VENV)/bin/python -m pytest tests/arm -rP

ARM_PYTEST := -m pytest -p tests.arm.emulation -p no:cacheprovider -m "not slow"
# What depends on Python, NumPy, OpenCV and the runtime; all of it a second time would take longer than it is worth.
ARM_SHORT := $(addprefix tests/,$(addsuffix .py,edge/inference/test_interpreter edge/model/test_card edge/vision/test_preprocess edge/vision/test_image test_base))

$(ARM)/.ready-3.11: $(CLASSIC_VENV)/.installed
	$(call emulate,bookworm,3.11,$(CLASSIC_VENV),pi4,cortex-a72)

$(ARM)/.ready-3.13: $(BASE_VENV)/.installed
	$(call emulate,trixie,3.13,$(BASE_VENV),pi5,cortex-a76)

# $(1) Debian release, $(2) its Python, $(3) the venv here that it is compared with, $(4) board, $(5) processor
define emulate
	@command -v qemu-aarch64 >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq qemu-user >/dev/null; } || \
	  { echo "qemu-user is missing: apt-get install qemu-user"; exit 1; }
	@mkdir -p $(ARM)/bin
	@[ -d $(ARM)/sysroot-$(2) ] || tests/arm/sysroot.sh $(1) $(2) $(ARM)/sysroot-$(2)
	@$(3)/bin/python tests/tools/boards.py $(ARM)/sysroot-$(2) $(4)
	tests/arm/wheels.sh $(3) $(2) $(ARM)/site-$(2)
	@printf '#!/bin/sh\nexec "%s" "%s" %s "$$@"\n' $(CURDIR)/tests/arm/python.sh $(CURDIR)/$(ARM) "$(2) $(5)" \
	  >$(ARM)/bin/python$(2) && chmod +x $(ARM)/bin/python$(2)
	@touch $@
endef

report: $(VENV)/.installed
	EDGEEMO=$(BIN)/edgeemo docs/report.sh

lint: style types

style: words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Spelling; tests/test_words.py has the words that we do not use.
words: $(VENV)/.installed
	$(BIN)/codespell

# The package is the repository root; type checkers need to see it under its name.
types: $(VENV)/.installed
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
	rm -rf $(VENV) $(BASE_VENV) $(CLASSIC_VENV) $(ARM) .report build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
