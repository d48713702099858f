"""Addresses and keys of datagrams, for the packet path; address.pyx says more."""

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from gateway.media.engine.kernel cimport sockaddr_storage

cdef struct Address:
    uint16_t family  # 0: none
    uint16_t port  # network order
    uint8_t host[16]

cdef enum:
    KEY_SIZE = 32  # bytes

cdef struct Key:
    uint8_t octets[KEY_SIZE]

cdef struct Entry:
    Key key
    void *owner  # NULL: free, or freed
    bint freed  # something was here: a search goes on

cdef bint read_address(const sockaddr_storage *name, Address *address) noexcept nogil
cdef unsigned int write_address(const Address *address, sockaddr_storage *name) noexcept nogil
cdef void forget_address(Address *address) noexcept nogil
cdef void unmap_address(Address *address) noexcept nogil
cdef bint same_family(const Address *address, const void *name) noexcept nogil
cdef bint same_host(const Address *one, const Address *other) noexcept nogil
cdef bint same_address(const Address *one, const Address *other) noexcept nogil
cdef void key_of_address(const Address *address, Key *key) noexcept nogil
cdef Key padded_key(bytes octets) except *
cdef Address parse_address(str host, int port) except *
cdef tuple show_address(const Address *address)


cdef class KeyTable:
    cdef Entry *_entries
    cdef uint64_t _seed
    cdef int _mask  # one less than the number of places
    cdef int _taken  # places that are or were in use

    cdef void *find(self, const Key *key) noexcept nogil
    cdef int put(self, const Key *key, void *owner) except -1
    cdef void remove(self, const Key *key) noexcept nogil
    cdef int _place_of(self, const Key *key) noexcept nogil
    cdef int _grow(self) except -1
