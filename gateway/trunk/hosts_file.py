"""The addresses that /etc/hosts gives to names: it comes before the DNS, as everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

LOOPBACK: Final = ("127.0.0.1", "::1")  # RFC 6761 section 6.3: no DNS is asked for this name

Names = Mapping[str, tuple[str, ...]]


def read_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """Return each name's addresses, in the order of the file; what is malformed does not count."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            address = str(ip_address(address))
        except ValueError:
            continue
        for name in names:
            known = found.get(name.lower(), ())
            if address not in known:
                found[name.lower()] = (*known, address)
    return found


class HostsFile:
    """The file as it is now: it is read again once it has changed."""

    def __init__(self, path: Path = Path("/etc/hosts")) -> None:
        self._path = path
        self._read: tuple[int, int] | None = None
        self._names: Names = {}

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a name; none if the file does not have it."""
        name = host.lower().rstrip(".")
        found = self._now().get(name, ())
        if not found and (name == "localhost" or name.endswith(".localhost")):
            return LOOPBACK
        return found

    def _now(self) -> Names:
        try:
            stat = self._path.stat()
            read = stat.st_mtime_ns, stat.st_size
            if read != self._read:
                self._names = read_hosts(self._path.read_text("utf-8", "replace"))
                self._read = read
        except OSError:  # many containers have none
            self._names, self._read = {}, None
        return self._names
