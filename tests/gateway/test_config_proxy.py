"""`outbound_proxy` of a trunk, and which trunks leave the transport to the DNS."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.check import ports
from gateway.config import Settings
from gateway.config_problems import BadConfigError
from gateway.config_sources import load
from gateway.wiring import trunk_of

TRUNK = '[[trunks]]\nname = "lab"\nuri = "sip:trunk.example:5060"\n'


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, {})


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("sip:proxy.example;lr", "sip:proxy.example;lr"),
        ("sip:proxy.example", "sip:proxy.example"),
        ("sip:192.0.2.1:5070;transport=tcp;lr", "sip:192.0.2.1:5070;transport=tcp;lr"),
    ],
)
def test_a_proxy(tmp_path: Path, proxy: str, told: str) -> None:
    (trunk,) = read(tmp_path, f'{TRUNK}outbound_proxy = "{proxy}"').trunks
    assert trunk_of(trunk).outbound_proxy == told


def test_none_by_default(tmp_path: Path) -> None:
    (trunk,) = read(tmp_path, TRUNK).trunks
    assert trunk.hop == trunk.uri
    assert trunk_of(trunk).outbound_proxy == ""


@pytest.mark.parametrize("proxy", ["proxy.example", "sip:u@proxy.example;lr", "sip:a;lr;lr", ""])
def test_what_is_no_proxy(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(BadConfigError) as refused:
        read(tmp_path, f'{TRUNK}outbound_proxy = "{proxy}"')
    (problem,) = refused.value.problems
    assert problem.startswith("trunks[0].outbound_proxy = ")
    assert "sip:host:port" in problem


@pytest.mark.parametrize(
    ("text", "tcp"),
    [
        (TRUNK, False),
        (TRUNK.replace(":5060", ""), True),  # NAPTR may say so
        (TRUNK.replace(":5060", ";transport=udp"), False),
        (TRUNK.replace(":5060", ";transport=tcp"), True),
        (TRUNK.replace("trunk.example:5060", "127.0.0.1"), False),
        (TRUNK + 'outbound_proxy = "sip:proxy.example:5060;transport=tcp;lr"', True),
        (TRUNK.replace(":5060", ";transport=tcp") + 'outbound_proxy = "sip:192.0.2.1;lr"', False),
    ],
)
def test_where_tcp_is_needed(tmp_path: Path, text: str, tcp: bool) -> None:
    assert ("UDP and TCP" in ports.firewall(read(tmp_path, text))) is tcp
