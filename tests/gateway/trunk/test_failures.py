"""Targets that have failed lately come last; what they say decides for how long."""

from __future__ import annotations

import asyncio

import pytest

from gateway.trunk.errors import TrunkError
from gateway.trunk.events import Ended, Origin, Reply, Ringing, TrunkEvent, Trying
from gateway.trunk.failures import LONGEST_PENALTY, PENALTY, Failures
from gateway.trunk.questions import Questions
from gateway.trunk.targets import Target
from tests.peers.process import wait_until

A, B, C = (Target(f"192.0.2.{number}", 5060, "udp") for number in (1, 2, 3))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ended(by: Origin, code: int, retry_after: int | None = None) -> Ended:
    return Ended(by, code, "", "congestion", 42, "It is over.", retry_after)


def test_the_order_is_kept_but_for_those_that_have_failed() -> None:
    clock = Clock()
    failures = Failures(clock)
    assert failures.order((B, A, C)) == (B, A, C)
    failures.failed(B)
    assert failures.order((B, A, C)) == (A, C, B)
    failures.failed(A)
    failures.failed(C)
    assert failures.order((B, A, C)) == (B, A, C)  # never a ban
    failures.works(C)
    assert failures.order((B, A, C)) == (C, B, A)
    clock.now += PENALTY
    assert failures.order((B, A, C)) == (B, A, C)


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (ended(Origin.NETWORK, 408), True),
        (ended(Origin.NETWORK, 503), True),
        (ended(Origin.REMOTE, 503), True),
        (ended(Origin.REMOTE, 500), False),
        (ended(Origin.REMOTE, 486), False),
        (ended(Origin.LOCAL, 487), False),
        (ended(Origin.GATEWAY, 488), False),
    ],
)
def test_what_a_call_says_of_its_target(event: Ended, counts: bool) -> None:
    failures = Failures(Clock())
    failures.heard(A, event)
    assert failures.order((A, B)) == ((B, A) if counts else (A, B))


@pytest.mark.parametrize("event", [Trying(), Ringing(180, "Ringing")])
def test_any_response_shows_that_it_works(event: TrunkEvent) -> None:
    failures = Failures(Clock())
    failures.failed(A)
    failures.heard(A, event)
    assert failures.order((A, B)) == (A, B)


@pytest.mark.parametrize(("retry_after", "seconds"), [(10, 10), (10**6, LONGEST_PENALTY)])
def test_retry_after_is_kept(retry_after: int, seconds: float) -> None:
    clock = Clock()
    failures = Failures(clock)
    failures.heard(A, ended(Origin.REMOTE, 503, retry_after))
    clock.now += seconds - 1
    assert failures.order((A, B)) == (B, A)
    clock.now += 1
    assert failures.order((A, B)) == (A, B)


# -- questions to all of them


class Asked:
    """Replies by target; the rest is silence."""

    def __init__(self, replies: dict[Target, Reply | TrunkError]) -> None:
        self.replies = replies
        self.noted: dict[Target, Reply] = {}
        self.questions = Questions(self.noted.__setitem__)

    async def __call__(self, target: Target) -> Reply:
        reply = self.replies.get(target)
        if isinstance(reply, TrunkError):
            raise reply
        if reply is None:
            await asyncio.Event().wait()
        assert reply is not None
        return reply

    async def best(self, limit: float = 0.05) -> Reply:
        until = asyncio.get_running_loop().time() + limit
        return await self.questions.ask_all((A, B, C), self, limit, until)


OK, BUSY = Reply(200, "OK"), Reply(503, "Later", 30)
SILENT = Reply(None, "The trunk did not answer OPTIONS within 0.05 s.")


@pytest.mark.parametrize(
    ("replies", "best"),
    [
        ({A: OK}, OK),
        ({B: BUSY, C: OK}, OK),
        ({A: BUSY}, BUSY),
        ({A: Reply(408, "Timeout"), B: Reply(403, "No")}, Reply(403, "No")),
        ({}, SILENT),
        ({A: TrunkError("no room"), B: BUSY}, BUSY),
    ],
)
async def test_a_trunk_is_as_well_as_its_best_target(
    replies: dict[Target, Reply | TrunkError], best: Reply
) -> None:
    asked = Asked(replies)
    assert await asked.best() == best
    await asked.questions.close()


async def test_the_others_are_waited_for_aside() -> None:
    asked = Asked({A: OK})
    began = asyncio.get_running_loop().time()
    assert await asked.best(2.0) == OK
    assert asyncio.get_running_loop().time() - began < 1
    assert asked.noted == {A: OK}
    await wait_until(lambda: len(asked.noted) == 3, limit=5, what="all have been asked")
    assert asked.noted[B].code is None


async def test_none_can_be_asked() -> None:
    asked = Asked(dict.fromkeys((A, B, C), TrunkError("no room for another trunk")))
    with pytest.raises(TrunkError, match="no room for another trunk"):
        await asked.best()
    assert asked.noted == {}


async def test_close() -> None:
    asked = Asked({A: OK})
    await asked.best(60)
    await asked.questions.close()
    assert asked.noted == {A: OK}
    assert asyncio.all_tasks() == {asyncio.current_task()}
