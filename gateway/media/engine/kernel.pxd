"""What the kernel offers for many datagrams at a time; the only declarations of its C interface."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from posix.time cimport timespec

cdef extern from "<sys/socket.h>" nogil:
    enum: AF_INET, AF_INET6, MSG_DONTWAIT, MSG_TRUNC, SOL_SOCKET

    struct sockaddr:
        uint16_t sa_family

    struct sockaddr_storage:
        uint16_t ss_family

    struct iovec:
        void *iov_base
        size_t iov_len

    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags

    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type

    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    cmsghdr *CMSG_NXTHDR(msghdr *message, cmsghdr *header)
    uint8_t *CMSG_DATA(cmsghdr *header)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)

    ssize_t sendmsg(int fd, const msghdr *message, int flags)

    ssize_t sendto(
        int fd, const void *data, size_t size, int flags, const sockaddr *to, unsigned int n
    )

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <sys/eventfd.h>
    #include <poll.h>
    #ifndef SO_TIMESTAMPNS
    #define SO_TIMESTAMPNS 35
    #endif
    """
    enum: SO_TIMESTAMPNS

    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len

    struct pollfd:
        int fd
        short events
        short revents

    enum: POLLIN

    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, timespec *timeout)
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    int ppoll(pollfd *fds, unsigned long count, const timespec *timeout, void *mask)
    int eventfd(unsigned int value, int flags)
    enum: EFD_NONBLOCK, EFD_CLOEXEC
    ssize_t read(int fd, void *data, size_t size)
    ssize_t write(int fd, const void *data, size_t size)

cdef extern from "<netinet/in.h>" nogil:
    enum: IPPROTO_IP, IPPROTO_IPV6, IP_PKTINFO, IPV6_PKTINFO

    struct in_addr:
        uint32_t s_addr

    struct in6_addr:
        uint8_t s6_addr[16]

    struct in_pktinfo:
        in_addr ipi_spec_dst

    struct in6_pktinfo:
        in6_addr ipi6_addr

    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr

    struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
        void *ptr

    struct epoll_event:
        uint32_t events
        epoll_data_t data

    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int operation, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int most, int timeout)
    enum: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, EPOLL_CLOEXEC

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
