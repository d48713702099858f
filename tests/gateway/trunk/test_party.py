"""Who a header names, however it is written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.party import NOBODY, Party, parties, party


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Ana Lima" <sip:+1555@a.example;user=phone>;tag=1', ("Ana Lima", "+1555", "a.example")),
        ("Ana <sip:ana@A.Example>;tag=1", ("Ana", "ana", "a.example")),
        ("sip:bob@a.example;tag=1", ("", "bob", "a.example")),
        ("<sips:a%20b:secret@h>", ("", "a b", "h")),
        ("<sip:host.example>", ("", "", "host.example")),
        ("<sip:@host.example>", ("", "", "host.example")),
        ("<tel:+1555>", ("", "+1555", "")),
        ("tel:+1-555-0100;phone-context=x", ("", "+1-555-0100", "")),
        ('"A" <tel:0301234;phone-context=+49>', ("A", "0301234", "")),
        ("<sip:+1555;npdi=yes;rn=+1666@h;user=phone>", ("", "+1555", "h")),
        ("<sip:room;1@h>", ("", "room;1", "h")),
        ("<sip:600@[2001:db8::1]:5060;transport=udp>", ("", "600", "[2001:db8::1]:5060")),
        ('"a \\"b\\" <sip:x@y>" <sip:c@d>', ('a "b" <sip:x@y>', "c", "d")),
        ("陳 <sip:%23b@h>", ("陳", "#b", "h")),
        (' \t"A\rB\x1b" <sip:a%0D%0aInvite%C2%85@h>', ("AB", "aInvite", "h")),
        ("<tel:+1%002>", ("", "+12", "")),
        ('"open <sip:a@b>', ("", "", "")),
        ("<http://a@b>", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_party(value: str, expected: tuple[str, str, str]) -> None:
    found = party(value)
    assert (found.display_name, found.user, found.host) == expected


def test_parameters_are_those_of_the_header_and_not_of_the_uri() -> None:
    found = party('<sip:1@h;reason=uri>;Reason = "User-Busy" ; counter=1;privacy=off;x')
    assert found.parameter("reason") == "user-busy"
    assert found.parameters[1:] == (("counter", "1"), ("privacy", "off"), ("x", ""))
    assert party("<sip:1@h;reason=uri>").parameter("reason") == ""


def test_a_list_is_split_between_its_parties_only() -> None:
    found = parties('"Lima, Ana" <sip:1@h>;a=b, <tel:+2> , rubbish')
    assert [(each.display_name, each.user) for each in found] == [("Lima, Ana", "1"), ("", "+2")]


@given(st.text(max_size=300) | st.text(alphabet='"<>;,:@\\ sip:tel=%', max_size=300))
def test_any_text_reads(value: str) -> None:
    found = party(value)
    assert isinstance(found, Party)
    assert all(each is not NOBODY for each in parties(value))


@pytest.mark.parametrize("piece", ['"', '"\\', "<", ";", ",", "sip:", "a@", "\\", " "])
def test_long_rubbish_takes_no_time(piece: str) -> None:
    began = time.process_time()
    parties(piece * 60_000)
    parties("<sip:1@h>" + piece * 60_000)
    parties("<sip:1@h>," + piece * 60_000 + "x")
    assert time.process_time() - began < 3
