"""The media engine: whatever comes to its ports while a call goes on, it is served or counted.

The bytes are a script: datagrams on the browsers' port and on trunks' ports, some of them protected
with the call's own keys so that they reach jitter buffers and decoders, and moves of legs between
bridges meanwhile. All of it goes through real sockets, as in a call.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from struct import pack

from pylibsrtp import Error, Policy

from gateway.errors import RequestError
from gateway.media.engine.bridge import Bridge
from gateway.media.engine.leg import Leg
from gateway.media.engine.srtp import TRAILER, SrtpSession
from gateway.media.engine.trunk_cipher import TrunkCipher
from gateway.media.parameters import TrunkKeys
from gateway.media.srtp_keys import PROFILES, open_inbound, open_outbound
from tests.gateway.media.engine.rig import Browser, Rig, Talker, Trunk, srtp
from voice.rtp import pack_header

_FORMATS = {0: "PCMU", 8: "PCMA", 9: "G722", 97: "L16", 107: "OPUS"}
_TYPES = (*_FORMATS, 13, 101, 111)  # and comfort noise, events, the browsers' Opus
_FRAGMENTS = ("abcd", "efgh")
_STUN_HEADER = pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!")
_DIGITS = "0123456789*#ABCD"
LONGEST_SCRIPT = 200  # steps


def one_input(data: bytes) -> None:
    unraised: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, unraised.append
    rig = Rig()
    try:
        _Script(rig, data).run()
    finally:
        rig.close()
        sys.unraisablehook = before
    assert not unraised, f"the packet path has raised {unraised[0]}"


class _Script:
    def __init__(self, rig: Rig, data: bytes) -> None:
        self._rig = rig
        self._data, self._at = data, 0
        self._stranger = rig.far_end()
        self._browsers = [Browser(rig), Browser(rig, "PCMU", 0)]
        for browser, fragment in zip(self._browsers, _FRAGMENTS, strict=True):
            browser.leg.binding.open(fragment)
        self._trunks = [Trunk(rig, formats=_FORMATS), Trunk(rig, "G722", 9, formats=_FORMATS)]
        self._keys = [(srtp(Policy.SSRC_ANY_OUTBOUND), [0, 0]) for _ in self._browsers]
        self._numbers = [[0, 0] for _ in self._trunks]
        self._ciphers: list[SrtpSession | None] = [None, None]
        self._talker = Talker(rig, 440.0)
        self._bridges = [Bridge(rig.engine), Bridge(rig.engine)]
        self._legs: list[Leg] = [each.leg for each in self._browsers]
        self._legs += [each.leg for each in self._trunks]
        self._owners = [each.owner for each in self._browsers] + [self._talker.owner]
        self._owners += [each.owner for each in self._trunks]
        for leg in self._legs[::2]:
            self._bridges[0].join(leg)
        self._steps: tuple[Callable[[], None], ...] = (
            self._send_to_browsers_port,
            self._send_check,
            self._send_protected,
            self._send_speech,
            self._send_report,
            self._send_to_trunk,
            self._send_trunk_speech,
            self._send_trunk_report,
            self._encrypt_trunk,
            self._send_trunk_protected,
            self._move,
            self._configure,
        )

    def run(self) -> None:
        for _ in range(LONGEST_SCRIPT):
            if self._at >= len(self._data):
                break
            step = self._byte()
            self._steps[step % len(self._steps)]()
            if step & 0x80:
                self._tick(1 + (step >> 5 & 3))
        self._tick(8)
        engine = self._rig.engine
        for counters in (engine.trunk_counters, engine.browsers.counters, engine.frame_counters):
            assert not counters["faults"]
        assert not any(owner.failures for owner in self._owners)
        for leg in (*self._legs, self._talker.leg):
            engine.remove(leg)
        self._tick(4)

    def _tick(self, count: int) -> None:
        self._rig.tick(count)
        for trunk in self._trunks:
            trunk.heard()  # raises if we send what is no RTP
        for browser in self._browsers:
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert len(browser.sock.recv(2048)) <= 1500

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def _bytes(self) -> bytes:
        size = self._byte()
        if size > 250:  # as long as packets may be, and longer
            size = (size - 249) * 300
        begin, self._at = self._at, self._at + size
        return self._data[begin : self._at]

    # The browsers' port

    def _to_port(self, datagram: bytes, sock: socket.socket) -> None:
        sock.sendto(datagram, self._rig.socket.getsockname())

    def _send_to_browsers_port(self) -> None:
        which = self._byte() % 3
        sock = self._stranger if which == 2 else self._browsers[which].sock
        self._to_port(self._bytes(), sock)

    def _send_check(self) -> None:
        which = self._byte()
        user = pack("!HH", 6, which % 7) + _FRAGMENTS[which & 1].encode() + b":x\0\0"
        sock = self._browsers[which >> 1 & 1].sock if which & 4 else self._stranger
        self._to_port(_STUN_HEADER + self._bytes() + user + self._bytes(), sock)

    def _protect(self, which: int, packet: bytes, *, rtcp: bool = False) -> None:
        keys, _ = self._keys[which]
        with contextlib.suppress(Error, ValueError):  # libsrtp refuses some of it to us as well
            protected = keys.protect_rtcp(packet) if rtcp else keys.protect(packet)
            self._to_port(protected, self._browsers[which].sock)

    def _send_protected(self) -> None:
        which = self._byte()
        packet = self._bytes()
        if packet:
            self._protect(which & 1, bytes([packet[0] & 0x3F | 0x80]) + packet[1:])

    def _send_speech(self) -> None:
        which = self._byte()
        _, numbers = self._keys[which & 1]
        self._protect(which & 1, self._next_packet(numbers, which >> 1) + self._bytes())

    def _send_report(self) -> None:
        which = self._byte() & 1
        self._protect(which, bytes([0x80, 200 + self._byte() % 8]) + self._bytes(), rtcp=True)

    # Trunks

    def _send_to_trunk(self) -> None:
        which = self._byte()
        trunk = self._trunks[which & 1]
        (self._stranger if which & 2 else trunk.sock).sendto(self._bytes(), trunk.address)

    def _send_trunk_speech(self) -> None:
        which = self._byte()
        trunk = self._trunks[which & 1]
        header = self._next_packet(self._numbers[which & 1], which >> 1)
        trunk.sock.sendto(header + self._bytes(), trunk.address)

    def _send_trunk_report(self) -> None:
        trunk = self._trunks[self._byte() & 1]
        trunk.rtcp.sendto(self._bytes(), trunk.leg.port.rtcp.getsockname())

    def _encrypt_trunk(self) -> None:
        """Change a trunk's key, name it in each packet, or speak RTP again."""
        which = self._byte()
        port, suites = self._trunks[which & 1].leg.port, tuple(PROFILES)
        suite = suites[which >> 1 & 3]
        key = bytes([which]) * PROFILES[suite].key_size
        keys = TrunkKeys(suite, key, key, bytes(which >> 3 & 7))
        self._ciphers[which & 1] = open_outbound(keys)
        if which & 0x40:
            port.cipher = None
        elif port.cipher is None:
            port.cipher = TrunkCipher(open_outbound(keys), open_inbound(keys))
        else:
            outbound = open_outbound(keys) if which & 0x80 else None
            port.cipher.change(outbound, open_inbound(keys), self._rig.now)

    def _send_trunk_protected(self) -> None:
        which = self._byte()
        trunk, cipher = self._trunks[which & 1], self._ciphers[which & 1]
        if cipher is None:
            return
        rtcp = bool(which & 2)
        header = self._next_packet(self._numbers[which & 1], which >> 2)
        packet = (bytes([0x80, 200]) if rtcp else b"") + header[2 * rtcp :] + self._bytes()
        buffer = bytearray(packet) + bytes(TRAILER)
        size = (cipher.protect_rtcp if rtcp else cipher.protect)(buffer, len(packet))
        sock, to = (trunk.rtcp, trunk.leg.port.rtcp) if rtcp else (trunk.sock, trunk.leg.port.rtp)
        if size > 0:
            sock.sendto(buffer[:size], to.getsockname())

    def _next_packet(self, numbers: list[int], how: int) -> bytes:
        """Return a header that follows the one before, most of the time."""
        jump = self._byte() if how & 1 else 1
        numbers[0] += jump if jump < 200 else (jump - 228) * 97
        numbers[1] += 160 * jump if jump < 250 else jump << 24
        ssrc = 7 + (how & 64)
        return pack_header(_TYPES[how >> 1 & 7], numbers[0], numbers[1], ssrc, marker=how > 32)

    # What an application does meanwhile

    def _move(self) -> None:
        how = self._byte()
        leg = (*self._legs, self._talker.leg)[how % 5]
        bridge = self._bridges[how >> 3 & 1]
        if how & 0x10:
            bridge.leave(leg)
        else:
            bridge.join(leg)
        if how & 0x20:
            bridge.tap(leg, lambda frame: None)
        elif how & 0x40:
            leg.taps.clear()
            bridge.route()

    def _configure(self) -> None:
        how = self._byte()
        leg = self._legs[how & 3]
        what = how >> 2 & 7
        if what == 0:
            leg.hold(bool(how & 0x80))
        elif what == 1:
            leg.silence(bool(how & 0x80))
        elif what == 2:
            number, name = list(_FORMATS.items())[self._byte() % len(_FORMATS)]
            leg.sender.set_codec(name, number, ptime=(10, 20, 30, 60)[how >> 5 & 3])
        elif what == 3:
            with contextlib.suppress(RequestError):
                leg.send_digits(_DIGITS[self._byte() & 15])
        elif what == 4:
            self._rig.engine.find_tones(leg, bool(how & 0x80))
        elif what == 5:
            self._rig.engine.skip(1 + (how >> 5))
        elif what == 6:
            self._rig.engine.remove(leg)
        else:
            leg.set_digits(101 if how & 0x80 else None, 8000)
        if leg.bridge is not None:
            leg.bridge.route()
