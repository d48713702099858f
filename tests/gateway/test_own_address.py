"""Which of this machine's addresses others are told."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gateway.own_address import MOST_OFFERED, all_addresses, offered

MACHINE = (
    *("127.0.0.1", "::1", "192.0.2.1", "2001:db8::1", "fe80::1", "169.254.7.7"),
    *("10.0.0.1", "fd00::1"),
)


@pytest.mark.parametrize(
    ("bound", "loopback", "told"),
    [
        ("0.0.0.0", False, ("192.0.2.1", "10.0.0.1")),
        ("0.0.0.0", True, ("192.0.2.1", "10.0.0.1", "127.0.0.1")),
        ("::", False, ("192.0.2.1", "2001:db8::1", "10.0.0.1", "fd00::1")),
        (
            "::",
            True,
            ("192.0.2.1", "2001:db8::1", "10.0.0.1", "fd00::1", "127.0.0.1", "::1"),
        ),
    ],
)
def test_a_browser_is_told_what_it_may_reach(
    bound: str, loopback: bool, told: tuple[str, ...]
) -> None:
    assert offered(MACHINE, bound, loopback=loopback) == told


def test_a_machine_with_many_addresses_tells_some() -> None:
    many = [f"10.0.0.{number}" for number in range(1, 100)]
    assert offered(many, "0.0.0.0", loopback=False) == tuple(many[:MOST_OFFERED])


def test_this_machine_has_loopback_at_least() -> None:
    found = all_addresses()
    assert "127.0.0.1" in found
    assert all(map(ip_address, found))
