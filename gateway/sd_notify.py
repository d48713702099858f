"""Tells systemd how the gateway does: ready, reloading, stopping, and alive (sd_notify(3)).

A process that runs is no proof that calls do. Systemd's watchdog is therefore fed only while the
event loop runs and each part that calls need answers it: one that hangs gets the process restarted.

This is our own since it is one datagram of lines: of the libraries, one is no longer kept and the
others need a compiler and libsystemd. Where systemd has not started us, all of it does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from time import monotonic_ns
from typing import Self

logger = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[object]]
"""Returns once the part has answered; raises, or does not return, when it cannot."""

# Of the watchdog's time: probes take at most one, the pause after them is one, and one is left
_PARTS = 3
# For how long it then waits: one that hangs in a drain is not waited for until the drain would end
_EXTENSION = 30.0  # seconds


class Supervisor:
    """What has started us and wants to hear of us.

    Parameters
    ----------
    address
        The path of a datagram socket, "@" before the name of an abstract one; None for nobody.
    watchdog
        Seconds after which silence is taken for death; None for no watchdog.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = address
        self.watchdog = watchdog

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """Read what systemd has said, and take it out: children of ours are none of its."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        process = environment.pop("WATCHDOG_PID", str(os.getpid()))
        if not address.startswith(("/", "@")):
            return cls()
        watched = microseconds.isdecimal() and int(microseconds) and process == str(os.getpid())
        return cls(address, int(microseconds) / 1e6 if watched else None)

    def ready(self, status: str = "") -> None:
        """Say that calls are taken from now on; `status` is shown by systemctl."""
        self._say("READY=1", *([f"STATUS={_line(status)}"] if status else []))

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that the configuration is read again, and at the end that it has been."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self._say("READY=1")

    async def keep_draining(self, status: Callable[[], str]) -> None:
        """Say again and again that the stop takes its time, and why; run it as a task.

        Systemd waits no longer than `TimeoutStopSec`, unless it hears of us meanwhile.
        """
        while True:
            self._say(
                "STOPPING=1",
                f"STATUS={_line(status())}",
                f"EXTEND_TIMEOUT_USEC={int(_EXTENSION * 1e6)}",
            )
            await asyncio.sleep(_EXTENSION / _PARTS)

    def stopping(self, status: str = "") -> None:
        """Say that the gateway stops, of its own will or because it was asked to."""
        self._say("STOPPING=1", *([f"STATUS={_line(status)}"] if status else []))

    async def feed_watchdog(self, probes: Mapping[str, Probe]) -> None:
        """Feed the watchdog as long as every part answers; returns at once where there is none.

        Run it as a task of the event loop, and cancel it at the end.
        """
        if self.watchdog is None:
            return
        interval = self.watchdog / _PARTS
        silent_before: list[str] = []
        while True:
            silent = await _silent(probes, interval)
            if not silent:
                self._say("WATCHDOG=1")
            if silent != silent_before:
                _log(silent)
            silent_before = silent
            await asyncio.sleep(interval)

    def _say(self, *lines: str) -> None:
        if self._address is None:
            return
        address = self._address
        if address.startswith("@"):
            address = f"\0{address[1:]}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.sendto("\n".join(lines).encode(), address)
        except OSError as error:  # whoever does not listen learns nothing, and calls go on
            logger.warning("systemd was not told %s: %s", lines[0], error.strerror or error)


async def _silent(probes: Mapping[str, Probe], limit: float) -> list[str]:
    """Return the names of those that do not answer within `limit` seconds."""
    answers = await asyncio.gather(*(_answers(probe, limit) for probe in probes.values()))
    return [name for name, answered in zip(probes, answers, strict=True) if not answered]


async def _answers(probe: Probe, limit: float) -> bool:
    try:
        async with asyncio.timeout(limit):
            await probe()
    except Exception:  # noqa: BLE001 - whatever it is, the part does not do its work
        return False
    return True


def _log(silent: list[str]) -> None:
    if silent:
        logger.error("no answer from %s: systemd's watchdog is not fed", ", ".join(silent))
    else:
        logger.info("every part answers: systemd's watchdog is fed")


def _line(text: str) -> str:
    return " ".join(text.split())
