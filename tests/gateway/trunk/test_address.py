"""URIs and headers: what is built, and what can never get in."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.fields import parse_display_name, parse_headers
from gateway.errors import RequestError
from gateway.trunk.address import (
    TrunkUri,
    from_uri,
    next_hop,
    parse_trunk,
    plain_headers,
    request_uri,
    route_to,
)
from gateway.trunk.config import SYSTEM_TLS, Tls, Trunk
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.party import party
from gateway.trunk.targets import Target

TRUNK = TrunkUri("trunk.example", 5070, "udp")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:trunk.example", TrunkUri("trunk.example", 5060, "udp", False, False, False)),
        ("sip:127.0.0.1:15060;transport=tcp", TrunkUri("127.0.0.1", 15060, "tcp")),
        ("sip:trunk.example;transport=tls", TrunkUri("trunk.example", 5061, "tls", False, False)),
        ("sips:trunk.example", TrunkUri("trunk.example", 5061, "tls", True, False)),
        ("sips:a:443;transport=tcp", TrunkUri("a", 443, "tls", secure=True)),
        ("sip:[2001:db8::1]", TrunkUri("2001:db8::1", 5060, "udp", False, False, False)),
        ("sips:[::1]:15061", TrunkUri("::1", 15061, "tls", secure=True)),
    ],
)
def test_trunk_uri(uri: str, expected: TrunkUri) -> None:
    assert parse_trunk(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        *("", "trunk", "tls:a", "sip:a:0", "sip:a:65536", "sip:u@a", "sip:a;lr", "sip:a\r\n"),
        *("sips:a;transport=udp", "sip:::1", "sip:[::1", "sip:[:]", "sip:[1.2.3.4]", "sip:[a]:1"),
    ],
)
def test_bad_trunk_uri(uri: str) -> None:
    with pytest.raises(TrunkRequestError, match="trunk uri"):
        parse_trunk(uri)


def test_built() -> None:
    assert request_uri("+1555", TRUNK) == "<sip:+1555@trunk.example:5070>"
    assert request_uri("a b@c", TRUNK) == "<sip:a%20b%40c@trunk.example:5070>"
    assert from_uri("ana", "Ana Lima", TRUNK) == '"Ana Lima" <sip:ana@trunk.example>'
    assert (
        next_hop(Target("127.0.0.1", 5070, "udp")) == "<sip:127.0.0.1:5070;transport=udp;lr;hide>"
    )
    tcp = TRUNK._replace(transport="tcp")
    assert request_uri("1", tcp) == "<sip:1@trunk.example:5070;transport=tcp>"
    assert request_uri("1", parse_trunk("sip:trunk.example")) == "<sip:1@trunk.example>"


@pytest.mark.parametrize(
    ("uri", "called", "caller", "hop"),
    [
        (
            "sip:a.example;transport=tls",
            "<sip:1@a.example;transport=tls>",
            "<sip:2@a.example>",
            "<sip:192.0.2.1:5061;transport=tls;lr;hide>",
        ),
        (
            "sips:a.example",
            "<sips:1@a.example>",
            "<sips:2@a.example>",
            "<sip:192.0.2.1:5061;transport=tls;lr;hide>",
        ),
        (
            "sip:[2001:db8::1]",
            "<sip:1@[2001:db8::1]>",
            "<sip:2@[2001:db8::1]>",
            "<sip:192.0.2.1:5060;transport=udp;lr;hide>",
        ),
    ],
)
def test_built_for_other_transports(uri: str, called: str, caller: str, hop: str) -> None:
    trunk = parse_trunk(uri)
    to = Target("192.0.2.1", trunk.port, trunk.transport)
    built = (request_uri("1", trunk), from_uri("2", None, trunk), next_hop(to))
    assert built == (called, caller, hop)
    assert next_hop(replace(to, host="::1")).startswith("<sip:[::1]:")


def test_the_certificate_is_for_the_host_of_the_uri() -> None:
    tls = Tls("authorities.pem")
    for uri, server in (("sips:a.example", "a.example"), ("sip:a.example", "")):
        trunk = parse_trunk(uri)
        to = Target("2001:db8::1", trunk.port, trunk.transport)
        route = route_to(Trunk("t", uri, tls=tls), trunk, to)
        assert (route.server, route.tls) == (server, tls if server else SYSTEM_TLS)
        assert route.hop.startswith("[2001:db8::1]:506")


@given(st.text(), st.text())
def test_nothing_breaks_out(to: str, shown: str) -> None:
    """What is let through holds one URI, in one line, whatever the text."""
    try:
        uri = request_uri(to, TRUNK)
        sender = from_uri("ana", shown, TRUNK)
        plain_headers((("X-Note", shown),))
    except TrunkRequestError:
        return
    assert re.fullmatch(r"<sip:[A-Za-z0-9%\-_.!~*'()&=+$,;?/]+@trunk\.example:5070>", uri)
    quoted_string = r'("([^"\\\x00-\x1f\x7f]|\\["\\])+" )?'
    assert re.fullmatch(quoted_string + r"<sip:ana@trunk\.example>", sender)


@given(st.text(max_size=64))
def test_all_that_admission_accepts(shown: str) -> None:
    """A text that passed the door is not refused later, and arrives as it was."""
    try:
        name = parse_display_name(shown)
        headers = parse_headers({"X-Note": shown * 4})
        shown.encode()
    except (RequestError, UnicodeEncodeError):
        return
    assert plain_headers(headers) == headers
    heard = party(from_uri("ana", name, TRUNK))
    assert (heard.display_name, heard.user) == (name or "", "ana")
