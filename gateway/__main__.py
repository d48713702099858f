"""`gateway` and `python -m gateway`: the command line, or one line that says why there is none."""

from __future__ import annotations

import sys

PACKAGES = {"gateway", "voice"}  # those with compiled modules

_NOT_BUILT = (
    "The compiled media path is not built: type `make install` (or `pip install .`); "
    "{name} is missing"
)


def main() -> int:
    """Run the command line; a command imports what it needs once it is typed."""
    from gateway import cli

    try:
        return cli.main()
    except ImportError as error:
        name = error.name or ""
        if name.partition(".")[0] not in PACKAGES:
            raise
        sys.exit(f"gateway: {_NOT_BUILT.format(name=name)}")


if __name__ == "__main__":
    sys.exit(main())
