"""Where the engine's sockets are bound."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from gateway.trunk.transports import free_for_both


def test_port_of_our_choice_is_free_for_tcp_too() -> None:
    """While others have many of TCP's ports, and the kernel looks at UDP's alone."""
    with ExitStack() as stack:
        for _ in range(500):
            other = stack.enter_context(socket.socket())
            other.bind(("127.0.0.1", 0))
        for _ in range(200):
            port = free_for_both("127.0.0.1")
            with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
