# The commands of this project; `make` alone lists them. Each sets up what it needs, once: the
# virtual environment in .venv, the SIP engine and Asterisk in the user's cache folder.
#
#   make run PYTHON=python3.12      another Python (3.11 or newer) for a new .venv
#   make test TESTS="tests/sdp -x"  some of the tests, or other options of pytest
#   make bench BENCH="quality"      some of the benchmarks; tests/bench/README.md has the options
#   make fuzz FUZZ="rtp opus"       some of the harnesses; FUZZ_SECONDS=20 is the time of each

PYTHON ?= python3
TESTS ?=
BENCH ?=
FUZZ ?=
FUZZ_SECONDS ?= 20
VENV := .venv
BIN := $(VENV)/bin

# The SIP engine and Asterisk outlive clones; without a home they stay in /var/tmp
export XDG_CACHE_HOME ?= $(or $(HOME:%=%/.cache),/var/tmp/webrtc-sip-gateway-$(shell id -u))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ENGINE_PACKAGES := gcc g++ make dpkg-dev libssl-dev libopus-dev uuid-dev
LAB_PACKAGES := openssl debian-archive-keyring
BENCH_PACKAGES := debian-archive-keyring util-linux
TEST_PACKAGES := $(LAB_PACKAGES) chromium firefox-esr sip-tester

.DEFAULT_GOAL := help
.NOTPARALLEL:  # pip must not install twice into one environment at the same time
.PHONY: help install run test check bench fuzz lab lab-stop engine clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.runtime ## Set up .venv with what the gateway needs to run

run: $(VENV)/.runtime ## Serve the demo on http://127.0.0.1:8080, with a SIP peer of its own
	@$(BIN)/python -c 'import pjsua2' 2> /dev/null || $(MAKE) --no-print-directory engine
	@$(BIN)/python -m gateway demo

test: $(VENV)/.development $(VENV)/.engine ## Set up everything that the tests need, and run them
	@.ci/packages $(TEST_PACKAGES)
	@asterisk-lab/fetch.sh
	@$(BIN)/pytest $(TESTS)

check: $(VENV)/.development ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench $(VENV)/.engine ## Measure, print tables, write tests/bench/results/
	@.ci/packages $(BENCH_PACKAGES)
	@tests/bench/fetch-rtpengine.sh > /dev/null
	@$(BIN)/python -m tests.bench --peers $(BENCH)

fuzz: $(VENV)/.fuzz ## Fuzz each parser of the network's bytes for FUZZ_SECONDS
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

lab: ## Start the Asterisk lab and print its ports
	@.ci/packages $(LAB_PACKAGES)
	@asterisk-lab/run-local.sh start

lab-stop: ## Stop the Asterisk lab
	@asterisk-lab/run-local.sh stop

engine: $(VENV)/.engine ## Build the production SIP engine, unless it is in the cache, and install it

clean: ## Remove .venv and what the tools left; the cache folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- what is done once ----------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || \
	  .ci/packages $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
	@echo 'Creating $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	@echo 'Installing the gateway into $(VENV)'
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.development: pyproject.toml | $(VENV)/.runtime
	@echo 'Installing the tools and libraries for tests into $(VENV)'
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.development $(VENV)/.engine
	@echo 'Installing the libraries for benchmarks into $(VENV)'
	@$(BIN)/pip install --quiet --editable '.[bench]'
	@touch $@

$(VENV)/.fuzz: pyproject.toml | $(VENV)/.development
	@echo 'Installing the fuzzer into $(VENV)'
	@$(BIN)/pip install --quiet --editable '.[fuzz]'
	@touch $@

# Exit status 3: this machine cannot build it (no compiler, no network). Then the stock engine serves,
# with 4 calls at a time; under CI=true nothing stands in for the real one.
$(VENV)/.engine: $(wildcard gateway/trunk/engine/*.py) | $(VENV)/.runtime
	@.ci/packages $(ENGINE_PACKAGES) $$($(BIN)/python -c 'import sys, sysconfig, pathlib; \
	  there = pathlib.Path(sysconfig.get_path("include"), "Python.h").exists(); \
	  print("" if there else "python%d.%d-dev" % sys.version_info[:2])') || [ "$(CI)" != true ]
	@$(BIN)/python -m gateway.trunk.engine.build && touch $@ || \
	  { status=$$?; [ $$status = 3 ] && [ "$(CI)" != true ] && $(BIN)/python -c 'import pjsua2'; }
