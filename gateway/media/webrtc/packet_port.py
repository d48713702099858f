"""The port of a browser's leg, as ICE and DTLS need it: a place where datagrams come and go.

Whether it is a socket of its own or a share of one that serves many browsers is the port's affair.
A shared port tells its legs apart by the user name fragment in a STUN request (RFC 8445 section
7.3), and all other datagrams by their source: that is why addresses are admitted here one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pylibsrtp import Session

# Host and port. Of an IPv6 address there is no scope and no flow label in it, so that addresses
# from sockets, from STUN and from candidates compare equal
Address = tuple[str, int]

Receive = Callable[[bytes, Address], None]

# The shortest datagram of use is a DTLS record header; the longest fits an Ethernet frame
SHORTEST, LONGEST = 13, 1500  # bytes

# First byte of a datagram (RFC 7983 section 7)
STUN = range(0, 4)
DTLS = range(20, 64)
RTP = range(128, 192)

# Second byte of a datagram that has the first byte of RTP, but is RTCP (RFC 5761 section 4)
RTCP = range(192, 224)

# Streams of one browser: a call has one. libsrtp keeps state for each.
MAX_SOURCES = 8


class PacketPort(Protocol):
    """One leg's share of a UDP port. All methods are called on the event loop."""

    @property
    def address(self) -> Address:
        """Our address, as bound."""
        ...

    def open(self, ufrag: str, receive: Receive) -> None:
        """Have `receive` called, on the event loop, with each STUN and DTLS datagram of the leg.

        These are STUN requests for our user name fragment `ufrag`, from anywhere, and all other
        STUN and all DTLS from admitted addresses.
        """
        ...

    def send(self, data: bytes, address: Address) -> None:
        """Send STUN or DTLS at once; a datagram that cannot be sent is lost, as on any network."""
        ...

    def admit(self, address: Address) -> None:
        """Count datagrams from this address as the leg's; harmless when they are already.

        An admission is a claim that nobody has proved: before its check has passed, the address
        is one that the browser named, or the source of one datagram. It must not take the address
        from another leg, for which `set_remote` has been called.
        """
        ...

    def dismiss(self, address: Address) -> None:
        """Undo `admit`; harmless when there is nothing to undo."""
        ...

    def set_remote(self, address: Address) -> None:
        """Send media to this address from now on, and take it from there only.

        Called for each nominated pair: at first, and whenever the browser moves in mid-call. Its
        check has passed: who sends from there has proved to know the browser's password.
        """
        ...

    def start_media(self, inbound: Session, outbound: Session) -> None:
        """Decrypt and encrypt with these sessions from now on; they are the port's to keep."""
        ...

    def heard(self) -> bool:
        """Whether anything came from the remote address since the last time this was asked."""
        ...

    def send_rtcp(self, data: bytes) -> None:
        """Encrypt and send one compound RTCP packet; dropped before `start_media`."""
        ...

    def close(self) -> None:
        """Receive and send no more; `receive` is let go. Harmless when called twice."""
        ...
