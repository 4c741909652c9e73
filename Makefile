# `make` lists the targets. All of them work from a fresh clone: they need GNU make, git and Python
# 3.11 or newer, make .venv, and install ngspice when it is missing.

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error GNU make 3.82 or newer is needed (macOS: brew install make, then gmake))
endif

# Each recipe is one bash script that stops at the first failing command.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The Python that .venv is made from; the default is the first of these that really works (a name
# on PATH may be a stub that fails).
PYTHON ?=
PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3)

# More options for pytest, such as PYTEST_ARGS='-x -k device'.
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# -I: what the caller's PYTHONPATH holds must not count as installed.
PIP := $(BIN)/python -I -m pip
# One thread: the matrices of tests are small, and threads that wait for each other waste both cores.
# What is compiled is kept, whatever the environment says: tests start hundreds of processes, and the
# asserts of test files, which pytest writes anew, take longer to compile than many tests to run.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest
# Test files side by side, one a processor; each file in its own order, so that results are the same.
# Files in their order, too: pytest-xdist would begin with those of the most tests, and what runs
# SPICE has few and long ones. Unit tests come last, and are short, so that no processor waits.
SPREAD := -n auto --dist loadfile --no-loadscope-reorder

# Written last, and only by a setup that got through. It holds the folder's path, because a .venv
# that was copied along with the folder would go on importing the package from the old place.
STAMP := $(VENV)/.setup-done
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): force
endif
# A .venv whose Python has gone from the machine is a dangling link.
ifeq ($(realpath $(BIN)/python),)
$(STAMP): force
endif

.PHONY: help setup ngspice run test test-slow test-ngspice39 lint golden reference cards bench doctor clean force

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ngspice ## Make .venv and install ngspice when missing (the others do so themselves)

run: setup ## Run the wine example into out/wine
	$(BIN)/mtjspice run examples/wine/experiment.toml --out out/wine

test: setup ## Run the tests, but for the slow ones
	$(PYTEST) $(SPREAD) --ngspice=required -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## Run the slow tests
	$(PYTEST) --ngspice=required -m slow $(PYTEST_ARGS)

test-ngspice39: $(STAMP) ## Run the ngspice tests against the oldest version supported (Debian 12)
	scripts/fetch-ngspice.sh 39 .ngspice/39
	other="$(CURDIR)/.ngspice/39/usr"
	lib="$$(dirname "$$other"/lib/*/libngspice.so.0)"
	export NGSPICE_LIBRARY_PATH="$$lib/libngspice.so.0" SPICE_LIB_DIR="$$other/share/ngspice"
	export PATH="$$other/bin:$$PATH" LD_LIBRARY_PATH="$$lib"
	$(PYTEST) $(SPREAD) --ngspice=required -m "ngspice and not slow" $(PYTEST_ARGS)

lint: $(STAMP) ## Check style, types, layers, golden netlists and the reference
	@failed=
	check() { echo "+ $$*"; "$$@" || failed="$$failed$$(printf '\n  %s' "$$*")"; }
	check $(BIN)/ruff check
	check $(BIN)/ruff format --check
	check $(BIN)/mypy
	check $(BIN)/lint-imports
	check $(BIN)/python -m mtjspice.netlist.golden --check
	check $(BIN)/python docs/reference.py --check
	if [ -n "$$failed" ]; then echo "make lint: failed:$$failed" >&2; exit 1; fi

golden: $(STAMP) ## Write the golden netlists anew
	$(BIN)/python -m mtjspice.netlist.golden --write

reference: $(STAMP) ## Write docs/api.md and the schemas of specs anew
	$(BIN)/python docs/reference.py --write

cards: setup ## Calibrate the cards that ship in models/ anew
	for name in passive15 die20k; do
	  $(BIN)/mtjspice calibrate examples/$$name/calibration.toml --out out/$$name-card
	  cp out/$$name-card/$$name.card.json models/
	done

bench: setup ## Run the benchmarks and list the promises that do not hold
	$(BIN)/python benchmarks/all.py

doctor: $(STAMP) ## Report what this machine has and lacks
	$(BIN)/mtjspice doctor

clean: ## Remove .venv, .ngspice, caches and build artefacts; results in out/ stay
	rm -rf $(VENV) .ngspice build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Says in one line that ngspice is there, or installs it.
ngspice:
	@scripts/install-ngspice.sh

$(STAMP): pyproject.toml constraints.txt
	@fail() { echo >&2; printf 'make setup: %s\n' "$$@" >&2; exit 1; }
	sudo=
	if [ "$$(id -u)" != 0 ]; then sudo='sudo -n'; fi
	recent() { "$$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
	complete() { recent "$$1" && "$$1" -I -c 'import venv, ensurepip' >/dev/null 2>&1; }
	pick() { for p in $(PYTHONS); do if "$$1" "$$p"; then echo "$$p"; return; fi; done; }

	# A setup that broke off may have left half a package, which pip takes for a whole one; and a
	# .venv from another folder or of a vanished Python is of no use.
	if [ -e $(VENV)/.setup-running ] || ! recent $(BIN)/python ||
	    { [ -e $(STAMP) ] && [ "$$(cat $(STAMP))" != "$(CURDIR)" ]; }; then
	  rm -rf $(VENV)
	fi

	if [ ! -e $(VENV) ]; then
	  py=$$(pick complete)
	  if [ -z "$$py" ] && py=$$(pick recent) && [ -n "$$py" ]; then
	    # Debian packs venv's other half by itself.
	    package=$$("$$py" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
	    if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then
	      echo "make setup: $$py lacks ensurepip; installing $$package"
	      $$sudo apt-get -qq update || true
	      $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q install --no-install-recommends "$$package" || true
	    fi
	    complete "$$py" || fail "$$py cannot make a virtual environment: its ensurepip is missing." \
	      "Install it (Debian, Ubuntu: apt install $$package), or name another Python: make setup PYTHON=..."
	  fi
	  [ -n "$$py" ] || fail "no Python 3.11 or newer that works, looking for: $(subst ",,$(PYTHONS))." \
	    "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make setup PYTHON=..."
	  echo "make setup: making $(VENV) with $$py ($$("$$py" -V))"
	  mkdir $(VENV)
	  touch $(VENV)/.setup-running
	  "$$py" -m venv $(VENV) || fail "$$py could not make $(VENV); its reason stands above." \
	    "Nothing else was changed. Name another Python (make setup PYTHON=...), or run make again."
	fi

	touch $(VENV)/.setup-running
	rm -f $(STAMP)
	again="The next make starts with a fresh $(VENV). If the network or a package index is the reason, see: pip config list"
	$(PIP) install -c constraints.txt -e '.[dev]' ||
	  fail "pip could not install the package; its reason stands above." "$$again"
	# badcrossbar is a peer solver that the reference tests compare with. --no-deps: only its plots
	# need pycairo, which needs a C library that the project does not require. What its solver needs,
	# the dev extra has.
	$(PIP) install -c constraints.txt --no-deps badcrossbar ||
	  fail "pip could not install badcrossbar; its reason stands above." "$$again"
	rm $(VENV)/.setup-running
	echo "$(CURDIR)" >$(STAMP)
