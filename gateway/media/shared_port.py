"""One leg's share of the UDP port of all browsers, as ICE and DTLS see it (`PacketPort`)."""

from __future__ import annotations

from pylibsrtp import Session

from gateway.media.engine.leg import BrowserLeg
from gateway.media.thread import MediaThread
from gateway.media.webrtc.packet_port import Address, Receive


class SharedPort:
    """Sends by itself, on the event loop; what comes is sorted by the engine.

    Where the port is bound to any address of ours, an answer leaves from the one that was asked: a
    browser takes it from nowhere else (RFC 8445 section 7.3.1). aioice answers a check before it
    returns, and what it sends later goes where the last datagram from there has come to.
    """

    def __init__(self, thread: MediaThread, leg: BrowserLeg) -> None:
        self._thread = thread
        self._leg = leg
        self._binding = leg.binding
        self._receive: Receive | None = None
        self._heard = False
        self._admitted: set[Address] = set()
        self._asked: dict[Address, str] = {}  # our address, by who has sent there last

    @property
    def address(self) -> Address:
        return self._thread.address

    def open(self, ufrag: str, receive: Receive) -> None:
        self._receive = receive
        self._thread.post(self._binding.open, ufrag)

    def send(self, data: bytes, address: Address) -> None:
        # In the order of all that was posted: an answer must not overtake its source's admission
        self._thread.post(self._binding.send_datagram, data, *address, self._asked.get(address))

    def admit(self, address: Address) -> None:
        self._admitted.add(address)
        self._thread.post(self._binding.admit, *address)

    def dismiss(self, address: Address) -> None:
        self._admitted.discard(address)
        self._asked.pop(address, None)
        self._thread.post(self._binding.dismiss, *address)

    def set_remote(self, address: Address) -> None:
        self._thread.post(self._binding.set_remote, *address, self._asked.get(address))

    def start_media(self, inbound: Session, outbound: Session) -> None:
        self._thread.post(self._thread.engine.start_media, self._leg, inbound, outbound)

    def heard(self) -> bool:
        heard, self._heard = self._heard, False
        return heard

    def send_rtcp(self, data: bytes) -> None:
        self._thread.post(self._binding.send_rtcp, data)

    def close(self) -> None:
        self._receive = None
        self._thread.post(self._binding.close)

    # Called by the leg's owner

    def note_heard(self) -> None:
        """Take note that something came from the remote address."""
        self._heard = True

    def receive(self, data: bytes, address: Address, own: str | None = None) -> None:
        """Hand on a datagram of STUN or DTLS, which has come to this address of ours."""
        if self._receive is None:
            return
        if own is not None:
            self._asked[address] = own
        self._receive(data, address)
        if address not in self._admitted:  # anybody who has forged it
            self._asked.pop(address, None)
