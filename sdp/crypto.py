"""Keys of SRTP in session descriptions (RFC 4568): `a=crypto` lines read, written and agreed on.

Each side writes the key that *it* sends with, so a description of ours holds a secret, and so does
each of a trunk's: no key stands in a message of this package, nor in the text of any value here.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sdp.error import SdpError, quoted
from sdp.model import Attribute, Media

NAME: Final = "crypto"
PLAIN: Final = ("RTP/AVP", "RTP/AVPF")
SECURE: Final = ("RTP/SAVP", "RTP/SAVPF")

# Bytes of master key and master salt. GCM (RFC 7714 section 14.2) costs less than AES-CM with
# HMAC-SHA1 (RFC 4568 section 6.2) on any CPU of today, and its tag is longer; the tag of 32 bits is
# for those who have no other
SUITES: Final = {
    "AEAD_AES_128_GCM": 16 + 12,
    "AEAD_AES_256_GCM": 32 + 12,
    "AES_CM_128_HMAC_SHA1_80": 16 + 14,
    "AES_CM_128_HMAC_SHA1_32": 16 + 14,
}

RULE: Final = "RFC 4568 section 9.1"
LONGEST_LIFE: Final = 1 << 48  # packets (RFC 3711 section 9.2)


class Srtp(enum.StrEnum):
    """Whether audio to a trunk is encrypted.

    `OPTIONAL` offers keys beside RTP/AVP (RFC 8643): who knows SRTP takes one, anybody else leaves
    the line out, and it costs no second INVITE. `REQUIRED` offers RTP/SAVP.
    """

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"

    @property
    def protocol(self) -> str:
        """What an `m=` line of an offer has."""
        return SECURE[0] if self is Srtp.REQUIRED else PLAIN[0]

    @property
    def protocols(self) -> tuple[str, ...]:
        """What an `m=` line of the trunk may have, the best first."""
        return PLAIN if self is Srtp.OFF else SECURE + PLAIN


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line: a cipher suite, and the master key with its salt.

    `mki` is what each packet carries to name its key, as it stands there; mostly nothing.
    """

    tag: int
    suite: str
    key: bytes = field(repr=False)
    mki: bytes = b""


@dataclass(frozen=True, slots=True)
class Encryption:
    """What both sides agree: a suite, the key that we send with, and the one that comes."""

    suite: str
    send_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    receive_mki: bytes = b""


def make_keys(
    suites: Iterable[str],
    random: Callable[[int], bytes],
    in_use: Encryption | None = None,
) -> tuple[Crypto, ...]:
    """Make a line for each suite, to be offered or to answer with.

    Parameters
    ----------
    suites
        Names of `SUITES`, the best first.
    random
        Makes so many bytes that nobody can guess.
    in_use
        What is agreed: its suite comes first and keeps its key, so that a description which changes
        something else does not change the stream (RFC 4568 section 7.1.4). No other key comes
        twice: a cipher of RFC 3711 must never see one key and one packet number together again.
    """
    names = sorted(suites, key=lambda name: in_use is None or name != in_use.suite)
    return tuple(
        Crypto(
            tag,
            name,
            in_use.send_key if in_use and in_use.suite == name else random(SUITES[name]),
        )
        for tag, name in enumerate(names, 1)
    )


def write_keys(keys: Iterable[Crypto]) -> tuple[Attribute, ...]:
    """Write lines of ours, without lifetime and MKI: a call has one key each way."""
    return tuple(
        Attribute(NAME, f"{each.tag} {each.suite} inline:{base64.b64encode(each.key).decode()}")
        for each in keys
    )


def has_keys(media: Media) -> bool:
    """Whether a section has any `a=crypto` line, of use or not."""
    return any(each.name == NAME for each in media.attributes)


def read_keys(media: Media) -> tuple[tuple[Crypto, ...], tuple[SdpError, ...]]:
    """Read the lines of a section: those of use, in order, and why the others are of none.

    A line that cannot be used is passed over (RFC 4568 section 5.1.2), so nothing is raised.
    """
    keys: dict[int, Crypto] = {}
    refused: list[SdpError] = []
    for attribute in media.attributes:
        if attribute.name == NAME:
            try:
                crypto = _read(attribute)
            except SdpError as error:
                refused.append(error)
            else:
                keys.setdefault(crypto.tag, crypto)
    return tuple(keys.values()), tuple(refused)


def choose_key(
    offered: Media, ours: Sequence[Crypto], in_use: Encryption | None = None
) -> tuple[Crypto, Encryption] | None:
    """Choose from an offer of the trunk's; return the line of our answer and what it agrees.

    The first line of the trunk's whose suite is among `ours` is taken (RFC 4568 section 5.1.2), but
    what is in use goes before it. With a key that is not in use comes one of ours that was not: who
    is there now may have heard nothing of the stream so far, and cannot know how often its numbers
    have begun anew (RFC 3711 section 3.3.1).
    """
    keys, _ = read_keys(offered)
    for theirs in keys:
        if in_use and (theirs.suite, theirs.key) == (in_use.suite, in_use.receive_key):
            agreed = Encryption(theirs.suite, in_use.send_key, theirs.key, theirs.mki)
            return Crypto(theirs.tag, theirs.suite, in_use.send_key), agreed
    for theirs in keys:
        for mine in ours:
            if mine.suite == theirs.suite:
                agreed = Encryption(theirs.suite, mine.key, theirs.key, theirs.mki)
                return Crypto(theirs.tag, theirs.suite, mine.key), agreed
    return None


