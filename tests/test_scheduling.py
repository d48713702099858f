"""How files are shared among processes, which here only note what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.scheduling import ALONE, Scheduling

QUICK = [f"tests/sdp/test_{number}.py::test[{n}]" for number in range(4) for n in range(9)]
SLOW = [f"tests/end_to_end/test_{number}.py::test[{n}]" for number in range(5) for n in range(3)]
ALONE_TESTS = [
    *(f"tests/interop/test_matrix.py::test[{n}]" for n in range(20)),
    *(f"tests/bench/test_load.py::test[{n}]" for n in range(2)),
]


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
        self._scheduling = Scheduling(config)
        for process in self.processes:
            self._scheduling.add_node(cast("Any", process))
            self._scheduling.add_node_collection(cast("Any", process), tests)
        self._scheduling.schedule()

    def play(self, *paces: int) -> None:
        """Run all."""
        while any(process.can_run for process in self.processes):
            for process, pace in zip(self.processes, paces, strict=True):
                for _ in range(pace):
                    self._step(process)
        assert sorted(test for _, test in self.order) == sorted(self.tests)
        assert all(process.shutting_down for process in self.processes)

    def _step(self, process: Process) -> None:
        if process.can_run:
            index = process.given.pop(0)
            self.order.append((process, self.tests[index]))
            self._scheduling.mark_test_complete(cast("Any", process), index)


def file_of(test: str) -> str:
    return test.partition("::")[0]


@pytest.fixture
def config(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> pytest.Config:
    option = pytestconfig.option
    for name, value in (("tx", []), ("loadscopereorder", True), ("maxprocesses", None)):
        monkeypatch.setattr(option, name, value, raising=False)
    return pytestconfig


@pytest.mark.parametrize("paces", [(1, 1), (1, 7), (7, 1)])
def test_files_stay_whole_and_the_slow_come_first(
    config: pytest.Config, paces: tuple[int, int]
) -> None:
    run = Run(2, [*QUICK, *SLOW, *ALONE_TESTS], config)
    run.play(*paces)
    for file in {file_of(test) for test in run.tests}:
        assert len({id(process) for process, test in run.order if file_of(test) == file}) == 1
    for process in run.processes:
        kinds = [
            2 if test.startswith(ALONE) else int(test in QUICK)
            for other, test in run.order
            if other is process
        ]
        assert kinds == sorted(kinds)


@pytest.mark.parametrize("paces", [(1, 1), (1, 7), (7, 1), (1, 100), (100, 1)])
def test_who_is_to_be_alone_is(config: pytest.Config, paces: tuple[int, int]) -> None:
    run = Run(2, [*QUICK, *SLOW, *ALONE_TESTS], config)
    run.play(*paces)
    last = [(process, test) for process, test in run.order[-len(ALONE_TESTS) :]]
    assert {test for _, test in last} == set(ALONE_TESTS)
    assert len({id(process) for process, _ in last}) == 1


@pytest.mark.parametrize("tests", [ALONE_TESTS, ALONE_TESTS[:1], QUICK[:1], SLOW])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_files(config: pytest.Config, tests: list[str], count: int) -> None:
    Run(count, list(tests), config).play(*[1] * count)
