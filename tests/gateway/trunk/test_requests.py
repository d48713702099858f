"""What the endpoint refuses before the trunk sees anything."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.trunk import (
    DialRequest,
    Trunk,
    TrunkEndpoint,
    TrunkError,
    TrunkRequestError,
)
from gateway.trunk.party import party
from tests.gateway.trunk.conftest import OFFER, Ear, Phone
from tests.gateway.trunk.wire import open_wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to": "+1555\r\nX-Evil: 1"}, "control characters"),
        ({"to": "a>b"}, "angle brackets"),
        ({"to": ""}, "empty"),
        ({"from_user": 'x" <sip:y'}, "quotes"),
        ({"display_name": "Ana\x00"}, "control characters"),
        ({"display_name": "a" * 300}, "256 at most"),
        ({"headers": (("X-A\r\nVia", "1"),)}, "not the name of a header"),
        ({"headers": (("X-A", "1\r\nVia: 2"),)}, "control characters"),
        ({"headers": (("X-A", "a" * 1025),)}, "1024 at most"),
        ({"headers": (("X-A", "1\u20282"),)}, "line ends"),
        ({"headers": (("Contact", "x"),)}, "belongs to the SIP stack"),
        ({"trunk": Trunk("t", "sip:127.0.0.1;lr")}, "trunk uri"),
        ({"trunk": Trunk("t", "sip:127.0.0.1:70000")}, "an address or a port that cannot be"),
    ],
)
async def test_refused_before_the_trunk(
    endpoint: TrunkEndpoint, change: dict[str, Any], words: str
) -> None:
    fields: dict[str, Any] = {"trunk": Trunk("t", "sip:127.0.0.1"), "to": "1", "offer": OFFER}
    with pytest.raises(TrunkRequestError, match=words):
        await endpoint.dial(DialRequest(**fields | change), Ear())
    assert endpoint.active == 0


async def test_malformed_offer(phone: Phone) -> None:
    with pytest.raises(TrunkError, match="our own description is malformed"):
        await phone.dial("sip:127.0.0.1", offer="v=0\r\nnonsense")


async def test_unknown_host(phone: Phone) -> None:
    with pytest.raises(TrunkError, match=r"'nowhere\.invalid' has no address"):
        await phone.dial("sip:nowhere.invalid")


async def test_headers_that_are_not_on_the_list_stay_here(phone: Phone) -> None:
    async with open_wire() as wire:
        trunk = Trunk("test", wire.uri, caller_id="+15550001", headers=("X-Shop-*",))
        given = (("X-Shop-Floor", "2"), ("X-Admin", "yes"), ("x-shop-", "3"), ("Subject", "4"))
        leg, ear = await phone.dial(trunk, headers=given)
        invite = await wire.hear("INVITE")
        await leg.hangup()
        await ear.end()
    assert invite.header("x-shop-floor") == "2"
    assert invite.header("x-admin") is None
    assert invite.header("subject") == "4", "a program's own"


@pytest.mark.parametrize(
    "name", ['Ana "the \\ cat" Lima', "陳大文 🐈", "🐈" * 64, "a; b=<c>, d", '"', "\\"]
)
async def test_texts_on_the_wire(phone: Phone, name: str) -> None:
    """Quotes, backslashes and Unicode reach the trunk as they were."""
    note = (name * 1024)[:1000]
    async with open_wire() as trunk:
        leg, ear = await phone.dial(trunk.uri, display_name=name, headers=(("X-Note", note),))
        invite = await trunk.hear("INVITE")
        await leg.hangup()
        await ear.end()
    caller = party(invite.header("from") or "")
    assert (caller.display_name, caller.user) == (name, "+15550001")
    assert invite.header("x-note") == note.strip()
    assert invite.sdp == OFFER
