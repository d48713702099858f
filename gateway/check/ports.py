"""Whether the addresses and ports of the settings are ours to bind, and who has to reach them."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from gateway.check.finding import Finding
from gateway.config import Address, HttpSettings, Settings
from gateway.config_media import MediaSettings
from gateway.errors import ConfigError
from gateway.listening import check_certificates, listen
from gateway.own_address import all_addresses, offered

ANSWER_TIMEOUT = 3.0  # seconds
HEALTHY = {"status": "ok"}  # what GET /healthz says
_HERE = "a gateway runs here already"


def runs_here(http: HttpSettings) -> bool:
    """Ask http.listen whether a gateway serves it already."""
    address = http.listen
    if address.port == 0:
        return False
    host, port = address.host, address.port
    if http.certificate is None:
        connection = HTTPConnection(host, port, timeout=ANSWER_TIMEOUT)
    else:
        # Its certificate is for the name that pages use, not for the address that it listens on
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(host, port, timeout=ANSWER_TIMEOUT, context=context)
    with closing(connection):
        try:
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            return response.status == 200 and json.loads(response.read(1024)) == HEALTHY
        except (OSError, HTTPException, ValueError):
            return False


def http(settings: Settings, here: bool) -> Finding:
    """Try the address of the pages."""
    try:
        check_certificates(settings)
        if here:
            return Finding(True, f"http.listen: {settings.http.listen}: {_HERE}")
        with listen(settings.http):
            return Finding(True, f"http.listen: {settings.http.listen} is free")
    except ConfigError as error:
        return Finding(False, str(error))


def sip(settings: Settings, here: bool) -> list[Finding]:
    """Try the address of SIP."""
    address, tls = settings.sip.listen, settings.sip.tls_listen
    findings = [_bindable("sip.listen (udp)", socket.SOCK_DGRAM, address, here)]
    if any(trunk.hop.may_use_tcp for trunk in settings.trunks):
        findings.append(_bindable("sip.listen (tcp)", socket.SOCK_STREAM, address, here))
    if tls is not None:
        findings.append(_bindable("sip.tls_listen", socket.SOCK_STREAM, tls, here))
    return findings


def media(media: MediaSettings, here: bool) -> list[Finding]:
    """Try the address of sound, and the browsers' ports."""
    udp = socket.SOCK_DGRAM
    found = _bindable("media.address", udp, Address(media.address, 0), here=False)
    if not found.ok:
        return [found]
    told = [_told(media)] if media.is_anywhere and media.public_address is None else []
    return told + [
        _bindable("media.browser_port", udp, Address(media.address, port), here)
        for port in media.browser_ports
    ]


def _told(media: MediaSettings) -> Finding:
    """Say which addresses browsers elsewhere will be told."""
    key = f"media.address = '{media.address}'"
    offers = offered(all_addresses(), media.address, loopback=False)
    if not offers:
        return Finding(False, f"{key}: no address here that a browser elsewhere reaches")
    return Finding(True, f"{key}: browsers are told {', '.join(offers)}")


def firewall(settings: Settings) -> str:
    """Say which ports have to be open, from where, for calls to have sound."""
    media, sip, tls = settings.media, settings.sip.listen, settings.sip.tls_listen
    tcp = any(trunk.hop.may_use_tcp for trunk in settings.trunks)
    return (
        f"a firewall lets in UDP {_ports(media.browser_ports)} from browsers, and from trunks "
        f"UDP {media.ports[0]} to {media.ports[1]} and for SIP {sip.port} (UDP"
        f"{' and TCP' if tcp else ''})" + (f" and {tls.port} (TCP, for TLS)" if tls else "")
    )


def _ports(ports: range) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"


def _bindable(key: str, kind: socket.SocketKind, address: Address, here: bool) -> Finding:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if here and error.errno == errno.EADDRINUSE:
                return Finding(True, f"{key}: {address}: {_HERE}")
            return Finding(False, f"{key} = '{address}': {error.strerror or error}")
    return Finding(True, f"{key}: {address} can be bound")
