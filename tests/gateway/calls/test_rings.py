"""The pages on which one call rings: who is rung, who is not, and when nobody is left."""

from __future__ import annotations

import pytest

from gateway.calls import news
from gateway.calls.ring import Caller, Ring, elsewhere, rejected
from gateway.calls.rings import Rings
from gateway.errors import CapacityError, GatewayError, TokenError

CALLER = Caller("c0ffee", "lab", "+15550100", "+15550001")


class FakePage:
    """Takes a call, or says why not."""

    def __init__(self, why: GatewayError | None = None) -> None:
        self.why = why
        self.heard: list[news.News] = []

    def ring(self, ring: Ring) -> news.Tell:
        if self.why is not None:
            raise self.why
        return self.heard.append


def begin(rings: Rings[Ring], page: FakePage) -> Ring:
    ring = Ring(CALLER, lambda event: None)
    assert rings.begin(page, ring)
    return ring


def test_the_last_that_is_silenced_ends_the_ringing() -> None:
    rings: Rings[Ring] = Rings(CALLER)
    assert not rings
    pages = [FakePage(), FakePage()]
    first, second = (begin(rings, page) for page in pages)
    rings.note_rejection(603)
    assert not rings.silence(first, rejected(603)), "another one rings"
    assert not rings.silence(first, rejected(603)), "it rings no more"
    assert (list(rings), len(pages[0].heard), len(pages[1].heard)) == ([second], 1, 0)
    assert rings.silence(second, elsewhere())
    assert not rings
    assert rings.rejection == 603


def test_a_page_is_rung_once() -> None:
    own, page = FakePage(), FakePage()
    rings: Rings[Ring] = Rings(CALLER, own)
    assert (rings.may_ring(own), rings.may_ring(page)) == (False, True)
    rings.silence(begin(rings, page), elsewhere())
    assert not rings.may_ring(page)


@pytest.mark.parametrize(
    ("why", "may_be_rung"), [(CapacityError("4 calls"), False), (TokenError("expired"), True)]
)
def test_a_page_that_cannot_be_rung(why: GatewayError, may_be_rung: bool) -> None:
    """One that has too many calls is there, and busy; one that may not be called is not there."""
    rings: Rings[Ring] = Rings(CALLER)
    page = FakePage(why)
    assert rings.begin(page, Ring(CALLER, lambda event: None)) is may_be_rung
    assert not rings
    assert rings.may_ring(page), "once it has registered anew"


def test_who_is_kept_counts_alone() -> None:
    rings: Rings[Ring] = Rings(CALLER)
    first, second = (begin(rings, FakePage()) for _ in range(2))
    rings.keep(second)
    assert list(rings) == [second]
    assert not rings.silence(first, elsewhere())
    rings.keep()
    assert not rings
