"""`gateway key`: a new API key for the operator's programs."""

from __future__ import annotations

import argparse
import sys

from gateway.admission.keys import new_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Explain what the lines are for; there are no options."""
    parser.epilog = (
        "The key goes to the program that calls the operator's API (Authorization: Bearer …), and "
        "is shown this once. The hash is a line of the file that http.api_keys_file names."
    )


def run(options: argparse.Namespace) -> int:
    """Print the key and its hash, a line each; what they are goes to standard error."""
    key, line = new_key()
    print(key)
    print(line)
    if sys.stdout.isatty():
        print("The first line is the key: keep it now, it is shown this once.", file=sys.stderr)
        print("The second one is for the file that http.api_keys_file names.", file=sys.stderr)
    return 0
