"""A call that is over is freed at once, with all its parts: no garbage collection is needed.

The gateway collects all generations only when there is no call. What a call leaves behind as cycles
would pile up for as long as there is always another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gateway.calls.weakly import weakly
from tests.gateway.calls import (
    test_arrival,
    test_call,
    test_call_media,
    test_forwarding,
    test_hold,
    test_redirect,
    test_restart,
    test_transfer,
)
from tests.gateway.garbage import leaving_no_cycle

LIVES = (
    test_call.test_answered_then_ended_by_the_far_end,
    test_call.test_busy,
    test_call.test_a_trunk_that_cannot_be_dialed_says_why,
    test_call.test_a_far_end_that_suppresses_silence_keeps_its_call,
    test_call.test_a_hang_up_does_not_wait_for_a_name_that_does_not_resolve,
    test_call.test_a_task_that_is_cancelled_takes_everything_down,
    test_call_media.test_a_pause_among_digits_by_info_is_waited_for,
    test_call_media.test_audio_goes_to_a_host_by_its_name,
    test_call_media.test_who_hangs_up_does_not_wait_for_a_slow_name,
    test_call_media.test_a_hold_by_the_trunk_reaches_the_media,
    test_hold.test_held_and_resumed,
    test_transfer.test_after_a_failure_it_may_be_tried_again,
    test_transfer.test_to_another_call,
    test_restart.test_another_page_has_the_call_once_it_is_up,
    test_restart.test_a_call_from_a_trunk_is_answered_by_the_restart_that_comes_up,
    test_redirect.test_the_page_talks_to_the_other_one,
    test_redirect.test_nobody_answers,
    test_arrival.test_all_pages_ring_and_the_first_has_it,
    test_arrival.test_it_rings_out,
    test_arrival.test_the_trunk_cancels,
    test_forwarding.test_digits_pass_each_way_as_the_sides_take_them,
    test_forwarding.test_early_media_and_a_refusal,
)


@pytest.mark.parametrize("life", LIVES)
async def test_nothing_waits_for_the_collector(life: Callable[[], Awaitable[None]]) -> None:
    with leaving_no_cycle():
        await life()


class Part:
    def called(self, word: str) -> str:
        return word.upper()


def test_a_callback_ends_with_its_object() -> None:
    part = Part()
    called = weakly(part.called)
    assert called("here") == "HERE"
    del part
    with pytest.raises(ReferenceError, match="gone"):
        called("here")
