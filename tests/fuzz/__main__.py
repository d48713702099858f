"""Fuzz with coverage as the guide: each harness in a process of its own, for a bounded time.

`python -m tests.fuzz --seconds 20 rtp sdp` runs some, without names all. A harness ends with the
first input that does what its module never may; libFuzzer then prints it, and where it has put it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import import_module

from tests.fuzz.harnesses import HARNESSES

# What is watched for coverage; instrumenting numpy would cost all the speed and find nothing
WATCHED = ["voice", "sdp", "gateway.media", "gateway.admission", "tests.fuzz"]

LONGEST = 1500  # bytes of a datagram


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="harness", help=", ".join(HARNESSES))
    parser.add_argument("--seconds", type=int, default=20, help="for each harness")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - set(HARNESSES)
    if unknown:
        parser.error(f"no harness is called {min(unknown)}: there are {', '.join(HARNESSES)}")
    if options.inside:
        fuzz(options.names[0], options.seconds)
    for name in options.names or HARNESSES:
        command = [sys.executable, "-m", "tests.fuzz", name, f"--seconds={options.seconds}"]
        status = subprocess.run([*command, "--inside"], check=False).returncode
        if status:
            return status
    return 0


def fuzz(name: str, seconds: int) -> None:
    """Run one harness; does not return."""
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        harness = import_module(f"tests.fuzz.{name}")
    found = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={found}/"]
    quiet = ["-verbosity=0", "-print_final_stats=1"]
    seeds = [str(path) for path in getattr(harness, "SEEDS", ())]
    atheris.Setup([name, *options, *quiet, found, *seeds], harness.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
