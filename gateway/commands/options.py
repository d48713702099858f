"""What several commands take: the file of the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.config_sources import DEFAULT_FILE

NO_TRUNK = (
    "trunks: none is configured, so no call can leave; write for example "
    '[[trunks]] name = "my-trunk", uri = "sip:pbx.example:5060;transport=udp" into gateway.toml, '
    "or run `gateway demo`"
)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add --config."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"default: {DEFAULT_FILE}, if it is there"
    )


def config_file(options: argparse.Namespace) -> Path | None:
    """Return the file that --config names, or the one of this folder."""
    file: Path | None = options.config
    return file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
