"""ICE on a port of ours: all we know of the insides of aioice.

Three things have no public way in, and the contract test names each of them:

* a port in place of aioice's sockets: a `Connection` with one `StunProtocol` that we made, its only
  local candidate that of the port;
* following a browser that moves in mid-call, and who may speak before a pair is nominated:
  `_check_list`, `_nominated`, `check_incoming` and `check_complete`;
* what waits for DTLS, how much and in what: `_queue`; and what else it keeps for itself:
  `_check_list_state`, `_early_checks`.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
import struct
from functools import lru_cache
from itertools import count
from typing import Any, TypeGuard, cast

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_priority
from aioice.ice import CandidatePair, StunProtocol

from gateway.media.webrtc.arrivals import Arrivals
from gateway.media.webrtc.packet_port import DTLS, LONGEST, SHORTEST, STUN, Address, PacketPort
from voice.counters import Counters

# ICE pairs of one call. Browsers make a dozen; each one is checked, and anybody who has the
# password can add some by sending checks from forged addresses.
MAX_PAIRS = 64

# Datagrams that wait for DTLS to read them: a handshake has four flights of a few each
MAX_WAITING = 64

# A browser that answers checks at all has sent its own by then, and these we answer with checks
# (RFC 8445 section 7.3.1.4). After it the browser's candidates are checked one by one: that opens
# a firewall on our side. A check that was never sent costs nothing.
HEAD_START = 0.25  # seconds

# Between the first checks of two pairs (RFC 8445 section 14.2 wants no less than 5 ms)
PACE = 0.02  # seconds

# 15.5 seconds from the first one; no set-up waits longer (aioice's own number takes a minute)
CHECK_RETRANSMISSIONS = 4

# What aioice's STUN parser raises on bytes that only look like STUN
_STUN_GARBAGE = (ValueError, struct.error, IndexError, KeyError)

_State = CandidatePair.State

_learned = count()


class _Protocol(StunProtocol):
    """What aioice takes for a socket: it sends by the port."""

    receiver: IceConnection

    def __init__(self, connection: IceConnection, port: PacketPort) -> None:
        super().__init__(connection)
        self._port = port
        self.local_candidate = _local_candidate(*port.address)

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        if message.message_class is stun.Class.RESPONSE:
            # It knew our password, and may take the answer for a nomination and speak DTLS at once
            self.receiver.admit(addr)
        self._port.send(bytes(message), addr)

    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        self.receiver.admit(addr)  # the response comes from there
        tries = CHECK_RETRANSMISSIONS if retransmissions is None else retransmissions
        try:
            return await super().request(request, addr, integrity_key, tries)
        except stun.TransactionError as error:
            # Its traceback holds the transaction, and the transaction's future holds the error
            raise error.with_traceback(None) from None

    async def close(self) -> None:
        """Let the connection go, which holds this; the port is closed by who opened it."""
        del self.receiver


class _Unread:
    """In place of a queue of 3 kB that only aioice's own `connect` reads."""

    def put_nowait(self, state: int) -> None:
        pass


@lru_cache(maxsize=64)
def _local_candidate(host: str, port: int) -> Candidate:
    """Return the candidate of a port: the same for all calls on it, and nobody changes it."""
    made = _AnyKind if host == "::" else Candidate
    return made("1", 1, "udp", candidate_priority(1, "host"), host, port, "host")


class _AnyKind(Candidate):
    """The candidate of a port that speaks both IPv4 and IPv6."""

    def can_pair_with(self, other: Candidate) -> bool:
        """Pair with addresses of either kind."""
        return self.component == other.component and self.transport == other.transport.lower()


