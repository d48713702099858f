"""A trunk's keys as the event loop has them: used at once, kept while they are the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.media.parameters import TrunkKeys
from gateway.media.trunk_party import OUTBOUND_KEPT, UNREADABLE
from tests.gateway.media.engine.rig import Rig
from tests.gateway.media.engine.srtp_phone import GCM, Phone, make_keys
from tests.gateway.media.test_trunk_party import FRAME, Call
from voice.rtp import pack_header

KEYS = TrunkKeys("AES_CM_128_HMAC_SHA1_80", b"s" * 30, b"r" * 30)


class EncryptedCall:
    """A trunk whose description has keys, and what is behind it."""

    def __init__(self, rig: Rig, keys: TrunkKeys = KEYS) -> None:
        self.call = Call(rig)
        self.phone = Phone(keys)
        self.sequence = 1
        self.describe(keys)

    def describe(self, keys: TrunkKeys | None) -> None:
        self.call.describe(replace(self.call.remote, keys=keys))

    def speak(self, count: int = 1, phone: Phone | None = None) -> None:
        for _ in range(count):
            header = pack_header(0, self.sequence & 0xFFFF, FRAME * self.sequence, 5)
            datagram = header + bytes(FRAME)
            if phone is not None:
                datagram = phone.protect(datagram)
            self.call.sock.sendto(datagram, self.call.party.address)
            self.call.rig.tick()
            self.sequence += 1

    @property
    def taken(self) -> int:
        statistics = self.call.party.leg.statistics(self.call.rig.now)
        return statistics.reception.present.received

    def second(self) -> None:
        """Let the leg tell its statistics."""
        self.call.party.on_statistics(self.call.party.leg.statistics(self.call.rig.now))


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def call(rig: Rig) -> EncryptedCall:
    return EncryptedCall(rig)


def test_a_description_with_keys_is_followed(call: EncryptedCall) -> None:
    call.speak(3, call.phone)
    call.speak(3)
    assert call.taken == 3


def test_one_without_keys_goes_back_to_rtp(call: EncryptedCall) -> None:
    call.speak(3, call.phone)
    call.describe(None)
    call.speak(3)
    assert call.taken == 6


def test_the_same_keys_go_on(call: EncryptedCall) -> None:
    """A hold and its end come while the packets' numbers begin anew."""
    call.sequence = 65530
    call.speak(5, call.phone)
    call.describe(replace(KEYS))
    call.speak(5, call.phone)
    call.describe(replace(KEYS))
    call.speak(5, call.phone)
    assert call.taken == 15
    assert call.call.party.leg.port.cipher is not None
    assert call.call.party.leg.port.cipher.refused == 0


def test_another_key_of_the_trunk_s_is_followed(call: EncryptedCall) -> None:
    call.speak(3, call.phone)
    changed = replace(KEYS, receive=b"x" * 30)
    call.describe(changed)
    call.speak(3, Phone(changed))
    assert call.taken == 6


def test_another_suite_is_followed(call: EncryptedCall) -> None:
    call.speak(3, call.phone)
    changed = make_keys(GCM)
    call.describe(changed)
    call.speak(3, Phone(changed))
    assert call.taken == 6


def test_a_key_of_ours_that_comes_back_goes_on_where_it_was(call: EncryptedCall) -> None:
    """Else the next packet could be encrypted as one before it was."""
    party = call.call.party
    before = party._outbound[KEYS.suite, KEYS.send]
    call.describe(replace(KEYS, send=b"x" * 30))
    call.describe(None)
    call.describe(KEYS)
    assert party._outbound[KEYS.suite, KEYS.send] is before


def test_not_all_keys_of_a_long_call_are_kept(call: EncryptedCall) -> None:
    for number in range(100):
        call.describe(replace(KEYS, send=bytes([number]) * 30))
    assert len(call.call.party._outbound) == OUTBOUND_KEPT
    call.call.party.close()
    assert not call.call.party._outbound


def test_a_trunk_whose_key_is_wrong_is_told_of_once(
    call: EncryptedCall, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Phone(make_keys())
    with caplog.at_level(logging.INFO):
        call.speak(UNREADABLE - 1, wrong)
        call.second()
        assert not caplog.messages
        call.speak(2, wrong)
        call.second()
        call.second()
    (message,) = caplog.messages
    assert f"{UNREADABLE + 1} packets" in message
    assert caplog.records[0].levelname == "WARNING"


def test_one_odd_packet_among_good_ones_is_no_news(
    call: EncryptedCall, caplog: pytest.LogCaptureFixture
) -> None:
    call.speak(1, call.phone)
    call.speak(UNREADABLE * 2, Phone(make_keys()))
    call.second()
    assert not caplog.messages


def test_no_key_stands_in_the_text_of_a_description(call: EncryptedCall) -> None:
    shown = repr(call.call.remote)
    assert "AES_CM_128_HMAC_SHA1_80" in shown
    assert "sss" not in shown
    assert "rrr" not in shown
