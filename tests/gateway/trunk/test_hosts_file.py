"""/etc/hosts: what an operator has written there counts before the DNS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.trunk.hosts_file import HostsFile, read_hosts

TEXT = """\
127.0.0.1 localhost
192.0.2.7\tPBX.example pbx  # the old one
2001:db8::7 pbx.example
192.0.2.8 pbx.example pbx.example
999.0.2.1 broken.example
fe80::1%lo0 scoped.example
\x00
alone
"""


def test_names() -> None:
    found = read_hosts(TEXT)
    assert found["pbx.example"] == ("192.0.2.7", "2001:db8::7", "192.0.2.8")
    assert found["pbx"] == ("192.0.2.7",)
    assert not {"broken.example", "alone", "#", "the"} & set(found)


def test_a_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    hosts = HostsFile(path)
    assert hosts.addresses("pbx.example") == ()
    path.write_text("192.0.2.1 pbx.example")
    assert hosts.addresses("PBX.example.") == ("192.0.2.1",)
    path.write_text("192.0.2.22 pbx.example")
    os.utime(path, (1, 1))
    assert hosts.addresses("pbx.example") == ("192.0.2.22",)
    path.unlink()
    assert hosts.addresses("pbx.example") == ()


@pytest.mark.parametrize("name", ["localhost", "trunk.localhost", "LocalHost"])
def test_localhost_is_here_whatever_the_file_says(tmp_path: Path, name: str) -> None:
    assert HostsFile(tmp_path / "none").addresses(name) == ("127.0.0.1", "::1")
