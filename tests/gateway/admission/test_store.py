from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.admission import store as store_module
from gateway.admission.blocks import Block, Stop
from gateway.admission.store import KEPT, MemoryStore, SqliteStore, Store, open_store
from gateway.admission.usage import DayUsage
from gateway.errors import ConfigError, UnavailableError
from tests.gateway.admission.clock import Clock

NOW = 1_772_366_400.0
TREE = Path(__file__).parents[3]


@asynccontextmanager
async def opened(path: Path, clock: Clock | None = None) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{path}", clock or Clock(NOW))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    database = "" if request.param == "memory" else f"sqlite:///{tmp_path / 'gateway.db'}"
    found = await open_store(database, CLOCK)
    CLOCK.now = NOW
    yield found
    await found.close()


CLOCK = Clock(NOW)


async def test_a_token_is_used_once(store: Store) -> None:
    assert await store.use_token("a", NOW + 60)
    assert not await store.use_token("a", NOW + 60)
    assert await store.use_token("b", None)
    assert not await store.use_token("b", None)


async def test_of_many_at_once_one_wins(store: Store) -> None:
    won = await asyncio.gather(*(store.use_token("a", NOW + 60) for _ in range(50)))
    assert sum(won) == 1


@pytest.mark.parametrize(
    "jti", ["", "\0", "a\0b", "\ud800", "x" * 10_000, "'; DROP TABLE stop; --"]
)
async def test_any_text_may_be_a_token(store: Store, jti: str) -> None:
    assert await store.use_token(jti, NOW)
    assert not await store.use_token(jti, NOW)
    assert await store.use_token("another", NOW)


async def test_a_token_is_remembered_past_its_end(store: Store) -> None:
    """Tokens are accepted with leeway, and clocks are set back."""
    await store.use_token("a", NOW + 60)
    CLOCK.now = NOW + 60 + KEPT - 1
    assert not await store.use_token("a", NOW + 60)
    CLOCK.now = NOW
    assert not await store.use_token("a", NOW + 60)


async def test_the_rest_is_kept_too(store: Store) -> None:
    assert await store.usage() is None
    assert await store.blocks() == []
    assert await store.switch() is None
    usage = DayUsage("2026-03-01", 5, 2**80)
    blocks = [
        Block("number", "+1900*", "it's \u00fc", "jane", NOW),
        Block("address", "192.0.2.0/24", "", "", NOW + 1, NOW + 60),
    ]
    await store.save_usage(DayUsage("2026-02-28"))
    await store.save_usage(usage)
    for block in (Block("number", "+1900*", "old", "", NOW), *blocks):
        await store.save_block(block)
    await store.save_switch(Stop("old", "", 0.0))
    await store.save_switch(Stop("attack", "jane", NOW))
    assert await store.usage() == usage
    assert await store.blocks() == blocks
    assert await store.switch() == Stop("attack", "jane", NOW)
    await store.remove_block(blocks[0])
    await store.remove_block(blocks[0])
    CLOCK.now = NOW + 60
    assert await store.blocks() == []
    await store.save_switch(None)
    assert await store.switch() is None


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    block = Block("identity", "eve", "", "", NOW)
    async with opened(path) as store:
        await store.use_token("a", NOW + 60)
        await store.save_usage(DayUsage("2026-03-01", 1, 2))
        await store.save_block(block)
        await store.save_switch(Stop("attack", "jane", NOW))
    async with opened(path) as store:
        assert not await store.use_token("a", NOW + 60)
        assert await store.usage() == DayUsage("2026-03-01", 1, 2)
        assert await store.blocks() == [block]
        assert await store.switch() == Stop("attack", "jane", NOW)


async def test_expired_tokens_leave_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "gateway.db", Clock(NOW)
    async with opened(path, clock) as store:
        for number in range(100):
            await store.use_token(f"a{number}", NOW + number)
        await store.use_token("for ever", None)
        clock.now = NOW + KEPT + 49
        await store.use_token("b", NOW + 1000)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM used_tokens").fetchone() == (52,)
    clock.now += 10_000
    async with opened(path, clock):
        pass
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT jti FROM used_tokens").fetchall() == [(b"for ever",)]


async def test_expired_tokens_leave_memory() -> None:
    clock = Clock(NOW)
    store = MemoryStore(clock)
    for number in range(20_000):
        clock.now += 10
        await store.use_token(str(number), clock.now)
    assert len(store._used) < 2500


async def test_two_gateways_share_the_used_tokens(tmp_path: Path) -> None:
    async with opened(tmp_path / "g.db") as one, opened(tmp_path / "g.db") as two:
        won = await asyncio.gather(
            *(s.use_token(str(n), NOW + 60) for n in range(20) for s in (one, two))
        )
    assert sum(won) == 20


async def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "gateway.db") as store:
        await store.use_token("a", None)
        names = sorted(os.listdir(tmp_path))
        assert names == ["gateway.db", "gateway.db-shm", "gateway.db-wal"]
        assert {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in names} == {0o600}


@pytest.mark.parametrize(
    "database",
    [
        "sqlite://gateway.db",
        "sqlite:///",
        "gateway.db",
        "mysql://x",
    ],
)
async def test_other_databases_are_refused(database: str) -> None:
    with pytest.raises(ConfigError, match=r"records\.admission_database is of the kind"):
        await open_store(database, Clock())


