from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.address import client_key, parse_address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unknown", "unknown"),
        ("192.0.2.01", "192.0.2.01"),
        ("192.0.2.0/24", "192.0.2.0/24"),
    ],
)
def test_clients_count_by_address_or_network(address: str, key: str) -> None:
    assert client_key(address) == key


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_no_host_part_makes_another_client(address: object, host: int) -> None:
    base = parse_address(str(address))
    if base is None or base.version == 4:
        return
    moved = type(base)(int(base) >> 64 << 64 | host)
    if parse_address(str(moved)) == moved:  # else it stands for an address of IPv4
        assert client_key(str(moved)) == client_key(str(base))


@given(st.ip_addresses(v=4))
def test_ipv4_is_one_client_however_it_is_written(address: object) -> None:
    assert client_key(f"::ffff:{address}") == client_key(str(address)) == str(address)


@given(st.text())
def test_any_text_has_a_key(text: str) -> None:
    assert isinstance(client_key(text), str)
