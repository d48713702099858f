"""The command line as its users run it, as far as it goes without a SIP engine."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from gateway import cli, demo
from gateway.config import Address
from gateway.config_sources import load
from gateway.errors import UnavailableError
from tests.peers.ports import free_port

TREE = Path(cli.__file__).parents[1]
TRUNK = '[[trunks]]\nname = "lab"\nuri = "sip:127.0.0.1:9;transport=tcp"\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{TREE}{os.pathsep}{TREE / 'codecs'}"}


def own_ports() -> str:
    """Return the tables that keep a gateway off the ports of others on this machine."""
    return f'[sip]\nlisten = "127.0.0.1:0"\n[media]\nbrowser_port = {free_port()}\nthreads = 1\n'


def write(text: str, name: str = "gateway.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serve"], "gateway: trunks: none is configured, so no call can leave; write for example"),
        (["serve", "--config", "nope.toml"], "gateway: nope.toml: cannot be read: No such file"),
        (["serve", "--listen", "here"], "gateway: http.listen = 'here': host:port is needed"),
        (["demo", "--port", "70000"], "gateway: http.listen = '127.0.0.1:70000': a port is 0 to"),
        (["demo", "--listen", "0.0.0.0:80"], "gateway: http.listen = '0.0.0.0:80': admission.mode"),
    ],
)
def test_a_refused_start_is_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1


def test_the_file_of_this_folder_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    write("[htp]\n")
    assert cli.main(["serve"]) == 1
    assert capsys.readouterr().err == "gateway: htp: unknown key; the nearest one is http\n"


@pytest.mark.parametrize("arguments", [[], ["sing"], ["serve", "--sing"]])
def test_a_misuse_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: gateway" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert {command.name for command in cli.COMMANDS} <= set(said.split())


def test_check_says_all_that_is_wrong_with_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    write("[http]\nx = 1\n[log]\ny = 2\n")
    assert cli.main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "wrong   http.x = 1: unknown key; known are listen, certificate, key, trusted_proxies, "
        "api_keys_file, demo, preflight",
        "wrong   log.y = 2: unknown key; known are level, numbers, audit_file",
    ]


def test_check_tries_what_the_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    write(f'[http]\nlisten = "127.0.0.1:0"\n{own_ports()}{TRUNK}')
    assert cli.main(["check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*["ok"] * 6, "wrong", "wrong"]
    assert "a firewall lets in UDP " in lines[4]
    assert "records.database = 'sqlite:///gateway.db': can be written" in lines[5]
    assert lines[6].startswith("wrong   admission.allow: it is empty, so no call is possible")
    assert "trunk 'lab' at sip:127.0.0.1:9;transport=tcp" in lines[-1]


def test_check_misses_a_trunk(capsys: pytest.CaptureFixture[str]) -> None:
    write(f'[http]\nlisten = "127.0.0.1:0"\n{own_ports()}')
    assert cli.main(["check"]) == 1
    assert "wrong   trunks: none is configured" in capsys.readouterr().out


def test_the_demo_calls_its_peer_and_nobody_else() -> None:
    settings = load(None, demo.demo_settings(Address("127.0.0.1", 5099), "127.0.0.1:0"))
    assert [str(trunk.uri) for trunk in settings.trunks] == ["sip:127.0.0.1:5099;transport=udp"]
    assert settings.sip.listen.is_loopback
    assert len(settings.media.browser_ports) == 1
    assert settings.admission.allow == ("*",)
    assert [(each.to, each.identity) for each in settings.incoming] == [("*", "sales")]


def test_a_free_port_is_free_for_both_transports() -> None:
    port = demo.free_port()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))


async def test_a_started_gateway_says_where_it_is_and_stops_when_told() -> None:
    write(f'[http]\nlisten = "127.0.0.1:0"\n{own_ports()}{TRUNK}')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve"),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            assert process.stdout is not None
            while b"The gateway is at http://127.0.0.1:" not in await process.stdout.readline():
                assert not process.stdout.at_eof()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


DYING = """
import os
from gateway import cli
from gateway.trunk.stack import Stack

