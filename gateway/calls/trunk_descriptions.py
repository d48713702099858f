"""Follows the trunk's descriptions: early media, the answer, and every change in mid-call.

They come in an order that counts, and one may name a host whose address nobody knows yet. The call
hands each on as it comes, and hears of what has been agreed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway import trunk
from gateway.calls.description_queue import DescriptionQueue
from gateway.calls.end import CallEnd
from gateway.calls.endings import unusable
from gateway.calls.events import CallEvent, Described, Located, Unfollowed
from gateway.calls.seam import TrunkMedia
from gateway.calls.trunk_negotiation import TrunkNegotiation, UnlocatedError
from gateway.media.parameters import TrunkRemote
from sdp import SdpError

logger = logging.getLogger(__name__)

Locate = Callable[[str, str], Awaitable[str]]


class TrunkDescriptions:
    """The descriptions of one trunk's leg, and what follows from them for the media.

    Parameters
    ----------
    call_id
        Names the call in logs.
    negotiation
        What is agreed with the trunk; the attribute takes another one for another trunk.
    leg
        Returns the leg, once its INVITE has left; None if it has not.
    locate
        Returns the address that a host's name has, of the same family as the address beside it;
        raises `trunk.TrunkError` when there is none in time.
    post
        Takes events for the call.
    on_early_media, on_answer, on_settled
        Called when the far end is heard before its answer, at the first answer, and when a change
        in mid-call stands.

    Attributes
    ----------
    task
        The search for a host's address, if there is one.
    """

    def __init__(
        self,
        call_id: str,
        negotiation: TrunkNegotiation,
        media: TrunkMedia,
        leg: Callable[[], Awaitable[trunk.TrunkLeg | None]],
        locate: Locate,
        post: Callable[[CallEvent], None],
        *,
        on_early_media: Callable[[], None],
        on_answer: Callable[[trunk.Answered, TrunkRemote], Awaitable[None]],
        on_settled: Callable[[], Awaitable[None]],
    ) -> None:
        self.negotiation = negotiation
        self._id = call_id
        self._media = media
        self._leg = leg
        self._locate = locate
        self._post = post
        self._on_early_media = on_early_media
        self._on_answer = on_answer
        self._on_settled = on_settled
        self._queue = DescriptionQueue()
        self._answered = False
        self._dropped_noted = False
        self.task: asyncio.Task[None] | None = None

    async def follow(self, described: Described) -> CallEnd | None:
        """Follow a description once all before it are; the call's end if none can be had by it."""
        self._queue.put(described)
        return await self._follow_all()

    async def _follow_all(self) -> CallEnd | None:
        """Follow those that wait in their order, as far as their hosts are known."""
        while (described := self._queue.next()) is not None:
            try:
                end = await self._follow(described)
            except UnlocatedError as missing:
                self._queue.wait(described)
                self._look_up(missing.name, described)
            else:
                if end is not None:
                    return end
        return None

    async def _follow(self, described: Described) -> CallEnd | None:
        """Follow a description, or refuse it; UnlocatedError if it names a host."""
        match described:
            case trunk.Progress():
                await self._early_media(described)
            case trunk.Answered():
                return await self._answer(described)
            case trunk.Offered():
                await self._answer_offer(described)
            case trunk.Settled():
                await self._settle(described)
        return None

    async def _early_media(self, progress: trunk.Progress) -> None:
        if self._answered:
            return
        try:
            remote = self.negotiation.trunk_answered(progress.sdp, progress.source)
        except SdpError as error:
            # The final answer may still be good, and until then the phone rings all the same
            logger.warning("call %s: early media not usable: %s", self._id, error)
            return
        await self._media.connect_trunk(remote)
        self._on_early_media()

    async def _answer(self, answered: trunk.Answered) -> CallEnd | None:
        if self._answered:
            return None
        try:
            remote = self.negotiation.trunk_answered(answered.sdp, answered.source)
        except SdpError as error:
            return unusable(
                "The far end answered with a media description that cannot be used", error
            )
        self._answered = True
        cipher = self.negotiation.cipher or "no cipher"
        logger.debug("call %s: audio goes to the trunk with %s", self._id, cipher)
        await self._media.connect_trunk(remote)
        await self._on_answer(answered, remote)
        return None

    async def _answer_offer(self, offered: trunk.Offered) -> None:
        """Decide about the trunk's wish to change the session; what stands comes as `Settled`."""
        leg = await self._leg()
        if leg is None:
            return
        try:
            answer = self.negotiation.answer_offer(offered.sdp)
        except SdpError as error:
            await self._refuse(offered, str(error))
        else:
            await leg.accept_offer(offered.token, answer)

    async def _refuse(self, offered: trunk.Offered, why: str) -> None:
        logger.info("call %s: the trunk's new offer is refused: %s", self._id, why)
        leg = await self._leg()
        if leg is not None:
            await leg.refuse_offer(offered.token, why)

    async def _settle(self, settled: trunk.Settled) -> None:
        try:
            remote = self.negotiation.settled(settled.sdp, settled.source)
        except SdpError as error:
            self._drop_change(str(error))
            return
        if remote is not None:
            await self._media.connect_trunk(remote)
        await self._on_settled()

    def _drop_change(self, why: str) -> None:
        """Stay with what stood before an answer that nobody can follow."""
        logger.warning("call %s goes on as it was: %s", self._id, why)
        self.negotiation.withdrawn()
        self._post(Unfollowed(why))

    # Hosts by name

    def _look_up(self, name: str, described: Described) -> None:
        """Find a host's address beside the inbox: whoever hangs up must not wait for it."""

        async def look_up() -> None:
            try:
                address = await self._locate(name, self.negotiation.host)
            except trunk.TrunkError as error:
                logger.warning("call %s: %s", self._id, error)
                address = ""
            self._post(Located(name, address, described))

        if self.task is not None:
            self.task.cancel()  # of a description that has been replaced
        self.task = asyncio.create_task(look_up(), name=f"look-up-{self._id}")

    async def located(self, located: Located) -> CallEnd | None:
        """Go on with a description whose host has been looked for."""
        described, lacking = located.described, f"{located.name} has no address"
        if located.address:
            self.negotiation.located(located.name, located.address)
        if not self._queue.resume(described, again=bool(located.address)):
            return None
        if not located.address:
            match described:
                case trunk.Answered():
                    return unusable("The far end cannot get its audio", lacking)
                case trunk.Offered():
                    await self._refuse(described, lacking)
                case trunk.Settled():
                    self._drop_change(lacking)
        return await self._follow_all()

    def note_dropped_lines(self) -> None:
        """Log, once for the call, what of the descriptions nobody could read."""
        dropped = self.negotiation.dropped
        if dropped and not self._dropped_noted:
            self._dropped_noted = True
            odd = "; ".join(map(str, dropped))
            logger.info("call %s: lines of the trunk's description do not count: %s", self._id, odd)
