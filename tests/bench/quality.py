"""Speech quality through the real thing: what the phone hears, and the browser, on bad networks.

24 calls at once, each with its own eight seconds of recorded speech, in real time. For every
condition the same packets meet the same fate on the way to the gateway, to a peer, to the ideal
receiver, which knows no jitter, and as plain G.711.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.bench import delay
from gateway.bench.calls import BenchCall
from gateway.bench.description import Wanted
from gateway.bench.material import decode
from gateway.bench.player import play
from gateway.bench.schedule import CLEAN, Impairment
from tests.bench.conversation import (
    TAIL,
    Clock,
    Departures,
    Ends,
    Network,
    Said,
    Take,
    check_clock,
    converse,
    plan,
)
from tests.bench.load import (
    MEASURED_CORE,
    BenchError,
    Loaded,
    Progress,
    gateway_under_load,
    silent,
)
from tests.bench.receivers import (
    FRAME,
    FRAME_SECONDS,
    RATE,
    RECEIVERS,
    Arrival,
    Conceal,
    Samples,
    ideal,
)
from tests.bench.rtpengine import find_program, run_rtpengine
from tests.bench.scores import Score, Scorer
from tests.bench.speech import Speech
from tests.bench.tradeoff import browser_packets, frames
from voice.g711 import decode_ulaw, encode_ulaw

# Between what is said to settle and what is listened to: a jitter buffer's worth at least
PAUSE_FRAMES = 25
# Beyond it packets were late before they reached anything: then it is the machine that is scored
LATEST = 10.0  # ms, the generator's 99th percentile
TRIES = 3
CAUGHT_UP = 1.5  # seconds after the first packet of a late start: delay is measured from here on
FULLBAND_BITRATE = 32000  # bit/s: what browsers send where nobody asks for anything


@dataclass(frozen=True)
class Condition:
    """What the browser's network does on the way up, and the trunk's on the way down."""

    up: Impairment = CLEAN
    down: Impairment = CLEAN
    settled: bool = False  # listened to only after as much again has been said
    late: float = 0.0  # seconds that the browser's first packet is late, see `delay_start`


CONDITIONS: dict[str, Condition] = {
    "clean": Condition(),
    "loss1": Condition(Impairment(loss=0.01), Impairment(loss=0.01)),
    "loss3": Condition(Impairment(loss=0.03), Impairment(loss=0.03)),
    "loss5": Condition(Impairment(loss=0.05), Impairment(loss=0.05)),
    "loss10": Condition(Impairment(loss=0.10), Impairment(loss=0.10)),
    "burst5": Condition(Impairment(loss=0.05, burst=3.0), Impairment(loss=0.05, burst=3.0)),
    "jit40": Condition(Impairment(jitter_ms=40)),
    "jit40 settled": Condition(Impairment(jitter_ms=40), settled=True),
    "reo40": Condition(Impairment(jitter_ms=40, reorder=True)),
    "loss5jit40": Condition(Impairment(loss=0.05, jitter_ms=40)),
    "late100": Condition(late=0.1),
    "late200": Condition(late=0.2),
    "late350": Condition(late=0.35),
}
QUICK = ("clean", "loss5", "jit40", "loss5jit40", "late200")


class Delay(NamedTuple):
    """How much later than it came speech leaves, once a late start is caught up, in ms."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Heard:
    """One side of a condition: the scores of each receiver, by its name."""

    scores: dict[str, Score]
    clock: Clock | None = None  # of the trunk's streams, summed
    concealed: float = 0.0  # share of what the queue receiver had to conceal
    generator_late_ms: float = 0.0
    delay_ms: Delay | None = None

    @property
    def worst(self) -> float:
        """The mean of the receiver that it sounds worst through."""
        return min(score.mean for score in self.scores.values())

    @property
    def best(self) -> float:
        """The mean of the receiver that it sounds best through."""
        return max(score.mean for score in self.scores.values())


@dataclass(frozen=True)
class Result:
    """A condition: who was measured, by name, on the way up and on the way down."""

    condition: str
    up: dict[str, Heard]
    down: dict[str, Heard]


