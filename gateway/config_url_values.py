"""What a URL of the configuration may be: of services, pages, relays and databases.

As in `gateway.config_values`, a value that is refused is refused with a sentence for the operator.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from gateway.admission.origin import parse_origin
from gateway.admission.turn import check_url
from gateway.config_values import broken

POSTGRESQL = "postgresql+asyncpg"
SQLITE = "sqlite:///"  # a third slash, then the file: "sqlite:////var/lib/gateway.db" is absolute
SQLITE_MEMORY = "sqlite:///:memory:"


def origin(text: str) -> str:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise broken(str(error)) from None


def url(text: str) -> str:
    """Check the URL of a service that we ask: by TLS, unless it is on this machine."""
    return _service(text, "who can change the answer on its way could let anybody in")


def webhook_url(text: str) -> str:
    """Check the URL of a server that we tell of calls, likewise."""
    return _service(text, "else whoever is on the way reads who calls whom")


def _service(text: str, reason: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not text.isprintable() or " " in text or parts.scheme not in ("http", "https"):
        raise broken('a URL is needed, such as "https://login.example/keys"')
    if parts.username is not None or parts.password is not None:
        raise broken("a URL without user or password is needed")
    if parts.scheme == "http" and not _is_loopback(host):
        raise broken(f"https is needed: {reason}")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


# RFC 7065 section 3.1 and RFC 7064 section 3.1


def turn_url(text: str) -> str:
    try:
        return check_url(text)
    except ValueError as error:
        raise broken(str(error)) from None


def sqlite_database(text: str) -> str:
    if text and not (text.startswith(SQLITE) and text.removeprefix(SQLITE).strip()):
        raise broken(f'"{SQLITE}" and a file is needed, or "" for none')
    return text


def database(text: str) -> str:
    if not text.startswith("postgres"):
        return sqlite_database(text)
    try:
        parts = urlsplit(text)
        _ = parts.port  # reads it
    except ValueError as error:
        raise broken(str(error)) from None
    if parts.scheme not in ("postgresql", POSTGRESQL):
        raise broken(f'"{POSTGRESQL}://user@host/database" is needed, or "{SQLITE}" and a file')
    if not (parts.hostname and parts.path.strip("/")):
        raise broken("a host and a database are needed: //user@host/database")
    if "password" in parse_qs(parts.query):
        raise broken("the password belongs before the host, or better into records.password_file")
    return text
