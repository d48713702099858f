"""Floods, stalls, and anything else that may come to a trunk's port."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.media.engine.rig import EVENT_TYPE, Rig, Talker, drain
from tests.gateway.media.engine.trunk_call import NOISE, NUMBERS, SIZE, Call, timestamps
from voice.rtp import pack_header


class TestFlood:
    @pytest.mark.parametrize("browser", ["OPUS", "PCMA", "PCMU"])
    @pytest.mark.parametrize("size", [0, 1, 160, 1440])
    def test_no_more_than_twice_of_what_a_call_needs_is_served(
        self, rig: Rig, browser: str, size: int
    ) -> None:
        call = Call(rig, browser)
        for _ in range(400):  # two seconds
            for _ in range(8):
                call.packet(bytes(size))
                call.lose()  # each second one is missing, and would be made up
                call.timestamp += 2 * size
            call.tick()
        frames = 50 * (2 * 2 + 0.5)
        encoded = len(call.sent) + call.counted("frames_concealed")
        assert encoded <= (frames if browser == "OPUS" else 2 * frames) + 10
        assert len(call.sent) <= 2 * frames + 2
        assert call.counted("rejected_flood") > 2000
        assert call.failures == 0

    def test_the_flood_of_one_call_costs_the_others_nothing(self, rig: Rig) -> None:
        floods = [Call(rig) for _ in range(3)]
        call = Call(rig)
        for _ in range(100):
            call.packet(bytes(SIZE))
            call.timestamp += SIZE
            for _ in range(4):
                for flood in floods:
                    for _ in range(8):
                        flood.packet(bytes(1440))
                        flood.timestamp += 1440
                call.tick()
                for flood in floods:
                    flood.browser.heard()
        assert len(call.sent) == 100
        assert call.counted("rejected_flood") > 3000

    def test_what_waited_during_a_stall_passes(self, call: Call) -> None:
        call.speak(frames=50)
        call.rig.number += 80  # 400 ms
        for _ in range(20):
            call.packet(bytes(SIZE))
            call.timestamp += SIZE
        call.speak(frames=50)
        assert len(call.sent) == 120
        assert call.counted("rejected_flood") == 0

    def test_what_waited_for_many_calls_passes(self, rig: Rig) -> None:
        """There are rows for what comes in a tick, and more for what comes at once."""
        calls = [Call(rig) for _ in range(20)]
        for _ in range(20):
            for call in calls:
                call.packet(bytes(SIZE))
                call.timestamp += SIZE
        for _ in range(40):
            for call in calls:
                call.sent += call.browser.heard()
            rig.tick()
        assert [len(call.sent) for call in calls] == [20] * 20
        assert calls[0].counted("rejected_flood") == 0

    @pytest.mark.parametrize("size", [80, 160, 480])
    def test_losses_do_not_make_a_flood_of_a_stream(self, call: Call, size: int) -> None:
        for number in range(40000 // size):
            call.timestamp += size
            call.tick(size // 40)
            if number % 3:
                call.lose()
            else:
                call.packet(bytes(size))
        assert call.counted("rejected_flood") == 0


def _datagrams() -> st.SearchStrategy[bytes]:
    """Return RTP with random fields, whole or cut, with what RTP may carry, and anything else."""
    header = st.builds(
        lambda payload_type, sequence, timestamp, ssrc, marker: pack_header(
            payload_type, sequence, timestamp, ssrc, marker=marker
        ),
        st.sampled_from([*NUMBERS.values(), NOISE, EVENT_TYPE, 72, 99, 127]),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.sampled_from([5, 5, 6, 0xFFFFFFFF]),
        st.booleans(),
    )
    payload = st.binary(max_size=40) | st.integers(0, 1600).map(bytes)
    rtp = st.tuples(header, payload).map(b"".join)
    flags = st.tuples(st.integers(0x80, 0xBF), rtp).map(lambda pair: bytes([pair[0]]) + pair[1][1:])
    cut = st.tuples(rtp, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]])
    rtcp = st.tuples(st.integers(0x80, 0xBF), st.integers(192, 223), st.binary(max_size=100)).map(
        lambda parts: bytes(parts[:2]) + parts[2]
    )
    return rtp | flags | cut | rtcp | st.binary(max_size=60) | st.just(bytes(1501))


_ARRIVALS = st.tuples(_datagrams(), st.booleans())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*NUMBERS.values(), NOISE, EVENT_TYPE, 102, 99]),
            st.integers(0, 65535) | st.integers(0, 30),
            st.integers(0, 2**32 - 1) | st.integers(0, 30).map(lambda n: n * 160),
            st.sampled_from([5, 5, 5, 6]),
            st.binary(max_size=20) | st.sampled_from([bytes(160), bytes(640), bytes(241)]),
            st.booleans(),
        ),
        max_size=30,
    ),
    st.sampled_from(["OPUS", "PCMU", "PCMA"]),
    st.booleans(),
)
def test_whatever_a_trunk_sends_nothing_fails(
    packets: list[tuple[int, int, int, int, bytes, bool]], browser: str, events: bool
) -> None:
    with closing(Rig()) as rig:
        call = Call(rig, browser, events=events)
        for payload_type, sequence, timestamp, ssrc, payload, served in packets:
            call.packet(payload, payload_type, timestamp=timestamp, ssrc=ssrc, sequence=sequence)
            if served:
                call.pass_frame()
        call.tick(8)
        assert call.failures == 0
        assert rig.engine.trunk_counters["faults"] == 0


def _arrange(rig: Rig, how: str) -> Call:
    """Return a call whose trunk is heard in one of all the ways that there are."""
    if how in ("PCMU", "PCMA", "OPUS"):
        return Call(rig, how, NUMBERS[how])
    call, third = Call(rig), Call(rig, "PCMU", 0)
    if how == "conference":
        call.bridge.join(third.browser.leg)
    elif how == "wide conference":
        third.trunk.leg.sender.set_codec("G722", 9)
        call.bridge.join(third.trunk.leg)
    elif how == "tapped":
        call.bridge.tap(call.trunk.leg, lambda frame: None)
    elif how == "trunk":
        call.bridge.leave(call.browser.leg)
        call.bridge.join(third.trunk.leg)
    elif how == "frames":
        call.bridge.leave(call.browser.leg)
        call.bridge.join(Talker(rig, 440).leg)
    else:
        call.bridge.leave(call.browser.leg)
    return call


class TestHostile:
    """Anything at all may come to a trunk's port; nothing fails, and other calls go on."""

    @pytest.mark.parametrize(
        "how",
        [
            *("OPUS", "PCMU", "PCMA", "conference", "wide conference"),
            *("tapped", "trunk", "frames", "alone"),
        ],
    )
    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_any_datagram(self, how: str, data: st.DataObject) -> None:
        with closing(Rig()) as rig:
            victim, other = _arrange(rig, how), Call(rig)
            port = victim.trunk.leg.port
            frames = data.draw(st.integers(1, 12))
            for _ in range(frames):
                for datagram, rtcp in data.draw(st.lists(_ARRIVALS, max_size=8)):
                    sock = port.rtcp if rtcp else port.rtp
                    victim.trunk.sock.sendto(datagram, sock.getsockname())
                other.packet(bytes(SIZE))
                other.pass_frame()
                drain(victim.browser.sock)
            assert len(other.sent) == frames
            assert set(timestamps(other.sent)) <= {960}
            assert victim.failures == other.failures == 0
            assert rig.engine.trunk_counters["faults"] == 0
            assert rig.engine.browsers.counters["faults"] == 0
