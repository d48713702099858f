"""The media plane: the threads that serve all calls' media, and what they share."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from time import monotonic
from typing import TypeVar

from gateway.errors import UnavailableError
from gateway.media.echo import EchoSession
from gateway.media.joined import JoinedSession
from gateway.media.music import Music
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from gateway.media.session import MediaSession
from gateway.media.thread import BUSY, MediaThread
from gateway.media.trunk_party import TrunkParty
from gateway.own_address import is_anywhere, source_towards
from gateway.sound_file import SoundFileError
from voice import libopus
from voice.counters import Counters

logger = logging.getLogger(__name__)

SWEEP = 0.5  # seconds between looks at the ports of calls that are over

# After the last call there is a pause more often than not; who waits for one is told after so long
IDLE = 2.0  # seconds

# How long a thread may hold the interpreter's lock while the media clock waits for it. Python's own
# 5 ms are as long as a tick
SWITCH_INTERVAL = 0.0001  # seconds


Session = MediaSession | JoinedSession | EchoSession
S = TypeVar("S", MediaSession, JoinedSession, EchoSession)

# Below this share of a thread's time one call's cost is lost in what all of them share
MEASURABLE = 0.1


class MediaPlane:
    """Opens sessions, each on the thread that has least to do.

    Parameters
    ----------
    on_idle
        Called when there has been no session for a while: the time for what stops all threads.

    Attributes
    ----------
    counters
        What the parties have counted by name, on the event loop.
    transport_counters
        What ICE and DTLS have.
    music
        For those who are on hold.
    """

    def __init__(self, config: MediaConfig, on_idle: Callable[[], object] | None = None) -> None:
        self._config = config
        self._on_idle = on_idle
        self._ports = PortRange(config.address, *config.ports)
        self._ports.begin_at(secrets.randbits(16))
        self.counters: Counter[str] = Counter()
        self.transport_counters = Counters()
        self.music = Music.tone()
        self._threads: list[MediaThread] = []
        self._sessions: set[Session] = set()
        self._pairs = 0
        self._sweeping: asyncio.TimerHandle | None = None
        self._idling: asyncio.TimerHandle | None = None
        self._closed = False

    async def start(self) -> None:
        """Make sure that calls will find what they need.

        Raises
        ------
        UnavailableError
            When libopus cannot be loaded, the music cannot be read, the address is none of this
            machine's, or the browsers' port is in use.
        """
        try:
            library = libopus.load()
        except libopus.LibopusError as error:
            raise UnavailableError(str(error)) from error
        self._ports.check()
        config = self._config
        if config.hold_music is not None:
            try:
                self.music = await asyncio.to_thread(Music.from_file, config.hold_music)
            except SoundFileError as error:
                raise UnavailableError(f"media.hold_music: {error}") from error
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            for number in range(config.threads):
                port = config.browser_port + number if config.browser_port else 0
                self._threads.append(MediaThread(config.address, port, f"media-{number}"))
        except UnavailableError:
            await self.close()
            raise
        for thread in self._threads:
            thread.start()
        self._pairs = self._ports.pairs({thread.address[1] for thread in self._threads})
        logger.info(
            "media on %s, browsers on UDP %s, %s",
            config.address,
            ", ".join(str(thread.address[1]) for thread in self._threads),
            library,
        )

    @property
    def browser_ports(self) -> tuple[int, ...]:
        """The UDP ports that browsers send to, one of each thread."""
        return tuple(sorted(thread.address[1] for thread in self._threads))

    @property
    def overloaded(self) -> bool:
        """Whether there is no thread that has time for one more call."""
        return bool(self._threads) and all(thread.overloaded for thread in self._threads)

    @property
    def load(self) -> float:
        """Share of its time that the busiest thread takes for its ticks."""
        return max((thread.engine.load for thread in self._threads if thread.sessions), default=0.0)

    async def alive(self) -> None:
        """Return once every thread has answered: one that hangs never does."""
        await asyncio.gather(*(thread.call(int) for thread in self._threads))

    @property
    def pairs(self) -> int:
        """How many calls the ports of the trunks carry."""
        return self._pairs

    @property
    def free_pairs(self) -> int:
        """How many of them no call holds, and none that has just ended."""
        held = sum(len(session.trunks) for session in self._sessions)
        return max(0, self._pairs - held - self._ports.retired)

    @property
    def calls_by_load(self) -> int | None:
        """How many calls the threads would carry, by what those that run cost; None with too few.

        An estimate for people and dashboards: calls are refused by `overloaded`, which is measured.
        """
        working = [thread for thread in self._threads if thread.sessions]
        load = sum(thread.engine.load for thread in working)
        sessions = sum(thread.sessions for thread in working)
        if load < MEASURABLE:
            return None
        return max(sessions, int(sessions / load * BUSY * len(self._threads)))

    def own_host(self, trunk: str) -> str:
        """Return our address as a trunk at this one is told it.

        Raises
        ------
        UnavailableError
            Media is bound to any address, and none leads there.
        """
        config = self._config
        if not is_anywhere(config.address):
            return config.public_address or config.address
        public = config.public_address
        if public is not None and ip_address(public).version == ip_address(trunk).version:
            return public
        return source_towards(trunk, config.address)

    async def open(self) -> MediaSession:
        """Open a session.

        Raises
        ------
        UnavailableError
            When no port is free, or as many sessions are open as the plane may carry.
        """
        return await self._open(self._make_session)

    async def open_joined(self) -> JoinedSession:
        """Open a session of two trunks; raises as `open`."""
        return await self._open(self._make_joined)

    async def open_echo(self) -> EchoSession:
        """Open a session in which a browser hears itself; raises as `open`. It takes no port."""
        return await self._open(self._make_echo)

    async def _open(self, make: Callable[[], S]) -> S:
        if self._closed or not self._threads:
            raise UnavailableError("the media plane is closed")
        if len(self._sessions) >= self._config.sessions:
            raise UnavailableError(f"all {self._config.sessions} media sessions are in use")
        session = make()
        self._sessions.add(session)
        session.thread.sessions += 1
        if self._idling is not None:
            self._idling.cancel()
            self._idling = None
        try:
            await session.open()
        except BaseException:  # whoever was to close it has not got it
            await session.close()
            raise
        if self._closed:  # in the meantime
            raise UnavailableError("the media plane is closed")
        return session

    def _make_session(self) -> MediaSession:
        with ExitStack() as failing:
            sockets = self._bind(failing)
            session = MediaSession(self, self._config, self._idlest(), sockets)
            failing.pop_all()
        return session

    def _make_joined(self) -> JoinedSession:
        with ExitStack() as failing:
            sockets = self._bind(failing), self._bind(failing)
            session = JoinedSession(self, self._config, self._idlest(), sockets)
            failing.pop_all()
        return session

    def _make_echo(self) -> EchoSession:
        return EchoSession(self, self._config, self._idlest())

    def _idlest(self) -> MediaThread:
        return min(self._threads, key=lambda each: (each.overloaded, each.sessions))

    def bind(self) -> tuple[socket.socket, socket.socket]:
        """Return a pair of ports for a session that has one already; `give_back` takes it again.

        Raises
        ------
        UnavailableError
            When none is free.
        """
        return self._ports.bind_pair()

    def _bind(self, failing: ExitStack) -> tuple[socket.socket, socket.socket]:
        """Return a pair of ports, which is given back should what follows fail."""
        sockets = self._ports.bind_pair()
        for sock in sockets:
            failing.callback(sock.close)
        return sockets

    def ended(self, session: Session) -> None:
        """Take a session's ports back; they are used again once nothing comes there any more."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        session.thread.sessions -= 1
        for trunk in session.trunks:
            self.give_back(trunk)
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        if not self._sessions and self._on_idle is not None:
            self._idling = loop.call_later(IDLE, self._on_idle)

    def give_back(self, trunk: TrunkParty) -> None:
        """Take a trunk's ports back; they are used again once nothing comes there any more."""
        if trunk.remote is None:  # nobody has found out where to send
            for sock in trunk.sockets:
                sock.close()
            return
        self._ports.retire(trunk.sockets, monotonic())
        if self._sweeping is None and not self._closed:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP, self._sweep)

    def _sweep(self) -> None:
        left = self._ports.sweep(monotonic())
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(SWEEP, self._sweep) if left else None

    def stats(self) -> dict[str, int]:
        """Return what has been counted so far, by name."""
        total = Counter(self.counters)
        for name, count in self.transport_counters.counted().items():
            total[f"browser_{name}"] += count
        for thread in self._threads:
            engine = thread.engine
            for kind, counters in (
                ("browser", engine.browsers.counters),
                ("trunk", engine.trunk_counters),
                ("frames", engine.frame_counters),
            ):
                for name, count in counters.counted().items():
                    # A fault is ours, whichever leg it met
                    total[name if name == "faults" else f"{kind}_{name}"] += count
        return {"sessions": len(self._sessions), **total}

    async def close(self) -> None:
        """Close every session and stop the threads; harmless when called twice."""
        self._closed = True
        closing = [session.close() for session in self._sessions]
        for fault in await asyncio.gather(*closing, return_exceptions=True):
            if fault is not None:
                logger.error("a session did not close", exc_info=fault)
        threads, self._threads = self._threads, []
        for thread in threads:
            await thread.stop()
        for timer in (self._sweeping, self._idling):
            if timer is not None:
                timer.cancel()
        self._sweeping = self._idling = None
        self._ports.close()
