"""How files are shared among processes, which here only note what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.scheduling import KINDS, Kind, Scheduling, kind_of

TREE = Path(__file__).parent.parent

QUICK = [f"tests/sdp/test_{number}.py::test[{n}]" for number in range(4) for n in range(9)]
SLOW = [f"tests/end_to_end/test_{number}.py::test[{n}]" for number in range(5) for n in range(3)]
QUIET = [
    *(f"tests/interop/test_matrix.py::test[{n}]" for n in range(20)),
    *(f"tests/chaos/test_chaos.py::test[{n}]" for n in range(2)),
]
WAITING = [f"tests/gateway/trunk/test_{number}.py::test[{n}]" for number in range(3) for n in "ab"]
ALONE = [
    *(f"tests/security/test_media.py::test[{n}]" for n in range(8)),
    *(f"tests/bench/test_load.py::test[{n}]" for n in range(2)),
]
ALL = [*QUICK, *SLOW, *QUIET, *WAITING, *ALONE]


class Process:
    """It runs its tests in order, the last one once it knows that no other follows."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.given: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.shutting_down
        self.given.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def can_run(self) -> bool:
        return len(self.given) > 1 or (bool(self.given) and self.shutting_down)


class Run:
    """A run by several processes, one of them as fast as `pace` tests while the others run one."""

    def __init__(self, count: int, tests: list[str], config: pytest.Config) -> None:
        config.option.tx = [f"{count}*popen"]
        self.processes = [Process(number) for number in range(count)]
        self.tests = tests
        self.order: list[tuple[Process, str]] = []
        self._has_lost = False
        self._scheduling = Scheduling(config)
        for process in self.processes:
            self._scheduling.add_node(cast("Any", process))
            self._scheduling.add_node_collection(cast("Any", process), tests)
        self._scheduling.schedule()

    def play(self, *paces: int) -> None:
        """Run all."""
        self.run(*paces)
        assert sorted(test for _, test in self.order) == sorted(self.tests)
        assert all(process.shutting_down for process in self.processes)

    def run(self, *paces: int, until: int | None = None) -> None:
        """Run until nobody can run any more, or so many tests have ended."""
        while any(process.can_run for process in self.processes):
            for process, pace in zip(self.processes, paces, strict=True):
                for _ in range(pace):
                    if len(self.order) == until:
                        return
                    self._step(process)

    def lose(self, place: int) -> Process:
        """Have a process die; return the one that comes in its place, and knows no tests yet."""
        dead, new = self.processes[place], Process(len(self.processes) + place)
        self._has_lost = True
        self._scheduling.remove_node(cast("Any", dead))
        self._scheduling.add_node(cast("Any", new))
        self.processes[place] = new
        return new

    def let_in(self, process: Process) -> None:
        """Have it know the tests."""
        self._scheduling.add_node_collection(cast("Any", process), self.tests)
        self._scheduling.schedule()

    def _step(self, process: Process) -> None:
        if process.can_run:
            index = process.given.pop(0)
            self.order.append((process, self.tests[index]))
            self._scheduling.mark_test_complete(cast("Any", process), index)
            if self._has_lost and self._scheduling.tests_finished:  # xdist ends them then
                for node in self._scheduling.nodes:
                    node.shutdown()


def file_of(test: str) -> str:
    return test.partition("::")[0]


@pytest.fixture
def config(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> pytest.Config:
    option = pytestconfig.option
    for name, value in (("tx", []), ("loadscopereorder", True), ("maxprocesses", None)):
        monkeypatch.setattr(option, name, value, raising=False)
    return pytestconfig


PACES = [(1, 1), (1, 7), (7, 1), (1, 100), (100, 1)]


def test_what_has_a_kind_is_there() -> None:
    assert [name for name in KINDS if not (TREE / name).exists()] == []


@pytest.mark.parametrize("paces", PACES)
def test_files_stay_whole_and_the_slow_come_first(
    config: pytest.Config, paces: tuple[int, int]
) -> None:
    run = Run(2, ALL, config)
    run.play(*paces)
    for file in {file_of(test) for test in run.tests}:
        assert len({id(process) for process, test in run.order if file_of(test) == file}) == 1
    for process in run.processes:
        kinds = [kind_of(test) for other, test in run.order if other is process]
        ordinary = [kind for kind in kinds if kind < Kind.QUIET]
        assert ordinary == sorted(ordinary)
        assert kinds[: len(ordinary)] == ordinary


@pytest.mark.parametrize("paces", PACES)
@pytest.mark.parametrize("tests", [ALL, [*SLOW, *ALONE], [*SLOW, *QUIET], [*WAITING, *ALONE]])
def test_who_is_to_be_alone_is(
    config: pytest.Config, tests: list[str], paces: tuple[int, int]
) -> None:
    run = Run(2, tests, config)
    run.play(*paces)
    last = run.order[-len(ALONE) :] if ALONE[0] in tests else []
    assert {kind_of(test) for _, test in last} <= {Kind.ALONE}
    for kind in (Kind.QUIET, Kind.ALONE):
        assert len({id(process) for process, test in run.order if kind_of(test) is kind}) <= 1


@pytest.mark.parametrize("paces", PACES)
def test_beside_what_measures_there_is_only_waiting(
    config: pytest.Config, paces: tuple[int, int]
) -> None:
    run = Run(2, ALL, config)
    run.play(*paces)
    kinds = [kind_of(test) for _, test in run.order]
    first, beyond = kinds.index(Kind.QUIET), len(kinds) - kinds[::-1].index(Kind.QUIET)
    assert set(kinds[first:beyond]) <= {Kind.QUIET, Kind.WAITING}


@pytest.mark.parametrize("tests", [ALONE, ALONE[:1], QUIET, WAITING, QUICK[:1], SLOW, ALL])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_processes(config: pytest.Config, tests: list[str], count: int) -> None:
    Run(count, list(tests), config).play(*[1] * count)


@pytest.mark.parametrize("after", [0, 6, 1000])  # tests until the new one knows them
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("paces", PACES)
def test_nothing_is_lost_with_a_process(
    config: pytest.Config, paces: tuple[int, int], place: int, after: int
) -> None:
    for died in range(0, len(ALL), 7):
        run = Run(2, ALL, config)
        run.run(*paces, until=died)
        if run.processes[place].shutting_down and not run.processes[place].given:
            continue  # it has ended
        new = run.lose(place)
        run.run(*paces, until=died + after)
        run.let_in(new)
        run.run(*paces)
        assert sorted(test for _, test in run.order) == sorted(ALL), died
