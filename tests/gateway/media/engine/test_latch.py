"""Whose packets are taken: the described source, its NAT port, and whoever else is allowed."""

from __future__ import annotations

import pytest

from gateway.media.engine.latch import SOURCE_SILENCE, SSRC_SILENCE, SourceLatch

DESCRIBED = ("192.0.2.1", 4000)
BEHIND_NAT = ("192.0.2.1", 61000)
STRANGER = ("198.51.100.9", 4000)
PRIVATE = ("10.0.0.5", 4000)
PEER = ("203.0.113.7", 61000)


def latch(described: tuple[str, int] = DESCRIBED) -> SourceLatch:
    made = SourceLatch()
    made.expect(*described)
    return made


def test_the_described_source_is_taken() -> None:
    one = latch()
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.source == one.destination == DESCRIBED


def test_nobody_is_taken_before_there_is_a_description() -> None:
    one = SourceLatch()
    one.believe_any(True)
    one.believe_peer(DESCRIBED[0])
    assert one.refuse(DESCRIBED, 1, 0.0) == "stranger"
    assert one.source is None
    assert one.destination is None


def test_another_host_is_a_stranger_before_and_after() -> None:
    one = latch()
    assert one.refuse(STRANGER, 1, 0.0) == "stranger"
    assert one.refuse(DESCRIBED, 1, 0.0) is None
    assert one.refuse(STRANGER, 1, 0.1) == "stranger"
    assert one.destination == DESCRIBED


@pytest.mark.parametrize("host", ["::1", "2001:db8::1"])
def test_addresses_of_both_families_are_told_apart(host: str) -> None:
    one = latch((host, 4000))
    assert one.refuse(DESCRIBED, 1, 0.0) == "stranger"
    assert one.refuse((host, 61000), 1, 0.0) is None
    assert one.destination == (host, 61000)


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match=r"does not appear to be an IPv4 or IPv6 address"):
        SourceLatch().expect("trunk.example", 4000)
    with pytest.raises(ValueError, match="65536"):
        SourceLatch().expect("192.0.2.1", 65536)


class TestPort:
    def test_another_port_of_the_host_is_latched_on_to_and_answered(self) -> None:
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        assert one.destination == BEHIND_NAT
        assert one.refuse(("192.0.2.1", 62000), 1, 0.0) == "stranger"

    def test_the_described_port_takes_over_once(self) -> None:
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        assert one.refuse(DESCRIBED, 1, 0.1) is None
        assert one.refuse(BEHIND_NAT, 1, 0.2) == "stranger"

    def test_another_port_is_followed_once_the_source_is_silent(self) -> None:
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        moved = ("192.0.2.1", 62000)
        assert one.refuse(moved, 1, 0.9 * SOURCE_SILENCE) == "stranger"
        assert one.refuse(moved, 1, 1.1 * SOURCE_SILENCE) is None
        assert one.destination == moved

    def test_a_source_that_sends_anything_is_not_silent(self) -> None:
        """A digit that is pressed for long, or the keepalives of a far end on mute."""
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        for second in range(1, 10):
            assert one.refuse(BEHIND_NAT, 2, second, audio=False) is None
        assert one.refuse(("192.0.2.1", 62000), 1, 9.5) == "stranger"


class TestSsrc:
    def test_another_ssrc_is_followed_at_once(self) -> None:
        """A media server was put in another's place; its packets may overlap."""
        one = latch()
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        assert one.refuse(DESCRIBED, 2, 0.02) is None
        assert one.refuse(DESCRIBED, 1, 0.03) == "ssrc"
        assert one.refuse(DESCRIBED, 2, 0.04) is None

    def test_two_that_speak_at_a_time_are_no_mixture(self) -> None:
        """The one that was there first goes on; the other was a stray, and so are all after it."""
        one = latch()
        taken = []
        for packet in range(100):
            strays = (2, 100 + packet)
            taken += [
                ssrc
                for place, ssrc in enumerate((1, *strays))
                if one.refuse(DESCRIBED, ssrc, 0.02 * packet + 0.005 * place) is None
            ]
        assert taken[:2] == [1, 2]
        assert set(taken[4:]) == {1}
        assert len(taken) > 90

    def test_a_third_beside_a_new_one_is_refused_for_a_moment(self) -> None:
        one = latch()
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        assert one.refuse(DESCRIBED, 2, 0.02) is None
        assert one.refuse(DESCRIBED, 3, 0.04) == "ssrc"
        assert one.refuse(DESCRIBED, 2, 0.02 + SSRC_SILENCE) is None
        assert one.refuse(DESCRIBED, 3, 0.04 + SSRC_SILENCE) is None

    def test_the_former_one_is_followed_after_a_silence(self) -> None:
        one = latch()
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        assert one.refuse(DESCRIBED, 2, 0.02) is None
        assert one.refuse(DESCRIBED, 1, 0.02 + 2 * SSRC_SILENCE) is None

    def test_a_second_ssrc_after_a_silence_is_followed(self) -> None:
        one = latch()
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        assert one.refuse(DESCRIBED, 2, 2 * SSRC_SILENCE) is None

    def test_what_is_no_audio_may_have_one_of_its_own(self) -> None:
        one = latch()
        assert one.refuse(DESCRIBED, 9, 0.0, audio=False) is None
        for packet in range(20):
            now = 0.02 * packet
            assert one.refuse(DESCRIBED, 1, now) is None
            assert one.refuse(DESCRIBED, 9, now + 0.01, audio=False) is None
        assert one.refuse(STRANGER, 9, 0.5, audio=False) == "stranger"