class IceConnection(Connection):
    """An ICE agent on a port of ours.

    A browser moves in mid-call in one of two ways. It nominates another pair: then we follow as
    soon as that pair has passed a check of our own. Or its NAT gives it another address and it does
    not know: then its checks come from there, and `follow` moves to the latest such address that
    has passed a check. Neither can be forged, nor replayed from another address, as a check passes
    only if the answer to it is made with the browser's password.
    """

    def __init__(self, port: PacketPort, counters: Counters, *, controlling: bool) -> None:
        super().__init__(
            ice_controlling=controlling,
            local_username=_random_ice_chars(12),
            local_password=_random_ice_chars(18),
        )
        self._port = port
        self._counters = counters
        self._protocol = _Protocol(self, port)
        self._protocols.append(self._protocol)
        self._local_candidates_end = True
        self.arrivals = Arrivals()
        self._queue = cast(Any, self.arrivals)
        self._check_list_state = cast(Any, _Unread())
        self._pair: CandidatePair | None = None  # the nominated one
        self._was_nominated: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deferred: list[Candidate] | None = []  # None once candidates are checked
        self._admitted: set[Address] = set()
        self._nominations: dict[Address, None] = {}  # addresses of USE-CANDIDATE, latest last
        self._successor: CandidatePair | None = None  # has passed a check, is not nominated
        self._successor_is_new = False

    @property
    def candidate(self) -> Candidate:
        """Our only one."""
        return self._protocol.local_candidate

    # Receiving

    def receive(self, data: bytes, address: Address) -> None:
        """Take a datagram from the port."""
        if not SHORTEST <= len(data) <= LONGEST:
            self._counters.add("rejected_length")
        elif data[0] in STUN:
            self._stun_received(data, address)
        elif not self._is_from_peer(address):
            self._counters.add("rejected_stranger")
        elif data[0] not in DTLS:
            self._counters.add("rejected_unknown")
        else:
            self.data_received(data, 1)

    def _stun_received(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse_message(data)
            if message.message_class is stun.Class.REQUEST:
                self.request_received(message, address, self._protocol)
            elif message.message_class is not stun.Class.INDICATION:
                transaction = self._protocol.transactions.get(message.transaction_id)
                if transaction is not None:
                    transaction.response_received(message, address)
        except _STUN_GARBAGE:
            self._counters.add("rejected_stun")

    def data_received(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_WAITING:
            super().data_received(data, component)
        else:
            self._counters.add("rejected_early")

    async def send(self, data: bytes) -> None:
        """Send to the nominated pair; ConnectionError when there is none."""
        if self._pair is None:
            raise ConnectionError("no pair is nominated")
        self._port.send(data, self._pair.remote_addr)

    def send_now(self, data: bytes) -> None:
        """Send to the nominated pair, if there still is one."""
        if self._pair is not None:
            self._port.send(data, self._pair.remote_addr)

    def _is_from_peer(self, address: Address) -> bool:
        """Whether DTLS from `address` may be the peer's.

        Until a pair is nominated that is an address which we have checked, or which knew our
        password in a check of its own. Anybody else could end the handshake with a forged
        alert, which is not encrypted. Afterwards it is the nominated pair's only.
        """
        if self._pair is not None:
            return address == self._pair.remote_addr
        return address in self._admitted

    # Checks

    def add_candidate(self, candidate: Candidate) -> None:
        """Take a candidate of the browser's; later ones than the nomination are of no use."""
        if self._deferred is not None:
            self._deferred.append(candidate)
        elif not self._check_list_done:
            self._add_remote_candidate(candidate, candidate.host)

    async def connect(self) -> None:
        """Run the checks until a pair is nominated; it may take for ever (RFC 8445 has no end)."""
        for check in self._early_checks:
            self.check_incoming(*check)
        self._early_checks.clear()
        self._early_checks_done = True
        self._early_checks = cast(Any, [])  # which stays empty, and a deque takes 760 bytes
        if self.ice_controlling or not await self._is_nominated_within(HEAD_START):
            candidates, self._deferred = self._deferred or [], None
            for candidate in candidates:
                self.add_candidate(candidate)
            self._unfreeze_initial()
            self._check_periodic()
            while not await self._is_nominated_within(PACE):
                self._check_periodic()
        self._deferred = None
        self._query_consent_task = asyncio.create_task(self.query_consent())

    async def _is_nominated_within(self, seconds: float) -> bool:
        await asyncio.wait([self._was_nominated], timeout=seconds)
        return self._was_nominated.done()

    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """Take a check that knew our password, and answer it with one of our own."""
        pair = next((each for each in self._check_list if each.remote_addr == addr), None)
        if "PRIORITY" not in message.attributes:
            self._counters.add("rejected_stun")
            return
        if pair is None and len(self._check_list) >= MAX_PAIRS:
            self._counters.add("rejected_pairs")
            return
        if pair is not self._pair and self._check_list_done and _has_passed(pair):
            pair.state = _State.WAITING  # that was then: it has to pass another one
        if pair is None:
            self._learn_candidate(message, addr)
        if "USE-CANDIDATE" in message.attributes:
            self._nominations.pop(addr, None)
            self._nominations[addr] = None
        super().check_incoming(message, addr, protocol)

    def _learn_candidate(self, message: stun.Message, addr: Address) -> None:
        """Add the peer-reflexive candidate of a check, before aioice does.

        Its foundation must be nobody else's (RFC 8445 section 7.3.1.3), which takes no secret:
        aioice asks the system eleven times for random numbers.
        """
        if all((each.host, each.port) != addr for each in self._remote_candidates):
            name, priority = f"reflexive{next(_learned)}", message.attributes["PRIORITY"]
            self._remote_candidates.append(
                Candidate(name, 1, "udp", priority, addr[0], addr[1], "prflx")
            )

    def check_complete(self, pair: CandidatePair) -> None:
        """Note how a check went; what is nominated by it is where media goes."""
        super().check_complete(pair)
        nominated = self._nominated.get(1)
        if nominated is None:
            return
        if nominated is not self._pair:
            self._move(nominated)
        elif pair is not nominated and _has_passed(pair):
            self._set_successor(pair)
        elif pair is not nominated:
            self._discard(pair)
        self._dismiss_discarded()

    def _move(self, pair: CandidatePair) -> None:
        """Send to another pair from now on; all others go but for those nominated after it."""
        self._pair = pair
        self._port.set_remote(pair.remote_addr)
        if not self._was_nominated.done():
            self._was_nominated.set_result(None)
        order = list(self._nominations)
        place = order.index(pair.remote_addr) if pair.remote_addr in order else len(order)
        for each in self._check_list.copy():
            if each is not pair and each.remote_addr not in order[place + 1 :]:
                self._discard(each)
        self._successor = None

    def _discard(self, pair: CandidatePair | None) -> None:
        if pair is None:
            return
        if pair.task is not None:
            pair.task.cancel()
            pair.task = None
        if pair in self._check_list:
            self._check_list.remove(pair)

    def _dismiss_discarded(self) -> None:
        """Forget all that belonged to pairs which are no longer checked; aioice discards some."""
        kept = {each.remote_addr for each in self._check_list}
        for address in self._admitted - kept:
            self._port.dismiss(address)
        self._admitted &= kept
        self._nominations = {each: None for each in self._nominations if each in kept}
        self._remote_candidates[:] = [each.remote_candidate for each in self._check_list]

    def admit(self, address: Address) -> None:
        """Have the port give us datagrams from this address; a flood of addresses is cut off."""
        if address not in self._admitted and len(self._admitted) < MAX_PAIRS:
            self._admitted.add(address)
            self._port.admit(address)

    # Following a browser whose address has changed without its knowing

    def _set_successor(self, pair: CandidatePair | None) -> None:
        if pair is not self._successor:
            self._discard(self._successor)
        self._successor = pair
        self._successor_is_new = True

    def remain(self) -> None:
        """The nominated pair is alive: an address from which checks came long ago counts no more.

        "Long ago" is before the last time this was called.
        """
        if self._successor is not None and not self._successor_is_new:
            self._set_successor(None)
            self._dismiss_discarded()
        self._successor_is_new = False

    def follow(self) -> None:
        """The nominated pair is silent: nominate where the browser's checks come from, if any."""
        pair = self._successor
        if _has_passed(pair) and not self.ice_controlling:
            pair.nominated = True
            self.check_complete(pair)

    @property
    def was_checked(self) -> bool:
        """Whether the browser has sent a check that knew our password."""
        return bool(self._early_checks or self._nominations or self._check_list)

    async def close(self) -> None:
        checking, self._query_consent_task = self._query_consent_task, None
        if checking is not None:
            # Not awaited: its CancelledError would hold this until the loop's next turn
            checking.cancel()
            await asyncio.wait([checking])
        await super().close()
        # What is left refers to itself, and would wait for the garbage collector
        for pair in self._check_list.copy():
            self._discard(pair)
        self._dismiss_discarded()
        self._early_checks.clear()
        self._pair = self._successor = None


def _has_passed(pair: CandidatePair | None) -> TypeGuard[CandidatePair]:
    return pair is not None and pair.state is _State.SUCCEEDED


def _random_ice_chars(octets: int) -> str:
    """Return random characters of RFC 8839 section 5.4, four for each three octets."""
    return base64.b64encode(secrets.token_bytes(octets)).decode()


def parse_candidate(text: str) -> Candidate | None:
    """Read a candidate as browsers write it.

    None for what cannot be sent to: names (mDNS), TCP, other components than the first.

    Raises
    ------
    ValueError
        When it breaks RFC 8839 section 5.1.
    """
    fields = text.removeprefix("a=").removeprefix("candidate:").split()
    if len(fields) < 8 or fields[6] != "typ":
        raise ValueError(f"not an ICE candidate: {text[:80]!r}")
    foundation, component, transport, priority, host, port, _, kind = fields[:8]
    if transport.lower() != "udp" or component != "1":
        return None
    if not (0 < int(port) < 65536 and 0 < int(priority) < 1 << 31):
        raise ValueError(f"port or priority out of range: {text[:80]!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:  # written as sockets write it, so that it compares equal
        host = socket.inet_ntop(family, socket.inet_pton(family, host))
    except OSError:
        return None
    return Candidate(foundation, 1, "udp", int(priority), host, int(port), kind)


def names_host(text: str) -> bool:
    """Whether a candidate that `parse_candidate` returns None for has a name (mDNS) for its host.

    The browser can be reached there, but shows where that is only by its checks.
    """
    fields = text.removeprefix("a=").removeprefix("candidate:").split()
    return fields[1] == "1" and fields[2].lower() == "udp"


def render_candidate(candidate: Candidate, host: str, place: int = 0) -> str:
    """Write the value of an a=candidate line, with the address that the far end can reach.

    Of several the first `place` is preferred (RFC 8445 section 5.1.2.1).
    """
    priority = candidate.priority - (place << 8)  # where the local preference stands
    return f"{place + 1} 1 udp {priority} {host} {candidate.port} typ host"
