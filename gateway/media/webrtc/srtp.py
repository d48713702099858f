"""Encryption and decryption of packets, as lean as the library below allows.

pylibsrtp's own methods make a new length cell and check the packet's type for every packet, which
costs as much as the cipher. The buffer can be one for all sessions: nothing waits in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylibsrtp import Error as SrtpError
from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib

LONGEST = 1500  # bytes of a packet on the wire
TRAILER = 144 + 4  # what libsrtp may add (SRTP_MAX_TRAILER_LEN), and an RTCP index

_data = ffi.new("char[]", LONGEST + TRAILER)
_buffer = ffi.buffer(_data)
_size = ffi.new("int *")

Cipher = Callable[[bytes], bytes]


def _cipher(session: Session, function: Any) -> Cipher:
    handle = session._srtp[0]

    def process(packet: bytes) -> bytes:
        size = len(packet)
        if size > LONGEST:
            raise SrtpError(f"{size} bytes: a packet has at most {LONGEST}")
        _size[0] = size
        _buffer[0:size] = packet
        status = function(handle, _data, _size)
        if status:
            raise SrtpError(f"libsrtp status {status}")
        done: bytes = _buffer[0 : _size[0]]
        return done

    # The handle is freed with the session
    process.session = session  # type: ignore[attr-defined]
    return process


def protect(session: Session) -> Cipher:
    """Return what encrypts RTP in this session; raises `pylibsrtp.Error`."""
    return _cipher(session, lib.srtp_protect)


def unprotect(session: Session) -> Cipher:
    """Return what checks and decrypts RTP; raises `pylibsrtp.Error`."""
    return _cipher(session, lib.srtp_unprotect)


def protect_rtcp(session: Session) -> Cipher:
    """Return what encrypts RTCP."""
    return _cipher(session, lib.srtp_protect_rtcp)


def unprotect_rtcp(session: Session) -> Cipher:
    """Return what checks and decrypts RTCP."""
    return _cipher(session, lib.srtp_unprotect_rtcp)
