"""What the media plane is given and gives: plain values, fit for any thread.

The plane knows no SDP and no SIP. Whoever opens a session has read both descriptions already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class DtlsRole(StrEnum):
    """Which side opens the DTLS handshake (RFC 8842 section 5)."""

    CLIENT = "client"
    SERVER = "server"


class Flow(StrEnum):
    """What the trunk hears, and whether the browser hears it.

    Before the answer the far end must not hear the caller, but it needs packets: behind a NAT, and
    at media servers that latch on to the first source, early media only flows once we have sent.
    """

    SILENCE = "silence"
    AUDIO = "audio"
    HOLD = "hold"  # music for the trunk; neither side hears the other


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Where the plane listens and how long it waits; all times in seconds."""

    address: str = "127.0.0.1"
    public_address: str | None = None
    loopback: bool = False  # browsers may be on this machine; counts where `address` is any
    ports: tuple[int, int] = (20000, 29999)  # RTP and RTCP of the trunks
    browser_port: int = 20000  # of all browsers of the first thread; the next ones for the others
    threads: int = 1
    # ICE checks take round trips, not seconds; a browser that needs longer has no way through
    ice_timeout: float = 15.0
    # What is lost of a handshake is repeated after 1 and 3 s; what is lost again does not pass, as
    # datagrams of a certificate's size where a path takes none so large
    dtls_timeout: float = 5.0
    # Browsers send an RTP packet every 20 ms and a consent check every few seconds (RFC 7675)
    browser_silence: float = 12.0
    # Neither RTP nor RTCP from the trunk for so long ends a call: before the answer, and after it
    # (0: never). Early media may pause for a long announcement; a call that is paid for may not.
    trunk_silence_early: float = 30.0
    trunk_silence: float = 15.0
    sessions: int = 2000
    # What the encoder towards browsers does with its time and bits; codecs/README.md has the table
    # that the defaults were chosen from
    complexity: int = 0  # 0 to 10
    hold_music: Path | None = None  # a sound file; None: a tone
    bitrate: int = 32000  # bit/s


@dataclass(frozen=True, slots=True)
class EventFormat:
    """Telephone events on a leg: payload type and clock rate in Hz (RFC 4733)."""

    payload_type: int
    clock_rate: int


@dataclass(frozen=True, slots=True)
class LocalTrunk:
    """Our end of a trunk: where it sends to.

    Where media is bound to any address, the host is that: which one a trunk is told is known once
    the trunk is (`MediaPlane.own_host`).
    """

    trunk_host: str
    trunk_port: int  # RTCP is on the next one


@dataclass(frozen=True, slots=True)
class LocalBrowser:
    """Our end of a browser that is joined to no trunk: what our answer has to say about it.

    `ports` are those that browsers send to, of whichever thread: a firewall has to let in all.
    """

    ice_ufrag: str
    ice_password: str
    candidates: tuple[str, ...]  # values of a=candidate
    fingerprints: tuple[tuple[str, str], ...]  # (algorithm, value)
    ssrc: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LocalMedia(LocalTrunk):
    """Our end of a session: what the two descriptions have to say about it."""

    ice_ufrag: str
    ice_password: str
    candidates: tuple[str, ...]  # values of a=candidate
    fingerprints: tuple[tuple[str, str], ...]  # (algorithm, value)
    ssrc: int


@dataclass(frozen=True, slots=True)
class BrowserRemote:
    """The browser's end, from its offer.

    `connection` names its RTCPeerConnection; empty where it has no name.
    """

    ice_ufrag: str
    ice_password: str
    candidates: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...]
    dtls_role: DtlsRole  # ours
    codec: str  # a name of voice.codec's table: "OPUS", or "PCMU" and "PCMA" for passthrough
    payload_type: int
    event: EventFormat | None
    candidates_end: bool = False  # there will be no others
    connection: str = ""
    level_extension: int | None = None  # id of ssrc-audio-level (RFC 6464), if both sides have it


@dataclass(frozen=True, slots=True)
class TrunkKeys:
    """SRTP with a trunk: a suite by its name in RFC 4568, and a master key with salt each way.

    `receive_mki` is what each packet of the trunk's has besides; mostly nothing.
    """

    suite: str
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)
    receive_mki: bytes = b""


@dataclass(frozen=True, slots=True)
class TrunkRemote:
    """The trunk's end, from its answer.

    `codec`, `payload_type` and `event` are what to send. `codecs` are what may come: payload types
    and names of voice.codec's table, since a trunk may change among the codecs that both sides
    listed without a word (RFC 3264 section 5.1). On hold it `receives` nothing, and `sends` nothing
    while we are held by it or hold it. `ptime` is what it wants to receive, in milliseconds.

    Streams are believed that come from `host`, and from the host `also_from` if there is one: the
    SIP peer's, where `host` cannot be reached from here. With `from_anywhere` the first stream is,
    wherever it comes from. Without `keys` audio goes as it is; the same keys again change nothing.
    `own` is our address as the trunk has been told it: packets leave from there.
    """

    host: str
    port: int
    codec: str
    payload_type: int
    event: EventFormat | None
    codecs: tuple[tuple[int, str], ...]
    event_payload_types: tuple[int, ...] = ()
    receives: bool = True
    sends: bool = True
    ptime: int = 20
    rtcp_port: int | None = None  # None: the one after `port` (RFC 3550 section 11)
    also_from: str | None = None
    from_anywhere: bool = False
    keys: TrunkKeys | None = None
    own: str = ""
