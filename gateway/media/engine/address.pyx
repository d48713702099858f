"""Who a datagram is from: addresses as the kernel writes them, and a table from keys to legs.

A port that all browsers share has to find the leg of each datagram without the interpreter. Keys
are ICE user name fragments and source addresses, both padded to one length. Only we put keys into
the table, so nobody outside can make its searches long.
"""

from libc.stdint cimport uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

import ipaddress
import secrets
import socket

from gateway.media.engine.kernel cimport (
    AF_INET,
    AF_INET6,
    sockaddr_in,
    sockaddr_in6,
    sockaddr_storage,
)

_FIRST_SIZE = 256  # places

# Before an IPv4 address where IPv6's are written (RFC 4291 section 2.5.5.2)
cdef uint8_t[12] _MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]


cdef bint read_address(const sockaddr_storage *name, Address *address) noexcept nogil:
    """Fill `address` from a name that the kernel has written; false for another family."""
    cdef const sockaddr_in *four
    cdef const sockaddr_in6 *six
    memset(address, 0, sizeof(Address))
    if name.ss_family == AF_INET:
        four = <const sockaddr_in *> name
        address.port = four.sin_port
        memcpy(address.host, &four.sin_addr, 4)
    elif name.ss_family == AF_INET6:
        six = <const sockaddr_in6 *> name
        address.port = six.sin6_port
        memcpy(address.host, &six.sin6_addr, 16)
    else:
        return False
    address.family = name.ss_family
    unmap_address(address)
    return True


cdef void forget_address(Address *address) noexcept nogil:
    memset(address, 0, sizeof(Address))


cdef void unmap_address(Address *address) noexcept nogil:
    """Write an IPv4 address as one that a socket of both kinds has written as IPv6's."""
    if address.family != AF_INET6 or memcmp(address.host, _MAPPED, sizeof(_MAPPED)):
        return
    memcpy(address.host, &address.host[12], 4)
    memset(&address.host[4], 0, 12)
    address.family = AF_INET


cdef bint same_family(const Address *address, const void *name) noexcept nogil:
    return address.family == (<const sockaddr_storage *> name).ss_family


cdef unsigned int write_address(const Address *address, sockaddr_storage *name) noexcept nogil:
    """Fill `name` for the kernel and return its size."""
    cdef sockaddr_in *four
    cdef sockaddr_in6 *six
    memset(name, 0, sizeof(sockaddr_in6))
    name.ss_family = address.family
    if address.family == AF_INET:
        four = <sockaddr_in *> name
        four.sin_port = address.port
        memcpy(&four.sin_addr, address.host, 4)
        return sizeof(sockaddr_in)
    six = <sockaddr_in6 *> name
    six.sin6_port = address.port
    memcpy(&six.sin6_addr, address.host, 16)
    return sizeof(sockaddr_in6)


cdef bint same_host(const Address *one, const Address *other) noexcept nogil:
    return one.family == other.family and memcmp(one.host, other.host, 16) == 0


cdef bint same_address(const Address *one, const Address *other) noexcept nogil:
    return one.port == other.port and same_host(one, other)


cdef void key_of_address(const Address *address, Key *key) noexcept nogil:
    memset(key, 0, sizeof(Key))
    memcpy(key.octets, address, sizeof(Address))


cdef Address parse_address(str host, int port) except *:
    """Read an address; raises ValueError for a name, and for a port that there is none of."""
    cdef Address address
    cdef bytes octets = ipaddress.ip_address(host.partition("%")[0]).packed
    cdef const unsigned char[::1] view = octets
    if not 0 <= port <= 0xFFFF:
        raise ValueError(f"port {port}: it must be 0 to 65535")
    memset(&address, 0, sizeof(Address))
    address.family = AF_INET if len(octets) == 4 else AF_INET6
    address.port = <unsigned short> socket.htons(port)
    memcpy(address.host, &view[0], view.shape[0])
    return address


