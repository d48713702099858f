"""The thread that owns pjsua2: every object of it is made, used and freed here.

A call into pjsua2 from another thread hangs the process, and so may a garbage collection of one of
its objects elsewhere. Therefore work comes in as closures on a queue, news goes out to the event
loop as plain values, and what lives here is named outside by an integer key.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import queue
import select
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pjsua2 as pj

from gateway.trunk.account import MOST_ACCOUNTS, STOCK_ACCOUNTS, Account
from gateway.trunk.address import Route
from gateway.trunk.binding import HAS_FILTER
from gateway.trunk.config import EndpointConfig, SipAddress
from gateway.trunk.dialog import Dialog
from gateway.trunk.errors import TrunkError, TrunkFullError
from gateway.trunk.events import TrunkEvent
from gateway.trunk.lingering import Lingering, Slot
from gateway.trunk.pjsip_log import PjsipLog
from gateway.trunk.quiet import c_stdout_discarded
from gateway.trunk.sources import Sources
from gateway.trunk.transports import Engine, Faults, Transports, families

if TYPE_CHECKING:
    from gateway.trunk.filter import Filter

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_MS: Final = 10  # without an epoll to wait on
MOST_ROUNDS: Final = 100  # then work from the loop has its turn, however many messages wait
TICK_MS: Final = 50  # SIP's timers are due this exactly while there are calls
IDLE_TICK_MS: Final = 100  # and this exactly while there are none: a turn costs 0.1 ms
TOO_MANY: Final = 70010  # PJ_ETOOMANY
STOCK_CALLS: Final = 4  # what the wheel on PyPI is compiled for
# The last BYEs are answered at once, or lost: then they are repeated after half a second
FAREWELL: Final = 1.0  # seconds
QUIET: Final = 10  # polls without an event


_only_one = threading.Lock()  # a second pj.Endpoint aborts the process


class Stack:
    """pjsua2, its thread, and what lives in it."""

    def __init__(
        self,
        config: EndpointConfig,
        loop: asyncio.AbstractEventLoop,
        name_servers: Sequence[str] = (),
    ) -> None:
        self.config = config
        self._name_servers = name_servers
        self.dialogs: dict[int, Dialog] = {}  # strong references: pjsua2 keeps none
        self._named: dict[str, Dialog] = {}  # the same, by Call-ID
        self.accounts: dict[Route, Account] = {}
        self.lingering = Lingering()  # calls that have ended for us, not yet for the engine
        self.graves: list[object] = []  # freed between two polls, never inside a callback
        self.capacity = 0
        self.stock = False
        self.version = ""
        self.port = 0
        self.transports: Transports | None = None
        self._loop = loop
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self.stopping = False
        self.fault: str | None = None  # why the thread ended unasked
        self.sources = Sources(config.trunks)
        self.takes_calls = False  # from trunks; without, they are refused before they cost a line
        self.draining = False  # whoever asks by OPTIONS is told to send calls elsewhere
        self.on_fault: Callable[[str], None] = lambda fault: None  # in the event loop
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll: select.poll | None = None
        self._endpoint: Any = None
        self.filter: Filter | None = None
        self._started: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._live, name="pjsip", daemon=True)

    # -- from the event loop

    async def start(self) -> None:
        """Start the thread; TrunkError if pjsua2 or its transports do not come up."""
        if not _only_one.acquire(blocking=False):
            raise TrunkError("another trunk endpoint runs in this process, and pjsua2 allows one")
        self._thread.start()
        try:
            await asyncio.shield(self._started)
        except BaseException:
            await self.stop()
            raise

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread and return its result; its errors are raised here."""
        done: asyncio.Future[T] = self._loop.create_future()

        def finish(result: T | None, error: Exception | None) -> None:
            if done.done():  # the waiting task was canceled
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def job() -> None:
            try:
                result = work()
            except pj.Error as error:
                self.tell(finish, None, trunk_error(error))
            except Exception as error:  # noqa: BLE001 - handed to whoever waits
                # Its traceback names objects of the engine, which must not leave the thread.
                error.__traceback__ = error.__context__ = None
                self.tell(finish, None, error)
            else:
                self.tell(finish, result, None)

        if self.stopping:
            raise TrunkError("the trunk endpoint is closed")
        self._put(job)
        return await done

    def post(self, work: Callable[[], object]) -> None:
        """Run `work` in the thread some time soon; what it raises is logged."""

        def job() -> None:
            try:
                work()
            except pj.Error as error:
                log.warning("a SIP command failed: %s", explain(error))
            except Exception:  # noqa: BLE001 - nobody waits for it
                log.error("a SIP command failed\n%s", traceback.format_exc())

        if not self.stopping:
            self._put(job)

    async def stop(self) -> None:
        """End all calls, give pjsua2 up and wait for the thread."""
        self.stopping = True
        os.eventfd_write(self._bell, 1)
        await asyncio.shield(self._ended)
        await self._loop.run_in_executor(None, self._thread.join)
        os.close(self._bell)
        _only_one.release()

    def _put(self, job: Callable[[], None]) -> None:
        self._work.put(job)
        os.eventfd_write(self._bell, 1)

    # -- from the thread

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call `function` in the event loop; arguments are plain values."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.debug("dropped an event after the event loop's end")

    def account(self, route: Route, incoming: Callable[[Account, int, str, str], None]) -> Account:
        """Return the account for a route; idle ones make room at the engine's limit."""
        if known := self.accounts.get(route):
            return known
        if len(self.accounts) >= (STOCK_ACCOUNTS if self.stock else MOST_ACCOUNTS):
            idle = [key for key, account in self.accounts.items() if key.proxy and account.idle]
            if not idle:
                raise TrunkFullError("the SIP engine has no room for another trunk")
            # Freed here, or with the last call that lingers on it. Not shut down before that: what
            # frees it shuts it down again, and with it whichever account has its number by then.
            del self.accounts[idle[0]]
        assert self.transports is not None
        account = Account(incoming, partial(self.transports.fault, route))
        account.open(route, self.transports.of(route))
        self.accounts[route] = account
        return account

    def dialog(
        self,
        account: Account,
        key: int,
        tell: Callable[[TrunkEvent], None],
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> Dialog:
        """Return a new dialog, kept alive until it ends."""
        dialog = Dialog(account, tell, self.filter, call_id)
        dialog.on_end = partial(self.bury, key)
        dialog.on_named = self._know
        self.dialogs[key] = dialog
        if dialog.call_id:  # it has come in
            self._know(dialog)
        return dialog

    def _know(self, dialog: Dialog) -> None:
        self._named[dialog.call_id] = dialog

    def bury(self, key: int) -> None:
        """Give up a dialog; its object is freed once the current callback has returned."""
        if dialog := self.dialogs.pop(key, None):
            self._named.pop(dialog.call_id, None)
            self.graves.append(dialog)
            if dialog.slot != pj.PJSUA_INVALID_ID:
                self.lingering.add(Slot(dialog.slot, dialog.call_id, dialog.account))

    def _live(self) -> None:
        fault = self._try_open()
        if fault is not None:
            self.tell(self._started.set_exception, TrunkError(self._hint(fault)))
        else:
            self.tell(self._started.set_result, None)
            self._serve()
        try:
            self._destroy()
        finally:
            self.tell(self._ended.set_result, None)

    def _serve(self) -> None:
        """Turn until told to stop; whatever happens, every call gets its end."""
        for work in (self._turns, self._farewell):
            try:
                work()
            except Exception as error:  # noqa: BLE001 - nobody waits for the thread
                log.error("the SIP thread ended by a fault\n%s", traceback.format_exc())
                self._fail(f"SIP has stopped by a fault: {describe(error)}.")

    def _fail(self, fault: str) -> None:
        self.stopping = True
        if self.fault is None:
            self.fault = fault
            self.tell(self.on_fault, fault)

    def _turns(self) -> None:
        while not self.stopping:
            self._turn()

    def _try_open(self) -> str | None:
        """Open pjsua2; return what went wrong.

        Only the text leaves: an exception's traceback would keep the endpoint alive past
        `_destroy`, and a second endpoint beside it aborts the process.
        """
        try:
            self._open()
        except pj.Error as error:
            return explain(error)
        except Exception as error:  # noqa: BLE001 - handed to start() as text
            return str(error)
        return None

    def _hint(self, reason: str) -> str:
        address = SipAddress(self.config.address, self.config.port)
        return f"SIP cannot start on {address}: {reason}"

    def _open(self) -> None:
        self._endpoint = Engine(faults := Faults())
        self._log = PjsipLog()
        before = open_epolls()
        with c_stdout_discarded():
            self._endpoint.libCreate()
        self._watch(open_epolls() - before)
        config = pj.EpConfig()
        compiled = config.uaConfig.maxCalls
        self.stock = compiled <= STOCK_CALLS
        if self.stock:
            self._check_stock()
        self.capacity = min(compiled, self.config.max_calls)
        self._configure(config)
        self._endpoint.libInit(config)
        if HAS_FILTER:
            from gateway.trunk.filter import Filter

            self.filter = Filter(
                self._named,
                self.sources,
                self.config.strangers,
                lambda: self.takes_calls,
                lambda: self.draining,
            )
        self.version = self._endpoint.libVersion().full
        # Without the switch board (that is, in the stock wheel) the conference bridge needs a
        # clock, or it leaks one port per call; with it no clock is wanted.
        devices = self._endpoint.audDevManager()
        (devices.setNullDev if self.stock else devices.setNoDev)()
        self.transports = Transports(self._endpoint, faults, self.config)
        self.port = self.transports.open()
        self._endpoint.libStart()

    def _configure(self, config: pj.EpConfig) -> None:
        """Give the engine no thread of its own, our log, and the name servers that we ask."""
        config.uaConfig.maxCalls = self.capacity
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = False
        config.uaConfig.userAgent = self.config.user_agent
        # A Contact or Record-Route may be a name. Without these the engine has the C library
        # look it up, and all of SIP stands still for as long as a name server is silent: 10 s
        for server in self._name_servers:
            if not (self.stock and ":" in server):  # it has no IPv6
                config.uaConfig.nameserver.append(server)
        config.medConfig.hasIoqueue = False
        config.medConfig.threadCnt = 0
        config.medConfig.sndAutoCloseTime = -1
        config.logConfig.writer = self._log
        self._log.__disown__()  # libDestroy deletes it
        config.logConfig.level = config.logConfig.consoleLevel = self.config.log_level
        config.logConfig.msgLogging = self.config.log_level >= 5

    def _check_stock(self) -> None:
        """Refuse what the stock engine aborts the process at."""
        build = "build the engine by `make engine`"
        if any(version == 6 for version, _ in families(self.config.address)):
            raise TrunkError(f"the stock engine has no IPv6: {build}")
        if not ip_address(self.config.address).is_loopback:
            raise TrunkError(
                "the stock engine must not listen beyond loopback, where any stranger's message "
                f"can end the process: {build}"
            )

    def _watch(self, epolls: set[int]) -> None:
        """Wait on the engine's own epoll together with our bell, if it has (exactly) one.

        Work is then done at once instead of at the next poll: half the CPU per call.
        """
        if len(epolls) == 1:
            self._poll = select.poll()
            self._poll.register(epolls.pop(), select.POLLIN)
            self._poll.register(self._bell, select.POLLIN)

    def _turn(self) -> None:
        """Wait for something to do, and do it: messages, timers, then work from the loop."""
        if self._poll is None:
            self._endpoint.libHandleEvents(POLL_MS)
        else:
            ready = self._poll.poll(TICK_MS if self.dialogs or self.lingering else IDLE_TICK_MS)
            if any(descriptor == self._bell for descriptor, _ in ready):
                os.eventfd_read(self._bell)
            for _ in range(MOST_ROUNDS):
                if self._endpoint.libHandleEvents(0) <= 0:
                    break
        while True:
            try:
                job = self._work.get_nowait()
            except queue.Empty:
                break
            job()
        self.graves.clear()
        self._log.muted = True  # that a call is gone is an answer here, not an error
        self.lingering.sweep()
        self._log.muted = False

    def _farewell(self) -> None:
        for dialog in list(self.dialogs.values()):
            dialog.close()
        until = time.monotonic() + FAREWELL
        quiet = 0
        while time.monotonic() < until:
            quiet = 0 if self._endpoint.libHandleEvents(POLL_MS) > 0 else quiet + 1
            if quiet >= QUIET:
                quiet = 0
                if not self._is_lingering():
                    break

    def _is_lingering(self) -> bool:
        """Look whether the engine waits for an answer to a BYE or CANCEL."""
        self._log.muted = True
        self.lingering.look()
        self._log.muted = False
        return bool(self.lingering)

    def _destroy(self) -> None:
        """Free everything in this thread, calls before accounts before the library."""
        self.dialogs.clear()
        self._named.clear()
        self.filter = None
        self.lingering.clear()
        self.graves.clear()
        if self.accounts:
            self._log.muted = True  # about questions whose account is gone
        for account in self.accounts.values():
            account.shutdown()
        self.accounts.clear()
        self.transports = None
        while not self._work.empty():
            self._work.get_nowait()()
        gc.collect()  # what is in a cycle must be freed here, not by a collection elsewhere
        if self._endpoint is None:
            return
        try:
            # Else it sleeps for a second, to hear what answers come: we have waited for them
            self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)
        except pj.Error as error:
            log.warning("pjsua2 did not close cleanly: %s", explain(error))
        self._endpoint = None


def explain(error: Any) -> str:
    """Return the reason that a pjsua2 error holds (its str() is empty)."""
    return str(error.reason or error.info()).strip()


def describe(error: Exception) -> str:
    """Return what went wrong, in a line."""
    return explain(error) if isinstance(error, pj.Error) else f"{type(error).__name__}: {error}"


def trunk_error(error: Any) -> TrunkError:
    """Return our error for the engine's."""
    if error.status == TOO_MANY:
        return TrunkFullError(
            "all lines of the SIP engine are in use, some by calls that have ended but whose trunk "
            "has not confirmed it yet (32 s at most)"
        )
    return TrunkError(f"the SIP engine says: {explain(error)}")


def open_epolls() -> set[int]:
    """Return the descriptors of this process's epoll instances."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that lists the folder is gone by now
            if "eventpoll" in os.readlink(f"/proc/self/fd/{name}"):
                found.add(int(name))
    return found
