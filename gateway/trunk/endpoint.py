"""The gateway's SIP end point: dials trunks, and takes calls from them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from gateway.trunk.address import (
    Route,
    bracketed,
    parse_trunk,
    plain_headers,
    request_uri,
    route_to,
)
from gateway.trunk.config import DialRequest, EndpointConfig, SipAddress, Trunk
from gateway.trunk.description import check_description
from gateway.trunk.descriptors import raise_descriptor_limit
from gateway.trunk.errors import TrunkError, TrunkFullError
from gateway.trunk.events import Reply, TrunkEvent
from gateway.trunk.incoming import IncomingCall, address_of, incoming_call, sender_of
from gateway.trunk.leg import TrunkLeg
from gateway.trunk.locating import TrunkLocator
from gateway.trunk.lookup import Resolver
from gateway.trunk.message import read
from gateway.trunk.options import Options
from gateway.trunk.presentation import diverted, presented
from gateway.trunk.private_headers import headers_for_trunk
from gateway.trunk.registrar import Registrar
from gateway.trunk.registration import Registration, RegistrationState
from gateway.trunk.targets import Target
from gateway.trunk.whereabouts import Whereabouts

if TYPE_CHECKING:
    from gateway.trunk.account import Account
    from gateway.trunk.stack import Stack

log = logging.getLogger(__name__)

LOCATE_LIMIT: Final = 2.0  # seconds

OnIncoming = Callable[[IncomingCall], Callable[[TrunkEvent], None]]
"""Takes a call and returns the function that gets its events."""


class TrunkEndpoint:
    """SIP by pjsua2. One per process: pjsua2 is a singleton; it can be started again after close.

    `on_incoming` decides about calls from trunks; without it they are refused with 404. `on_fault`
    is told, once and in the event loop, when SIP has stopped by a fault: every call gets its end,
    and the endpoint is of no more use but to be closed.
    """

    def __init__(
        self,
        config: EndpointConfig,
        on_incoming: OnIncoming | None = None,
        on_fault: Callable[[str], None] | None = None,
        *,
        resolver: Resolver | None = None,
    ) -> None:
        self._on_incoming = on_incoming
        self.on_fault = on_fault
        self._config = config
        self._stack: Stack | None = None
        self._legs: dict[int, TrunkLeg] = {}
        self._keys = itertools.count(1)
        self._registrars: dict[str, Registrar] = {}
        self._registrations: dict[str, Registration] = {}
        self._resolver = resolver or Resolver()
        self._trunks = TrunkLocator(
            config,
            self._resolver,
            self._registered_at,
            lambda trunk, host: self._running().sources.learn(trunk, host),
        )
        self._options = Options(self._trunks, self._keys, self._arrive)
        # Names in descriptions are the trunks' to choose: those that hang hold up no dialing
        self._locator = Resolver()
        self._whereabouts: Whereabouts | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def on_incoming(self) -> OnIncoming | None:
        """Who takes calls from trunks."""
        return self._on_incoming

    @on_incoming.setter
    def on_incoming(self, taker: OnIncoming | None) -> None:
        self._on_incoming = taker
        if self._stack is not None:
            self._stack.takes_calls = taker is not None

    # -- what was found

    @property
    def capacity(self) -> int:
        """Calls at a time; 0 before the start."""
        return self._stack.capacity if self._stack else 0

    @property
    def engine_name(self) -> str:
        """The engine, for a log line and the readiness report."""
        if self._stack is None:
            return "pjsua2 (not started)"
        kind = "stock wheel" if self._stack.stock else "own build"
        return f"pjsua2 {self._stack.version} ({kind}, {self._stack.capacity} calls)"

    @property
    def fault(self) -> str | None:
        """Why no calls can be placed, as a sentence; None while SIP is in service."""
        if self._stack is None:
            return "The trunk endpoint is not started."
        if self._stack.fault is not None:
            return self._stack.fault
        return "The trunk endpoint is closing." if self._closing is not None else None

    @property
    def address(self) -> SipAddress:
        """Where we are reached: the port is the real one when 0 was asked for."""
        host = self._config.public_address or self._config.address
        return SipAddress(host, self._stack.port if self._stack else self._config.port)

    @property
    def tls_port(self) -> int:
        """Where trunks reach us by TLS; 0 if they cannot."""
        transports = self._stack.transports if self._stack else None
        return transports.tls_port if transports is not None else 0

    @property
    def active(self) -> int:
        """Legs that have not ended."""
        return len(self._legs)

    @property
    def strangers(self) -> dict[tuple[str, str], int]:
        """Requests that were no business of ours, by method and answer."""
        counter = self._stack.filter if self._stack else None
        return counter.strangers.counts if counter else {}

    @property
    def stray_answers(self) -> int:
        """Descriptions in an ACK that answered nothing, and were ignored."""
        counter = self._stack.filter if self._stack else None
        return counter.stray_answers if counter else 0

    @property
    def free(self) -> int:
        """Calls that the engine has room for now (to a second); 0 unless in service.

        Less than `capacity` minus `active`, for a call that has ended keeps its place until the
        trunk has answered our BYE or CANCEL, or for 32 s if it does not.
        """
        if self._stack is None or self.fault is not None:
            return 0
        return max(0, self.capacity - self.active - len(self._stack.lingering))

    # -- life

    async def start(self) -> None:
        """Open the SIP port. TrunkError, with a sentence, if that cannot be."""
        if self._stack is not None:
            raise TrunkError("the trunk endpoint is started already")
        try:
            ip_address(self._config.address)
        except ValueError:
            raise TrunkError(f"{self._config.address!r} is not an IP address") from None
        try:
            from gateway.trunk.stack import Stack
        except ImportError as error:
            raise TrunkError(
                f"there is no SIP engine ({error}): build it by `make engine`"
            ) from None
        stack = Stack(self._config, asyncio.get_running_loop(), self._resolver.name_servers)
        stack.on_fault = self._fail
        stack.takes_calls = self.on_incoming is not None
        await stack.start()
        self._stack, self._closing = stack, None
        try:
            await stack.run(self._open_reception)
        except BaseException:
            await self.close(0)
            raise
        self._whereabouts = Whereabouts(self._config.trunks, self._trunks.find)
        if not stack.stock:  # the stock wheel waits by select(), which ends at 1024
            raise_descriptor_limit()
        log.info("SIP on %s by %s", self.address, self.engine_name)

    async def alive(self) -> None:
        """Return once the SIP thread has answered: one that hangs never does."""
        if self._stack is not None:
            await self._stack.run(int)

    def renew(self) -> None:
        """Read the certificate of `tls_listen` again; connections that stand go on."""
        if self._stack is not None and self._stack.transports is not None:
            self._stack.post(self._stack.transports.reload)

    async def leave(self) -> None:
        """Have trunks send new calls elsewhere; the calls that run go on.

        Registrations are taken back, and who asks by OPTIONS hears 503.
        """
        if self._stack is not None:
            self._stack.draining = True
        await asyncio.gather(*(each.close() for each in self._registrations.values()))

    async def close(self, timeout: float = 5.0) -> None:
        """End all calls, wait so long for them, and close the port. Idempotent."""
        if self._stack is None:
            return
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(self._stack, timeout))
        await asyncio.shield(self._closing)

    async def _close(self, stack: Stack, timeout: float) -> None:
        if self._whereabouts is not None:
            await self._whereabouts.close()
        await asyncio.gather(*(each.close() for each in self._registrations.values()))
        self._options.give_up("The trunk endpoint is closing.")
        for leg in list(self._legs.values()):
            leg.post(lambda dialog: dialog.close())
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d calls did not end in time", self.active)
        await stack.stop()
        await self._options.close()
        await self._resolver.close()
        await self._locator.close()
        self._stack = None

    # -- calls out

    async def dial(self, request: DialRequest, notify: Callable[[TrunkEvent], None]) -> TrunkLeg:
        """Place a call; return when its INVITE is with the SIP stack.

        TrunkRequestError if a text of the request cannot stand in a SIP message, TrunkFullError at
        the engine's limit, TrunkError if our offer is malformed, the trunk's name does not resolve
        or the endpoint is closed. All else is an event.
        """
        stack = self._running()
        trunk = parse_trunk(request.trunk.uri)
        uri = request_uri(request.to, trunk)
        local, ours = presented(request.trunk, trunk, request.from_user, request.display_name)
        theirs = plain_headers(headers_for_trunk(request.headers, request.trunk.headers))
        theirs += diverted(trunk, request.diversion)
        if request.referral is not None:
            theirs += request.referral.headers
        offer = check_description(request.offer)
        target = request.target or (await self.targets(request.trunk))[0]
        route = route_to(request.trunk, trunk, target)
        if self.active >= stack.capacity:
            raise TrunkFullError(f"the SIP engine carries {stack.capacity} calls, all are in use")
        leg = self._adopt(TrunkLeg(stack, next(self._keys), notify))

        def place() -> str:
            account = stack.account(route, partial(self._arrive, stack))
            tell = self._teller(stack, leg, target)
            dialog = stack.dialog(account, leg.key, tell)
            dialog.trunk = request.trunk
            dialog.dial(uri, local, (*ours, *theirs), offer)
            return dialog.call_id

        try:
            leg.call_id = await stack.run(place)
        except BaseException as error:
            self._release(leg)
            if isinstance(error, asyncio.CancelledError):  # the INVITE may be out already
                leg.notify = None
                leg.post(lambda dialog: dialog.end())
            raise
        patience = request.response_timeout
        if patience is None:
            patience = request.trunk.response_timeout
        leg.expect_response(patience, self._trunks.knocker(target))
        return leg

    async def targets(self, trunk: Trunk) -> tuple[Target, ...]:
        """Return where a trunk can be reached, the best first: there is one at least.

        Whichever of them has registered us comes first, and those that have failed lately come
        last. TrunkLookupError if its name has no address.
        """
        return await self._trunks.targets(trunk)

    def _registered_at(self, trunk: Trunk) -> Target | None:
        known = self._registrars.get(trunk.name) if trunk.register else None
        return known.target if known is not None else None

    # -- registrations

    def register(
        self,
        trunk: Trunk,
        notify: Callable[[RegistrationState], None],
        *,
        wait: Callable[[int, int | None], float] | None = None,
    ) -> Registration:
        """Register with a trunk until the result is closed, or this endpoint is.

        `notify` is told after every answer; a refusal is tried again after `wait` (failures in a
        row, Retry-After), which is `back_off` by default. TrunkError if the trunk's URI is none,
        or it is registered already.
        """
        stack = self._running()
        before = self._registrations.get(trunk.name)
        if before is not None and not before.closed:
            raise TrunkError(f"the trunk {trunk.name} is registered already")
        locate = partial(self._trunks.find, trunk)
        incoming = partial(self._arrive, stack)
        registrar = Registrar(stack, trunk, locate, incoming, self._trunks.failures.failed)
        registration = Registration(registrar.register, registrar.withdraw, notify, wait=wait)
        self._registrars[trunk.name] = registrar
        self._registrations[trunk.name] = registration
        return registration

    # -- questions

    async def ask(self, trunk: Trunk, timeout: float) -> int | None:
        """Ask a trunk by OPTIONS whether it lives; return its final status, None if none comes.

        Any status is an answer, 401 and 407 too. TrunkError if this endpoint cannot ask at all.
        """
        return (await self.inquire(trunk, timeout)).code

    async def inquire(self, trunk: Trunk, timeout: float) -> Reply:
        """Ask like `ask`; the reply says more, and why there is no status if there is none.

        All of its targets are asked, and the first good answer counts.
        """
        return await self._options.inquire(self._running(), trunk, timeout)

    async def locate(self, name: str, like: str) -> str:
        """Return the address of a host that a description names, of the same family as `like`.

        TrunkError if it has none in two seconds: whoever waits for it hears nothing meanwhile.
        """
        version = ip_address(like).version
        return await self._locator.resolve(name, "the host", version=version, limit=LOCATE_LIMIT)

    # -- calls in (the first two run in the SIP thread)

    def _open_reception(self) -> None:
        host = bracketed(self._config.public_address or self._config.address)
        stack = self._running()
        stack.account(Route(f"<sip:gateway@{host}>", proxy=""), partial(self._arrive, stack))

    def _arrive(
        self, stack: Stack, account: Account, call_id: int, whole: str, source: str
    ) -> None:
        key = next(self._keys)
        leg = TrunkLeg(stack, key)
        dialog = stack.dialog(account, key, self._teller(stack, leg), call_id)
        dialog.invited(read(whole, source))
        dialog.trunk = sender_of(read(whole, source), address_of(source), stack.sources)
        leg.call_id = dialog.call_id
        if self.on_incoming is None or self._closing is not None:
            # Not here: to end an INVITE without SDP inside the engine's callback trips an assertion
            # of the engine, which ends the process if it is the stock wheel.
            leg.post(lambda dialog: dialog.end(404))
        else:
            stack.tell(self._offer, stack, leg, whole, source)

    def _offer(self, stack: Stack, leg: TrunkLeg, whole: str, source: str) -> None:
        self._adopt(leg)
        try:
            incoming = incoming_call(leg, read(whole, source), address_of(source), stack.sources)
            if self.on_incoming is None:
                raise TrunkError("incoming calls are no longer taken")
            leg.notify = self.on_incoming(incoming)
        except Exception:
            log.exception("%r: the incoming call could not be taken", leg)
            leg.post(lambda dialog: dialog.end(500))

    # -- book-keeping

    def _fail(self, fault: str) -> None:
        if self.on_fault is not None:
            self.on_fault(fault)

    def _running(self) -> Stack:
        if self._stack is None:
            raise TrunkError("the trunk endpoint is not started")
        if self._stack.fault is not None:
            raise TrunkError(self._stack.fault)
        if self._closing is not None:
            raise TrunkError("the trunk endpoint is closing")
        return self._stack

    def _teller(
        self, stack: Stack, leg: TrunkLeg, target: Target | None = None
    ) -> Callable[[TrunkEvent], None]:
        """Return what the SIP thread calls with an event of the leg."""

        def deliver(event: TrunkEvent) -> None:
            if target is not None and not leg.over:
                self._trunks.failures.heard(target, event)
            leg.receive(event)
            if leg.over:
                self._release(leg)

        return lambda event: stack.tell(deliver, event)

    def _adopt(self, leg: TrunkLeg) -> TrunkLeg:
        if not leg.over:
            self._legs[leg.key] = leg
            self._idle.clear()
        return leg

    def _release(self, leg: TrunkLeg) -> None:
        self._legs.pop(leg.key, None)
        if not self._legs:
            self._idle.set()
