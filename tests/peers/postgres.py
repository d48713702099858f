"""Debian's PostgreSQL on loopback, a server of a test's own, that can be stopped and started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.ports import free_port
from tests.peers.process import PeerError, process_tree, tail
from tests.peers.requirement import missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START_LIMIT = 20.0
STOP_LIMIT = 15.0
PASSWORD = "a-word-that-no-log-may-hold"

# Root of a namespace (`peers.namespace`) has nobody else to become, and may bear another name
# in one more of them
ANOTHER_NAME = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def program(name: str) -> Path:
    """Return a program of the server's, which Debian keeps in a folder of its version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    on_path = shutil.which(name)
    if not found and on_path is None:
        missing(f"{name} is not installed (Debian package postgresql)")
    return found[-1] if found else Path(str(on_path))


class Postgres:
    """A server. Use `run_postgres`."""

    def __init__(self, folder: Path, user: str | None, entering: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.folder = folder
        self._user = user
        self._entering = entering
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql+asyncpg://gateway:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def run(self, name: str, *arguments: str) -> str:
        """Run a program of the server's to its end, and return what it says."""
        done = subprocess.run(
            [*self._entering, program(name), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=self._user,
            cwd=self.folder,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=False,
        )
        if done.returncode != 0:
            raise PeerError(f"{name}: {done.stdout.decode(errors='replace')}")
        return done.stdout.decode()

    def query(self, statement: str, database: str = "postgres") -> list[str]:
        """Return the lines of an answer, columns parted by |."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "gateway", "-d", database)
        output = self.run("psql", *where, "-AtX", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return output.splitlines()

    def prepare(self) -> None:
        """Make its files: one role with a password, and nothing of the system's."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = str(self.folder / "data")
        options = ("-U", "gateway", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync")
        self.run("initdb", "-D", data, *options, "-E", "UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        """Start it unless it runs, and wait until it takes connections."""
        if self._process is not None:
            return
        command = [*self._entering, str(program("postgres")), "-p", str(self.port)]
        # No fsync: what a power failure would take is no matter here
        command += [
            "-D",
            str(self.folder / "data"),
            "-h",
            "127.0.0.1",
            "-k",
            str(self.folder),
            "-F",
            "-c",
            "shared_buffers=16MB",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd=self.folder
            )
        end = time.monotonic() + START_LIMIT
        while not self._answers():
            if time.monotonic() > end:
                raise PeerError(f"PostgreSQL does not start\n{tail(self._log)}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return self.query("SELECT 1") == ["1"]
        except PeerError:
            return False

    def stop(self) -> None:
        """Stop it as an operator in a hurry does: connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # its "fast shutdown"
            self._process.wait(STOP_LIMIT)
            self._process = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def pause(self) -> None:
        """Have it stand still: the kernel takes connections, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it go on, if it stands still."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Send it to the server, and to what that has started: once it stands it starts no more."""
        if self._process is None:
            return
        for process in process_tree(self._process.pid):
            with suppress(ProcessLookupError):  # a worker of it has ended
                os.kill(process, number)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self.go_on()  # what it has started ends by itself, unless that stands still
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            self._process = None


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """Start a server, and end it at the end."""
    program("initdb")
    # It refuses to run as root, and nobody else may look into the folders of tests that root runs
    alone = Path("/proc/self/uid_map").read_text().split()[2] == "1"
    user = "nobody" if os.getuid() == 0 and not alone else None
    folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
    server = Postgres(folder, user, ANOTHER_NAME if alone else ())
    try:
        if user is not None:
            shutil.chown(folder, user)
        server.prepare()
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
