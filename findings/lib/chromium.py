"""One call of a headless Chromium to a peer on loopback that reads its RTP packet by packet.

The page's microphone is a file of digital silence. It sends its offer to an HTTP server here; the
answer's payload types are the finding's. ICE and DTLS-SRTP of this end are aiortc's; `RtpDump`
reads what has been decrypted: aiortc's own receiver drops payload types that it does not know.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import struct
import subprocess
import time
import wave
from collections.abc import Callable
from typing import NamedTuple

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp
from chromium_flags import FLAGS

PAGE = """<!doctype html><script>
const post = (path, body) => fetch(path, {method: "POST", body}).then(r => r.text());
async function call() {
  const media = await navigator.mediaDevices.getUserMedia({audio:
    {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const pc = new RTCPeerConnection();
  const sender = pc.addTrack(media.getAudioTracks()[0], media);
  await pc.setLocalDescription();
  await new Promise(done => pc.onicegatheringstatechange = () =>
    pc.iceGatheringState === "complete" && done());
  await pc.setRemoteDescription(
    {type: "answer", sdp: await post("/offer", pc.localDescription.sdp)});
  while (pc.connectionState !== "connected")
    await new Promise(changed => pc.onconnectionstatechange = changed);
  const keys = await post("/connected", "");
  while (keys && !sender.dtmf.canInsertDTMF)  // some time after the connection is there
    await new Promise(later => setTimeout(later, 20));
  if (keys) sender.dtmf.insertDTMF(keys, 100, 100);
}
call().catch(error => post("/failed", String(error)));
</script>"""

Answer = Callable[[str], tuple[list[str], list[str]]]


class Rtp(NamedTuple):
    """One packet: when it came (s), and what its header says; `payload` is decrypted."""

    at: float
    kind: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes


class RtpDump(RTCDtlsTransport):
    """Keeps each RTP packet instead of finding a receiver for it."""

    packets: list[Rtp]

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        first, second, sequence, timestamp = struct.unpack_from("!BBHI", data)
        start = 12 + 4 * (first & 15)
        if first & 16:
            start += 4 + 4 * struct.unpack_from("!H", data, start + 2)[0]
        self.packets.append(
            Rtp(
                time.monotonic(),
                second & 127,
                second > 127,
                sequence,
                timestamp,
                data[start:],
            )
        )

    async def _handle_rtcp_data(self, data: bytes) -> None:
        pass


def version() -> str:
    """Return what the browser says of itself."""
    told = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def silence(path: str) -> None:
    """Write a second of digital silence."""
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(bytes(96000))


def numbers(offer: str, codec: str) -> list[str]:
    """Return the payload types that an offer has for a codec such as "opus/48000"."""
    return re.findall(rf"^a=rtpmap:(\d+) {re.escape(codec)}(?:/\d+)?\r?$", offer, re.MULTILINE)


class Call:
    """A browser's call; `answer` gives, for an offer, payload types and lines of the answer."""

    def __init__(self, answer: Answer, keys: str) -> None:
        self._answer, self._keys = answer, keys
        self._connected = asyncio.Event()
        self._failed = ""

    async def listen(self, seconds: float) -> list[Rtp]:
        """Return the packets of so many seconds from when the media is up."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        profile = os.path.join(os.environ["WORK"], f"profile-{port}")
        wav = os.path.join(os.environ["WORK"], "silence.wav")
        silence(wav)
        browser = await asyncio.create_subprocess_exec(
            shutil.which("chromium"),
            *FLAGS,
            f"--use-file-for-fake-audio-capture={wav}",
            f"--user-data-dir={profile}",
            f"http://127.0.0.1:{port}/",
            env={**os.environ, "HOME": os.environ["WORK"]},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(self._connected.wait(), 30)
            del self.dtls.packets[:]
            await asyncio.sleep(seconds)
            assert not self._failed, self._failed
            return self.dtls.packets
        finally:
            browser.terminate()
            await browser.wait()
            await self.dtls.stop()
            await self.dtls.transport.stop()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return writer.close()  # a connection that the browser opened in advance
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = (await reader.readexactly(int(length[1]) if length else 0)).decode()
        path = head.split(" ")[1]
        if path == "/offer":
            reply = await self._take(body)
        elif path == "/connected":
            await self._media
            reply = self._keys
            self._connected.set()
        elif path == "/failed":
            self._failed, reply = body, ""
            self._connected.set()
        else:
            reply = PAGE
        data = reply.encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(data) + data
        )
        await writer.drain()
        writer.close()

    async def _take(self, offer: str) -> str:
        theirs = SessionDescription.parse(offer).media[0]
        gatherer = RTCIceGatherer(iceServers=[])
        await gatherer.gather()
        ice = RTCIceTransport(gatherer)
        self.dtls = RtpDump(ice, [RTCCertificate.generateCertificate()])
        self.dtls.packets = []
        mine = gatherer.getLocalParameters()
        kinds, lines = self._answer(offer)
        fingerprint = self.dtls.getLocalParameters().fingerprints[0]

        async def connect() -> None:
            for line in re.findall(r"^a=candidate:(.*?)\r?$", offer, re.MULTILINE):
                candidate = candidate_from_sdp(line)
                if candidate.component == 1 and candidate.protocol == "udp":
                    await ice.addRemoteCandidate(candidate)
            await ice.addRemoteCandidate(None)
            await ice.start(RTCIceParameters(theirs.ice.usernameFragment, theirs.ice.password))
            await self.dtls.start(
                RTCDtlsParameters(
                    [RTCDtlsFingerprint(f.algorithm, f.value) for f in theirs.dtls.fingerprints]
                )
            )

        self._media = asyncio.ensure_future(connect())
        return "\r\n".join(
            [
                *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"),
                f"a=group:BUNDLE {theirs.rtp.muxId}",
                f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(kinds)}",
                *("c=IN IP4 0.0.0.0", "a=recvonly", "a=rtcp-mux", f"a=mid:{theirs.rtp.muxId}"),
                *lines,
                f"a=ice-ufrag:{mine.usernameFragment}",
                f"a=ice-pwd:{mine.password}",
                f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
                "a=setup:active",
                *(f"a=candidate:{candidate_to_sdp(c)}" for c in gatherer.getLocalCandidates()),
                *("a=end-of-candidates", ""),
            ]
        )


def listen(answer: Answer, seconds: float, keys: str = "") -> list[Rtp]:
    """Run one call of so many seconds, in which the page presses `keys`; return its packets."""
    return asyncio.run(Call(answer, keys).listen(seconds))