@dataclass
class _Material:
    """What calls say, encoded once for all conditions that browsers encode alike in."""

    speech: Speech
    wanted: Wanted  # the gateway's answer
    _said: dict[tuple[int, bool, bool], list[Said]] = field(default_factory=dict)

    def say(self, condition: Condition, *, fullband: bool = False) -> list[Said]:
        """Return what each call says, as a browser does after this answer, or unasked."""
        expected = round(100 * condition.up.loss)
        key = expected, condition.settled, fullband
        if key not in self._said:
            speech = self.speech
            if condition.settled:
                speech = speech.twice(PAUSE_FRAMES * FRAME_SECONDS)
            self._said[key] = _say(speech, expected, None if fullband else self.wanted)
        return self._said[key]


@dataclass
class _Pending:
    """What is still to be scored: by who was measured, and by receiver."""

    up: dict[str, dict[str, list[Samples]]] = field(default_factory=dict)
    down: dict[str, dict[str, list[Samples]]] = field(default_factory=dict)
    takes: dict[str, Take] = field(default_factory=dict)
    concealed: dict[str, float] = field(default_factory=dict)
    delays: dict[str, Delay] = field(default_factory=dict)


def run(
    speech: Speech,
    scorer: Scorer,
    *,
    conditions: Sequence[str] = tuple(CONDITIONS),
    peers: bool = False,
    progress: Progress = silent,
) -> list[Result]:
    """Measure each condition: fresh calls through one gateway, then through the peer."""
    pending: dict[str, _Pending] = {}
    with gateway_under_load(len(speech)) as loaded:
        material = _Material(speech, _ask(loaded))
        for name in conditions:
            progress(f"{name}: {len(speech)} calls")
            condition = CONDITIONS[name]
            pending[name] = _measure(loaded, material, condition, peers, progress)
    results = []
    for name, each in pending.items():
        progress(f"{name}: scoring")
        results.append(_score(name, each, speech, scorer))
    return results


def _ask(loaded: Loaded) -> Wanted:
    """Return what the gateway's answer asks browsers to send."""
    (call,) = loaded.call(1)
    loaded.bench.hang_up()
    if call.wanted is None:
        raise BenchError("a call is up without an answer")
    return call.wanted


def _measure(
    loaded: Loaded,
    material: _Material,
    condition: Condition,
    peers: bool,
    progress: Progress,
) -> _Pending:
    speech, wanted = material.speech, material.wanted
    count = speech.narrowband.shape[1] // FRAME
    skipped = count + PAUSE_FRAMES if condition.settled else 0
    network = plan(
        len(speech), count, condition.up, condition.down, skipped=skipped, late=condition.late
    )
    said, fullband = material.say(condition), material.say(condition, fullband=True)
    pending = _Pending()
    take = _on_time(lambda: _through_gateway(loaded, said, network), progress)
    _listen(pending, "gateway", take, said if condition.late else None)
    if peers:
        take = _on_time(lambda: _through_rtpengine(fullband, network), progress)
        _listen(pending, "rtpengine", take, fullband if condition.late else None)
    pending.up["ideal"] = {"": _ideal(said, network)}
    if wanted.playback_rate is not None or wanted.bitrate not in (None, FULLBAND_BITRATE):
        pending.up["ideal, fullband"] = {"": _ideal(fullband, network)}
    mulaw = [words.down for words in said]
    pending.up["G.711"] = _direct(mulaw, network.up, network.skipped)
    pending.down["G.711"] = _direct(mulaw, network.down, network.skipped)
    return pending


def _on_time(take: Callable[[], Take], progress: Progress) -> Take:
    """Return a take whose packets left when they should; the best one of some, if none is."""
    takes: list[Take] = []
    while len(takes) < TRIES:
        takes.append(take())
        late = takes[-1].generator_late_ms
        if late <= LATEST:
            break
        progress(f"the generator's packets were {late:.0f} ms late: the machine is busy")
    return min(takes, key=lambda each: each.generator_late_ms)


def _through_gateway(loaded: Loaded, said: Sequence[Said], network: Network) -> Take:
    calls = loaded.call(len(said))
    try:
        ends = [_ends(call) for call in calls]
        return converse(ends, said, network, partial(loaded.bench.play, tail=TAIL))
    finally:
        loaded.bench.hang_up()


def _ends(call: BenchCall) -> Ends:
    if call.wanted is None or call.trunk is None:
        raise BenchError(f"the call to {call.number} is not up: {call.failure}")
    call.browser.take()
    return Ends(call.browser, call.trunk, call.wanted.payload_type, call.browser.ssrc)


def _through_rtpengine(said: Sequence[Said], network: Network) -> Take:
    with run_rtpengine(find_program(), calls=len(said), core=MEASURED_CORE) as engine:
        calls = engine.make_calls(len(said))
        ends = [Ends(call.browser, call.trunk, call.payload_type) for call in calls]
        return converse(ends, said, network, partial(play, tail=TAIL))


