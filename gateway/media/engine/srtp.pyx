"""Encryption and decryption of packets in place, without the interpreter.

The sessions are pylibsrtp's, with keys that DTLS or signaling has agreed on. libsrtp's functions
are called by address: pylibsrtp's own methods copy each packet twice, and check its type, which
costs as much as the cipher.
"""

from libc.stdint cimport uint8_t, uint32_t, uintptr_t

cdef extern from "arpa/inet.h" nogil:
    uint32_t htonl(uint32_t number)

from pylibsrtp._binding import ffi, lib

ctypedef int (*Cipher)(void *session, void *packet, int *size) noexcept nogil
ctypedef int (*Removal)(void *session, uint32_t ssrc) noexcept nogil

cdef Cipher _protect, _unprotect, _protect_rtcp, _unprotect_rtcp


cdef uintptr_t _address(str name) except 0:
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))


_protect = <Cipher> _address("srtp_protect")
_unprotect = <Cipher> _address("srtp_unprotect")
_protect_rtcp = <Cipher> _address("srtp_protect_rtcp")
_unprotect_rtcp = <Cipher> _address("srtp_unprotect_rtcp")
cdef Removal _remove = <Removal> _address("srtp_remove_stream")

cdef int _SHORTEST = 8  # bytes; libsrtp reads the fixed header before it looks at the size


cdef int _apply(
    Cipher cipher, void *handle, uint8_t[::1] packet, int size, int room
) noexcept nogil:
    if size < _SHORTEST or size + room > packet.shape[0]:
        return -1
    if cipher(handle, &packet[0], &size):
        return -1
    return size


cdef class SrtpSession:
    """One direction of one leg; keeps the pylibsrtp session alive."""

    def __init__(self, session: object) -> None:
        """Take a `pylibsrtp.Session` of this direction."""
        self._session = session
        self._handle = <void *> <uintptr_t> int(ffi.cast("uintptr_t", session._srtp[0]))

    cpdef int protect(self, uint8_t[::1] packet, int size) noexcept nogil:
        return _apply(_protect, self._handle, packet, size, TRAILER)

    cpdef int unprotect(self, uint8_t[::1] packet, int size) noexcept nogil:
        return _apply(_unprotect, self._handle, packet, size, 0)

    cpdef int protect_rtcp(self, uint8_t[::1] packet, int size) noexcept nogil:
        return _apply(_protect_rtcp, self._handle, packet, size, TRAILER)

    cpdef int unprotect_rtcp(self, uint8_t[::1] packet, int size) noexcept nogil:
        return _apply(_unprotect_rtcp, self._handle, packet, size, 0)

    cdef void forget(self, uint32_t ssrc) noexcept nogil:
        """Free what is known of one source; it may come again as a new one."""
        _remove(self._handle, htonl(ssrc))
