"""An origin as people write it into a configuration or a token, and as browsers send it."""

from __future__ import annotations

import re
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<page>(?P<scheme>https?)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\]))(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_IMPLIED: Final = {"http": 80, "https": 443}


def parse_origin(text: str) -> str:
    """Return an origin in the spelling of browsers (RFC 6454 section 6.2), which is compared.

    Raises
    ------
    ValueError
        No browser sends it: it has a path, or is none at all.
    """
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise ValueError(
            'an origin is a scheme and a host, such as "https://shop.example", no path'
        )
    port = found["port"]
    implied = port is None or int(port) == _IMPLIED[found["scheme"]]
    return found["page"] if implied else f"{found['page']}:{int(port)}"
