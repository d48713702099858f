"""examples/deploy/gateway.toml: the gateway takes it, and it fits the files around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.config_sources import load
from tests.examples.deploy import FOLDER, fitted
from tests.examples.sandboxed import settings_of

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {
    "api-keys": f"sha256:{'0' * 64}\n",
    "token-secret": f"{'s' * 43}\n",
    "trunk-password": "secret\n",
}


def test_the_gateway_takes_the_configuration(tmp_path: Path) -> None:
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    file = tmp_path / "gateway.toml"
    file.write_text(fitted("gateway.toml", {"/etc/gateway": str(tmp_path)}))
    settings = load(file, {})
    assert settings.admission.mode == "token"
    assert settings.http.listen.is_loopback, "the proxy on the same machine is the only way in"
    for name in ("nginx.conf", "Caddyfile"):
        assert str(settings.http.listen) in (FOLDER / name).read_text()
    unit = settings_of(FOLDER / "gateway.service")
    assert str(settings.log.audit_file).startswith(f"/var/log/{unit['LogsDirectory'][0]}/")
    assert unit["WorkingDirectory"] == [f"/var/lib/{unit['StateDirectory'][0]}"]


def test_every_file_is_explained() -> None:
    explained = set(re.findall(r"^\| `([^`]+)` \|", (FOLDER / "README.md").read_text(), re.M))
    assert explained == {path.name for path in FOLDER.iterdir()} - {"README.md"}
