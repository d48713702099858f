"""What is kept, and said, of connections by TLS that have ended."""

from __future__ import annotations

import pytest

from gateway.trunk.tls_fault import CLOSED, UNTRUSTED, Peer
from gateway.trunk.transports import PROBATION, Faults

REMOTE, NAME = "192.0.2.1:5061", "sip.trunk.example"


class Clock:
    """Time that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    faults = Faults(clock)
    faults.expect(REMOTE, NAME)
    return faults


def end(faults: Faults, bits: int = 0) -> str:
    """End a connection; return what is said of it."""
    faults.note(REMOTE, bits, Peer(), "end of file")
    return faults.sentence(REMOTE, NAME)


def test_one_that_closes_after_a_while_has_done_its_work(
    faults: Faults, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        faults.forget(REMOTE)
        clock.now += PROBATION + 1
        assert end(faults) == ""
    assert not caplog.records


def test_one_that_closes_at_once_was_refused(faults: Faults, clock: Clock) -> None:
    faults.forget(REMOTE)
    clock.now += PROBATION - 1
    assert end(faults) == CLOSED


@pytest.mark.parametrize("ours", [False, True])
def test_one_that_never_came_about_is_a_fault(faults: Faults, clock: Clock, ours: bool) -> None:
    """However long the one before it stood, and whoever closed that."""
    faults.forget(REMOTE)
    clock.now += PROBATION + 1
    if ours:
        faults.closed(REMOTE)
    else:
        end(faults)
    assert "not trusted" in end(faults, UNTRUSTED)


def test_a_fault_is_logged_once_until_it_works_again(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    for lines in (1, 1):
        end(faults)
        assert len(caplog.records) == lines
    faults.forget(REMOTE)
    end(faults)
    assert len(caplog.records) == 2


def test_of_strangers_nothing_is_kept(faults: Faults, caplog: pytest.LogCaptureFixture) -> None:
    faults.forget("192.0.2.9:4000")
    faults.note("192.0.2.9:4000", UNTRUSTED, Peer(), "")
    assert faults.sentence("192.0.2.9:4000", NAME) == ""
    assert not caplog.records
