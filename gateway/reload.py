"""What two signals do: SIGHUP reads again what may change while calls run, SIGUSR1 stops new calls.

SIGHUP takes [admission], the API keys, the certificate and a new audit file; SIP's certificate is
read again from the file that it was in. The rest needs a restart, and the log says so. A mistake in
the file changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from gateway.admission.gate import Gate
from gateway.admitting import rules_of
from gateway.config import Settings
from gateway.errors import ConfigError, GatewayError
from gateway.listening import check_certificates
from gateway.sd_notify import Supervisor

logger = logging.getLogger(__name__)

# What is taken, by its table: all of it, or these keys
_TAKEN: dict[str, set[str] | None] = {
    "admission": None,
    "http": {"api_keys_file", "certificate", "key"},
}


class Reload:
    """Reads the settings again.

    Parameters
    ----------
    settings
        Those that the gateway was started with.
    tls
        Returns what new connections are encrypted by, None without TLS.
    renew
        Has SIP read its certificates again.
    """

    def __init__(
        self,
        settings: Settings,
        read_again: Callable[[], Settings],
        gate: Gate,
        tls: Callable[[], ssl.SSLContext | None],
        supervisor: Supervisor,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._read_again = read_again
        self._gate = gate
        self._tls = tls
        self._supervisor = supervisor
        self._renew = renew

    def __call__(self) -> None:
        """Take what has changed, or say what is wrong with it."""
        with self._supervisor.reloading():
            self._gate.reopen_audit()
            try:
                settings = self._read_again()
                self._check_address(settings)
                rules = rules_of(settings, self._gate.rules)
                self._load_certificate(settings)
            except GatewayError as error:
                logger.error("the configuration stays as it was: %s", error)
                return
            self._gate.reload(rules)
            self._say_what_waits(settings)
            logger.info("the configuration was read again")

    def _check_address(self, settings: Settings) -> None:
        """Keep strangers out, also if the file says that we listen where only this machine is."""
        listen = self._settings.http.listen
        if settings.admission.mode == "open" and not listen.is_loopback:
            raise ConfigError(
                f'admission.mode "open" needs a restart: the gateway still listens on {listen}'
            )

    def _load_certificate(self, settings: Settings) -> None:
        """Encrypt new connections by what the files hold now; those that are open go on."""
        check_certificates(settings)
        # SIP goes on with the files that it was started with, whatever the table names now
        check_certificates(self._settings)
        self._renew()
        context, http = self._tls(), settings.http
        if context is not None and http.certificate is not None:
            context.load_cert_chain(http.certificate, http.key)

    def _say_what_waits(self, settings: Settings) -> None:
        waits = [
            f"{table}.{key}".rstrip(".")
            for table in Settings.model_fields
            for key in _changed(getattr(self._settings, table), getattr(settings, table))
            if not _is_taken(table, key)
        ]
        if (self._settings.http.certificate is None) != (settings.http.certificate is None):
            waits.append("http.certificate")
        if waits:
            logger.warning("a restart is needed for what has changed in: %s", ", ".join(waits))


def _changed(before: object, after: object) -> list[str]:
    """Name the keys of a table that differ; of a list of tables, the list itself."""
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):
        names = type(before).model_fields
        return [name for name in names if getattr(before, name) != getattr(after, name)]
    return [] if before == after else [""]


def _is_taken(table: str, key: str) -> bool:
    taken = _TAKEN.get(table, set())
    return taken is None or key in taken


@contextmanager
def on_signals(reload: Reload, gate: Gate) -> Iterator[None]:
    """Listen to both signals until the block is left."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[bool]] = set()

    def stop() -> None:
        task = loop.create_task(gate.stop("SIGUSR1 has stopped new calls", by="signal"))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGUSR1, stop)
    try:
        yield
    finally:  # calls are over, but SIP has not been put down: neither may end the process
        loop.add_signal_handler(signal.SIGHUP, _too_late)
        loop.add_signal_handler(signal.SIGUSR1, _too_late)


def _too_late() -> None:
    logger.info("a signal is ignored: the gateway stops")
