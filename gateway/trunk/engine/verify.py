"""Checks a freshly linked engine in a process of its own: `python -I -B verify.py FOLDER`.

Prints the engine's version, or ends with the first thing that is not as the build promises.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

CALLS = 2000


def epolls() -> int:
    """Return how many epoll instances this process has open."""
    links = [Path("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
    return sum("eventpoll" in os.readlink(link) for link in links if link.is_symlink())


def main(folder: str) -> str | None:
    """Import the engine from `folder` and try what production needs; return the fault, if any."""
    sys.path.insert(0, folder)
    warnings.simplefilter("error")
    import pjsua2 as pj

    endpoint, before = pj.Endpoint(), epolls()
    endpoint.libCreate()
    config = pj.EpConfig()
    if config.uaConfig.maxCalls != CALLS:
        return f"the engine carries {config.uaConfig.maxCalls} calls, not {CALLS}"
    config.uaConfig.threadCnt, config.logConfig.level = 0, 0
    config.medConfig.hasIoqueue, config.medConfig.threadCnt = False, 0
    endpoint.libInit(config)
    if epolls() <= before:
        return "the engine polls by select, not epoll"
    endpoint.audDevManager().setNoDev()
    local = pj.TransportConfig()
    local.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, local)
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, local)
    local.tlsConfig.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
    listening = endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, local)
    if status := endpoint.transportRestart(listening, local):
        return f"TLS does not start again: {endpoint.utilStrError(status)}"
    local.tlsConfig.serverName = "trunk.example"
    calling = endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, local)
    if not endpoint.transportGetInfo(calling).localName.endswith(":0"):
        return "TLS for calls out listens"
    addresses = Path("/proc/net/if_inet6")
    if addresses.exists() and addresses.read_text().strip():
        endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP6, pj.TransportConfig())
    message_filter = pj.MessageFilter()
    if message_filter.heldCount():
        return "the message filter holds messages before any has come"
    sys.stdout.write(f"{endpoint.libVersion().full}\n")
    endpoint.libDestroy()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
