"""The end of the engine while its message filter holds requests."""

from __future__ import annotations

from functools import partial
from typing import Any

import pjsua2 as pj

from tests.gateway.trunk.engine.bare import MIRROR, OFFER, open_engine, open_peer


def hold(asked: Any, message: object) -> None:
    asked.action = pj.FILTER_HOLD


def test_closed_with_held_requests() -> None:
    """Nothing is left of them, the filter is harmless, and another engine may follow."""
    for _ in range(2):
        with open_engine() as engine, open_peer(engine) as peer:
            engine.filter.decide = hold
            for _ in range(20):
                peer.send(peer.request("INVITE", body=OFFER))
            kept = engine.filter
            engine.turn_until(partial(kept.has_come, "INVITE", 20))
            assert kept.heldCount() == 20
        assert kept.heldCount() == 0
        assert not kept.resume(kept.tokens[0], MIRROR)
        assert not kept.answer(kept.tokens[0], 200)


def test_filter_freed_first() -> None:
    """Without it pjsip does as it would have done."""
    with open_engine() as engine, open_peer(engine) as peer:
        engine.filter.decide = hold
        peer.send(peer.request("INVITE", body=OFFER))
        engine.turn_until(engine.filter.heldCount)
        del engine.filter
        peer.send(peer.request("OPTIONS", cseq=1))
        peer.hear(200, cseq="1 OPTIONS")
        assert not engine.log.errors
