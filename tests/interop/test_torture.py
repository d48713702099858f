"""RFC 4475: what strangers may send to the SIP port, and how each of it is answered."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.interop.torture import FOLDER, MESSAGES, read_message
from tests.peers.namespace import run_isolated
from tests.peers.requirement import require, require_own_engine

if TYPE_CHECKING:
    from pathlib import Path

TRANSPORTS: Final = ("udp", "tcp")
LIMIT: Final = 120.0  # seconds for all messages; each transport has a gateway of its own
CASES: Final = [(name, transport) for transport in TRANSPORTS for name in MESSAGES]

Came = dict[str, Any]


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Came]:
    """What came of each message, by name and transport.

    The run fails if the gateway ends, does not answer OPTIONS after any of them, meets an error of
    its own, or cannot call after the last.
    """
    require("sipp")
    require_own_engine()
    folders = {transport: tmp_path_factory.mktemp(transport) for transport in TRANSPORTS}
    with ThreadPoolExecutor() as pool:
        outputs = list(pool.map(torment, folders.values(), TRANSPORTS))
    rows = [map(json.loads, output.splitlines()) for output in outputs]
    return {
        (row["name"], transport): row
        for transport, each in zip(TRANSPORTS, rows, strict=True)
        for row in each
    }


def torment(folder: Path, transport: str) -> str:
    return run_isolated("tests.interop.torment", str(folder), transport, limit=LIMIT)


@pytest.mark.peer
@pytest.mark.timeout(LIMIT + 30)
@pytest.mark.parametrize(("name", "transport"), CASES)
def test_answer(came: dict[tuple[str, str], Came], name: str, transport: str) -> None:
    row, message = came[name, transport], MESSAGES[name]
    right = message.over(transport)
    assert set(row["codes"]) <= right, f"section {message.section}: {message.what}"
    assert row["missing"] == []


def test_every_message_has_an_answer() -> None:
    assert {file.stem for file in FOLDER.glob("*.dat")} == set(MESSAGES)


def test_branches_are_made_unique() -> None:
    """No two are one transaction: same method, same branch (RFC 3261, 17.2.3)."""
    messages = [read_message(name, f"z9hG4bK{number:05}") for number, name in enumerate(MESSAGES)]
    assert not any(b"z9hG4bKkdjuw\r\n" in each for each in messages)
    sizes = [(FOLDER / f"{name}.dat").stat().st_size for name in MESSAGES]
    assert [len(each) for each in messages] == sizes
    with pytest.raises(ValueError, match="not as long"):
        read_message("TC_ESC01_V", "z9hG4bK1")
