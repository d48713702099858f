"""Which tests each process of a run takes, where there are several (`make test` has two).

Most tests wait for timers of SIP, ICE and browsers: two processes take little more than half the
time of one. Each gets whole files, as what the tests of a file share is made once. The slow ones
come first, or one process would be left with the last of them. What comes then is for one process:
files that measure time, or run many calls side by side already. Beside them another one takes
those that do next to nothing but wait, and at the end those that want all of the machine are alone.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


class Kind(IntEnum):
    """What a file wants; they come in this order."""

    SLOW = 0
    QUICK = 1
    QUIET = 2  # no other process but one that waits
    WAITING = 3  # a tenth of a core, most of it to begin with
    ALONE = 4


KINDS = {
    "tests/bench/": Kind.ALONE,
    # Floods: what is beside them has no time either
    "tests/security/test_connections.py": Kind.ALONE,
    "tests/security/test_media.py": Kind.ALONE,
    "tests/security/test_sockets.py": Kind.ALONE,
    "tests/chaos/": Kind.QUIET,
    "tests/end_to_end/test_bad_network.py": Kind.QUIET,
    "tests/end_to_end/test_incoming_times.py": Kind.QUIET,
    "tests/end_to_end/test_many_calls.py": Kind.QUIET,
    "tests/interop/test_matrix.py": Kind.QUIET,
    "tests/end_to_end/test_media_timeout.py": Kind.WAITING,
    "tests/end_to_end/test_misbehaving_trunk.py": Kind.WAITING,
    "tests/end_to_end/test_session_timers.py": Kind.WAITING,
    "tests/end_to_end/test_vanishing_trunk.py": Kind.WAITING,
    "tests/gateway/signaling/": Kind.WAITING,
    "tests/gateway/trunk/": Kind.WAITING,
    "tests/interop/test_foreign_suite.py": Kind.WAITING,
    "tests/end_to_end/": Kind.SLOW,
    "tests/examples/": Kind.SLOW,
    "tests/interop/": Kind.SLOW,
    "tests/security/": Kind.SLOW,
    "tests/web/": Kind.SLOW,
}
ORDINARY = frozenset((Kind.SLOW, Kind.QUICK))


def kind_of(file: str) -> Kind:
    """Return the kind of a file, by the first of the names that it begins with."""
    return next((kind for name, kind in KINDS.items() if file.startswith(name)), Kind.QUICK)


class Scheduling(LoadFileScheduling):
    """The order of the files, and who gets the next one."""

    def schedule(self) -> None:
        """Begin, or let in a process that has come in the place of one that died."""
        super().schedule()
        self._share()

    def remove_node(self, node: WorkerController) -> str | None:
        """Give back what a process that has died had to do; xdist would what it has ended, too."""
        work = self.assigned_work[node]
        for file in [file for file, tests in work.items() if all(tests.values())]:
            del work[file]
        crashed: str | None = super().remove_node(node)
        self._share()
        return crashed

    def _share(self) -> None:
        """Hand out until nothing changes: a process begins its last test once it has the next."""
        left = -1
        while self.workqueue and left != len(self.workqueue):
            left = len(self.workqueue)
            for node in self.nodes:
                if self.workqueue:
                    self._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the next file, unless what is left has to wait for the others."""
        fitting = (file for file in sorted(self.workqueue, key=kind_of) if self._fits(node, file))
        file = next(fitting, None)  # of a kind the one with the most tests
        if file is not None:
            self.workqueue.move_to_end(file, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a process that has little left to do more, or let it end."""
        if node not in self.registered_collections:  # it has just come, and knows no tests yet
            return
        last = next((each for each in self.nodes if self._takes_more(each)), None)
        left = {kind_of(file) for file in self.workqueue}
        if node is last or not left or left & {*ORDINARY, Kind.WAITING}:
            super()._reschedule(node)
        elif not node.shutting_down:
            node.shutdown()  # which it does once it has run what it has
        if last is not None and last is not node:  # it may have waited for this one
            super()._reschedule(last)

    def _takes_more(self, node: WorkerController) -> bool:
        return not node.shutting_down and node in self.registered_collections

    def _fits(self, node: WorkerController, file: str) -> bool:
        kind = kind_of(file)
        if kind in ORDINARY or kind is Kind.WAITING:
            return True
        if any(not other.shutting_down for other in self._before(node)):
            return False  # one process takes these, and it is another
        beside = self._busy_besides(node)
        return beside <= {Kind.WAITING} if kind is Kind.QUIET else not beside

    def _before(self, node: WorkerController) -> list[WorkerController]:
        nodes = list(self.nodes)
        return nodes[: nodes.index(node)]

    def _busy_besides(self, node: WorkerController) -> set[Kind]:
        """Return the kinds of files that other processes have not ended."""
        return {
            kind_of(file)
            for other in self.nodes
            if other is not node
            for file, tests in self.assigned_work[other].items()
            if not all(tests.values())
        }
