#!/bin/sh
# OpenSSL keeps some 75 kB for each idle DTLS connection, with SSL_MODE_RELEASE_BUFFERS set.
#
# Software: OpenSSL 4.0.3, as cryptography 50.0.2 brings it, called by pyOpenSSL 26.4.0 through
#   memory buffers, as WebRTC stacks in Python do. 500 connections, handshake done, one record
#   each way, nothing pending. Counted is what the C library's allocator has handed out.
# Surprise: the mode is there to give back the buffers of connections that are idle, and makes a TLS
#   1.2 connection less than half as big. A DTLS 1.2 connection of the same certificate and cipher
#   keeps over three times as much, more than TLS does without the mode. In DTLS-SRTP it carries
#   nothing after the handshake, since the media is not its own: 1,000 calls are 75 MB of it.
# Seen, kB per server connection: TLS 56, with the mode 22; DTLS 124, with the mode 74.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pyOpenSSL==26.4.0 cryptography==50.0.2

run 110 <<'PYTHON'
import ctypes
import gc
import sys
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from expect import end, expect
from OpenSSL import SSL

CONNECTIONS = 500
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])


class Allocated(ctypes.Structure):
    """mallinfo2 of glibc."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


libc = ctypes.CDLL(None)
if not hasattr(libc, "mallinfo2"):
    sys.exit(2)  # another C library than glibc: nothing to count by
libc.mallinfo2.restype = Allocated


def allocated():
    gc.collect()
    now = libc.mallinfo2()
    return now.uordblks + now.hblkhd


key = ec.generate_private_key(ec.SECP256R1())
today = datetime.now(UTC)
certificate = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(key.public_key())
    .serial_number(1)
    .not_valid_before(today - timedelta(days=1))
    .not_valid_after(today + timedelta(days=1))
    .sign(key, hashes.SHA256())
)


def context(method, release):
    made = SSL.Context(method)
    made.use_certificate(certificate)
    made.use_privatekey(key)
    if method == SSL.TLS_METHOD:
        made.set_max_proto_version(SSL.TLS1_2_VERSION)
    if release:
        made.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return made


def carry(source, target):
    """Take across what one end has written."""
    while True:
        try:
            target.bio_write(source.bio_read(1500))
        except SSL.WantReadError:
            return


def connect(server_context, client_context, datagrams):
    server, client = SSL.Connection(server_context), SSL.Connection(client_context)
    server.set_accept_state()
    client.set_connect_state()
    if datagrams:
        server.set_ciphertext_mtu(1200)
        client.set_ciphertext_mtu(1200)
    done = set()
    while len(done) < 2:
        for end_point, other in ((client, server), (server, client)):
            try:
                end_point.do_handshake()
                done.add(end_point)
            except SSL.WantReadError:
                pass
            carry(end_point, other)
    for source, target in ((client, server), (server, client)):
        source.send(b"hello")
        carry(source, target)
        assert target.recv(100) == b"hello"
    return server


def kilobytes(method, release):
    """Return what a server connection keeps allocated, its client being gone."""
    server, client = context(method, release), context(method, False)
    datagrams = method == SSL.DTLS_METHOD
    connect(server, client, datagrams)  # what is made once
    before = allocated()
    kept = [connect(server, client, datagrams) for _ in range(CONNECTIONS)]
    each = (allocated() - before) / len(kept) / 1000
    version = kept[0].get_protocol_version_name()
    print(f"{version}, release buffers {release}: {each:.0f} kB per connection", flush=True)
    return each


print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())
tls, tls_released = (kilobytes(SSL.TLS_METHOD, release) for release in (False, True))
dtls, dtls_released = (kilobytes(SSL.DTLS_METHOD, release) for release in (False, True))
expect(tls_released < 0.6 * tls, True, "the mode takes over 40 % off TLS")
expect(dtls_released > tls, True, "with it DTLS keeps more than TLS does without")
expect(dtls_released > 2.5 * tls_released, True, "DTLS keeps over 2.5 times what TLS keeps")
end()
PYTHON
