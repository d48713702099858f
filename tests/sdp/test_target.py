from __future__ import annotations

import pytest

from sdp import forbidden_target
from sdp.target import is_host_name

OWN = ("198.51.100.7", "2001:db8::7", "not an address")


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("0.0.0.0", "no host"),
        ("0.1.2.3", "no host"),
        ("::", "no host"),
        ("::ffff:0.0.0.0", "no host"),
        ("198.51.100.7", "own address"),
        ("::ffff:198.51.100.7", "own address"),
        ("2001:DB8:0::7", "own address"),
        ("224.2.1.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "no IP address"),
        ("2001:db8::7%eth0", "no IP address"),
        ("media.example.net", "no IP address"),
        ("", "no IP address"),
        ("203.0.113.256", "no IP address"),
        ("\ud800", "no IP address"),
    ],
)
def test_where_no_media_may_go(host: str, word: str) -> None:
    sentence = forbidden_target(host, own=OWN)
    assert sentence is not None
    assert word in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize("host", ["203.0.113.1", "10.0.0.1", "2001:db8::8", "::ffff:203.0.113.1"])
def test_where_it_may(host: str) -> None:
    assert forbidden_target(host, own=OWN) is None


def test_loopback_where_the_trunk_is_there_too() -> None:
    assert forbidden_target("127.0.0.1", own=("127.0.0.1",), loopback=True) is None
    assert forbidden_target("::1", loopback=True) is None
    assert forbidden_target("0.0.0.0", loopback=True) is not None


LABEL = "a" * 63


@pytest.mark.parametrize(
    "name",
    [
        "media.example.net",
        "a",
        "1and1.example",
        "xn--bcher-kva.example",
        "media-1.example.net.",
        LABEL,
        f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}",
    ],
)
def test_a_hosts_name(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "a_b.example",
        "a b",
        "a/24",
        "192.0.2.256",
        "12",
        "192.0.2",
        "b\u00fccher.example",
        LABEL + "a",
        f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}",
        "a.example:5",
    ],
)
def test_no_hosts_name(name: str) -> None:
    assert not is_host_name(name)
