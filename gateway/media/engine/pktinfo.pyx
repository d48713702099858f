"""At which of our addresses a datagram has come, and from which one another leaves.

A socket that is bound to any address gets what comes to each, and what it sends leaves from the
address that the route to the far end begins at. Who has been told another one does not know that
sender. IP_PKTINFO (ip(7)) and IPV6_PKTINFO (RFC 3542 section 6) tell the first, and say the second.
"""

from libc.string cimport memcpy, memset

import socket
import struct

from gateway.media.engine.address cimport (
    Address,
    forget_address,
    parse_address,
    same_family,
    unmap_address,
)
from gateway.media.engine.kernel cimport (
    AF_INET,
    AF_INET6,
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_LEN,
    CMSG_NXTHDR,
    CMSG_SPACE,
    IP_PKTINFO,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_PKTINFO,
    cmsghdr,
    in6_pktinfo,
    in_pktinfo,
    msghdr,
)

_IPV6_RECVPKTINFO = 49  # linux/in6.h; the socket module has it where the C library had


def tell_destinations(sock: socket.socket) -> None:
    """Ask the kernel for the address of ours that each datagram has come to."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(IPPROTO_IP, IP_PKTINFO, 1)


def send_from(
    sock: socket.socket, data: bytes, host: str, port: int, source: str | None
) -> None:
    """Send a datagram from this address of ours; OSError where that cannot be."""
    if sock.family == socket.AF_INET6 and ":" not in host:
        host = f"::ffff:{host}"
    if source is None:
        sock.sendto(data, (host, port))
        return
    octets = socket.inet_pton(socket.AF_INET6 if ":" in source else socket.AF_INET, source)
    if len(octets) == 4:
        said = (IPPROTO_IP, IP_PKTINFO, struct.pack("=i4s4x", 0, octets))
    else:
        said = (IPPROTO_IPV6, IPV6_PKTINFO, struct.pack("=16si", octets, 0))
    sock.sendmsg([data], [said], 0, (host, port))


cdef bint read_destination(msghdr *message, Address *address) noexcept nogil:
    """Fill `address` with ours that a datagram has come to; false where the kernel does not say."""
    cdef cmsghdr *header = CMSG_FIRSTHDR(message)
    cdef in_pktinfo four
    cdef in6_pktinfo six
    forget_address(address)
    while header != NULL:
        if header.cmsg_level == IPPROTO_IP and header.cmsg_type == IP_PKTINFO:
            memcpy(&four, CMSG_DATA(header), sizeof(four))
            address.family = AF_INET
            memcpy(address.host, &four.ipi_spec_dst, 4)
            return True
        if header.cmsg_level == IPPROTO_IPV6 and header.cmsg_type == IPV6_PKTINFO:
            memcpy(&six, CMSG_DATA(header), sizeof(six))
            address.family = AF_INET6
            memcpy(address.host, &six.ipi6_addr, 16)
            unmap_address(address)
            return True
        header = CMSG_NXTHDR(message, header)
    return False


cdef void write_source(
    msghdr *message, const Address *source, Control *control
) noexcept nogil:
    """Have a message leave from this address; from any, where it is none of the far end's kind.

    The name of the message has to be there; `control` has to outlive it.
    """
    cdef cmsghdr *header
    cdef in_pktinfo four
    cdef in6_pktinfo six
    message.msg_control, message.msg_controllen = NULL, 0
    if not source.family or not same_family(source, message.msg_name):
        return
    message.msg_control = control
    memset(control, 0, sizeof(Control))
    if source.family == AF_INET:
        message.msg_controllen = CMSG_SPACE(sizeof(four))
        header = CMSG_FIRSTHDR(message)
        header.cmsg_level, header.cmsg_type = IPPROTO_IP, IP_PKTINFO
        header.cmsg_len = CMSG_LEN(sizeof(four))
        memset(&four, 0, sizeof(four))
        memcpy(&four.ipi_spec_dst, source.host, 4)
        memcpy(CMSG_DATA(header), &four, sizeof(four))
    else:
        message.msg_controllen = CMSG_SPACE(sizeof(six))
        header = CMSG_FIRSTHDR(message)
        header.cmsg_level, header.cmsg_type = IPPROTO_IPV6, IPV6_PKTINFO
        header.cmsg_len = CMSG_LEN(sizeof(six))
        memset(&six, 0, sizeof(six))
        memcpy(&six.ipi6_addr, source.host, 16)
        memcpy(CMSG_DATA(header), &six, sizeof(six))


cdef int read_own(str host, Address *address) except -1:
    """Read an address of ours; None for any."""
    if host is None:
        forget_address(address)
    else:
        address[0] = parse_address(host, 0)
    return 0
