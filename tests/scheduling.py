"""Which tests each process of a run takes, where there are several (`make test` has two).

Most tests wait for timers of SIP, ICE and browsers: two processes take little more than half the
time of one. Each gets whole files, as what the tests of a file share is made once. The slow ones
come first, or one process would be left with the last of them. Files in ALONE measure time, flood
the gateway, or run many calls side by side already: they come last, in one process, when the other
has ended.
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


class Scheduling(LoadFileScheduling):
    """The order of the files, and who gets the next one."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the next file, unless that has to wait for the other processes."""
        following = min(self.workqueue, key=_turn)  # of equals the one with the most tests
        if following.startswith(ALONE) and self._busy_besides(node):
            return
        self.workqueue.move_to_end(following, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a process that has little left to do more, or let it end."""
        if not self.workqueue or not all(file.startswith(ALONE) for file in self.workqueue):
            super()._reschedule(node)
            return
        last = next((each for each in self.nodes if not each.shutting_down), None)
        if last is None:
            return
        if node is not last and not node.shutting_down:
            node.shutdown()  # which it does once it has run what it has
        super()._reschedule(last)

    def _busy_besides(self, node: WorkerController) -> bool:
        """Whether another process has tests that have not ended."""
        work = self.assigned_work
        return any(self._pending_of(work[each]) for each in self.nodes if each is not node)


def _turn(file: str) -> tuple[bool, bool]:
    return file.startswith(ALONE), not file.startswith(SLOW)
