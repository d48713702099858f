"""The order of targets: NAPTR by order and preference, SRV by priority and weight."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.targets import (
    Naptr,
    Service,
    Srv,
    Target,
    Transport,
    Way,
    by_weight,
    reached,
    services,
    ways,
)

UDP = Naptr(20, 10, "s", "SIP+D2U", "", "_sip._udp.trunk.example")
TCP = Naptr(10, 50, "S", "sip+d2t", "", "_sip._tcp.trunk.example")
TLS = Naptr(10, 20, "S", "SIPS+D2T", "", "_sips._tcp.secure.example")
SRVS = st.builds(
    Srv,
    st.integers(0, 3),
    st.integers(0, 65535),
    st.integers(1, 65535),
    st.sampled_from(["a.example", "b.example", "c.example"]),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(("udp", "tcp", "tls"), [TLS, TCP, UDP]), (("udp", "tcp"), [TCP, UDP]), (("udp",), [UDP])],
)
def test_pointers_decide_among_our_transports(
    wanted: tuple[Transport, ...], found: list[Naptr]
) -> None:
    transports = {UDP: "udp", TCP: "tcp", TLS: "tls"}
    assert services("trunk.example", [UDP, TCP, TLS], wanted) == [
        (transports[each], each.replacement) for each in found
    ]


@pytest.mark.parametrize(
    "useless",
    [
        UDP._replace(service="SIP+D2W"),
        UDP._replace(service="E2U+sip"),
        UDP._replace(flags="u"),
        UDP._replace(regexp="!^.*$!sip:x@trunk.example!"),
        UDP._replace(replacement=""),
    ],
)
def test_without_a_usable_pointer_each_transport_is_tried(useless: Naptr) -> None:
    assert services("trunk.example", [useless], ("udp", "tcp")) == [
        Service("udp", "_sip._udp.trunk.example"),
        Service("tcp", "_sip._tcp.trunk.example"),
    ]


def test_priority_comes_before_weight() -> None:
    first, second = Srv(1, 0, 5060, "a.example"), Srv(2, 65535, 5060, "b.example")
    for seed in range(50):
        assert by_weight([second, first], Random(seed)) == [first, second]


def test_shares_are_as_the_weights() -> None:
    """RFC 2782: each is chosen by its share, then the next one among the others."""
    weights = {"a.example": 60, "b.example": 30, "c.example": 10}
    records = [Srv(1, weight, 5060, host) for host, weight in weights.items()]
    chance = Random(7)
    drawn = [by_weight(records, chance) for _ in range(9000)]
    orders = Counter(tuple(each.host[0] for each in order) for order in drawn)
    assert orders["a", "b", "c"] / 9000 == pytest.approx(0.6 * 0.75, abs=0.03)
    assert orders["b", "a", "c"] / 9000 == pytest.approx(0.3 * 60 / 70, abs=0.03)
    assert orders["c", "a", "b"] / 9000 == pytest.approx(0.1 * 60 / 90, abs=0.03)


def test_weight_zero_has_a_small_chance() -> None:
    records = [Srv(1, 0, 5060, "spare.example"), Srv(1, 99, 5060, "main.example")]
    chance = Random(3)
    firsts = Counter(by_weight(records, chance)[0].host for _ in range(10000))
    assert 0 < firsts["spare.example"] < 300


@given(st.lists(SRVS, max_size=8), st.integers())
def test_every_record_comes_once_and_by_priority(records: list[Srv], seed: int) -> None:
    found = by_weight(records, Random(seed))
    assert sorted(found) == sorted(records)
    assert [each.priority for each in found] == sorted(each.priority for each in records)


def test_a_service_that_is_not_offered() -> None:
    assert ways([Srv(0, 0, 0, "")], "udp", Random(1)) == []


def test_each_address_is_a_target() -> None:
    found = [
        Way("a.example", 5070, "tcp"),
        Way("gone.example", 5060, "tcp"),
        Way("b.example", 5060, "tcp"),
        Way("a.example", 5070, "tcp"),
    ]
    known = {"a.example": ["192.0.2.1", "192.0.2.2"], "b.example": ["192.0.2.3"]}
    orders = {reached(found, known, Random(seed), 8) for seed in range(20)}
    assert orders == {
        (Target(one, 5070, "tcp"), Target(two, 5070, "tcp"), Target("192.0.2.3", 5060, "tcp"))
        for one, two in (("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1"))
    }
    assert len(reached(found, known, Random(1), 2)) == 2


def test_the_better_version_of_ip_comes_first() -> None:
    known = {"a.example": ["2001:db8::1", "2001:db8::2", "192.0.2.1"]}
    for seed in range(20):
        found = reached([Way("a.example", 5060, "udp")], known, Random(seed), 8)
        assert [":" in each.host for each in found] == [True, True, False]
    assert str(Target("2001:db8::1", 5061, "tls")) == "[2001:db8::1]:5061;transport=tls"
