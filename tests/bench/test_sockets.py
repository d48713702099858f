"""What is read of a process's memory and of frames; a few pages and tokens measured."""

from __future__ import annotations

import os
import resource

import pytest

from tests.bench import sockets, tokens
from tests.bench.goals import sockets_goals, tokens_goals
from tests.bench.idling import PING, TEXT, address_of, frame, take_frame
from tests.bench.load import BenchError
from tests.bench.sockets import Idled, Sockets, more_files, private_bytes, uss
from tests.bench.tokens import Verified

ROLLUP = """\
55d0c7a2e000-7ffd2b5f6000 ---p 00000000 00:00 0                          [rollup]
Rss:              120000 kB
Pss:               90000 kB
Shared_Clean:      40000 kB
Private_Clean:      1000 kB
Private_Dirty:     70000 kB
Swap:                 24 kB
SwapPss:              24 kB
"""


def test_memory_is_what_is_shared_with_nobody() -> None:
    assert private_bytes(ROLLUP) == 71024 * 1024


def test_memory_of_a_process_that_there_is() -> None:
    before = uss(os.getpid())
    kept = bytearray(b"x" * 50_000_000)
    assert uss(os.getpid()) - before > 40_000_000
    del kept


def test_the_limit_of_files_is_given_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with more_files():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == hard == before[1]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


# The pages


def server_frame(opcode: int, payload: bytes) -> bytes:
    length = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + _two(len(payload))
    return bytes((opcode,)) + length + payload


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


@pytest.mark.parametrize("size", [0, 4, 125, 126, 300])
def test_frames_are_taken_when_they_are_whole(size: int) -> None:
    payload = b"p" * size
    text = server_frame(PING, payload)
    assert take_frame(text + b"\x81") == (PING, payload, b"\x81")
    for end in range(len(text)):
        assert take_frame(text[:end]) is None


def test_frames_of_a_client_are_masked() -> None:
    assert frame(TEXT, b"ab") == b"\x81\x82\0\0\0\0ab"


def test_every_page_has_an_address_of_its_own() -> None:
    addresses = {address_of(number) for number in range(5000)}
    assert len(addresses) == 5000
    for address in addresses:
        parts = [int(part) for part in address.split(".")]
        assert parts[:2] == [127, 1]
        assert all(0 < part < 255 for part in parts)


# Goals


def measured(memory_mb: float, cpu: float, silence: float = 45.0) -> Sockets:
    idled = Idled(pages=5000, pings=6000, silence=silence)
    return Sockets(5000, memory_mb, memory_mb / 5, 9.0, cpu, 0.4, 0.5, idled)


def test_idle_pages_stand_beside_the_baseline_s() -> None:
    results = [measured(60, 0.5), measured(70, 0.9), measured(80, 1.5)]
    memory, cpu, silence = sockets_goals(results, [measured(176, 3.4, 10.0)])
    assert (memory.figure, memory.measured) == ("5000 idle WebSockets: memory", 70)
    assert (memory.baseline, cpu.baseline, silence.baseline) == (176, 3.4, 10.0)
    assert (memory.met, cpu.met, silence.met) == (True, True, True)


def test_a_page_that_is_never_pinged_costs_nothing_and_misses_the_goal() -> None:
    memory, cpu, silence = sockets_goals([measured(60, 0.0, 65.0)])
    assert (memory.met, cpu.met, silence.met) == (True, True, False)


def test_each_algorithm_has_its_goal() -> None:
    results = [Verified({"HS256": 0.1, "ES256": each}) for each in (0.15, 0.3, 0.25)]
    shared, elliptic = tokens_goals(results)
    assert (shared.met, elliptic.met, elliptic.measured) == (True, False, 0.25)


# Small runs


def test_a_few_tokens() -> None:
    verified = tokens.run(count=3)
    assert set(verified.ms) == {"HS256", "ES256", "RS256"}
    assert all(0 < each < 50 for each in verified.ms.values())


def test_a_few_pages() -> None:
    result = sockets.run(count=20, idle=0.5)
    assert result.idled.pages == 20
    assert result.memory_each_kb < 1000
    assert 0 < result.open_ms < 100


def test_pages_that_are_let_down_say_so() -> None:
    with (
        pytest.raises(BenchError, match=r"did not stay open: .*refused"),
        sockets.open_pages(1, 3),
    ):
        pass
