"""A process that dials, and says what its SIP thread has spent: `python -P dialing.py URI N RATE`.

A process of its own, and by itself, so that another version's sources can be measured by the very
same calls: it is run with them on its search path, and knows both what they have and what we have.
Prints a line of JSON, a `Dialed` of `tests.bench.sip`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time, thread_time_ns
from typing import Any

import sdp
from gateway.trunk import Answered, DialRequest, EndpointConfig, Trunk, TrunkEndpoint

WARM_UP = 20  # calls: what the first ones load and compile is theirs alone
IDLE = 2.0  # seconds in which the calls only are
LIMIT = 30.0  # seconds for all calls to be answered
READINGS = 2000

OFFER = "\r\n".join(
    (
        *("v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
        *("m=audio 40000 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000"),
        *("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=maxptime:60"),
        *("a=rtcp:40001", "a=sendrecv", ""),
    )
)
ANSWER = "\r\n".join(
    (
        *("v=0", "o=sbc 1795924 1795925 IN IP4 192.0.2.21", "s=call", "c=IN IP4 192.0.2.21"),
        *("t=0 0", "m=audio 17294 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000"),
        *("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=silenceSupp:off - - - -"),
        *("a=ptime:20", "a=maxptime:150", "a=sendrecv", ""),
    )
)


def thread_cpu_ns() -> int:
    """Return the nanoseconds of CPU that the SIP thread has spent, as the scheduler counts them."""
    thread = next(each for each in threading.enumerate() if each.name == "pjsip")
    spent = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
    return int(spent.split()[0])


class Call:
    """Waits for one call's answer."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.leg: Any = None

    def __call__(self, event: object) -> None:
        if isinstance(event, Answered):
            self.answered.set()


async def dial(endpoint: TrunkEndpoint, uri: str, count: int, rate: float) -> list[Call]:
    """Place calls at an even pace; return them when all are answered."""
    calls = [Call() for _ in range(count)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, call in enumerate(calls):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        call.leg = await endpoint.dial(request(uri), call)
    async with asyncio.timeout(LIMIT):
        for call in calls:
            await call.answered.wait()
    return calls


def request(uri: str) -> DialRequest:
    """Return what is dialed; a version that asks who answers an offer in mid-call is told."""
    fields: dict[str, Any] = {
        "trunk": Trunk("bench", uri, caller_id="+15550001"),
        "to": "+15550100",
        "offer": OFFER,
    }
    if "answer_reoffer" in DialRequest.__dataclass_fields__:
        fields["answer_reoffer"] = lambda offer: OFFER
    return DialRequest(**fields)


async def measure(uri: str, count: int, rate: float) -> dict[str, float]:
    """Return milliseconds of CPU for each call: of the SIP thread, and of the whole process.

    What both spend while the calls only are is taken off.
    """
    endpoint = TrunkEndpoint(EndpointConfig(port=0, max_calls=count + WARM_UP))
    await endpoint.start()
    loop = asyncio.get_running_loop()
    calls = await dial(endpoint, uri, WARM_UP, rate)
    marks = [(loop.time(), thread_cpu_ns() / 1e6, process_time() * 1e3)]
    calls += await dial(endpoint, uri, count, rate)
    marks.append((loop.time(), thread_cpu_ns() / 1e6, process_time() * 1e3))
    await asyncio.sleep(IDLE)
    marks.append((loop.time(), thread_cpu_ns() / 1e6, process_time() * 1e3))
    await asyncio.gather(*(call.leg.hangup() for call in calls))
    await endpoint.close(5.0)
    (began, *before), (dialed, *between), (ended, *after) = marks
    lasted, idled = dialed - began, ended - dialed
    thread, process = (
        (busy - first - (last - busy) / idled * lasted) / count
        for first, busy, last in zip(before, between, after, strict=True)
    )
    return {"thread_ms": thread, "process_ms": process}


def reading_us() -> float:
    """Return the median of the microseconds of CPU from an answer's text to what it agrees."""
    offer, taken = sdp.parse(OFFER), []
    for _ in range(READINGS):
        began = thread_time_ns()
        sdp.read_trunk_answer(offer, _parse(ANSWER))
        taken.append(thread_time_ns() - began)
    return median(taken) / 1e3


def _parse(text: str) -> Any:
    """Read a description the way this version reads a trunk's: liberally, if it can."""
    liberal = getattr(sdp, "read", None)
    return sdp.parse(text) if liberal is None else liberal(text).description


def main() -> None:
    """Measure and print."""
    uri, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    figures = asyncio.run(measure(uri, count, rate))
    told = {**figures, "reading_us": reading_us(), "engine": version("pjsua2-python")}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
