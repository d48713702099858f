"""Whose packets are taken: the described source, its NAT port, and nobody else."""

from __future__ import annotations

from gateway.media.core.latch import SSRC_SILENCE, SourceLatch

DESCRIBED = ("192.0.2.1", 4000)
BEHIND_NAT = ("192.0.2.1", 61000)
STRANGER = ("198.51.100.9", 4000)


def latch() -> SourceLatch:
    made = SourceLatch()
    made.expect(*DESCRIBED)
    return made


def test_the_described_source_is_taken() -> None:
    one = latch()
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.target == DESCRIBED


def test_nobody_is_taken_before_there_is_a_description() -> None:
    assert SourceLatch().refuse(DESCRIBED, 1, 0.0) == "stranger"


def test_another_host_is_a_stranger_before_and_after() -> None:
    one = latch()
    assert one.refuse(STRANGER, 1, 0.0) == "stranger"
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.refuse(STRANGER, 1, 0.1) == "stranger"
    assert one.target == DESCRIBED


def test_another_port_of_the_host_is_latched_on_to_and_answered() -> None:
    one = latch()
    assert one.refuse(BEHIND_NAT, 1, 0.0) is None
    assert one.target == BEHIND_NAT
    assert one.refuse(("192.0.2.1", 62000), 1, 0.0) == "stranger"


def test_the_described_port_takes_over_once() -> None:
    one = latch()
    assert one.refuse(BEHIND_NAT, 1, 0.0) is None
    assert one.refuse(DESCRIBED, 1, 0.1) is None
    assert one.refuse(BEHIND_NAT, 1, 0.2) == "stranger"


def test_a_second_ssrc_beside_a_living_one_is_refused() -> None:
    one = latch()
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.refuse(DESCRIBED, 2, 0.02) == "ssrc"
    assert one.refuse(DESCRIBED, 1, 0.04) is None


def test_a_second_ssrc_after_a_silence_is_followed() -> None:
    one = latch()
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.refuse(DESCRIBED, 2, 2 * SSRC_SILENCE) is None


def test_a_new_description_starts_afresh_and_the_same_one_does_not() -> None:
    one = latch()
    assert one.refuse(BEHIND_NAT, 1, 0.0) is None
    one.expect(*DESCRIBED)
    assert one.target == BEHIND_NAT
    one.expect("203.0.113.5", 5000)
    assert one.target == ("203.0.113.5", 5000)
    assert one.refuse(BEHIND_NAT, 1, 0.0) == "stranger"


def test_after_a_move_the_old_port_is_heard_but_not_answered() -> None:
    one = latch()
    moved, moved_behind_nat = ("192.0.2.1", 4002), ("192.0.2.1", 61002)
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    one.expect(*moved)
    assert one.refuse(DESCRIBED, 1, 0.02) is None
    assert one.target == moved
    assert one.refuse(moved_behind_nat, 2, 0.04) is None
    assert one.target == moved_behind_nat
    assert one.refuse(DESCRIBED, 1, 0.06) == "stranger"


def test_a_move_back_is_a_move() -> None:
    one = latch()
    moved = ("192.0.2.1", 4002)
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    one.expect(*moved)
    assert one.refuse(moved, 2, 0.02) is None
    one.expect(*DESCRIBED)
    assert one.refuse(moved, 2, 0.04) is None
    assert one.target == DESCRIBED
    assert one.refuse(DESCRIBED, 1, 0.06) is None
    assert one.target == DESCRIBED
