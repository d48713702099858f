#!/bin/bash
# Fuzzes the compiled modules from inside:  tests/fuzz/sanitized.sh PYTHON [OPTION OF tests.fuzz...]
# clang makes them tell which branches were taken and which comparisons failed, so that the fuzzer
# finds its way, and end the process at the first read or write past a buffer and at the first
# undefined operation. They go into build/sanitized, beside copies of the other modules: what .venv
# runs stays as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$PWD/${1#"$PWD"/}
project=$PWD
shift

SANITIZE=1 CC=clang "$python" setup.py --quiet build --build-lib build/sanitized

cd build/sanitized
LD_PRELOAD=$("$python" -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so
export LD_PRELOAD PYTHONPATH=$project
export PYTHONMALLOC=malloc                 # else a bytes object is part of a block that is all valid
export ASAN_OPTIONS=detect_leaks=0         # the interpreter leaves much to the end of the process
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec "$python" -m tests.fuzz "$@"