turn = Stack._turn

def dying_turn(stack):
    if os.path.exists("die"):
        raise ValueError("injected")
    turn(stack)

Stack._turn = dying_turn
raise SystemExit(cli.main(["serve"]))
"""


async def test_a_gateway_without_sip_ends_with_1_and_a_line() -> None:
    async with gateway_that(DYING) as process:
        write("", "die")
        _, said = await process.communicate()
    assert process.returncode == 1
    last = said.decode().splitlines()[-1]
    assert last.startswith("gateway: ")
    assert "ValueError: injected" in last


# Started with less than the three descriptors, or with a reader that is gone


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
async def test_a_closed_descriptor_is_no_reason_to_fail(closed: tuple[int, ...]) -> None:
    redirections = " ".join("<&-" if each == 0 else f"{each}>&-" for each in closed)
    assert await status_of_a_whole_life(f'exec "$0" -m gateway serve {redirections}') == 0


async def test_a_reader_that_is_gone_is_no_reason_to_fail() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert await status_of_a_whole_life('exec "$0" -m gateway serve', stdout=writer) == 0
    finally:
        os.close(writer)


async def status_of_a_whole_life(command: str, stdout: int = DEVNULL) -> int:
    """Run a gateway by a shell until it answers, stop it, and return its exit status."""
    port = demo.free_port()
    write(f'[http]\nlisten = "127.0.0.1:{port}"\n{own_ports()}{TRUNK}')
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", command, sys.executable), env=environment(), stdout=stdout
    )
    try:
        async with asyncio.timeout(20):
            while not await answers(port):
                assert process.returncode is None
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


# Stopping, with parts below that hang in it

HANGING = """
import asyncio, os, signal, time
from contextlib import asynccontextmanager

from gateway import cli, stopping, wiring
from gateway.signaling.room import Room
from tests.gateway.signaling.fakes import FakeCalls, open_gate

async def stopping_twice():
    while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        await asyncio.sleep(0.01)
    print("heard twice", flush=True)

@asynccontextmanager
async def open_room(settings):
    yield Room(calls=FakeCalls(), gate=open_gate())
    print("hanging", flush=True)
    {hang}

