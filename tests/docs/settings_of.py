"""Settings of a piece of `gateway.toml`, with what it leaves to the reader put in."""

from __future__ import annotations

import base64
import tomllib
from typing import TYPE_CHECKING, Any

from gateway.config import Settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = base64.b64encode(bytes(range(48))).decode()
WEBHOOK_SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
FILES = {"certificate", "key", "ca", "hold_music"}  # besides all whose names end in `_file`


def settings_of(piece: str, folder: Path) -> Settings:
    """Judge a piece as the gateway would; the files that it names are there, with a secret each."""
    table = tomllib.loads(piece)
    _with_files(table, folder, "")
    _completed(table, folder)
    return Settings.model_validate(table)


def _with_files(table: dict[str, Any], folder: Path, path: str) -> None:
    for key, value in table.items():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                _with_files(inner, folder, key)
        if key in FILES or (key.endswith("_file") and key != "queue_file"):
            table[key] = str(_file(folder, f"{path}.{key}"))


def _file(folder: Path, name: str) -> Path:
    file = folder / name
    file.write_text(f"{WEBHOOK_SECRET if name.startswith('webhooks') else SECRET}\n")
    file.chmod(0o600)
    return file


def _completed(table: dict[str, Any], folder: Path) -> None:
    """Put in what a whole file needs and a page about one table leaves out."""
    trunks = table.setdefault("trunks", [])
    for number, trunk in enumerate(trunks):
        trunk.setdefault("name", f"trunk{number}")
        trunk.setdefault("uri", "sip:127.0.0.1")
        if "username" in trunk or trunk.get("register"):
            trunk.setdefault("username", "us")
            trunk.setdefault("password_file", str(_file(folder, "trunks.password_file")))
    known = {trunk["name"] for trunk in trunks}
    named = [name for route in table.get("routes", ()) for name in route["trunks"]]
    named += [each["trunk"] for each in table.get("incoming", ()) if "trunk" in each]
    trunks += [
        {"name": name, "uri": "sip:127.0.0.1"} for name in dict.fromkeys(named) if name not in known
    ]
    if trunks:
        table.setdefault("media", {}).setdefault("address", "192.0.2.20")
    if not table.get("http", {}).get("listen", "127.").startswith("127."):
        token = {
            "mode": "token",
            "token_secret_file": str(_file(folder, "admission.token_secret_file")),
        }
        table["admission"] = token | table.get("admission", {})
