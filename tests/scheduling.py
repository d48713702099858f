"""Which tests each process of a run takes, where there are several (`make test` has two).

Most tests wait for timers of SIP, ICE and browsers: two processes take little more than half the
time of one. Each gets whole files, as what the tests of a file share is made once. The slow ones
come first, or one process would be left with the last of them. A third process, where somebody
wants one, takes files of WAITING alone, which need a tenth of a core or less. Files in ALONE
measure time, flood the gateway, or run many calls side by side already: they come last, in one
process, when the others have ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

SLOW = ("tests/end_to_end/", "tests/examples/", "tests/security/", "tests/interop/", "tests/web/")
ALONE = (
    "tests/bench/",
    "tests/chaos/",
    "tests/end_to_end/test_bad_network.py",
    "tests/end_to_end/test_many_calls.py",
    "tests/interop/test_matrix.py",
    # Floods: what is beside them has no time either
    "tests/security/test_connections.py",
    "tests/security/test_media.py",
    "tests/security/test_sockets.py",
)


# They wait for timers of SIP and media: by `time` a file has 8 to 13 s of CPU, half of it to begin
WAITING = (
    "tests/gateway/trunk/",
    "tests/gateway/signaling/",
    "tests/end_to_end/test_codecs.py",
    "tests/end_to_end/test_digits.py",
    "tests/end_to_end/test_drain.py",
    "tests/end_to_end/test_failover.py",
    "tests/end_to_end/test_fallback.py",
    "tests/end_to_end/test_fallback_peers.py",
    "tests/end_to_end/test_hold.py",
    "tests/end_to_end/test_hold_asterisk.py",
    "tests/end_to_end/test_media_ports.py",
    "tests/end_to_end/test_media_timeout.py",
    "tests/end_to_end/test_misbehaving_trunk.py",
    "tests/end_to_end/test_records.py",
    "tests/end_to_end/test_redirect.py",
    "tests/end_to_end/test_redirect_asterisk.py",
    "tests/end_to_end/test_redirect_phones.py",
    "tests/end_to_end/test_session_timers.py",
    "tests/end_to_end/test_srtp.py",
    "tests/end_to_end/test_vanishing_trunk.py",
    "tests/end_to_end/test_webhooks.py",
)
BUSY = 2  # processes that take whatever there is; further ones only wait


class Scheduling(LoadFileScheduling):
    """The order of the files, and who gets the next one."""

    _waiting: frozenset[WorkerController] = frozenset()

    def schedule(self) -> None:
        """Begin; who only waits is decided once."""
        if self.collection is None:
            self._waiting = frozenset(self.nodes[BUSY:])
        super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the next file, unless that has to wait for the other processes."""
        files = [file for file in self.workqueue if self._may_take(node, file)]
        if not files:
            return
        turn = _turn_beside_waiting if self._waiting else _turn
        following = min(files, key=turn)  # of equals the one with the most tests
        if following.startswith(ALONE) and self._busy_besides(node):
            return
        self.workqueue.move_to_end(following, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a process that has little left to do more, or let it end."""
        if not self.workqueue or not all(file.startswith(ALONE) for file in self.workqueue):
            if any(self._may_take(node, file) for file in self.workqueue):
                super()._reschedule(node)
            elif not node.shutting_down:
                node.shutdown()  # which it does once it has run what it has
            return
        able = (each for each in self.nodes if each not in self._waiting)
        last = next((each for each in able if not each.shutting_down), None)
        if last is None:
            return
        if node is not last and not node.shutting_down:
            node.shutdown()
        super()._reschedule(last)

    def _may_take(self, node: WorkerController, file: str) -> bool:
        return node not in self._waiting or file.startswith(WAITING)

    def _busy_besides(self, node: WorkerController) -> bool:
        """Whether another process has tests that have not ended."""
        work = self.assigned_work
        return any(self._pending_of(work[each]) for each in self.nodes if each is not node)


def _turn(file: str) -> tuple[bool, bool]:
    return file.startswith(ALONE), not file.startswith(SLOW)


def _turn_beside_waiting(file: str) -> tuple[bool, bool, bool]:
    """Leave files that wait to the process that takes no others, and help it in the end."""
    alone, quick = _turn(file)
    return alone, file.startswith(WAITING), quick
