"""How a call says who calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.trunk import Identity, Secret, Trunk, TrunkRequestError
from gateway.trunk.address import parse_trunk
from gateway.trunk.caller import ANONYMOUS, Caller, caller_of
from gateway.trunk.message import read
from gateway.trunk.presentation import HIDDEN_FROM, presented

TRUNK = Trunk("t", "sip:trunk.example", caller_id="+15550100")
URI = parse_trunk(TRUNK.uri)
SHOWN = '"Ana" <sip:+15550199@trunk.example>'
OURS = "<sip:+15550100@trunk.example>"
FULL = "{};party=calling;screen=no;privacy=full"
OFF = "{};party=calling;screen=no;privacy=off"


@pytest.mark.parametrize(
    ("identity", "caller", "name", "sender", "headers"),
    [
        ("from", "+15550199", "Ana", SHOWN, ()),
        ("from", None, None, OURS, ()),
        ("from", "anonymous", "Ana", HIDDEN_FROM, (("Privacy", "id"),)),
        ("pai", "+15550199", "Ana", SHOWN, (("P-Asserted-Identity", SHOWN),)),
        ("ppi", None, None, OURS, (("P-Preferred-Identity", OURS),)),
        ("rpid", "+15550199", "Ana", SHOWN, (("Remote-Party-ID", OFF.format(SHOWN)),)),
        (
            "pai",
            "Anonymous",
            "Ana",
            HIDDEN_FROM,
            (("P-Asserted-Identity", OURS), ("Privacy", "id")),
        ),
        (
            "rpid",
            "anonymous",
            "Ana",
            HIDDEN_FROM,
            (("Remote-Party-ID", FULL.format(OURS)), ("Privacy", "id")),
        ),
    ],
)
def test_presented(
    identity: str,
    caller: str | None,
    name: str | None,
    sender: str,
    headers: tuple[tuple[str, str], ...],
) -> None:
    trunk = replace(TRUNK, identity=Identity(identity))
    assert presented(trunk, URI, caller, name) == (sender, headers)


def test_a_trunk_that_knows_us_by_name_finds_the_name_in_from() -> None:
    account = replace(TRUNK, username="account", password=Secret("x"))
    assert presented(account, URI, None, "Ana") == (
        '"Ana" <sip:+15550100@trunk.example>',
        (),
    )
    sender, headers = presented(replace(account, identity=Identity.ASSERTED), URI, None, "Ana")
    assert sender == '"Ana" <sip:account@trunk.example>'
    assert headers == (("P-Asserted-Identity", '"Ana" <sip:+15550100@trunk.example>'),)


@pytest.mark.parametrize("identity", Identity)
def test_without_a_number_there_is_none_to_be_asserted(identity: Identity) -> None:
    """Nobody has asked for privacy: the trunk may show what number it has for us."""
    trunk = replace(TRUNK, caller_id="anonymous", identity=identity)
    assert presented(trunk, URI, None, None) == ("<sip:anonymous@trunk.example>", ())
    assert presented(trunk, URI, "anonymous", None) == (HIDDEN_FROM, (("Privacy", "id"),))


@pytest.mark.parametrize("identity", Identity)
@pytest.mark.parametrize("caller", ["+15550199", None, "anonymous"])
def test_another_gateway_reads_what_ours_says(identity: Identity, caller: str | None) -> None:
    trunk = replace(TRUNK, identity=identity)
    sender, headers = presented(trunk, URI, caller, 'Ana, \\ "x" <y>')
    lines = [f"From: {sender};tag=1", *(": ".join(each) for each in headers)]
    heard = caller_of(read("\r\n".join(("INVITE sip:1@h SIP/2.0", *lines))), identity, ())
    if caller == "anonymous":
        assert heard is ANONYMOUS
    else:
        assert heard == Caller(caller or "+15550100", 'Ana, \\ "x" <y>')


@pytest.mark.parametrize("bad", ["a\r\nVia: x", "a\x00", 'a"'])
@pytest.mark.parametrize("identity", Identity)
def test_no_text_leaves_its_place(identity: Identity, bad: str) -> None:
    trunk = replace(TRUNK, identity=identity, username="account", password=Secret("x"))
    with pytest.raises(TrunkRequestError):
        presented(trunk, URI, bad, None)
    if '"' not in bad:  # a display name may have quotes
        with pytest.raises(TrunkRequestError):
            presented(trunk, URI, None, bad)