def match_key(offered: Media, answered: Media) -> Encryption | None:
    """Return what an answer to our offer agrees; None if it takes none of our keys.

    The tag says which was taken. Where it names another suite than the line's, the suite does: each
    of ours stands in one line only.
    """
    ours = {each.suite: each for each in read_keys(offered)[0]}
    for theirs in read_keys(answered)[0]:
        mine = ours.get(theirs.suite)
        if mine and mine.key != theirs.key:  # each side has a key of its own (section 6.1)
            return Encryption(theirs.suite, mine.key, theirs.key, theirs.mki)
    return None


def no_key(media: Media) -> SdpError:
    """Say why a section that should be encrypted cannot be."""
    keys, refused = read_keys(media)
    if not has_keys(media):
        protocol = quoted(media.protocol)
        problem = f"the audio must be encrypted, and the trunk has {protocol} without a=crypto"
    elif keys:
        suites = ", ".join(dict.fromkeys(each.suite for each in keys))
        problem = f"the trunk's key for {suites} answers none of ours"
    else:
        whys = "; ".join(dict.fromkeys(each.problem for each in refused))
        problem = f"none of the trunk's keys can be used: {whys}"
    return SdpError(problem, rule="RFC 4568 section 5.1", line=media.line)


# tag, suite, key parameters, session parameters; keys may be any text until they are looked at
_LINE = re.compile(r"(\d{1,9}) +(\S+) +(\S+)((?: +\S+)*) *", re.ASCII)
_KEY = re.compile(
    r"inline:([A-Za-z0-9+/]{1,256}={0,2})"
    r"(?:\|((?:2\^)?\d{1,15}))?"  # lifetime
    r"(?:\|(\d{1,39}):(\d{1,3}))?",  # MKI and its length
    re.ASCII | re.IGNORECASE,
)
# A key that has slipped into the place of a suite or a parameter is no name of one
_SUITE_NAME = re.compile("[A-Z][A-Z0-9_]{2,39}")
_PARAMETER_NAME = re.compile("[A-Z_]{2,24}", re.IGNORECASE)
# How far out of order packets may come is our library's to say; anything else that is no extension
# would change how packets are made
_HARMLESS = re.compile(r"WSH=\d{1,9}|KDR=0|-\S+", re.ASCII | re.IGNORECASE)
_MKI_BYTES = range(1, 129)


def _read(attribute: Attribute) -> Crypto:
    found = _LINE.fullmatch(attribute.value or "")
    if found is None:
        raise _wrong(attribute, "a=crypto must be <tag> <suite> <key> [<parameters>]")
    suite = found[2].upper()
    if suite not in SUITES:
        shown = suite if _SUITE_NAME.fullmatch(suite) else "something else"
        raise _wrong(attribute, f"the cipher suite is none of {', '.join(SUITES)}, but {shown}")
    for parameter in found[4].split():
        if not _HARMLESS.fullmatch(parameter):
            name = parameter.partition("=")[0]
            shown = f"parameter {name}" if _PARAMETER_NAME.fullmatch(name) else "something else"
            raise _wrong(attribute, f"{suite} with {shown} behind the key")
    key = _KEY.fullmatch(found[3])
    if key is None:
        several = ";" in found[3]
        raise _wrong(attribute, f"{suite} with {'several keys' if several else 'no inline key'}")
    master = _bytes(key[1])
    if master is None or len(master) != SUITES[suite]:
        raise _wrong(attribute, f"{suite} needs a key and salt of {SUITES[suite]} bytes")
    if not 0 < _number(key[2] or "1") <= LONGEST_LIFE:
        raise _wrong(attribute, f"{suite} with a lifetime of none, or of more than 2^48 packets")
    return Crypto(int(found[1]), suite, master, _mki(attribute, key[3], key[4]))


def _wrong(attribute: Attribute, problem: str) -> SdpError:
    return SdpError(problem, rule=RULE, line=attribute.line)


def _bytes(text: str) -> bytes | None:
    """Decode base64, whose padding some leave out."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None


def _number(text: str) -> int:
    """Read a lifetime; one past all bounds need not be exact."""
    if not text.startswith("2^"):
        return int(text)
    exponent = int(text[2:])
    return 1 << exponent if exponent <= LONGEST_LIFE.bit_length() else 2 * LONGEST_LIFE


def _mki(attribute: Attribute, value: str | None, length: str | None) -> bytes:
    if value is None or length is None:
        return b""
    size, number = int(length), int(value)
    if size not in _MKI_BYTES or number >= 1 << 8 * size:
        raise _wrong(attribute, "an MKI has 1 to 128 bytes, and fits into them")
    return number.to_bytes(size, "big")
