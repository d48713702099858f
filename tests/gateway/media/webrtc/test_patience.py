"""How long ICE and DTLS may take, and that it is less once the far end has picked up."""

from __future__ import annotations

import pytest

from gateway.media.webrtc.patience import Patience, handshake_deadline

NEW = Patience(began=100.0, limit=15.0)


@pytest.mark.parametrize(
    ("patience", "deadline"),
    [
        (NEW, 105.0),
        (NEW.name(100.0), 105.0),
        (NEW.name(103.0), 108.0),
        (NEW.name(103.0).name(104.0), 109.0),
        (NEW.name(114.0), 115.0),
        (NEW.name(99.0), 105.0),  # trickled before it began
        (NEW.end(), 100.0),
        (NEW.name(101.0).end(), 106.0),
        (NEW.name(100.0).answer(100.2), 101.2),
        (NEW.name(100.0).answer(100.2).answer(104.0), 101.2),
        (NEW.name(100.0).answer(104.9), 105.0),
        # A relay's address may come after the far end has picked up
        (NEW.answer(100.2), 105.0),
        (NEW.answer(100.2).name(102.0), 103.0),
        (NEW.name(100.0).answer(100.2).name(101.0), 102.0),
        (NEW.answer(100.2).end(), 100.0),
        (Patience(100.0, 0.2), 100.2),
        (Patience(100.0, 0.2).name(100.1).answer(100.1), 100.2),
    ],
)
def test_when_there_is_no_hope_any_more(patience: Patience, deadline: float) -> None:
    assert patience.deadline == pytest.approx(deadline)


@pytest.mark.parametrize(
    ("limit", "answered", "deadline"),
    [
        (5.0, None, 105.0),
        (5.0, 99.0, 102.0),  # ICE has come up after the answer
        (5.0, 100.5, 102.5),
        (5.0, 104.5, 105.0),
        (0.3, 100.0, 100.3),
    ],
)
def test_when_a_handshake_has_to_be_done(
    limit: float, answered: float | None, deadline: float
) -> None:
    assert handshake_deadline(100.0, limit, answered) == pytest.approx(deadline)
