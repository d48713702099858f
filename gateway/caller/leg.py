"""The caller's media: the controlling end of ICE and DTLS, a microphone, an ear."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from gateway.caller.description import Accepted, make_offer
from gateway.caller.sound import FRAME_SAMPLES, RATE, Frame
from gateway.errors import UnavailableError
from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.relay import Relay, Servers, allocate
from gateway.media.webrtc.relayed_port import RelayedPort
from voice.codec import FRAMES_PER_SECOND
from voice.counters import Counters
from voice.opus import OpusDecoder, OpusEncoder, OpusError
from voice.opus_frames import packet_samples
from voice.rtp import RtpError, RtpPacket, pack_header, parse
from voice.sequence import SequenceTracker
from voice.telephone_event import EventSender

logger = logging.getLogger(__name__)

# A gap of more than this is a pause of the far end, and not worth making up
LONGEST_GAP = 50  # packets


class CallerLeg:
    """One call's media on the browser's side.

    `heard` collects the first `keep` seconds of what comes, as samples at 48 kHz. It binds a port,
    and raises UnavailableError when `ports` has none left.
    """

    def __init__(
        self,
        ports: PortRange,
        config: MediaConfig,
        microphone: Iterator[Frame],
        *,
        keep: float,
        on_change: Callable[[BrowserConnected | BrowserLost], None],
    ) -> None:
        self._microphone = microphone
        self._keep = round(keep * RATE)
        self._on_change = on_change
        counters = Counters()
        # RTCP is dropped: a caller that only tries a call needs no reports
        self._port = RelayedPort(ports.bind_one(), counters, on_rtp=self._receive)
        self._relay: Relay | None = None
        self._relay_only = False
        self._endpoint = WebRtcEndpoint(
            config, self._port, counters, report=self._changed, controlling=True
        )
        self._ssrc = secrets.randbits(32)
        self._decoder = OpusDecoder(RATE)
        self._track = SequenceTracker()
        self._next: int | None = None
        self._chunks: list[Frame] = []
        self._kept = 0
        self._speaking: asyncio.Task[None] | None = None
        self._accepted: Accepted | None = None
        self._events: EventSender | None = None
        self.sent = 0
        self.received = 0
        self.lost = 0
        self.first_sound: float | None = None  # perf_counter() of the first packet

    async def use_servers(self, servers: Servers, *, relay_only: bool) -> None:
        """Get an address at a TURN server, if one is named; to be done before `open`.

        Raises
        ------
        UnavailableError
            When there is none to be had, and media may go by nothing else.
        """
        try:
            self._relay = await allocate(servers)
        except UnavailableError as error:
            if relay_only:
                raise
            logger.warning("%s; only a direct connection is tried", error)
        if self._relay is not None:
            self._port.use_relay(self._relay, only=relay_only)
        elif relay_only:
            raise UnavailableError("media may go by a TURN server only, and none is named")
        self._relay_only = relay_only

    def open(self) -> str:
        """Answer checks from now on, and return the offer."""
        self._endpoint.open()
        return make_offer(
            session=secrets.randbits(62),
            ssrc=self._ssrc,
            ice=self._endpoint.ice,
            fingerprint=self._endpoint.fingerprints[0],
        )

    @property
    def candidates(self) -> tuple[str, ...]:
        """Values of a=candidate."""
        direct = () if self._relay_only else self._endpoint.candidates
        return direct if self._relay is None else (*direct, self._relay.candidate)

    @property
    def connected(self) -> bool:
        """Whether media flows."""
        return self._endpoint.connected

    def connect(self, accepted: Accepted) -> None:
        """Bring ICE and DTLS up towards the gateway; speaking begins by itself."""
        self._accepted = accepted
        if accepted.remote.event is not None:
            self._events = EventSender(accepted.remote.event.clock_rate)
        self._endpoint.connect(accepted.remote)

    def add_candidate(self, candidate: str | None) -> None:
        self._endpoint.add_candidate(candidate)

    def press(self, digits: str, duration: int, gap: int) -> bool:
        """Send digits as telephone events; false if the gateway takes none."""
        if self._events is None:
            return False
        self._events.send(digits, duration=duration, gap=gap)
        return True

    @property
    def pressing(self) -> bool:
        """Whether digits are still on their way."""
        return self._events is not None and self._events.busy

    @property
    def heard(self) -> Frame:
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)

    def _changed(self, event: BrowserConnected | BrowserLost) -> None:
        speaks = self._speaking is not None  # the gateway was silent, and is heard again
        if isinstance(event, BrowserConnected) and self._accepted is not None and not speaks:
            self._speaking = asyncio.create_task(self._speak(self._accepted), name="caller-speak")
        self._on_change(event)

    async def _speak(self, accepted: Accepted) -> None:
        encoder = OpusEncoder(RATE, bitrate=accepted.bitrate, max_bandwidth=accepted.bandwidth)
        sequence, timestamp = secrets.randbits(16), secrets.randbits(32)
        payload_type, event = accepted.remote.payload_type, accepted.remote.event
        deadline = perf_counter()
        for frame in self._microphone:
            tick = self._events.tick(timestamp) if self._events is not None else None
            if tick is None or not tick.suppress:
                header = pack_header(payload_type, sequence, timestamp, self._ssrc)
                self._send(header + encoder.encode(frame))
                sequence += 1
            elif tick.packet is not None and event is not None:
                packet = tick.packet
                header = pack_header(
                    event.payload_type, sequence, packet.timestamp, self._ssrc, marker=packet.marker
                )
                self._send(header + packet.payload)
                sequence += 1
            timestamp += FRAME_SAMPLES
            deadline += 1 / FRAMES_PER_SECOND
            await asyncio.sleep(max(0.0, deadline - perf_counter()))

    def _send(self, packet: bytes) -> None:
        self._port.send_rtp(packet)
        self.sent += 1

    def _receive(self, datagram: bytes) -> None:
        try:
            packet = parse(datagram)
        except RtpError:
            return
        number = self._track(packet.sequence)
        if number is None or (self._next is not None and number < self._next):
            return
        self.received += 1
        if self.first_sound is None:
            self.first_sound = perf_counter()
        missing = 0 if self._next is None else number - self._next
        self._next = number + 1
        self.lost += missing
        if self._kept < self._keep:
            self._hear(packet, missing if missing <= LONGEST_GAP else 0)

    def _hear(self, packet: RtpPacket, missing: int) -> None:
        for _ in range(missing):
            self._add(np.zeros(FRAME_SAMPLES, np.int16))
        try:
            out: Frame = np.zeros(packet_samples(packet.payload, RATE), np.int16)
            self._decoder.decode(packet.payload, out)
        except OpusError:
            out = np.zeros(FRAME_SAMPLES, np.int16)
        self._add(out)

    def _add(self, samples: Frame) -> None:
        self._chunks.append(samples)
        self._kept += samples.size

    async def close(self) -> None:
        """Stop speaking and close the transport."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.wait([self._speaking])
        await self._endpoint.close()
        if self._relay is not None:
            await self._relay.close()
