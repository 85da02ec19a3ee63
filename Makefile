# Everything sets itself up: `make demo` and `make test` work on a bare machine. GNU make 3.81, POSIX sh.

QT ?= pyqt5
PYTHON ?= python3
# On an NVIDIA machine `make demo TORCH=torch`; any pip requirement, with options, is taken.
TORCH ?= torch==2.13.0
OUT ?= demo
ARGS ?=
# Tests that run at once; 0 runs them one after the other, in this process.
AT_ONCE ?= 2

ifeq ($(filter $(QT),pyqt5 pyqt6),)
$(error QT is "$(QT)": choose QT=pyqt5 or QT=pyqt6)
endif

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Python compiles what is imported when it is; compiling all of torch and napari takes half a minute.
INSTALL := $(PIP) install --no-compile --progress-bar off
SLOWLY := sh scripts/with-progress.sh
TORCH_READY := .venv/.torch-ready
READY := .venv/.ready-$(QT)
# Both bindings may lie in one .venv; these two choose.
WITH_QT := QT_API=$(QT) PYTEST_QT_API=$(QT)
# napari needs a display: on Linux without one, a virtual one.
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY),Linux)
VIRTUAL := xvfb-run -a -s "-screen 0 1280x800x24"
endif
# Python keeps what it compiled: without that, each process of a test compiles PyTorch anew, for two seconds.
unexport PYTHONDONTWRITEBYTECODE
BENCH ?= $(filter-out common,$(notdir $(basename $(wildcard bench/*.py))))

.PHONY: help setup system demo check check-tests test test-gui lint lint-ruff lint-mypy lint-imports lint-manifest \
	wheel-test wheel-train wheel-open smoke-pyside6 bench clean distclean FORCE
.DELETE_ON_ERROR:

help: ## This list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'
	@echo
	@echo '  QT=pyqt5 (default) or pyqt6; PYTHON=python3; TORCH="torch==2.13.0" (TORCH=torch for an NVIDIA GPU);'
	@echo '  ARGS="-k metrics" goes to pytest.'

setup: system $(READY) ## .venv with the package, napari and the chosen Qt; once

# Quick enough to look each time, so that a kept .venv also works on a new machine.
system:
	@sh scripts/system-packages.sh "$(PYTHON)"

# A TORCH given by hand that differs from the one installed replaces it; the default never does.
ifneq ($(origin TORCH),file)
ifneq ($(TORCH),$(shell cat $(TORCH_READY) 2>/dev/null))
$(TORCH_READY): FORCE
endif
endif

$(TORCH_READY): | system
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(SLOWLY) 'Making .venv' "$(PYTHON)" -m venv .venv
	@if [ -f $@ ]; then rm -f $@; $(PIP) uninstall -qq -y torch; fi
	@$(SLOWLY) 'Installing PyTorch ($(TORCH))' $(INSTALL) $(TORCH)
	@$(BIN)/python -c 'from importlib.metadata import version; print("torch==" + version("torch"))' \
		> .venv/torch-constraint.txt
	@echo '$(TORCH)' > $@

# The constraint keeps this very build of torch.
$(READY): pyproject.toml Makefile $(TORCH_READY) | system
	@$(SLOWLY) 'Installing napari with $(QT) and the tools' $(INSTALL) -c .venv/torch-constraint.txt -e '.[$(QT),dev]'
	@touch $@

demo: setup ## napari with a stack and a short run; IMAGE=… LABELS=… for your own, OUT=demo
	@QT_API=$(QT) $(VIRTUAL) $(BIN)/python -m napari_advseg.gui.demo --out '$(OUT)' \
		$(if $(VIRTUAL),--exit-after) \
		$(if $(IMAGE),--image '$(IMAGE)') $(if $(LABELS),--labels '$(LABELS)')

# One thread in each process: networks this small are slower on more, and slowest beside other processes.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(WITH_QT) $(BIN)/python -m pytest -n $(AT_ONCE) --dist worksteal

check: setup ## What to run after each change: linters, and the tests of core and app but for long trainings
	@sh scripts/at-once.sh tests '$(MAKE) -s check-tests' ruff '$(MAKE) -s lint-ruff' \
		'mypy and import-linter' '$(MAKE) -s lint-mypy lint-imports'

check-tests: setup
	$(PYTEST) tests/core tests/app -m 'not training' $(ARGS)

test: setup ## All tests
	$(PYTEST) $(ARGS)

test-gui: setup ## The tests that open a window
	$(PYTEST) tests/gui tests/e2e $(ARGS)

lint: lint-ruff lint-mypy lint-imports lint-manifest ## ruff, mypy, import-linter, npe2 validate

lint-ruff: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-mypy: setup
	@sh scripts/mypy.sh $(BIN)

lint-imports: setup
	$(BIN)/lint-imports

lint-manifest: setup
	QT_API=$(QT) $(BIN)/npe2 validate --imports napari-advseg

wheel-test: wheel-train ## Build the wheel, train with it in an empty environment without Qt, open it in napari
	@$(MAKE) -s wheel-open

wheel-train: setup
	@sh scripts/wheel-test.sh train "$(PYTHON)" $(TORCH)

# Reads napari from .venv: not while something is installed there.
wheel-open: setup
	@QT_API=$(QT) $(VIRTUAL) sh scripts/wheel-test.sh open

smoke-pyside6: setup ## Open the dock under PySide6 and train two updates with it
	@$(VIRTUAL) sh scripts/smoke-pyside6.sh

bench: setup ## The measurements of bench/; BENCH=tiling for one of them
	@$(BIN)/python -c 'import sklearn' 2>/dev/null || \
		$(SLOWLY) 'Installing what bench/ compares with' $(INSTALL) -c .venv/torch-constraint.txt -e '.[bench]'
	@for name in $(BENCH); do echo "bench/$$name.py"; \
		QT_API=$(QT) $(VIRTUAL) $(BIN)/python bench/$$name.py || exit 1; done

clean: ## Remove what tools and builds left, not .venv and not demo/
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## As clean, and .venv
	rm -rf .venv
