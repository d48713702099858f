"""The address that pages and API are served at: bound first, its certificate loaded to try it.

Apart from the web application, so that `gateway check` can try both without loading that.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config import HttpSettings, Settings
from gateway.config_sip import SipSettings, TrunkSettings
from gateway.errors import ConfigError
from gateway.system_words import why

# The kernel gives up on a client that takes no byte for so long; inherited by accepted sockets
TCP_USER_TIMEOUT = 30_000  # ms


@contextmanager
def listen(http: HttpSettings) -> Iterator[socket.socket]:
    """Bind the listening socket first of all: a port in use is then the first thing to be said.

    Raises
    ------
    ConfigError
        The address is in use, or is none of this machine's.
    """
    address = http.listen
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            raise ConfigError(
                f"http.listen = '{address}': {why(error)}; --listen HOST:PORT, "
                "GATEWAY_HTTP__LISTEN or `make run LISTEN=…` chooses another"
            ) from None
        yield listener


def check_certificates(settings: Settings) -> None:
    """Load each certificate, its key and each file of authorities once, to say what is wrong.

    Raises
    ------
    ConfigError
        They cannot be loaded, or do not belong together.
    """
    check_certificate(settings.http)
    _check_sip("sip", settings.sip)
    for place, trunk in enumerate(settings.trunks):
        _check_sip(f"trunks[{place}]", trunk)


def check_certificate(http: HttpSettings) -> None:
    """Load the certificate of the pages, and its key; ConfigError likewise."""
    _check_pair("http", http.certificate, http.key)


def _check_sip(table: str, files: SipSettings | TrunkSettings) -> None:
    _check_pair(table, files.certificate, files.key)
    if files.ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.ca)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"{table}.ca = '{files.ca}': {why(error)}") from None


def _check_pair(table: str, certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, refuse_passphrase)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{table}.certificate = '{certificate}', {table}.key = '{key}': {why(error)}"
        ) from None


def refuse_passphrase() -> str:
    """Stand where a passphrase is asked for; OpenSSL would wait at the terminal for one."""
    raise OSError("the key is encrypted by a passphrase, and nobody is there to type it")
