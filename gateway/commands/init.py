"""`gateway init`: a first gateway.toml, closed to all sites but one, and its tokens' secret."""

from __future__ import annotations

import argparse
import json
import sys
from getpass import getpass
from pathlib import Path
from typing import Any

from gateway.commands.secret_file import keep_secret, write_private
from gateway.config_sources import DEFAULT_FILE, load
from gateway.errors import ConfigError

SECRET, PASSWORD = "token-secret", "trunk-password"

Tables = dict[str, dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway init`."""
    parser.add_argument(
        "--site",
        action="append",
        metavar="ORIGIN",
        required=True,
        help="whose pages may call, https://shop.example; again for more",
    )
    parser.add_argument(
        "--trunk", metavar="URI", required=True, help="where calls go: sip:sip.provider.example"
    )
    parser.add_argument(
        "--username",
        metavar="NAME",
        help="of the account at the trunk; its password is asked for, or read from standard input",
    )
    parser.add_argument("--caller-id", metavar="NUMBER", help="who calls, for those called")
    parser.add_argument(
        "--allow",
        action="append",
        metavar="PREFIX",
        default=[],
        help="numbers that may be called begin so: +1; again for more. Without any there are none",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="FOLDER",
        default=Path(),
        help="where the files are written (default: here)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the files and say what comes next.

    Raises
    ------
    ConfigError
        There is a configuration already, an option breaks a rule, or the folder takes no file.
    """
    folder: Path = options.folder.resolve()
    file = folder / DEFAULT_FILE
    if file.exists():
        raise ConfigError(f"{file} is there already, and stays as it is")
    keep_secret(folder / SECRET)
    if options.username is not None:
        write_private(folder / PASSWORD, _ask_password())
    try:
        _write(file, _render(_tables(options, folder)))
    except ConfigError:  # to be typed again, with another value or where there is room
        file.unlink(missing_ok=True)
        if options.username is not None:
            (folder / PASSWORD).unlink()
        raise
    print(f"{file}: read it, it is short")
    print(f"{folder / SECRET}: your site's back end signs call tokens with it")
    print(f"Then: gateway check --config {file}; gateway serve --config {file}")
    return 0


def _ask_password() -> str:
    """Return what is typed, unseen; a script gives it on standard input."""
    typed = getpass("The trunk's password: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not typed.strip():
        raise ConfigError("--username: the account has a password, and none was given")
    return typed.strip()


def _tables(options: argparse.Namespace, folder: Path) -> Tables:
    """Return what is written; None leaves a key out."""
    account = options.username is not None
    return {
        "[http]": {"listen": "127.0.0.1:8080", "trusted_proxies": ["127.0.0.1"]},
        "[media]": {"address": "0.0.0.0"},
        "[[trunks]]": {
            "name": "provider",
            "uri": options.trunk,
            "username": options.username,
            "password_file": str(folder / PASSWORD) if account else None,
            "caller_id": options.caller_id,
        },
        "[admission]": {
            "mode": "token",
            "token_secret_file": str(folder / SECRET),
            "origins": options.site,
            "allow": options.allow,
        },
    }


NOTES = {
    "listen": "for a proxy with TLS, which browsers ask for: examples/deploy",
    "trusted_proxies": "where that proxy is: it says who calls",
    "address": "browsers and the trunk send audio to this machine",
    "mode": "nobody calls without a token of your site's",
    "origins": "the pages that may call",
    "allow": "how numbers begin that may be called",
}


def _render(tables: Tables) -> str:
    """Return the file's text. A JSON string or array is TOML as well."""
    blocks = [
        "# Written by `gateway init`. Each key has a default, and a reason: docs/configuration.md"
    ]
    for title, table in tables.items():
        lines = [
            f"{key} = {json.dumps(value)}" + (f"  # {NOTES[key]}" if key in NOTES else "")
            for key, value in table.items()
            if value is not None
        ]
        blocks.append("\n".join([title, *lines]))
    return "\n\n".join(blocks) + "\n"


def _write(file: Path, text: str) -> None:
    """Write the file, and read it as the gateway will."""
    try:
        file.write_text(text)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
    load(file, {})
