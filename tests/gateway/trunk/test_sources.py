"""Which trunk sends from an address."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.trunk import Secret, SipAddress, Trunk
from gateway.trunk.sources import MOST_HOSTS, Sources

NAMED = Trunk("named", "sip:pbx.example")
NEAR = Trunk("near", "sip:192.0.2.1:5060", sources=(ip_network("198.51.100.0/24"),))
INSIDE = Trunk("inside", "sip:192.0.2.2", sources=(ip_network("198.51.100.8/29"),))
SIX = Trunk("six", "sip:192.0.2.3", sources=(ip_network("2001:db8::/32"),))
ALL = (NAMED, NEAR, INSIDE, SIX)


def name_of(sources: Sources, host: str, port: int = 5060, called: str = "") -> str | None:
    trunk = sources.trunk_at(SipAddress(host, port), called)
    return trunk.name if trunk is not None else None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.1", "near"),
        ("192.0.2.2", "inside"),
        ("198.51.100.1", "near"),
        ("198.51.100.9", "inside"),  # the smaller network
        ("::ffff:192.0.2.1", "near"),
        ("2001:db8:0:0::7", "six"),
        ("192.0.2.4", None),
        ("2001:db9::7", None),
        ("pbx.example", None),
        ("", None),
    ],
)
def test_trunk_at(host: str, name: str | None) -> None:
    sources = Sources(ALL)
    assert name_of(sources, host) == name
    assert sources.knows(host) == (name is not None)


def test_nobody_is_known_without_trunks() -> None:
    assert not Sources().knows("127.0.0.1")


def test_where_a_name_has_led() -> None:
    sources = Sources(ALL)
    assert name_of(sources, "203.0.113.1") is None
    sources.learn(NAMED, "203.0.113.1")
    sources.learn(NAMED, "203.0.113.2")
    assert name_of(sources, "203.0.113.1") == "named", "a call may come from where it was"
    assert name_of(sources, "203.0.113.2") == "named"
    sources.learn(NEAR, "203.0.113.3")
    assert name_of(sources, "192.0.2.1") == "near", "what the URI says stays"


def test_what_a_name_has_led_to_is_bounded() -> None:
    sources = Sources(ALL)
    hosts = [f"203.0.113.{number}" for number in range(MOST_HOSTS + 5)]
    for host in hosts:
        sources.learn(NAMED, host)
    known = [host for host in hosts if sources.knows(host)]
    assert known == hosts[-MOST_HOSTS:]


def test_of_two_trunks_at_one_host_the_port_tells() -> None:
    one, other = Trunk("one", "sip:127.0.0.1:6001"), Trunk("other", "sip:127.0.0.1:6002")
    sources = Sources((one, other))
    assert name_of(sources, "127.0.0.1", 6002) == "other"
    assert name_of(sources, "127.0.0.1", 6001) == "one"
    assert name_of(sources, "127.0.0.1", 40_000) == "one", "the first of the configuration"


def test_of_two_accounts_at_one_registrar_the_called_one_tells() -> None:
    def account(name: str) -> Trunk:
        return Trunk(name, "sip:127.0.0.1", username=name, password=Secret("x"), register=True)

    sources = Sources((account("ana"), account("bob")))
    assert name_of(sources, "127.0.0.1", called="bob") == "bob"
    assert name_of(sources, "127.0.0.1", called="ana") == "ana"
    assert name_of(sources, "127.0.0.1", called="600") == "ana"
