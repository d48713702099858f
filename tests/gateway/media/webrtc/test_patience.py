"""How long ICE may take: from the last address on, and less once the far end has picked up."""

from __future__ import annotations

import pytest

from gateway.media.webrtc.patience import Patience

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
