"""`python -m tests.security`: write the table of attacks into README.md, as tests declare it."""

from __future__ import annotations

import sys

from tests.security.attack import publish, sections


def main() -> None:
    """Write it."""
    publish()
    count = sum(map(len, sections().values()))
    sys.stdout.write(f"{count} attacks; the table is in README.md\n")


if __name__ == "__main__":
    main()
