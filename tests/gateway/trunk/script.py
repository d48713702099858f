"""Scripts for sipp as a trunk, put together from steps: what it expects and what it sends.

sipp fails a call in which anything else arrives, so a script is an exact account of the dialog.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

SDP = """v=0
o=trunk 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv"""
HELD = SDP.replace("trunk 1 1", "trunk 1 2").replace("sendrecv", "sendonly")
OWN_TAG = "tag=trunk[call_number]"

# What later steps need of the INVITE, and of one in mid-call
REMEMBER = {
    name: f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" assign_to="{name}"/>'
    for name, header, pattern in (
        ("via", "Via", ".*"),
        ("caller", "From", ".*"),
        ("callee", "To", ".*"),
        ("cseq", "CSeq", ".*"),
        ("contact", "Contact", "sip:[^&gt;]*"),
    )
}


class Step(ABC):
    """One step of a script."""

    @abstractmethod
    def xml(self) -> str:
        """Return it as sipp reads it."""


@dataclass(frozen=True)
class Receive(Step):
    """A request of this method, or a response of this code.

    `again` is for an INVITE in mid-call: responses to the INVITE are to this one from then on.
    """

    what: str | int
    timeout_ms: int = 8000
    again: bool = False

    def xml(self) -> str:
        kind = "response" if isinstance(self.what, int) else "request"
        names = ("via", "cseq") if self.again else REMEMBER
        kept = "".join(REMEMBER[name] for name in names)
        action = f"<action>{kept}</action>" if self.what == "INVITE" else ""
        return f'<recv {kind}="{self.what}" timeout="{self.timeout_ms}">{action}</recv>'


@dataclass(frozen=True)
class Respond(Step):
    """A response to the INVITE, or with `to_last` to the request that came last.

    `proxied`: the INVITE has come by proxies.
    """

    code: int
    reason: str
    sdp: str = ""
    headers: str = ""
    to_last: bool = False
    proxied: bool = False

    def xml(self) -> str:
        # All Via headers and the route, while nothing but the INVITE has come
        via = "[last_Via:]\n[last_Record-Route:]" if self.proxied else "Via:[$via]"
        dialog = [via, "From:[$caller]", f"To:[$callee];{OWN_TAG}", "CSeq:[$cseq]"]
        last = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_CSeq:]"]
        lines = [f"SIP/2.0 {self.code} {self.reason}", *(last if self.to_last else dialog)]
        return _send(lines, self.headers, self.sdp)


@dataclass(frozen=True)
class Request(Step):
    """A request of the trunk's own inside the dialog."""

    method: str
    cseq: int
    body: str = ""
    headers: str = ""

    def xml(self) -> str:
        lines = [
            f"{self.method} [$contact] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From:[$callee];{OWN_TAG}",
            "To:[$caller]",
            f"CSeq: {self.cseq} {self.method}",
            "Max-Forwards: 70",
        ]
        return _send(lines, self.headers, self.body)


@dataclass(frozen=True)
class Pause(Step):
    """Nothing for a while."""

    ms: int

    def xml(self) -> str:
        return f'<pause milliseconds="{self.ms}"/>'


def _send(lines: list[str], headers: str, body: str) -> str:
    kind = "" if not body or "content-type" in headers.lower() else "Content-Type: application/sdp"
    rest = [
        "Call-ID: [call_id]",
        "Contact: <sip:trunk@[local_ip]:[local_port];transport=[transport]>",
        *headers.splitlines(),
        *([kind] if kind else []),
        "Content-Length: [len]",
        "",
        *body.splitlines(),
    ]
    text = "\n".join([*lines, *rest])
    return f"<send><![CDATA[\n{text}\n]]></send>"


def write_script(folder: Path, *steps: Step) -> str:
    """Write the scenario; return its name for `run_trunk`."""
    used = "via,caller,callee,cseq,contact"
    body = "\n".join(step.xml() for step in steps)
    path = folder / "script.xml"
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        f'<scenario name="{escape(folder.name)}">\n{body}\n<Reference variables="{used}"/>\n'
        "</scenario>\n"
    )
    return str(path.with_suffix(""))


RINGING = Respond(180, "Ringing")
EARLY = Respond(183, "Session Progress", SDP)
OK = Respond(200, "OK", SDP)
DONE = Respond(200, "OK", to_last=True)
INVITE = Receive("INVITE")
REINVITE = Receive("INVITE", again=True)
ACK = Receive("ACK")
BYE = Receive("BYE")
ANSWER = (INVITE, Respond(100, "Trying"), RINGING, OK, ACK)
HANG_UP = (Request("BYE", 900), Receive(200))
