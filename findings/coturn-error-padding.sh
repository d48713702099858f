#!/bin/sh
# coturn counts the zeros that pad a reason phrase as part of the phrase.
#
# Software: coturn 4.6.1 (Debian 12, package coturn), over UDP, with a user and a realm.
# Surprise: RFC 8489 section 14 has the length of an attribute without its padding. In ERROR-CODE
#   coturn gives the length with it, so the phrase that a client shows or compares ends in up to
#   three zero bytes. Its other text, such as REALM, is as it should be. Later versions have mended
#   it. Requests that any client may send are answered so: one with an attribute that the server
#   does not know, one whose nonce has become old.
# Seen: "Unknown Attribute" is 17 bytes, and of length 20 with three zeros; "Stale nonce" is 11, and
#   of length 12 with one; "Unauthorized" is 12, a multiple of four, and right. REALM of 11 bytes:
#   of length 11.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need turnserver coturn 4.6.1

run 60 <<'PYTHON'
import hashlib
import hmac
import os
import socket
import struct
import subprocess
from pathlib import Path

from expect import end, expect

HOST = "127.0.0.1"
USER, REALM, PASSWORD = b"user", b"example.org", b"word"
BINDING, ALLOCATE = 0x001, 0x003
USERNAME, INTEGRITY, ERROR_CODE, REALM_NAME, NONCE = 0x06, 0x08, 0x09, 0x14, 0x15
REQUESTED_TRANSPORT, SOFTWARE = 0x19, 0x8022
UNKNOWN = 0x7F01  # in the range that has to be understood, and assigned to nothing
UDP = bytes([17, 0, 0, 0])


def free_ports(count):
    """Return UDP ports that nobody has."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in sockets:
        each.bind((HOST, 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(port, relay):
    folder = Path(os.environ["WORK"])
    options = [
        *("-n", "--log-file=stdout", "--no-cli", "--no-tcp", "--no-tls", "--no-dtls"),
        *(f"--listening-ip={HOST}", f"--listening-port={port}", f"--relay-ip={HOST}"),
        *(f"--min-port={relay}", f"--max-port={relay}", "--lt-cred-mech"),
        *(f"--user={USER.decode()}:{PASSWORD.decode()}", f"--realm={REALM.decode()}"),
        *(f"--userdb={folder / 'database'}", f"--pidfile={folder / 'pid'}"),
    ]
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            ["turnserver", *options], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def parse(message):
    """Return the attributes, each value as long as its length says."""
    found, at = {}, 20
    while at < len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def signed(head, body):
    """Return the request with MESSAGE-INTEGRITY by the user's password."""
    key = hashlib.md5(b":".join((USER, REALM, PASSWORD))).digest()
    covered = head[:2] + struct.pack("!H", len(body) + 24) + head[4:] + body
    return covered + attribute(INTEGRITY, hmac.digest(key, covered, "sha1"))


class Client:
    """Sends requests from one port."""

    def __init__(self, port):
        self._server = (HOST, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.5)

    def ask(self, method, attributes=(), sign=False):
        """Return what the response has, asking again until one comes."""
        body = b"".join(attribute(kind, value) for kind, value in attributes)
        name = os.urandom(12)
        head = struct.pack("!HHI", method, len(body), 0x2112A442) + name
        request = signed(head, body) if sign else head + body
        for _ in range(40):
            self._socket.sendto(request, self._server)
            try:
                response = self._socket.recv(2048)
            except (TimeoutError, ConnectionRefusedError):
                continue  # not up yet
            if response[8:20] == name:
                return parse(response)
        raise TimeoutError("no response from the server")


def error(response):
    _, hundreds, rest = struct.unpack_from("!HBB", response[ERROR_CODE])
    return 100 * hundreds + rest, response[ERROR_CODE][4:]


port, relay = free_ports(2)
server = start(port, relay)
try:
    client = Client(port)
    print(client.ask(BINDING)[SOFTWARE].decode(), flush=True)
    unknown = client.ask(BINDING, [(UNKNOWN, bytes(4))])
    asked = (REQUESTED_TRANSPORT, UDP)
    refused = client.ask(ALLOCATE, [asked])
    known = [(USERNAME, USER), (REALM_NAME, REALM)]
    old = client.ask(ALLOCATE, [asked, *known, (NONCE, b"0123456789abcdef")], sign=True)
    current = client.ask(ALLOCATE, [asked, *known, (NONCE, old[NONCE])], sign=True)
finally:
    server.terminate()
    server.wait()
expect(error(unknown), (420, b"Unknown Attribute\0\0\0"), "an attribute that it does not know")
expect(error(old), (438, b"Stale nonce\0"), "a nonce that is not the current one")
expect(ERROR_CODE in current, False, "the same request with the current nonce is refused")
expect(error(refused), (401, b"Unauthorized"), "no user")
expect(refused[REALM_NAME], REALM, "REALM beside it")
end()
PYTHON
