"""On 0.0.0.0 each trunk is told the address of ours that the route to it begins at."""

from __future__ import annotations

import json

import pytest

from tests.gateway.trunk.two_networks import NETWORKS
from tests.peers.namespace import run_isolated
from tests.peers.requirement import require_own_engine

pytestmark = pytest.mark.peer


def test_via_and_contact_are_of_the_route() -> None:
    """Answers reach Via, a BYE reaches Contact; OPTIONS and REGISTER, too."""
    require_own_engine()
    module = "tests.gateway.trunk.two_networks"
    report = json.loads(run_isolated(module, "0.0.0.0", limit=60, setup="ip link set lo up"))
    for name, (ours, _) in NETWORKS.items():
        assert report[name] == {
            "told": ["Answered", "Ended"],
            "reply": 200,
            "registered": True,
            "bye_answered": True,
            "seen": {"INVITE": [ours, ours], "OPTIONS": [ours, ""], "REGISTER": [ours, ours]},
        }
