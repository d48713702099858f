"""Who calls, whom, and by whose diversion: what the headers of an INVITE say of people.

Pure and total: any INVITE gives an answer, and what is missing or malformed reads as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.trunk.config import Identity
from gateway.trunk.message import Message, split_outside_quotes
from gateway.trunk.number import NUMBER, Rules, incoming_number
from gateway.trunk.party import NOBODY, Party, parties, party

IDENTITY_HEADERS: Final = {
    Identity.FROM: "from",
    Identity.ASSERTED: "p-asserted-identity",  # RFC 3325
    Identity.PREFERRED: "p-preferred-identity",
    Identity.REMOTE_PARTY: "remote-party-id",  # draft-ietf-sip-privacy-04
}
# Users that stand where there is no number to be shown (RFC 3323 section 4.1.1.3, and PBXs' own)
NOBODIES: Final = frozenset({"", "anonymous", "restricted", "unavailable", "unknown"})
NO_HOST: Final = "anonymous.invalid"
HIDDEN: Final = frozenset({"id", "user"})  # of Privacy: "header" and "session" hide no name
FULL: Final = frozenset({"full", "uri"})  # of Remote-Party-ID's and Diversion's privacy

# What an entry of History-Info withholds (RFC 7044 section 10.1), escaped into its URI
WITHHELD: Final = re.compile(r"[?&]privacy=(?!none\b)", re.I)
CAUSE: Final = re.compile(r"cause(?:=|%3D)([0-9]{3})", re.I)
# How History-Info says what Diversion has words for (RFC 7544 section 6)
REASONS: Final = {
    "302": "unconditional",
    "404": "unknown",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. One who is `anonymous` has no other name, whatever the trunk has told us."""

    number: str
    display_name: str = ""
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Diversion:
    """Who has had a call sent on, and why, in the words of RFC 5806; empty where not said."""

    number: str
    reason: str = ""


ANONYMOUS: Final = Caller("anonymous", anonymous=True)


def called_user(message: Message) -> str:
    """Return whom the Request-URI names, as the trunk writes it."""
    uri = message.start.partition(" ")[2].rpartition(" ")[0]
    return party(f"<{uri}>").user


def caller_of(message: Message, identity: Identity, rules: Rules) -> Caller:
    """Return who calls, from the header that the trunk puts it into.

    Where that header is not there, From is what there is. A caller who wants to be unknown is so:
    by Privacy, by the header itself, or by an anonymous From (RFC 3323, RFC 3325 section 9.3).
    """
    sender = party(message.header("from") or "")
    named = _named(message, IDENTITY_HEADERS[identity]) or sender
    if named.user.lower() in NOBODIES or _is_withheld(message, sender):
        return ANONYMOUS
    if named.parameter("privacy") == "name":
        shown = ""
    else:
        shown = named.display_name or sender.display_name  # most names are in From alone
    return Caller(incoming_number(rules, named.user), shown)


def diversion_of(message: Message, rules: Rules) -> Diversion | None:
    """Return who has diverted the call last, by Diversion or else by History-Info (RFC 7044)."""
    found = _diversion(message) or _history(message)
    if found is None or found.number.lower() in NOBODIES:
        return None
    return Diversion(incoming_number(rules, found.number), found.reason)


def _named(message: Message, header: str) -> Party | None:
    """Return whom a header names; of several a number, and who calls before who is called."""
    found = [
        each
        for value in message.all(header)
        for each in parties(value)
        if each.parameter("party") in ("", "calling")
    ]
    return next((each for each in found if NUMBER.fullmatch(each.user)), (*found, None)[0])


def _is_withheld(message: Message, sender: Party) -> bool:
    wanted = {
        word.strip().lower() for value in message.all("privacy") for word in re.split("[;,]", value)
    }
    remote = _named(message, IDENTITY_HEADERS[Identity.REMOTE_PARTY]) or NOBODY
    return (
        not HIDDEN.isdisjoint(wanted)
        or sender.user.lower() in NOBODIES
        or sender.host == NO_HOST
        or remote.parameter("privacy") in FULL
    )


def _diversion(message: Message) -> Diversion | None:
    last = next((each for value in message.all("diversion") for each in parties(value)), None)
    if last is None or last.parameter("privacy") in FULL:
        return None
    return Diversion(last.user, last.parameter("reason"))


def _history(message: Message) -> Diversion | None:
    entries = [
        entry for value in message.all("history-info") for entry in split_outside_quotes(value, ",")
    ]
    if len(entries) < 2 or WITHHELD.search(entries[-2]):
        return None
    # The cause stands with the new target, or with the one that has failed (RFC 7044 section 10)
    cause = CAUSE.search(entries[-1]) or CAUSE.search(entries[-2])
    if cause is None:
        return None  # retargeted, which every proxy on the way may do
    return Diversion(party(entries[-2]).user, REASONS.get(cause[1], "unknown"))