cdef tuple show_address(const Address *address):
    """Return (host, port) as the socket module writes them."""
    cdef int size = 4 if address.family == AF_INET else 16
    cdef bytes octets = address.host[:size]
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    return socket.inet_ntop(family, octets), socket.ntohs(address.port)


cdef Key padded_key(bytes octets) except *:
    cdef Key key
    cdef int size = len(octets)
    if size > KEY_SIZE:
        raise ValueError(f"a key of {size} bytes: at most {KEY_SIZE} fit")
    memset(&key, 0, sizeof(Key))
    memcpy(key.octets, <const char *> octets, size)
    return key


cdef class KeyTable:
    """Keys of 32 bytes, each with the object that owns it; the table keeps no reference."""

    def __cinit__(self) -> None:
        self._seed = secrets.randbits(64)
        self._mask = _FIRST_SIZE - 1
        self._entries = <Entry *> calloc(_FIRST_SIZE, sizeof(Entry))
        if self._entries == NULL:
            raise MemoryError

    def __dealloc__(self) -> None:
        free(self._entries)

    def __len__(self) -> int:
        cdef int place, living = 0
        for place in range(self._mask + 1):
            living += self._entries[place].owner != NULL
        return living

    def give(self, key: bytes, owner: object) -> None:
        """Give a key, at most 32 bytes, to an owner that outlives it; whoever had it before."""
        cdef Key padded = padded_key(key)
        self.put(&padded, <void *> owner)

    def take(self, key: bytes) -> None:
        """Take a key from its owner; harmless when nobody has it."""
        cdef Key padded = padded_key(key)
        self.remove(&padded)

    def owner_id(self, key: bytes) -> int | None:
        """Return the `id` of a key's owner, None if there is none."""
        cdef Key padded = padded_key(key)
        cdef void *owner = self.find(&padded)
        return None if owner == NULL else <uintptr_t> owner

    cdef int _place_of(self, const Key *key) noexcept nogil:
        """Return where a key is, or where the search for it ends."""
        cdef uint64_t hashed = <uint64_t> 0xCBF29CE484222325ULL ^ self._seed  # FNV-1a
        cdef int place
        for place in range(KEY_SIZE):
            hashed = (hashed ^ key.octets[place]) * <uint64_t> 0x100000001B3ULL
        place = <int> ((hashed ^ (hashed >> 32)) & self._mask)
        while self._entries[place].owner != NULL or self._entries[place].freed:
            if self._entries[place].owner != NULL and (
                memcmp(&self._entries[place].key, key, sizeof(Key)) == 0
            ):
                break
            place = (place + 1) & self._mask
        return place

    cdef void *find(self, const Key *key) noexcept nogil:
        """Return a key's owner, NULL if there is none."""
        return self._entries[self._place_of(key)].owner

    cdef int put(self, const Key *key, void *owner) except -1:
        """Give a key to an owner, whoever had it."""
        cdef int place
        if 2 * self._taken > self._mask:
            self._grow()
        place = self._place_of(key)
        if self._entries[place].owner == NULL:
            self._taken += 1
        self._entries[place].key = key[0]
        self._entries[place].owner = owner
        return 0

    cdef void remove(self, const Key *key) noexcept nogil:
        cdef int place = self._place_of(key)
        if self._entries[place].owner != NULL:
            self._entries[place].owner = NULL
            self._entries[place].freed = True

    cdef int _grow(self) except -1:
        """Make the table anew with room, and without the places that were freed."""
        cdef Entry *old = self._entries
        cdef int size = self._mask + 1, place, living = 0
        for place in range(size):
            living += old[place].owner != NULL
        cdef int wanted = size if 4 * living < size else 2 * size
        cdef Entry *new = <Entry *> calloc(wanted, sizeof(Entry))
        if new == NULL:
            raise MemoryError
        self._entries, self._mask, self._taken = new, wanted - 1, living
        for place in range(size):
            if old[place].owner != NULL:
                new[self._place_of(&old[place].key)] = old[place]
        free(old)
        return 0
