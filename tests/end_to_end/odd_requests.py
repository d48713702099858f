"""Requests that trunks send within a call, and what is right for each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.end_to_end.odd_trunk import SDP, describe

RELAY, DTMF = "application/dtmf-relay", "application/dtmf"


@dataclass(frozen=True)
class Ask:
    """A request in the dialog, and what is right: a code, headers, digits at the caller."""

    method: str
    body: str = ""
    kind: str = ""
    headers: tuple[str, ...] = ()
    code: int = 200
    has: tuple[str, ...] = ()  # headers of the response
    digit: str = ""
    duration: int = 160  # ms


def relay(body: str, digit: str, duration: int = 160, kind: str = RELAY) -> Ask:
    return Ask("INFO", body, kind, digit=digit, duration=duration)


ASKED: dict[str, Ask] = {
    "INFO without body": Ask("INFO"),
    "INFO with the type of no body": Ask("INFO", headers=("Content-Type: application/dtmf",)),
    "a digit": relay("Signal=5\r\nDuration=120\r\n", "5", 120),
    "a digit with blanks": relay("Signal= 6\r\nDuration= 250\r\n", "6", 250),
    "a digit with more blanks": relay(" Signal = 7 \r\n Duration = 250 \r\n", "7", 250),
    "a digit in small letters": relay("signal=a\nduration=100\n", "A", 100),
    "a digit without its duration": relay("Signal=8", "8"),
    "a digit with another duration": relay("Signal=9\r\nd=200", "9", 200),
    "a digit of no duration": relay("Signal=1\r\nDuration=\r\n", "1"),
    "the star": relay("Signal=*\r\nDuration=160\r\n", "*"),
    "the star by number": relay("Signal=10\r\nDuration=160\r\n", "*"),
    "the hash by number": relay("Signal=11\r\nDuration=160\r\n", "#"),
    "a digit with other lines": relay("\r\nSignal=2\r\nDuration=160\r\nVolume=10\r\n", "2"),
    "a digit of a type in capitals": relay("Signal=3", "3", kind="Application/DTMF-Relay"),
    "a digit of a type with a parameter": relay("Signal=4", "4", kind=f"{RELAY}; charset=utf-8"),
    "a digit alone": relay("5", "5", kind=DTMF),
    "a digit alone, with blanks": relay(" 6 \r\n", "6", kind=DTMF),
    "a digit alone, and its duration": relay("7\r\nd=240\r\n", "7", 240, kind=DTMF),
    "a digit in lines of the other type": relay("Signal=8\r\nDuration=90\r\n", "8", 90, DTMF),
    "the hash alone": relay("#", "#", kind=DTMF),
    "the hash alone by number": relay("11\r\n", "#", kind=DTMF),
    "INFO of a type that nobody knows": Ask(
        "INFO", "<media_control/>", "application/media_control+xml", code=415, has=("accept",)
    ),
    "INFO with SDP": Ask("INFO", describe(9), SDP, code=415, has=("accept",)),
    "INFO of a package that nobody knows": Ask(
        "INFO",
        "x",
        "application/x",
        ("Info-Package: g.3gpp.mid-call", "Content-Disposition: Info-Package"),
        code=469,
    ),
    "OPTIONS": Ask("OPTIONS", has=("allow", "supported", "accept")),
    "OPTIONS for SDP": Ask("OPTIONS", headers=("Accept: application/sdp",), has=("allow",)),
    "NOTIFY of a transfer that nobody asked for": Ask(
        "NOTIFY",
        "SIP/2.0 200 OK\r\n",
        "message/sipfrag;version=2.0",
        ("Event: refer", "Subscription-State: terminated;reason=noresource"),
        code=489,
    ),
    "NOTIFY of messages": Ask(
        "NOTIFY",
        "Messages-Waiting: yes\r\n",
        "application/simple-message-summary",
        ("Event: message-summary", "Subscription-State: active"),
        code=489,
    ),
    "NOTIFY of talk": Ask("NOTIFY", headers=("Event: talk",), code=489),
    "MESSAGE": Ask("MESSAGE", "hello", "text/plain", code=405, has=("allow",)),
    "SUBSCRIBE": Ask("SUBSCRIBE", headers=("Event: dialog",), code=405),
    "REFER": Ask("REFER", headers=("Refer-To: <sip:1@192.0.2.9>",), code=603),
    "PUBLISH": Ask("PUBLISH", headers=("Event: presence",), code=405, has=("allow",)),
    "a method that nobody knows": Ask("WINK", code=501, has=("allow",)),
    "a method that nobody knows, with a body": Ask(
        "FLASH", "x", "text/plain", code=501, has=("allow",)
    ),
    "a refresh by UPDATE": Ask("UPDATE", headers=("Supported: timer", "Session-Expires: 1800")),
    "a refresh by UPDATE without timer": Ask("UPDATE"),
    "an extension that nobody knows": Ask(
        "INFO", headers=("Require: x-unheard-of",), code=420, has=("unsupported",)
    ),
}
