"""Whose audio is believed besides the described host's: by rule, address, and who sends the SIP."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gateway.calls.symmetric_rtp import Reach, SymmetricRtp, believed_too, reach
from gateway.config import TrunkUri
from gateway.config_sip import TrunkSettings

PUBLIC, OTHER, PRIVATE, CARRIER = "203.0.113.9", "198.51.100.7", "192.168.1.9", "100.64.0.9"
LINK, LOOP, NOWHERE = "169.254.1.9", "127.0.0.1", "0.0.0.0"

# What `c=` says, where the SIP comes from, and who is believed besides
CASES = [
    # It can be reached, and so it is the one: a media server of a carrier's, apart from its SIP
    (PUBLIC, OTHER, None),
    (PUBLIC, PRIVATE, None),
    (PUBLIC, LOOP, None),
    ("2001:db8::7", "2001:db8::1", None),
    # It cannot, from where the SIP peer is
    *((described, PUBLIC, PUBLIC) for described in (PRIVATE, "10.0.0.7", "172.16.0.1")),
    *((described, PUBLIC, PUBLIC) for described in (CARRIER, LINK, LOOP, NOWHERE)),
    ("fd00::7", "2001:db8::1", "2001:db8::1"),
    ("fe80::7", "2001:db8::1", "2001:db8::1"),
    ("::1", "2001:db8::1", "2001:db8::1"),
    ("::", "2001:db8::1", "2001:db8::1"),
    # It is of another kind than the SIP peer
    (PRIVATE, CARRIER, CARRIER),
    (CARRIER, PRIVATE, PRIVATE),
    (LOOP, PRIVATE, PRIVATE),
    (PRIVATE, LOOP, LOOP),
    # Both are of one network as far as anybody can tell
    (PRIVATE, "192.168.7.1", None),
    (PRIVATE, "10.0.0.1", None),
    (CARRIER, "100.100.0.1", None),
    (LOOP, "127.0.0.2", None),
    # The same host; one that no socket of this kind can hear; one that nobody knows
    (PRIVATE, PRIVATE, None),
    ("fd00::7", PUBLIC, None),
    (PRIVATE, "2001:db8::1", None),
    (PRIVATE, "", None),
    (NOWHERE, NOWHERE, None),
]


@pytest.mark.parametrize(("described", "peer", "believed"), CASES)
def test_whom_to_believe(described: str, peer: str, believed: str | None) -> None:
    assert believed_too(SymmetricRtp.AUTO, described, peer) == believed
    for rule in (SymmetricRtp.STRICT, SymmetricRtp.ANY):
        assert believed_too(rule, described, peer) is None


@pytest.mark.parametrize(
    ("last_inside", "first_outside", "where"),
    [
        ("10.255.255.255", "11.0.0.0", Reach.PRIVATE_NETWORK),
        ("172.31.255.255", "172.32.0.0", Reach.PRIVATE_NETWORK),
        ("192.168.255.255", "192.169.0.0", Reach.PRIVATE_NETWORK),
        ("100.127.255.255", "100.128.0.0", Reach.CARRIER_NETWORK),
        ("169.254.255.255", "169.255.0.0", Reach.THIS_LINK),
        ("127.255.255.255", "128.0.0.0", Reach.THIS_MACHINE),
        ("fdff:ffff::1", "fe00::1", Reach.PRIVATE_NETWORK),
        ("febf::1", "fec0::1", Reach.THIS_LINK),
        ("::1", "::2", Reach.THIS_MACHINE),
    ],
)
def test_where_the_networks_end(last_inside: str, first_outside: str, where: Reach) -> None:
    assert reach(ip_address(last_inside)) is where
    assert reach(ip_address(first_outside)) is Reach.EVERYWHERE


def test_the_settings_know_the_same_rules() -> None:
    uri = TrunkUri("127.0.0.1", 5060, "udp")
    for rule in SymmetricRtp:
        TrunkSettings(name="t", uri=uri, symmetric_rtp=rule.value)
    assert SymmetricRtp(TrunkSettings(name="t", uri=uri).symmetric_rtp) is SymmetricRtp.AUTO
