"""Which refused calls are rows: a flood of them must not fill the disk."""

from __future__ import annotations

from gateway.records import refusals
from gateway.records.refusals import Refusals


class Clock:
    """A clock that stands until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_people_do_is_recorded() -> None:
    it = Refusals(Clock())
    assert all(it.take("192.0.2.1") for _ in range(refusals.AT_ONCE_OF_ONE))


def test_a_flood_of_one_client_is_not() -> None:
    clock = Clock()
    it = Refusals(clock)
    taken = sum(it.take("192.0.2.1") for _ in range(5000))
    assert taken == refusals.AT_ONCE_OF_ONE
    assert it.take("192.0.2.2"), "nobody else is concerned"
    clock.now += 10
    assert sum(it.take("192.0.2.1") for _ in range(100)) == 10 * refusals.A_SECOND_OF_ONE


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    it = Refusals(Clock())
    taken = sum(it.take(f"2001:db8::{number:x}") for number in range(5000))
    assert taken == refusals.AT_ONCE_OF_ONE


def test_a_flood_of_one_trunk_is_no_other_trunks() -> None:
    it = Refusals(Clock())
    taken = sum(it.take("trunk lab") for _ in range(5000))
    assert taken == refusals.AT_ONCE_OF_ONE
    assert it.take("trunk pstn")


def test_a_flood_from_everywhere_is_bounded_in_rows_and_in_memory() -> None:
    it = Refusals(Clock())
    taken = sum(it.take(f"10.0.{number >> 8}.{number & 255}") for number in range(20_000))
    assert taken == refusals.AT_ONCE
    assert len(it._clients) == refusals.MOST_CLIENTS
