"""examples/deploy/nftables.conf: what passes in a namespace of its own, and what ports it has."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.examples.deploy import FOLDER, fitted
from tests.examples.firewalled import SETUP
from tests.peers.namespace import ROUTES, require_namespace, run_isolated
from tests.peers.requirement import require

if TYPE_CHECKING:
    from pathlib import Path

RULES = "nftables.conf"
TRUNK, STRANGER = "192.0.2.10", "203.0.113.9"

PASSES = {
    ("udp", TRUNK, 5060): True,
    ("udp", STRANGER, 5060): False,
    ("tcp", TRUNK, 5060): True,
    ("tcp", STRANGER, 5060): False,
    ("udp", STRANGER, 20000): True,
    ("udp", STRANGER, 20001): True,
    ("udp", STRANGER, 29999): True,
    ("udp", STRANGER, 30000): False,
    ("udp", STRANGER, 19999): False,
    ("tcp", STRANGER, 443): True,
    ("tcp", STRANGER, 80): True,
    ("tcp", STRANGER, 22): True,
    ("tcp", STRANGER, 8080): False,
    ("udp", STRANGER, 443): False,
}


@pytest.mark.peer
def test_what_the_gateway_needs_passes_and_nothing_else(tmp_path: Path) -> None:
    require("nft")
    # A namespace where a user may load rules; all of its traffic is on loopback, which they let in
    require_namespace(setup=f"{ROUTES} && nft add table inet probe")
    rules = tmp_path / RULES
    rules.write_text(fitted(RULES, {"        iif lo accept\n": ""}))
    said = run_isolated(
        "tests.examples.firewalled",
        str(rules),
        json.dumps(list(PASSES)),
        limit=60,
        setup=f"{ROUTES} && {SETUP}",
    )
    found = json.loads(said)
    expected = {
        f"{kind} {source} {port}": passes for (kind, source, port), passes in PASSES.items()
    }
    assert found["arrived"] == expected
    assert 100 <= found["refused_after"] < 300, "a page's connections pass, a flood does not"
    assert 100 <= found["refused6_after"] < 300, "one network is one client"
    assert found["other6_connects"]


def test_its_ports_are_those_of_the_configuration() -> None:
    media = tomllib.loads((FOLDER / "gateway.toml").read_text())["media"]
    rules = (FOLDER / RULES).read_text()
    browsers, trunks = (
        tuple(map(int, re.findall(rf"define {name} = (\d+)-(\d+)", rules)[0]))
        for name in ("BROWSER_PORTS", "TRUNK_PORTS")
    )
    first = media["browser_port"]
    assert browsers == (first, first + media["threads"] - 1)
    assert trunks == tuple(media["ports"])
