"""A trunk's party: its leg, its pair of ports, and the digits that go to it."""

from __future__ import annotations

import logging
import socket
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from gateway.errors import RequestError
from gateway.media.counters import rejected
from gateway.media.engine.leg import LegStatistics, TrunkLeg
from gateway.media.engine.receive import tell_arrivals
from gateway.media.engine.srtp import SrtpSession
from gateway.media.engine.trunk_cipher import Inbound, TrunkCipher
from gateway.media.parameters import TrunkKeys, TrunkRemote
from gateway.media.party import TELEPHONE, Party, tell_nobody
from gateway.media.srtp_keys import open_inbound, open_outbound
from gateway.media.thread import MediaThread
from gateway.own_address import is_anywhere
from voice import comfort_noise
from voice.codec import CODECS

logger = logging.getLogger(__name__)

# So many packets that cannot be decrypted, and none that can, are no strays: half a second of audio
UNREADABLE = 25

# Each of a forked INVITE's answers may take another of the keys that were offered, one a suite, and
# then again the first: no more of ours come back
OUTBOUND_KEPT = 4


class TrunkParty(Party):
    """A trunk: its leg and its pair of ports.

    Parameters
    ----------
    public
        The address that a NAT puts in the place of ours, if there is one.
    """

    def __init__(
        self,
        thread: MediaThread,
        sockets: tuple[socket.socket, socket.socket],
        counters: Counter[str],
        *,
        public: str | None = None,
        on_digit: Callable[[str, int], None],
        on_fault: Callable[[], None],
        on_second: Callable[[float], None],
        finds_tones: bool = True,
    ) -> None:
        super().__init__(thread, counters, on_digit=on_digit, on_fault=on_fault)
        self._on_second = on_second
        engine = thread.engine
        self.sockets = sockets
        host, port = sockets[0].getsockname()[:2]
        self.address: tuple[str, int] = (host, port)  # ours for RTP, as bound
        self._anywhere = is_anywhere(host)
        self._public = public
        for sock in sockets:
            tell_arrivals(sock)
        self.leg: TrunkLeg = TrunkLeg(
            self, *sockets, engine.trunk_counters, engine.narrow, engine.wide
        )
        self._make_reports("trunk", "PCMU")
        self.remote: TrunkRemote | None = None
        self._keys: TrunkKeys | None = None
        self._outbound: dict[tuple[str, bytes], SrtpSession] = {}
        self._unreadable_told = False
        self._finds_tones = finds_tones
        self._seeks_tones = False  # digits are looked for in the sound

    def connect(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again.

        Raises
        ------
        ValueError
            When its host is no address; then all stays as it was.
        """
        # Hold as RFC 2543 had it names no host: the stream goes where it went
        moves = not ip_address(remote.host).is_unspecified
        self.remote = remote
        self.reports.set_codec(remote.codec, CODECS[remote.codec].clock_rate)
        self.reports.reset_silence_timer(self.thread.now)
        if remote.event is not None:
            self.set_event_clock(remote.event.clock_rate)
        sessions = self._new_sessions(remote.keys)
        self._keys = remote.keys
        if self._anywhere:
            # What the NAT is to translate leaves as the route wants it
            own = remote.own if remote.own != self._public else ""
            self.thread.order(self, self.leg.port.leave_from, own or None)
        self.thread.order(self, self._configure, remote, moves, *sessions)

    def _new_sessions(self, keys: TrunkKeys | None) -> tuple[SrtpSession | None, Inbound | None]:
        """Return what encrypts and decrypts from now on; None for what stays as it was.

        Under the same key all goes on: a session counts how often the packets' numbers have begun
        anew, and a new one of a key of ours could encrypt two packets alike (RFC 3711 section 9.1).
        """
        before = self._keys
        if keys is None:
            return None, None
        outbound = inbound = None
        if before is None or (before.suite, before.send) != (keys.suite, keys.send):
            outbound = self._outbound.get((keys.suite, keys.send)) or open_outbound(keys)
            self._outbound[keys.suite, keys.send] = outbound
            if len(self._outbound) > OUTBOUND_KEPT:
                del self._outbound[next(iter(self._outbound))]
        if before is None or (before.suite, before.receive, before.receive_mki) != (
            keys.suite,
            keys.receive,
            keys.receive_mki,
        ):
            inbound = open_inbound(keys)
            self._unreadable_told = False
        return outbound, inbound

    def _configure(
        self,
        remote: TrunkRemote,
        moves: bool,
        outbound: SrtpSession | None,
        inbound: Inbound | None,
    ) -> None:
        """Set the leg up; on the engine's thread."""
        leg, event = self.leg, remote.event
        self._encrypt(remote.keys is not None, outbound, inbound)
        leg.port.latch.believe_peer(remote.also_from)
        leg.port.latch.believe_any(remote.from_anywhere)
        if moves:
            leg.port.expect(remote.host, remote.port, remote.rtcp_port)
        codecs = dict(remote.codecs)
        leg.receiver.set_formats(
            codecs,
            events=remote.event_payload_types,
            event_clock_rate=event.clock_rate if event else TELEPHONE,
            noise=None if comfort_noise.PAYLOAD_TYPE in codecs else comfort_noise.PAYLOAD_TYPE,
        )
        leg.sender.set_codec(remote.codec, remote.payload_type, ptime=remote.ptime)
        leg.set_digits(event.payload_type if event else None, event.clock_rate if event else 0)
        self._seeks_tones = event is None and self._finds_tones
        self.thread.engine.find_tones(leg, self._seeks_tones)
        leg.hold(not remote.receives)
        if leg.bridge is not None:
            leg.bridge.route()

    def _encrypt(
        self, encrypted: bool, outbound: SrtpSession | None, inbound: Inbound | None
    ) -> None:
        port = self.leg.port
        if not encrypted:
            port.cipher = None
        elif port.cipher is not None:
            port.cipher.change(outbound, inbound, self.thread.engine.now)
        elif outbound is not None and inbound is not None:
            port.cipher = TrunkCipher(outbound, inbound)

    def on_statistics(self, statistics: LegStatistics) -> None:
        super().on_statistics(statistics)
        self._note_unreadable()
        self._on_second(self.now)

    def _note_unreadable(self) -> None:
        """Say once that nothing of what comes can be decrypted: the call is silent, and lives."""
        cipher = self.leg.port.cipher
        if cipher is None or cipher.taken or cipher.refused < UNREADABLE or self._unreadable_told:
            return
        self._unreadable_told = True
        logger.warning(
            "port %d: %d packets came from the trunk, and its key decrypts none of them",
            self.address[1],
            cipher.refused,
        )

    def too_silent(self, now: float, limit: float) -> int | None:
        """Return for how many seconds nothing has come, if these are more than `limit`.

        Then it is told again after as long once more; a limit of 0 is none.
        """
        remote = self.remote
        # On hold it owes us nothing, not even music: few phones have any
        if remote is None or not (remote.sends and remote.receives):
            self.reports.reset_silence_timer(now)
            return None
        silent = self.reports.silent_for(now)
        if not limit or silent < limit:
            return None
        self.reports.reset_silence_timer(now)
        return round(silent)

    def close(self) -> None:
        """Send and tell nothing any more."""
        self.let_go()
        self._on_second = tell_nobody
        self._outbound.clear()
        self.remote = None

    def on_event(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        arrival: float,
    ) -> None:
        if self._seeks_tones:  # it sends events after all: a key must not be told twice
            self._seeks_tones = False
            self.thread.post(self.thread.engine.find_tones, self.leg, False)
        super().on_event(ssrc, sequence, timestamp, marker, payload, arrival)

    def on_moved(self, address: tuple[str, int]) -> None:
        """Hear that the stream comes from a host that the description does not name."""
        if self.remote is not None:
            logger.info(
                "port %d: the trunk describes %s, its audio comes from %s and is answered there",
                self.address[1],
                self.remote.host,
                address[0],
            )

    def send_rtcp(self, packet: bytes) -> None:
        if self.remote is not None:
            self.thread.post(self.leg.port.send_rtcp, packet)

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send digits; raises RequestError as `Leg.send_digits` does."""
        await self.thread.call(self.leg.send_digits, digits, duration_ms, gap_ms)

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        """Send a digit that a browser's key has made; one too many is counted."""
        self.thread.post(self._try_digit, digit, duration_ms)

    def _try_digit(self, digit: str, duration_ms: int) -> None:
        try:
            self.leg.send_digits(digit, duration_ms)
        except RequestError:  # too many at once, or before there is a trunk
            self.counters[rejected("browser", "digit")] += 1
