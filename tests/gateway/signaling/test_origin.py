from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signaling.origin import refused_because

LISTED = ("https://shop.example",)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://LocalHost:8080", "localhost:8080"),
        ("http://localhost", "localhost"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://[::1]", "[::1]"),
        ("http://127.8.9.1", "127.8.9.1"),
        ("https://shop.example", "gateway.shop.example"),
        ("https://Shop.Example", None),
    ],
)
def test_own_and_listed_pages_pass(origin: str | None, host: str | None) -> None:
    assert refused_because(origin, host, allowed=LISTED) is None


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "shop.example", None])
def test_a_client_without_origin_passes_only_where_none_is_listed(host: str | None) -> None:
    assert refused_because(None, host, allowed=()) is None
    reason = refused_because(None, host, allowed=LISTED)
    assert reason is not None
    assert "no Origin header" in reason


@pytest.mark.parametrize(
    ("origin", "host", "rule"),
    [
        ("http://evil.example", "127.0.0.1:8080", "does not list it"),
        ("http://localhost:3000", "localhost:8080", "does not list it"),
        ("http://localhost:8080", "127.0.0.1:8080", "does not list it"),
        ("http://127.0.0.1:8080", None, "does not list it"),
        ("null", "null", "does not list it"),
        ("", "", "does not list it"),
        ("http://shop.example", "127.0.0.1:8080", "does not list it"),
        ("https://shop.example:444", "127.0.0.1:8080", "does not list it"),
        ("http://a@localhost", "a@localhost", "does not list it"),
        # A stranger's name that resolves to 127.0.0.1: page and WebSocket agree, all the same
        ("http://evil.example:8080", "evil.example:8080", "opened by a loopback address"),
        ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example", "opened by a loopback"),
        ("http://localhost.evil.example:80", "localhost.evil.example:80", "opened by a loopback"),
        ("http://192.0.2.1:8080", "192.0.2.1:8080", "opened by a loopback address"),
    ],
)
def test_other_pages_are_refused(origin: str, host: str | None, rule: str) -> None:
    reason = refused_because(origin, host, allowed=LISTED)
    assert reason is not None
    assert rule in reason
    assert repr(origin) in reason


@given(st.text(), st.text())
def test_no_header_raises_or_passes_by_chance(origin: str, host: str) -> None:
    assert refused_because(origin, host, allowed=LISTED) is not None
