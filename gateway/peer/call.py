"""One call to the peer: walks through the steps of its extension."""

from __future__ import annotations

import asyncio
import itertools
import logging

from gateway.peer.audio import Audio, open_audio
from gateway.peer.extensions import Answer, Early, Extension, Play, Refuse, Ring, Step
from gateway.peer.sounds import Source
from gateway.trunk import Answered, Digit, Ended, IncomingCall, Offered, Settled, TrunkEvent
from sdp import (
    Codec,
    RtpAddress,
    SdpError,
    SessionDescription,
    TrunkMedia,
    TrunkPolicy,
    answer_trunk,
    make_trunk_offer,
    read,
    read_trunk_answer,
    render,
)

log = logging.getLogger(__name__)

POLICY = TrunkPolicy(codecs=("PCMU", "PCMA"))


class Call:
    """A call from its INVITE to its end. `run` is its whole life; cancel it to hang up."""

    def __init__(self, incoming: IncomingCall, extension: Extension, host: str) -> None:
        self._incoming = incoming
        self._leg = incoming.leg
        self._extension = extension
        self._host = host
        self._over = asyncio.Event()
        self._source: Source | None = None
        self._early_keys: list[str] = []
        self._audio: Audio | None = None
        self._versions = itertools.count(1)
        self._codec: Codec | None = None
        self._ours: SessionDescription | None = None  # the one said last
        self._unanswered = False  # whether that is an offer, whose answer is still to come
        self._changes: list[asyncio.Task[None]] = []

    def notify(self, event: TrunkEvent) -> None:
        """Take an event of the leg."""
        match event:
            case Ended():
                self._over.set()
            case Digit(digit):
                self._key(digit)
            case Offered(token, offer) if self._audio is not None:
                self._changes.append(asyncio.create_task(self._change(token, offer, self._audio)))
            case Answered(answer) | Settled(answer) if answer and self._audio is not None:
                self._agree(answer, self._audio)

    async def run(self) -> None:
        """Walk through the steps until they end or the caller does."""
        async with open_audio(self._host, self._key) as audio:
            self._audio = audio
            try:
                steps = asyncio.create_task(self._walk(audio))
                over = asyncio.create_task(self._over.wait())
                try:
                    await asyncio.wait((steps, over), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    tasks = (steps, over, *self._changes)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                if not steps.cancelled() and (fault := steps.exception()):
                    log.error("%s: the call failed", self._extension.name, exc_info=fault)
            finally:
                await self._leg.hangup()

    async def _walk(self, audio: Audio) -> None:
        description = ""
        if not any(isinstance(step, Refuse) for step in self._extension.steps):
            try:
                description, media = self._describe(self._incoming.offer, audio.port)
            except SdpError as error:
                log.info("the offer is refused: %s", error)
                await self._leg.reject(488, "Not Acceptable Here")
                return
            if media is not None:
                audio.agree(media)
        for step in self._extension.steps:
            await self._do(step, audio, description)

    async def _do(self, step: Step, audio: Audio, description: str) -> None:
        match step:
            case Ring(seconds):
                await self._leg.ring()
                await asyncio.sleep(seconds) if seconds else await self._over.wait()
            case Early():
                await self._leg.progress(description)
            case Answer():
                await self._leg.answer(description)
            case Play(make, seconds):
                self._source = make()
                for digit in self._early_keys:
                    self._key(digit)
                self._early_keys.clear()
                await audio.play(self._source, seconds)
            case Refuse(code, reason):
                await self._leg.reject(code, reason)

    def _key(self, digit: str) -> None:
        if self._source is not None:
            self._source.key(digit)
        else:  # pressed as soon as the 200 was there, before anything plays
            self._early_keys.append(digit)

    async def _change(self, token: int, offer: str, audio: Audio) -> None:
        """Follow what the caller wants to change: a hold, a moved address."""
        try:
            description, media = self._describe(offer, audio.port)
        except SdpError as error:
            await self._leg.refuse_offer(token, str(error))
            return
        await self._leg.accept_offer(token, description)
        if media is not None:
            audio.agree(media)

    def _describe(self, offer: str, port: int) -> tuple[str, TrunkMedia | None]:
        """Answer an offer, or make one where there is none; SdpError if it holds nothing for us."""
        address, version = RtpAddress(self._host, port), next(self._versions)
        if not offer:
            self._unanswered = True
            self._ours = make_trunk_offer(
                policy=POLICY,
                address=address,
                session_id=port,
                version=version,
                current=self._codec,
                after=self._ours,
            )
            return render(self._ours), None
        self._ours, media = answer_trunk(
            read(offer).description,
            policy=POLICY,
            address=address,
            session_id=port,
            version=version,
            current=self._codec,
        )
        self._codec, self._unanswered = media.codec, False
        return render(self._ours), media

    def _agree(self, answer: str, audio: Audio) -> None:
        """Take the answer to an offer of ours; without a usable one the call is over."""
        if self._ours is None or not self._unanswered:
            return
        try:
            media = read_trunk_answer(self._ours, read(answer).description)
        except SdpError as error:
            log.info("the answer cannot be used: %s", error)
            self._over.set()
            return
        self._codec, self._unanswered = media.codec, False
        audio.agree(media)
