"""The answer to a digest challenge, as RFC 7616 and RFC 8760 have it.

The SIP engine answers those of calls. This one is for questions that no call depends on. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.trunk.message import Message, split_outside_quotes


def _hash(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
"""Algorithms by their names, the strongest last."""

ANSWERS: Final = {"www-authenticate": "Authorization", "proxy-authenticate": "Proxy-Authorization"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """A server's question; `header` is the one that its answer goes into."""

    header: str
    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str = ""
    stale: bool = False


def challenges(message: Message) -> tuple[Challenge, ...]:
    """Return those of a 401 or 407 that can be answered: the strongest of each realm."""
    best: dict[tuple[str, str], Challenge] = {}
    strength = list(HASHES).index
    for name, header in ANSWERS.items():
        for value in message.all(name):
            found = _challenge(header, value)
            if found is None:
                continue
            rival = best.get((header, found.realm))
            if rival is None or strength(found.algorithm) > strength(rival.algorithm):
                best[header, found.realm] = found
    return tuple(best.values())


def _challenge(header: str, value: str) -> Challenge | None:
    scheme, _, rest = value.strip().partition(" ")
    pairs = (one.partition("=") for one in split_outside_quotes(rest, ","))
    given = {name.strip().lower(): each.strip().strip('"') for name, _, each in pairs}
    algorithm = given.get("algorithm", "MD5").upper()
    qops = [each.strip().lower() for each in given.get("qop", "").split(",") if each.strip()]
    if scheme.lower() != "digest" or algorithm not in HASHES or (qops and "auth" not in qops):
        return None
    return Challenge(
        header=header,
        realm=given.get("realm", ""),
        nonce=given.get("nonce", ""),
        algorithm=algorithm,
        qop="auth" if qops else "",
        opaque=given.get("opaque", ""),
        stale=given.get("stale", "").lower() == "true",
    )


def answer(
    challenge: Challenge, username: str, password: str, request: tuple[str, str], cnonce: str
) -> tuple[str, str]:
    """Return the header that answers a challenge to a request of this method and URI."""
    method, uri = request
    digest = _hash(HASHES[challenge.algorithm])
    secret = digest(f"{username}:{challenge.realm}:{password}")
    asked = digest(f"{method}:{uri}")
    middle = f"{challenge.nonce}:00000001:{cnonce}:auth" if challenge.qop else challenge.nonce
    fields = [
        f'username="{username}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{digest(f"{secret}:{middle}:{asked}")}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.qop:
        fields += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    if challenge.opaque:
        fields.append(f'opaque="{challenge.opaque}"')
    return challenge.header, f"Digest {', '.join(fields)}"
