"""What both browsers can do for a test: open a page, run JavaScript in it, record what it hears.

Recording goes through MediaRecorder, and is decoded here by PyAV: Firefox without a sound device
keeps its AudioContext suspended, so an analyser in the page would work in one browser only.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Protocol

import av
import numpy as np

from tests.tones import Samples

# The microphone as it is: a pure tone is noise to a browser, and would be suppressed
MICROPHONE = """navigator.mediaDevices.getUserMedia({audio: {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false}})"""

_RECORD = """(async () => {
    const recorder = new MediaRecorder(await (%(stream)s), {audioBitsPerSecond: 64000});
    const chunks = [];
    recorder.ondataavailable = event => chunks.push(event.data);
    const stopped = new Promise(resolve => { recorder.onstop = resolve; });
    recorder.start();
    await new Promise(resolve => setTimeout(resolve, %(milliseconds)d));
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
})()"""


class BrowserError(Exception):
    """The page threw, or the browser refused a command."""


class BrowserPage(Protocol):
    """One page of a browser."""

    console: list[str]  # what the page wrote to its console

    async def goto(self, url: str) -> None:
        """Open an address, and wait until it has loaded."""

    async def evaluate(self, expression: str) -> object:
        """Return an expression's value by way of JSON; of a promise, what it becomes."""


class Browser(Protocol):
    """A running browser with a fake microphone."""

    tone: float  # Hz, what the microphone hears

    async def new_page(self) -> BrowserPage: ...

    async def new_window(self) -> BrowserPage:
        """Open a page that hides no other one."""


def as_json(expression: str) -> str:
    """Return an expression whose value is the JSON text of the given one."""
    return f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"


async def record(page: BrowserPage, stream: str, *, seconds: float) -> tuple[Samples, int]:
    """Record a MediaStream, given as a JavaScript expression; return samples and rate."""
    milliseconds = round(seconds * 1000)
    text = await page.evaluate(_RECORD % {"stream": stream, "milliseconds": milliseconds})
    if not isinstance(text, str) or not text:
        raise BrowserError(f"the browser recorded nothing of {stream}")
    return decode_audio(base64.b64decode(text))


def decode_audio(data: bytes, *, rate: int = 48000) -> tuple[Samples, int]:
    """Decode a recording of any format that PyAV knows to one channel."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(io.BytesIO(data), "r") as container:
        frames = [
            resampled.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for resampled in resampler.resample(frame)
        ]
    return np.concatenate(frames or [np.zeros(0, np.int16)]), rate


def quoted(value: object) -> str:
    """Return a value as a JavaScript literal."""
    return json.dumps(value)
