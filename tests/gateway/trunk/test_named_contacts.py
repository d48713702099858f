"""A trunk may name itself in Contact: it is found by the DNS, and nobody else waits for it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.peers.namespace import run_isolated
from tests.peers.requirement import require, require_own_engine

pytestmark = pytest.mark.peer


def test_names_in_contact(tmp_path: Path) -> None:
    """By host or by service (SRV); where the name server hangs, SIP as a whole does not.

    Of itself the engine asks the C library, which waits for 10 s, and everybody with it.
    """
    require_own_engine()
    require("dnsmasq")
    names = tmp_path / "resolv.conf"
    names.write_text("nameserver 127.0.0.1\n")
    setup = f"ip link set lo up && mount --bind {shlex.quote(str(names))} /etc/resolv.conf"
    module, folder = "tests.gateway.trunk.named_contacts", str(tmp_path)
    report = json.loads(run_isolated(module, folder, limit=60, setup=setup, mounts=True))
    assert report["host"] == ["ACK", "BYE"]
    assert report["service"] == ["ACK", "BYE"]
    assert report["still"] < 0.5
