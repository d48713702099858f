"""A transfer that the far end asks us for: its REFER, and what we report of it (RFC 3515).

Pure: a message in, a `ReferredTo` out; and the headers of the reports and of the INVITE
that follows. Total: whatever a trunk writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from gateway.trunk.address import CONTROL
from gateway.trunk.config import Trunk
from gateway.trunk.message import QUOTED_STRING, Message, split_outside_quotes
from gateway.trunk.number import incoming_number
from gateway.trunk.party import party

LONGEST: Final = 1024  # characters of a Refer-To or a Referred-By: more is no address of anybody

NAMED: Final = re.compile(r"<([^<>]*)>")
METHOD: Final = re.compile(r";\s*method\s*=\s*([A-Za-z]+)", re.I)
# RFC 3891 section 6.1, of the characters that a Call-ID and a tag have
REPLACES: Final = re.compile(
    r"[\w.!%*+`'~()<>:\\\"/\[\]?{}@-]{1,256}(?:\s*;\s*(?:(?:to-tag|from-tag)\s*=\s*"
    r"[\w.!%*+`'~-]{1,128}|early-only)){2,3}",
    re.I | re.ASCII,
)

# Longer than the new phone may ring; each report says how much is left
EXPIRES: Final = 200  # seconds
REPORT_TYPE: Final = "message/sipfrag;version=2.0"


@dataclass(frozen=True, slots=True)
class ReferredTo:
    """Whom the far end refers us to.

    Parameters
    ----------
    to
        A number, in E.164 as far as the trunk's `numbers_in` make it so, or a SIP user.
    trunk
        The name of the one that it comes by: no other knows the dialog in `replaces`.
    replaces
        The value of the Replaces header that the INVITE is to have (RFC 3891), empty for none.
    requires_replaces
        Whether it is to go nowhere but in place of that dialog.
    referred_by
        Who says that it is the referrer (RFC 3892), maybe empty.
    number
        CSeq of the REFER, by which reports of it are told from those of others.
    reports
        Whether it wants any (RFC 4488).
    """

    to: str
    trunk: str = ""
    replaces: str = ""
    requires_replaces: bool = False
    referred_by: str = ""
    number: int = 0
    reports: bool = True

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the INVITE has by it."""
        require = (("Require", "replaces"),) if self.requires_replaces and self.replaces else ()
        named = (("Referred-By", self.referred_by), ("Replaces", self.replaces))
        return (*((name, value) for name, value in named if value), *require)


def referred_to(message: Message, trunk: Trunk | None = None) -> ReferredTo | None:
    """Return whom a REFER names; None where that is nobody who can be called.

    One Refer-To there is, with a sip, sips or tel URI that has a user, and for an INVITE (RFC 3515
    section 2.1). A Replaces in it names a dialog (RFC 3891 section 6.1).
    """
    given = message.all("refer-to")
    if len(given) != 1 or len(given[0]) > LONGEST:
        return None
    written = QUOTED_STRING.sub("", given[0])
    bracketed = NAMED.search(written)
    uri, _, fields = (bracketed[1] if bracketed else written).partition("?")
    method = METHOD.search(uri)
    named = party(f"<{uri.strip()}>")
    if not named.user or (method is not None and method[1].upper() != "INVITE"):
        return None
    wanted = _fields(fields)
    if "replaces" in wanted and not _replaces(wanted["replaces"]):
        return None  # without it another phone would ring beside the call that is to be taken over
    return ReferredTo(
        to=incoming_number(trunk.numbers_in if trunk is not None else (), named.user),
        trunk=trunk.name if trunk is not None else "",
        replaces=_replaces(wanted.get("replaces", "")),
        requires_replaces="replaces" in wanted.get("require", "").lower(),
        referred_by=_plain(message.header("referred-by") or ""),
        number=message.cseq[0],
        reports=(message.header("refer-sub") or "").partition(";")[0].strip().lower() != "false",
    )


def _fields(text: str) -> dict[str, str]:
    """Return the headers that a URI asks for (RFC 3261 section 19.1.1), by name in lower case."""
    pairs = (each.partition("=") for each in text.split("&"))
    return {unquote(name).strip().lower(): unquote(value) for name, _, value in pairs}


def _replaces(value: str) -> str:
    return value.strip() if REPLACES.fullmatch(value.strip()) else ""


def _plain(value: str) -> str:
    """Return an address that may stand in a header of ours; nothing in place of a doubtful one."""
    if len(value) > LONGEST or CONTROL.search(value) or party(value).host == "":
        return ""
    return value if len(split_outside_quotes(value, ",")) == 1 else ""


def report_headers(
    referral: ReferredTo, *, first: bool, left: int | None
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a report.

    Parameters
    ----------
    first
        Whether the REFER was the first of its dialog: then it needs no name (RFC 3515 section
        2.4.6), and some do not know one.
    left
        Seconds for which more reports may come; None in the last one.
    """
    event = "refer" if first else f"refer;id={referral.number}"
    state = "terminated;reason=noresource" if left is None else f"active;expires={left}"
    return (("Event", event), ("Subscription-State", state))


def report_body(code: int, reason: str) -> str:
    """Return the status line of the new call, as a report brings it."""
    return f"SIP/2.0 {code} {CONTROL.sub(' ', reason)}\r\n"
