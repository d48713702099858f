"""News of a call in the protocol's words."""

from __future__ import annotations

import pytest

from gateway.calls import news
from gateway.calls.end import By
from gateway.signaling import messages
from gateway.signaling.wording import message_for


@pytest.mark.parametrize(
    ("refused", "name", "message"),
    [
        (
            news.HoldRefused(True, 488, "Not Acceptable Here"),
            "hold-refused",
            "The far end does not agree: Not Acceptable Here.",
        ),
        (news.HoldRefused(False, 603, ""), "resume-refused", "The far end does not agree: 603."),
        (
            news.HoldRefused(True, 501, "This gateway cannot put calls on hold", By.GATEWAY),
            "hold-refused",
            "This gateway cannot put calls on hold.",
        ),
    ],
)
def test_it_is_said_who_refuses_a_hold(refused: news.HoldRefused, name: str, message: str) -> None:
    told = message_for("c", refused)
    assert isinstance(told, messages.Error)
    assert (told.name, told.code, told.message) == (name, refused.code, message)
    assert not told.fatal
