"""What an INVITE says of a call that was sent on: written here, and read as a trunk's is."""

from __future__ import annotations

import pytest

from gateway.trunk.address import parse_trunk
from gateway.trunk.caller import Diversion, diversion_of
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.message import Message
from gateway.trunk.presentation import diverted

URI = parse_trunk("sip:pbx.example:5070")


@pytest.mark.parametrize("reason", ["no-answer", "user-busy", "unavailable", ""])
def test_it_is_read_as_it_is_written(reason: str) -> None:
    diversion = Diversion("+15550100", reason)
    ((name, value),) = diverted(URI, diversion)
    assert value.startswith("<sip:+15550100@pbx.example>")
    message = Message("INVITE sip:a@b SIP/2.0", ((name.lower(), value),), "")
    assert diversion_of(message, ()) == diversion


def test_a_call_that_nobody_has_sent_on() -> None:
    assert diverted(URI, None) == ()


@pytest.mark.parametrize("number", ["a\r\nX-Evil: 1", "a>b", ""])
def test_a_number_that_would_begin_a_header_of_its_own(number: str) -> None:
    with pytest.raises(TrunkRequestError):
        diverted(URI, Diversion(number))