wiring.open_room = open_room
stopping.STOP_LIMIT = {limit}
raise SystemExit(cli.main(["serve"]))
"""


@asynccontextmanager
async def gateway_that(text: str) -> AsyncIterator[Process]:
    """Run a program that serves, from the line that says so."""
    write(f'[http]\nlisten = "127.0.0.1:0"\n{own_ports()}{TRUNK}')
    process = await asyncio.create_subprocess_exec(
        *program(text),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            await until(process, b"The gateway is at ")
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(process: Process, words: bytes) -> None:
    assert process.stdout is not None
    while words not in await process.stdout.readline():
        assert not process.stdout.at_eof()


@pytest.mark.parametrize("hang", ["await asyncio.Event().wait()", "time.sleep(60)"])
async def test_a_stop_that_hangs_ends_at_the_limit_and_says_where(hang: str) -> None:
    async with gateway_that(HANGING.format(hang=hang, limit=0.5)) as process:
        process.send_signal(signal.SIGTERM)
        _, said = await process.communicate()
    assert process.returncode == 1
    assert b"Timeout (0:00:00.500000)!" in said
    assert b"gateway/commands/running.py" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("hang", ["await asyncio.Event().wait()", "time.sleep(60)"])
async def test_any_signal_after_ctrl_c_ends_the_process_at_once(
    hang: str, number: signal.Signals
) -> None:
    async with gateway_that(HANGING.format(hang=hang, limit=60)) as process:
        process.send_signal(signal.SIGINT)
        await until(process, b"hanging")
        process.send_signal(number)
        assert await process.wait() == -number


async def test_the_third_sigterm_ends_the_process_at_once() -> None:
    """The second one does not: it is for calls that a drain waits for, and these need their BYE."""
    hang = "await stopping_twice(); await asyncio.Event().wait()"
    async with gateway_that(HANGING.format(hang=hang, limit=60)) as process:
        process.send_signal(signal.SIGTERM)
        await until(process, b"hanging")
        process.send_signal(signal.SIGTERM)
        await until(process, b"heard twice")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
async def test_no_other_signal_ends_a_process_that_stops(number: signal.Signals) -> None:
    """SIP is put down then, and until it is, the trunk hears no BYE."""
    hang = f"os.kill(os.getpid(), {int(number)}); await asyncio.sleep(0.05)"
    async with gateway_that(HANGING.format(hang=hang, limit=60)) as process:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


# The embedded peer, with any program in its place


async def test_a_peer_runs_as_long_as_the_block() -> None:
    sleeper = "import sys, time; print('ready', flush=True); time.sleep(60)"
    async with demo.running(program(sleeper)) as peer:
        assert not peer.ended.is_set()
    assert not peer.ended.is_set()


async def test_a_peer_that_ends_is_noticed() -> None:
    async with demo.running(program("print('ready', flush=True)")) as peer, asyncio.timeout(10):
        await peer.ended.wait()


async def test_a_peer_is_told_how_many_pages_take_calls(caplog: pytest.LogCaptureFixture) -> None:
    asking = (
        "print('ready', flush=True); print('what?', flush=True); print('registered?', flush=True); "
        "raise SystemExit(input() != '2')"
    )
    async with demo.running(program(asking)) as peer, asyncio.timeout(10):
        peer.registered = lambda: 2
        await peer.ended.wait()
    assert "ended with status 0" in caplog.text


async def test_a_peer_that_never_gets_ready_is_said() -> None:
    with pytest.raises(UnavailableError, match="ended with status 3 before it was ready"):
        async with demo.running(program("import sys; sys.exit(3)")):
            pass


async def test_a_peer_that_hangs_is_said() -> None:
    with pytest.raises(UnavailableError, match=r"was not ready within 0\.2 s"):
        async with demo.running(program("import time; time.sleep(60)"), ready_timeout=0.2):
            pass


async def test_a_peer_that_will_not_stop_is_killed() -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    async with asyncio.timeout(10):
        async with demo.running(program(stubborn), stop_timeout=0.2):
            pass


# Before the installation


@pytest.mark.parametrize("variable", ["LISTEN", "GATEWAY_HTTP__LISTEN"])
def test_make_run_asks_for_the_port_before_it_installs(variable: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        given = {"PATH": os.environ["PATH"], variable: where}
        command = ["make", "run", f"VENV={tmp_path}/venv"]
        done = subprocess.run(
            command, cwd=TREE, env=given, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[:4] == [
        f"{where}: Address already in use. Choose another address:",
        "    make run LISTEN=127.0.0.1:9000",
        "    GATEWAY_HTTP__LISTEN=127.0.0.1:9000 make run",
        "    gateway demo --listen 127.0.0.1:9000   (without make)",
    ]


@pytest.mark.parametrize("where", ["127.0.0.1:0", "[::1]:0", "here", "shop:80", "127.0.0.1:99999"])
def test_what_is_free_or_no_address_is_left_to_the_gateway(where: str) -> None:
    subprocess.run([TREE / ".ci" / "can-listen", where], timeout=60, check=True)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gateway {version('webrtc-sip-gateway')}\n"


def test_an_address_in_use_names_what_chooses_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cli.main(["demo", "--listen", where]) == 1
    assert capsys.readouterr().err == (
        f"gateway: http.listen = '{where}': Address already in use; --listen HOST:PORT, "
        "GATEWAY_HTTP__LISTEN or `make run LISTEN=…` chooses another\n"
    )