async def test_a_refused_database_is_named_without_its_password() -> None:
    with pytest.raises(ConfigError) as refused:
        await open_store("postgresql+asyncpg://gateway:hunter2@db.example/g", Clock())
    assert "hunter2" not in str(refused.value)


async def test_memory_may_be_asked_for_in_sqlites_words() -> None:
    assert isinstance(await open_store("sqlite:///:memory:", Clock()), MemoryStore)


def _text(path: Path) -> None:
    path.write_text("this is no database at all, but long enough to have a header" * 50)


def _of_another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def _newer(path: Path) -> None:
    _fresh(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")


def _fresh(path: Path) -> None:
    async def make() -> None:
        async with opened(path) as store:
            for number in range(200):
                await store.use_token(f"token {number}" * 10, NOW)

    asyncio.run(make())


def _damaged(path: Path) -> None:
    _fresh(path)
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_text, "damaged"),
        (_damaged, "damaged"),
        (_of_another_program, "another program's database"),
        (_newer, "is of version 2, made by a newer gateway"),
        (Path.mkdir, "unable to open database file"),
    ],
)
async def test_a_file_that_cannot_be_used_is_told(
    tmp_path: Path, spoil: Callable[[Path], None], error: str
) -> None:
    path = tmp_path / "gateway.db"
    await asyncio.to_thread(spoil, path)
    with pytest.raises(ConfigError, match=error) as refused:
        await open_store(f"sqlite:///{path}", Clock(NOW))
    assert str(path) in str(refused.value)


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        await open_store(f"sqlite:///{tmp_path}/nowhere/gateway.db", Clock())


READ_ONLY = """
    import asyncio, os, sqlite3, sys
    from gateway.admission.store import open_store
    from gateway.errors import ConfigError

    if os.geteuid() == 0:  # who may write anywhere
        os.setuid(65534)
    try:
        asyncio.run(open_store("sqlite:///" + sys.argv[1], lambda: 1000.0))
    except ConfigError as error:
        print(error)
"""


def test_a_file_without_write_access_is_told() -> None:
    with TemporaryDirectory() as folder:  # unlike pytest's own, open to others
        path = Path(folder) / "gateway.db"
        _fresh(path)
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        said = _run(READ_ONLY, path)
        Path(folder).chmod(0o755)
    assert f"the database {path}: " in said
    assert "readonly" in said


def _run(code: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_lock_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOCK_TIMEOUT", 0.05)
    path = tmp_path / "gateway.db"
    async with opened(path) as store:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError, match="another process has locked it"):
                await store.use_token("a", NOW)
            with pytest.raises(ConfigError, match="another process has locked it"):
                await open_store(f"sqlite:///{path}", Clock(NOW))
        assert await store.use_token("a", NOW)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "gateway.db", Clock(NOW))
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError, match="is closed"):
        await store.use_token("a", NOW)


FILL = """
    import asyncio, resource, sys
    from gateway.admission.store import open_store
    from gateway.errors import UnavailableError

    async def main():
        store = await open_store("sqlite:///" + sys.argv[1], lambda: 1000.0)
        assert await store.use_token("before", None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        used = 0
        try:
            for used in range(100_000):
                assert await store.use_token(f"{used}" * 100, None)
        except UnavailableError as error:
            print("refused:", error)
        for _ in range(3):  # never let through, however often it comes
            try:
                print(await store.use_token(f"{used}" * 100, None))
            except UnavailableError:
                print("refused again")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert not await store.use_token("before", None)
        assert not await store.use_token(f"{used - 1}" * 100, None)
        print("after:", await store.use_token(f"{used}" * 100, None))
        await store.close()

    asyncio.run(main())
"""


def test_on_a_full_disk_a_token_is_refused(tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk: SQLite sees a write that fails."""
    first, *again, after = _run(FILL, tmp_path / "gateway.db").splitlines()
    assert first.startswith("refused: the database")
    assert again == ["refused again"] * 3
    assert after == "after: True"


async def _use_many(store: Store) -> None:
    for number in range(1000):
        assert await store.use_token(f"{number}" * 100, NOW)


async def test_a_database_that_is_full_refuses_in_words(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "gateway.db", Clock(NOW))
    await store._run(
        lambda: store._connection and store._connection.execute("PRAGMA max_page_count = 1")
    )
    with pytest.raises(UnavailableError, match="database or disk is full"):
        await _use_many(store)
    await store.close()


USE = """
    import asyncio, sys
    from gateway.admission.store import open_store

    async def main():
        store = await open_store("sqlite:///" + sys.argv[1], lambda: 1000.0)
        for number in range(1_000_000):
            assert await store.use_token(str(number), None)
            print(number, flush=True)

    asyncio.run(main())
"""


async def test_kill_9_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(USE), str(path)),
        cwd=TREE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(50):
        assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = await process.stdout.read()
    await process.wait()
    accepted = 50 + rest.count(b"\n")
    async with opened(path) as store:
        assert not any([await store.use_token(str(n), None) for n in range(accepted)])
        assert await store.use_token(str(accepted + 1), None)


def test_who_has_no_database_does_not_import_sqlite() -> None:
    code = "import sys, gateway.admission.store; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=TREE, check=False).returncode == 0