def _say(speech: Speech, expected_loss: int, wanted: Wanted | None) -> list[Said]:
    bitrate = (wanted.bitrate if wanted else None) or FULLBAND_BITRATE
    return [
        Said(
            browser_packets(
                wide,
                bitrate=bitrate,
                maxplaybackrate=wanted.playback_rate if wanted else None,
                expected_loss=expected_loss,
            ),
            [row.tobytes() for row in encode_ulaw(frames(narrow, RATE))],
        )
        for wide, narrow in zip(speech.fullband, speech.narrowband, strict=True)
    ]


def _ideal(said: Sequence[Said], network: Network) -> list[Samples]:
    skipped = network.skipped * FRAME
    return [
        ideal(words.up, [departure is not None for departure in departures])[skipped:]
        for words, departures in zip(said, network.up, strict=True)
    ]


def _direct(
    payloads: Sequence[Sequence[bytes]], departures: Sequence[Departures], skipped: int
) -> dict[str, list[Samples]]:
    """Return G.711 as it sounds when the network's packets meet the receiver as they are."""
    streams = [
        [
            Arrival(time, number, number * FRAME, payload)
            for number, (payload, time) in enumerate(zip(each, times, strict=True))
            if time is not None and number >= skipped
        ]
        for each, times in zip(payloads, departures, strict=True)
    ]
    return {
        f"queue, {conceal}": [
            RECEIVERS["queue"](sorted(stream), conceal).samples for stream in streams
        ]
        for conceal in Conceal
    }


def _listen(pending: _Pending, who: str, take: Take, said: Sequence[Said] | None) -> None:
    """Play what came; its delay is measured against what was `said`, if that is given."""
    pending.takes[who] = take
    if said is not None:
        found = np.concatenate([*map(_delays, said, take.sent, take.trunk), np.zeros(0)]) * 1000
        if found.size:
            pending.delays[who] = Delay(*np.percentile(found, (50, 95)).tolist())
    pending.up[who] = {}
    for receiver, play_out in RECEIVERS.items():
        for conceal in Conceal:
            played = [play_out(stream, conceal) for stream in take.trunk]
            pending.up[who][f"{receiver}, {conceal}"] = [each.samples for each in played]
            if receiver == "queue":
                pending.concealed[who] = sum(each.concealed for each in played) / len(played)
    pending.down[who] = {"libopus": take.browser}


def _delays(
    said: Said, sent: NDArray[np.float64], arrivals: Sequence[Arrival]
) -> NDArray[np.float64]:
    """Return how late one call's packets were that came when it had caught up, in seconds."""
    there = np.flatnonzero(sent)
    times = np.interp(np.arange(sent.size), there, sent[there])
    heard = [
        delay.Heard(
            each.time - times[0],
            each.timestamp,
            decode_ulaw(np.frombuffer(each.payload, np.uint8)),
        )
        for each in arrivals
    ]
    found = delay.delays(delay.Said(decode(list(said.up), "OPUS"), times - times[0]), heard)
    late: NDArray[np.float64] = found[found[:, 0] >= CAUGHT_UP, 1]
    return late


def _score(name: str, pending: _Pending, speech: Speech, scorer: Scorer) -> Result:
    names: dict[str, Sequence[Samples]] = {}
    sides = {"up": pending.up, "down": pending.down}
    for side, measured in sides.items():
        for who, receivers in measured.items():
            names |= {f"{side}|{who}|{key}": samples for key, samples in receivers.items()}
    scores = scorer.score_all(speech.narrowband, names)
    heard: dict[str, dict[str, Heard]] = {side: {} for side in sides}
    for side, measured in sides.items():
        for who, receivers in measured.items():
            found = {key: scores[f"{side}|{who}|{key}"] for key in receivers}
            heard[side][who] = _heard(found, side, pending, who)
    return Result(name, heard["up"], heard["down"])


def _heard(scores: dict[str, Score], side: str, pending: _Pending, who: str) -> Heard:
    take = pending.takes.get(who)
    if take is None or side == "down":
        return Heard(scores)
    clocks = [check_clock(stream) for stream in take.trunk]
    clock = Clock(*(sum(column) for column in zip(*clocks, strict=True)))
    return Heard(
        scores, clock, pending.concealed[who], take.generator_late_ms, pending.delays.get(who)
    )
