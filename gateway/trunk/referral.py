"""A transfer that we ask a trunk for: the REFER, and what comes back of it (RFC 3515).

A 202 says no more than that the trunk will try. What became of it stands in NOTIFYs, each with the
status line of the new call as its body (message/sipfrag). Pure: messages in, events out.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote

from gateway.trunk.address import CONTROL, user
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.events import TransferOver, TransferProgress
from gateway.trunk.message import STATUS_LINE, Message
from gateway.trunk.reason import remark

# What a REFER whose reports end without an outcome counts as: the trunk has failed to say it
NO_OUTCOME: Final = TransferOver(500, "The trunk has not said what became of the transfer")

NAMED: Final = re.compile(r"<\s*([^<>]+)\s*>")
URI: Final = re.compile(
    r"(?P<scheme>sips?):(?:[^@\s]{0,256}@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)"
    r"(?P<port>:[0-9]{1,5})?(?P<rest>;.*)?",
    re.I,
)
EVENT_ID: Final = re.compile(r";\s*id\s*=\s*([0-9]{1,10})\b", re.I)
TRANSPORT: Final = re.compile(r";\s*(transport=[A-Za-z]+)\b", re.I)


class DialogName(NamedTuple):
    """What names a dialog to the trunk at its other end, and where that is."""

    call_id: str
    ours: str  # tags
    theirs: str
    contact: str


class Referral:
    """What has been heard of the last REFER of a dialog; reports of those before may come, too."""

    def __init__(self) -> None:
        self.over = False
        self._number = 0  # in its CSeq, once it has a response
        self._last: TransferProgress | None = None

    def response(self, message: Message) -> TransferOver | None:
        """Take the final response to the REFER; only a refusal is news."""
        self._number, _ = message.cseq
        if self.over or message.code < 300:
            return None
        self.over = True
        return TransferOver(message.code, message.reason, remark(message))

    def notify(self, message: Message) -> TransferProgress | TransferOver | None:
        """Take a report; None where it says nothing new."""
        if self.over or self._is_anothers(message):
            return None
        event = _read_report(message.body)
        if isinstance(event, TransferOver):
            self.over = True
            return event
        state = (message.header("subscription-state") or "").partition(";")[0].strip().lower()
        if state == "terminated":
            self.over = True
            return NO_OUTCOME
        if event is None or event == self._last:
            return None
        self._last = event
        return event

    def _is_anothers(self, message: Message) -> bool:
        """Tell whether a report is of an earlier REFER, by the CSeq that it names.

        The first of a dialog need not be named (RFC 3515 section 2.4.6), and some name none.
        """
        named = EVENT_ID.search(message.header("event") or "")
        return named is not None and bool(self._number) and int(named[1]) != self._number


def _read_report(body: str) -> TransferProgress | TransferOver | None:
    """Read the status line in a report; None where there is none."""
    start = body.lstrip("\r\n").partition("\n")[0].strip()
    found = STATUS_LINE.fullmatch(start)
    if found is None:
        return None
    code, reason = int(found[1]), (found[2] or "").strip()
    return TransferProgress(code, reason) if code < 200 else TransferOver(code, reason)


def refer_to_number(number: str, like: str) -> str:
    """Return the Refer-To for a number at the host of another URI."""
    found = URI.fullmatch(_bare(like))
    if found is None:
        raise TrunkRequestError("the trunk's address is none that a call can be transferred by")
    transport = TRANSPORT.search(found["rest"] or "")
    more = f";{transport[1]}" if transport else ""
    at = f"{found['host']}{found['port'] or ''}"
    return f"<{found['scheme'].lower()}:{user(number, 'the number')}@{at}{more}>"


def refer_to_dialog(name: DialogName) -> str:
    """Return the Refer-To for the far end of another dialog, whose place is taken (RFC 3891)."""
    contact = _bare(name.contact).partition("?")[0]
    if not (name.call_id and name.ours and name.theirs) or URI.fullmatch(contact) is None:
        raise TrunkRequestError("the other call is none that this one can be joined to")
    replaces = f"{name.call_id};to-tag={name.theirs};from-tag={name.ours}"
    return f"<{contact}?Replaces={quote(replaces, safe='')}>"


def referred_by(local: str) -> str:
    """Return the Referred-By of one who is called so (RFC 3892)."""
    return f"<{_bare(local)}>"


def _bare(uri: str) -> str:
    """Return a URI without a display name and brackets; nothing that could end a header."""
    found = NAMED.search(uri)
    bare = (found[1] if found else uri).strip()
    if CONTROL.search(bare) or re.search(r'[<>"\s]', bare):
        raise TrunkRequestError(f"{bare!r} cannot stand in a SIP header")
    return bare