class TestDescription:
    def test_a_new_one_starts_afresh_and_the_same_one_does_not(self) -> None:
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        one.expect(*DESCRIBED)
        assert one.destination == BEHIND_NAT
        one.expect("203.0.113.5", 5000)
        assert one.destination == ("203.0.113.5", 5000)
        assert one.refuse(BEHIND_NAT, 1, 0.0) == "stranger"

    def test_after_a_move_the_old_port_is_heard_but_not_answered(self) -> None:
        one = latch()
        moved, moved_behind_nat = ("192.0.2.1", 4002), ("192.0.2.1", 61002)
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        one.expect(*moved)
        assert one.refuse(DESCRIBED, 1, 0.02) is None
        assert one.destination == moved
        assert one.refuse(moved_behind_nat, 2, 0.04) is None
        assert one.destination == moved_behind_nat
        assert one.refuse(DESCRIBED, 1, 0.06) == "stranger"

    def test_a_move_before_anything_was_heard(self) -> None:
        """What the old port has sent already leads nobody back to it."""
        one = latch()
        moved = ("192.0.2.1", 4002)
        one.expect(*moved)
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        assert one.destination == moved
        assert one.refuse(moved, 1, 0.02) is None
        assert one.destination == moved

    def test_a_move_back_is_a_move(self) -> None:
        one = latch()
        moved = ("192.0.2.1", 4002)
        assert one.refuse(DESCRIBED, 1, 0.0) is None
        one.expect(*moved)
        assert one.refuse(moved, 2, 0.02) is None
        one.expect(*DESCRIBED)
        assert one.refuse(moved, 2, 0.04) is None
        assert one.destination == DESCRIBED
        assert one.refuse(DESCRIBED, 1, 0.06) is None
        assert one.destination == DESCRIBED


class TestSymmetric:
    """Where the described address cannot be reached from here, or an operator believes anybody."""

    def believing(self, whom: str) -> SourceLatch:
        one = latch(PRIVATE)
        if whom == "peer":
            one.believe_peer(PEER[0])
        else:
            one.believe_any(True)
        return one

    @pytest.mark.parametrize("whom", ["peer", "any"])
    def test_the_first_valid_stream_wins(self, whom: str) -> None:
        one = self.believing(whom)
        assert one.destination == PRIVATE
        assert one.refuse(PEER, 1, 0.0) is None
        assert one.destination == PEER
        assert one.moved
        for other in (STRANGER, (PEER[0], 62000), ("10.0.0.5", 4002)):
            assert one.refuse(other, 2, 0.02) == "stranger"
        assert one.destination == PEER

    def test_only_the_peer_is_believed_besides(self) -> None:
        one = self.believing("peer")
        assert one.refuse(STRANGER, 1, 0.0) == "stranger"
        assert one.refuse(("203.0.113.8", 61000), 1, 0.0) == "stranger"

    def test_no_longer(self) -> None:
        one = self.believing("peer")
        one.believe_peer(None)
        assert one.refuse(PEER, 1, 0.0) == "stranger"
        one = self.believing("any")
        one.believe_any(False)
        assert one.refuse(PEER, 1, 0.0) == "stranger"

    @pytest.mark.parametrize("whom", ["peer", "any"])
    def test_a_described_host_that_can_be_reached_after_all_is_believed(self, whom: str) -> None:
        one = self.believing(whom)
        assert one.refuse(PRIVATE, 1, 0.0) is None
        assert not one.moved
        assert one.refuse(PEER, 1, 0.02) == "stranger"

    def test_once_it_is_found_the_stream_stays_at_its_host(self) -> None:
        """Whoever comes later, however long the source is silent, is a stranger."""
        one = self.believing("any")
        assert one.refuse(PEER, 1, 0.0) is None
        assert one.refuse(STRANGER, 2, 100.0) == "stranger"
        moved = (PEER[0], 62000)
        assert one.refuse(moved, 1, 100.0) is None
        assert one.destination == moved

    def test_a_stream_that_has_moved_is_told_once(self) -> None:
        one = self.believing("any")
        assert not one.news_of_move()
        assert one.refuse(PEER, 1, 0.0) is None
        assert one.news_of_move()
        assert one.refuse(PEER, 1, 0.02) is None
        assert not one.news_of_move()

    def test_after_a_new_description_it_is_told_if_it_is_another_host(self) -> None:
        one = self.believing("any")
        assert one.refuse(PEER, 1, 0.0) is None
        assert one.news_of_move()
        one.expect("10.0.0.5", 4002)
        assert one.refuse(PEER, 1, 0.02) is None
        assert not one.news_of_move()
        one.expect("10.0.0.6", 4000)
        assert one.refuse(STRANGER, 1, 0.04) is None
        assert one.news_of_move()

    def test_a_source_that_goes_on_after_a_new_description_is_answered_again(self) -> None:
        """A PBX behind a NAT may describe another private port and send from where it was."""
        one = self.believing("peer")
        assert one.refuse(PEER, 1, 0.0) is None
        one.expect("10.0.0.5", 4002)
        for packet in range(99):
            assert one.refuse(PEER, 1, 0.02 * packet) is None
            assert one.destination == ("10.0.0.5", 4002)
        assert one.refuse(PEER, 1, SOURCE_SILENCE) is None
        assert one.destination == PEER

    def test_another_port_after_a_new_description_is_followed_at_once(self) -> None:
        one = self.believing("peer")
        moved = (PEER[0], 62000)
        assert one.refuse(PEER, 1, 0.0) is None
        one.expect("10.0.0.5", 4002)
        assert one.refuse(PEER, 1, 0.02) is None
        assert one.refuse(moved, 2, 0.04) is None
        assert one.destination == moved
        assert one.refuse(PEER, 1, 0.06) == "stranger"

    def test_what_stays_at_its_host_is_no_move(self) -> None:
        one = latch()
        assert one.refuse(BEHIND_NAT, 1, 0.0) is None
        assert not one.news_of_move()
