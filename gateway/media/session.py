"""One call's media: a browser's party and a trunk's, and the bridge that joins their legs.

The browser's party can be renewed while the call goes on: its page was loaded anew, its network has
changed, or another page takes the call. A second party is made beside the first, and takes its
place on the bridge once it is up. The trunk's leg hears of nothing: its stream goes on. Likewise a
second trunk's end is made where the far end wants us to talk to somebody else.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.errors import UnavailableError
from gateway.media.browser_party import BrowserParty
from gateway.media.closing import part, say_goodbye
from gateway.media.engine.bridge import Bridge
from gateway.media.engine.leg import BrowserLeg, FrameLeg, Leg, LegStatistics
from gateway.media.events import (
    QUALITY_INTERVAL,
    BrowserConnected,
    BrowserDigit,
    BrowserLost,
    BrowserReachable,
    LegTraffic,
    LossReason,
    MediaEvent,
    Quality,
    RenewalFailed,
    Traffic,
    TrunkDigit,
    TrunkSilent,
)
from gateway.media.music import Music
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, MediaConfig, TrunkRemote
from gateway.media.second_trunk import SecondTrunk
from gateway.media.thread import MediaThread
from gateway.media.trunk_party import TrunkParty
from voice.counters import Counters

logger = logging.getLogger(__name__)

Report = Callable[[MediaEvent], None]


class Core(Protocol):
    """What a session needs of the plane that serves it."""

    counters: Counter[str]
    transport_counters: Counters
    music: Music

    def bind(self) -> tuple[socket.socket, socket.socket]: ...
    def give_back(self, trunk: TrunkParty) -> None: ...
    def ended(self, session: MediaSession) -> None: ...


class MediaSession:
    """What a call holds of the media plane; made by `MediaPlane.open`.

    What happens is told to the function given to `report_to`, on the event loop.

    Parameters
    ----------
    sockets
        The trunk's: bound to an even port and the next one. They are the session's only once it has
        been made, and the plane's again when it says that it has `ended`.
    """

    local: LocalMedia

    def __init__(
        self,
        core: Core,
        config: MediaConfig,
        thread: MediaThread,
        sockets: tuple[socket.socket, socket.socket],
    ) -> None:
        self._core = core
        self._config = config
        self.thread = thread
        self._report: Report = _nobody
        self._failed = False
        self._closed = False
        self._over = asyncio.Event()
        self._flow = Flow.SILENCE
        self.trunk = TrunkParty(
            thread,
            sockets,
            core.counters,
            public=config.public_address,
            on_digit=self._trunk_pressed,
            on_fault=self.failed,
            on_second=self._watch,
        )
        self.browser = self._make_browser()
        # Of browsers and trunks that were replaced
        self._left_browsers = self._left_trunks = LegTraffic()
        self._renewal: BrowserParty | None = None  # comes up, to take the browser's place
        self._parting: set[asyncio.Task[None]] = set()  # from ends that were replaced
        self._second: SecondTrunk | None = None  # waits to take the trunk's place
        self.bridge = Bridge(thread.engine)
        self._music: FrameLeg | None = None  # beside the trunk, which is on hold; the engine's
        self._quality_due = thread.now + QUALITY_INTERVAL

    @property
    def trunks(self) -> tuple[TrunkParty, ...]:
        """The party of the trunk, and of one that waits to take its place."""
        return (self.trunk,) if self._second is None else (self.trunk, self._second.party)

    @property
    def traffic(self) -> Traffic:
        """What the legs have carried so far; after the end as well."""
        return {
            "browser": self._left_browsers + self.browser.traffic,
            "trunk": self._left_trunks + self.trunk.traffic,
        }

    def _make_browser(self) -> BrowserParty:
        party = BrowserParty(
            self.thread,
            self._config,
            self._core.counters,
            self._core.transport_counters,
            report=lambda event: self._browser_changed(party, event),
            on_reachable=lambda: self._report(BrowserReachable()),
            on_digit=self._browser_pressed,
            on_fault=lambda: self._browser_failed(party),
        )
        return party

    async def open(self) -> None:
        """Have the legs served, and describe our end."""
        self.local = self.browser.local = self._describe(self.browser)
        self.browser.endpoint.open()
        await self.thread.call(self._join)

    def _describe(self, browser: BrowserParty) -> LocalMedia:
        host, port = self.trunk.address
        endpoint = browser.endpoint
        ufrag, password = endpoint.ice
        return LocalMedia(
            ice_ufrag=ufrag,
            ice_password=password,
            candidates=endpoint.candidates,
            fingerprints=endpoint.fingerprints,
            ssrc=browser.leg.sender.ssrc,
            trunk_host=self._config.public_address or host,
            trunk_port=port,
        )

    def _join(self) -> None:
        """Begin to serve both legs; on the engine's thread."""
        engine = self.thread.engine
        self.trunk.leg.silence(True)
        for leg in (self.browser.leg, self.trunk.leg):
            engine.add(leg)
            self.bridge.join(leg)

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on."""
        self._report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        """Bring the browser's transport up, the new one if it is being renewed.

        `BrowserConnected` follows, or else `BrowserLost` or `RenewalFailed`.
        """
        party = self._newest
        if not party.begun:  # else the new end has failed already, which is told
            party.connect(remote, None if party is self.browser else self._elder(remote))
        elif party.endpoint.is_renegotiated_by(remote):
            name, _ = party.endpoint.ice
            self._report(BrowserConnected(renewed=name))

    async def add_candidate(self, candidate: str | None) -> None:
        """Take a candidate that the browser has trickled; None after the last."""
        self._newest.endpoint.add_candidate(candidate)

    @property
    def _newest(self) -> BrowserParty:
        return self._renewal or self.browser

    def _elder(self, remote: BrowserRemote) -> BrowserParty | None:
        """Return the end whose DTLS goes on, where the browser has but restarted its ICE."""
        return self.browser if self.browser.endpoint.is_restarted_by(remote) else None

    async def renew_browser(self, remote: BrowserRemote) -> LocalMedia:
        """Make a new end for the browser that has made an offer, and describe it.

        `connect_browser` and candidates are for it from now on. The old one goes on until it is up,
        and stays if it does not come up. One that was still coming up is given up for it.

        An offer of the path that is there, which restarts no ICE, is answered by the end that is
        there: other ICE credentials than before would be a restart (RFC 8839 section 4.4.1.1).

        Raises
        ------
        UnavailableError
            When the session is over.
        """
        if self._closed:
            raise UnavailableError("the media session is over")
        there = self._newest
        if there.local is not None and there.endpoint.is_renegotiated_by(remote):
            return there.local
        self._give_up_renewal()
        self._renewal = party = self._make_browser()
        local = self._describe(party)
        elder = self._elder(remote)
        if elder is not None:  # the certificate of the day may be another one by now
            local = replace(local, fingerprints=elder.endpoint.fingerprints)
        party.local = local
        party.endpoint.open()
        await self.thread.call(self.thread.engine.add, party.leg)
        return local

    async def give_up_renewal(self) -> None:
        """Close the browser's new end, if it is not up yet; nothing more is told of it."""
        self._give_up_renewal()

    def _give_up_renewal(self) -> None:
        party, self._renewal = self._renewal, None
        if party is not None:
            self.thread.order(party, self._remove, party.leg)
            self._part_from(party)

    def _finish_renewal(self, party: BrowserParty) -> None:
        """Put the new end in the place of the old one."""
        before, self.browser, self._renewal = self.browser, party, None
        self._left_browsers += before.traffic
        say_goodbye((before,))
        self.thread.order(party, self._replace, before.leg, party.leg)
        self._part_from(before)

    def _replace(self, before: BrowserLeg, after: BrowserLeg) -> None:
        """Have the trunk hear another leg from now on; on the engine's thread."""
        self.bridge.replace(before, after)
        self._remove(before)

    def _remove(self, leg: Leg) -> None:
        """Serve a leg no longer; on the engine's thread."""
        self.thread.engine.remove(leg)
        leg.owner = None  # who owns it; else neither would ever go without the other

    def _part_from(self, party: BrowserParty) -> None:
        """Close an end beside the call; `close` waits for that."""
        party.let_go()
        task = asyncio.create_task(party.close(), name="browser-part")
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def add_trunk(self) -> SecondTrunk:
        """Make a second trunk's end, for `turn_to` or `give_up`; the first one goes on.

        Raises
        ------
        UnavailableError
            When no port is free, there is a second one already, or the session is over.
        """
        if self._closed or self._second is not None:
            raise UnavailableError("the media session takes no other trunk now")
        self._second = second = SecondTrunk(
            self,
            self._config,
            self.thread,
            self._core.bind(),
            self._core.counters,
            on_digit=self._trunk_pressed,
            on_second=self._watch,
        )
        await self.thread.call(second.join)
        return second

    async def turn_to(self, second: SecondTrunk) -> None:
        """Put a second trunk's end in the place of the first one, which is closed."""
        if second is not self._second or self._closed:
            return
        before, self.trunk, self._second = self.trunk, second.party, None
        self._left_trunks += before.traffic
        second.taken = True
        say_goodbye((before,))
        self.thread.order(self.trunk, self._turn_from, before.leg)
        await self._part_from_trunk(before)

    def _turn_from(self, before: Leg) -> None:
        """Have the browser hear the trunk that is the call's now; on the engine's thread."""
        self._remove(before)
        self._end_music()
        self._set_flow(self._flow)

    async def give_up(self, second: SecondTrunk) -> None:
        """Close a second trunk's end; harmless when it is closed, or has the first one's place."""
        if second is not self._second or self._closed:  # all is closed at the end
            return
        self._second = None
        say_goodbye((second.party,))
        self.thread.order(second.party, self._remove, second.party.leg)
        await self._part_from_trunk(second.party)

    async def _part_from_trunk(self, party: TrunkParty) -> None:
        """Give a trunk's ports back once the engine has let go of them."""
        party.let_go()
        await part(self.thread, _pass)  # after all that it has been told
        self._core.give_back(party)
        party.close()

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        self.trunk.connect(remote)

    async def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears, and whether the browser hears it."""
        self._flow = flow
        if flow is Flow.AUDIO:  # it has picked up, and must not hear nothing
            self.browser.endpoint.hurry()
        if not self._closed:
            self.thread.order(self.trunk, self._set_flow, flow)

    def _set_flow(self, flow: Flow) -> None:
        """Have the trunk on the bridge with the browser, or on one with music."""
        self.trunk.leg.silence(flow is Flow.SILENCE)
        if flow is not Flow.HOLD:
            self.bridge.join(self.trunk.leg)
            self._end_music()
        elif self._music is None:
            self._music = self._play_music()
        self.bridge.route()

    def _play_music(self) -> FrameLeg:
        engine = self.thread.engine
        give = self._core.music.player()
        music = FrameLeg(self, engine.frame_counters, engine.narrow, engine.wide, give=give)
        engine.add(music)
        bridge = Bridge(engine)
        bridge.join(music)
        bridge.join(self.trunk.leg)
        return music

    def _end_music(self) -> None:
        music, self._music = self._music, None
        if music is not None:
            self.thread.engine.remove(music)
            music.owner = None

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, after those that are still being sent.

        Raises
        ------
        RequestError
            When a character is no digit, or there is no trunk to hear them yet.
        """
        await self.trunk.send_digits(digits, duration_ms, gap_ms)

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        """Press a key that the browser's user has pressed; one too many is counted."""
        self.trunk.pass_digit(digit, duration_ms)

    async def close(self) -> None:
        """Give everything back; harmless when called twice, and then waits for the first."""
        if self._closed:
            await self._over.wait()
            return
        self._closed = True
        self._report = _nobody
        self._give_up_renewal()
        try:
            say_goodbye((*self.trunks, self.browser))
            await part(self.thread, self._leave)
        finally:
            self._core.ended(self)
            for trunk in self.trunks:
                trunk.close()
            self._part_from(self.browser)
            await asyncio.wait(self._parting)
            self._over.set()

    def _leave(self) -> None:
        """Serve the legs no longer; on the engine's thread."""
        for party in (self.browser, *self.trunks):
            self._remove(party.leg)
        self._end_music()

    # Told of the music's leg

    def on_statistics(self, statistics: LegStatistics) -> None:
        """Nobody wants to know how much music has been played."""

    def on_failed(self) -> None:
        """Hear that the music cannot be played."""
        self.failed()

    # Told by the parties

    def failed(self) -> None:
        """Give this session up after a fault of ours; its call hears of it and ends."""
        if self._failed or self._closed:
            return
        self._failed = True
        self._core.counters["faults"] += 1
        self._report(BrowserLost(LossReason.INTERNAL))

    def _browser_changed(self, party: BrowserParty, event: BrowserConnected | BrowserLost) -> None:
        name, _ = party.endpoint.ice
        if party is self.browser:
            self._report(event)
        elif party is not self._renewal:
            return  # another has its place, and it is being closed
        elif isinstance(event, BrowserConnected):
            self._finish_renewal(party)
            self._report(BrowserConnected(renewed=name))
        else:
            self._give_up_renewal()
            self._report(RenewalFailed(event.reason, name))

    def _browser_failed(self, party: BrowserParty) -> None:
        if party is self._renewal:
            self._core.counters["faults"] += 1
            self._browser_changed(party, BrowserLost(LossReason.INTERNAL))
        else:
            self.failed()

    def _browser_pressed(self, digit: str, duration_ms: int) -> None:
        self._report(BrowserDigit(digit, duration_ms))

    def _trunk_pressed(self, digit: str, duration_ms: int) -> None:
        self._report(TrunkDigit(digit, duration_ms))

    def _watch(self, now: float) -> None:
        """Look after what packets alone do not tell; called once a second."""
        self._watch_trunk(now)
        connected = self.browser.endpoint.connected and self.trunk.remote is not None
        if now >= self._quality_due and connected:
            self._quality_due = now + QUALITY_INTERVAL
            self._report(Quality(browser=self.browser.quality(now), trunk=self.trunk.quality(now)))

    def _watch_trunk(self, now: float) -> None:
        config = self._config
        answered = self._flow is not Flow.SILENCE
        limit = config.trunk_silence if answered else config.trunk_silence_early
        silent = self.trunk.too_silent(now, limit)
        if silent is not None:
            self._report(TrunkSilent(silent))


def _pass() -> None:
    """Do nothing, on the engine's thread."""


def _nobody(event: MediaEvent) -> None:
    """Before anybody wants to know, and after the end."""
