"""The rows: what a trunk does, or is done to it, and what the gateway owes in return."""

from __future__ import annotations

from typing import Final

ROWS: Final = {
    "call": "A call, a tone from each side",
    "tcp": "The same by TCP",
    "tls": "The same by TLS, its certificate verified",
    "srtp": "The same with encrypted audio, required (SDES)",
    "srtp-refused": "Encrypted audio, which the gateway requires and the peer refuses",
    "ringing": "180, then the answer",
    "early-media": "183 with early media",
    "digits": "Digits to the peer as telephone events (RFC 4733)",
    "digits-remote": "Digits from the peer as telephone events",
    "info": "Digits to the peer as INFO",
    "info-remote": "Digits from the peer as INFO",
    "register-md5": "REGISTER with MD5, and its refresh",
    "register-sha256": "REGISTER with SHA-256 (RFC 8760), and its refresh",
    "invite-md5": "Digest at INVITE, MD5",
    "invite-sha256": "Digest at INVITE, SHA-256",
    "failover": "A trunk that is dead, then this one",
    "names": "A trunk by its name: NAPTR, SRV, A (RFC 3263)",
    "nat": "NAT on both sides: `public_address` here, a masquerading router there",
    "options": "OPTIONS from the gateway",
    "options-remote": "OPTIONS from the peer",
    "prack": "Reliable 18x, PRACK (RFC 3262)",
    "update": "UPDATE in mid-call (RFC 3311)",
    "timer-uac": "Session timer, the gateway refreshes (RFC 4028)",
    "timer-uas": "Session timer, the peer refreshes",
    "reinvite": "re-INVITE with an offer",
    "late-offer": "re-INVITE without an offer, the answer in ACK",
    "fork-ringing": "A fork: two phones ring, one answers",
    "fork-answers": "A fork: two phones answer",
    "glare": "Two re-INVITEs cross (491)",
    "hold": "Hold and resume by the page",
    "hold-remote": "Hold and resume by the peer",
    "transfer": "Transfer to a number by the page (REFER, NOTIFY)",
    "attended": "Transfer to another call by the page (REFER with Replaces)",
    "refer": "The peer hands the page over to another phone (REFER, NOTIFY), a tone from each side",
    "bye": "BYE from the gateway",
    "bye-remote": "BYE from the peer",
    "cancel": "CANCEL",
    "incoming": "A call to the page, a tone from each side",
    "incoming-486": "A call to the page, which rejects it with 486",
    "incoming-cancel": "A call to the page, whose caller gives up",
    "fallback": "A call that no page takes, joined to the fallback number of another trunk",
    "302": "302, which is not followed",
    "486": "486",
    "603": "603",
}

# Calls to a page, each of which has a number and an identity of its own
INCOMING: Final = ("incoming", "incoming-486", "incoming-cancel", "fallback")

# Those that are told in a network of their own (natted_world.py)
NATTED: Final = ("names", "nat")

# Those that wait for most of a minute: a session timer is 90 s at least, and refreshed after half
# of it; a registration is asked for 60 s at least
SLOW: Final = {"timer-uac", "timer-uas", "register-md5", "register-sha256", "glare"}
