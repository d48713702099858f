"""A phone made of pjsua: `python -m tests.peers.pjsua_phone HOST:PORT FOLDER CERTIFICATE KEY`.

It says what comes as a line of JSON on standard output each, and does what such lines on standard
input say; `tests.peers.pjsua` has the other end. Everything happens in one thread, as pjsua2 wants.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import sys
from pathlib import Path
from typing import Any, Final

import pjsua2 as pj

TONE: Final = 440
RATE: Final = 8000
RELIABLE: Final = "7725"  # the user whose 18x are reliable; the others' are not
LATE: Final = pj.PJSUA_CALL_NO_SDP_OFFER
TRANSPORTS: Final = {  # and how far above the first port each is
    pj.PJSIP_TRANSPORT_UDP: 0,
    pj.PJSIP_TRANSPORT_TCP: 0,
    pj.PJSIP_TRANSPORT_TLS: 1,
}
POLL: Final = 10  # ms
SERIAL: Final = itertools.count(1)


class Phone:
    """The endpoint, its accounts and calls."""

    def __init__(
        self, host: str, port: int, folder: Path, certificate: tuple[str, str], output: Any
    ) -> None:
        self.folder = folder
        self.calls: dict[int, Call] = {}
        self.graves: list[Call] = []
        self._output = output
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(_settings())
        for kind, above in TRANSPORTS.items():
            transport = pj.TransportConfig()
            transport.port, transport.boundAddress = port + above, host
            transport.tlsConfig.certFile, transport.tlsConfig.privKeyFile = certificate
            self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        # The first is everybody's whose name is nobody's
        self.accounts = [Account(self, user, f"{host}:{port}") for user in ("phone", RELIABLE)]

    def say(self, event: str, **fields: object) -> None:
        self._output.write(json.dumps({"event": event, **fields}) + "\n")
        self._output.flush()

    def run(self) -> None:
        """Do what is asked until the input ends."""
        rest = b""
        self.say("ready")
        while True:
            self.endpoint.libHandleEvents(POLL)
            self.graves.clear()
            if not select.select([0], [], [], 0)[0]:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "options":
            self.accounts[0].ask(order["uri"])
            return
        if order["do"] == "call":
            self._dial(order["uri"])
            return
        call = self.calls.get(order.pop("call"))
        if call is None:
            return
        do = order.pop("do")
        try:
            ORDERS[do](call, **order)
        except pj.Error as error:
            self.say("error", call=call.key, what=do, why=error.info())

    def _dial(self, uri: str) -> None:
        call = Call(self.accounts[0], pj.PJSUA_INVALID_ID)
        prm = pj.CallOpParam(True)
        prm.opt.textCount = prm.opt.videoCount = 0
        call.makeCall(uri, prm)
        call.key = call.getId()
        self.calls[call.key] = call
        number, record = call.getInfo().callIdString, str(call.record)
        self.say("outgoing", call=call.key, to=uri, id=number, record=record)

    def close(self) -> None:
        self.calls.clear()
        self.graves.clear()
        for account in self.accounts:
            account.shutdown()
        self.endpoint.libDestroy()


def _settings() -> Any:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.medConfig.threadCnt = 0
    config.medConfig.hasIoqueue = False  # ours is polled
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE  # it has no resampler
    config.logConfig.level = config.logConfig.consoleLevel = 5  # it names digits, too
    return config


class Account(pj.Account):
    """One of the phone's names."""

    def __init__(self, phone: Phone, user: str, address: str) -> None:
        super().__init__()
        self.phone = phone
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{address}"
        config.mediaConfig.transportConfig.boundAddress = address.partition(":")[0]
        if user == RELIABLE:
            config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
        self.create(config)

    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self, prm.callId)
        self.phone.calls[prm.callId] = call
        info = call.getInfo()
        record = str(call.record)
        self.phone.say(
            "incoming", call=call.key, to=info.localUri, id=info.callIdString, record=record
        )

    def ask(self, uri: str) -> None:
        prm = pj.SendRequestParam()
        prm.method = "OPTIONS"
        prm.txOption.targetUri = uri
        self.sendRequest(prm)

    def onSendRequest(self, prm: Any) -> None:
        self.phone.say("asked", code=prm.e.body.tsxState.tsx.statusCode)


class Call(pj.Call):
    """A call: it plays a tone, and records what it hears."""

    def __init__(self, account: Account, number: int) -> None:
        super().__init__(account, number)
        self.phone = account.phone
        self.key = number
        self._tone: Any = None
        self._recorder: Any = None
        # pjsua numbers calls anew when they are over
        self.record = account.phone.folder / f"heard-{next(SERIAL)}.wav"

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._recorder = self._tone = None  # which closes the file
            self.phone.graves.append(self.phone.calls.pop(self.key))
        self.phone.say("state", call=self.key, state=info.stateText, code=info.lastStatusCode)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()
        if not info.media:
            return
        self.phone.say("media", call=self.key, status=info.media[0].status)
        if info.media[0].status != pj.PJSUA_CALL_MEDIA_ACTIVE:
            return
        audio = self.getAudioMedia(0)
        if self._tone is None:
            self._tone = _tone()
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self.record))
        self._tone.startTransmit(audio)
        audio.startTransmit(self._recorder)

    # -- what may be asked of it

    def reply(self, code: int, contact: str = "") -> None:
        prm = pj.CallOpParam(True)
        prm.opt.textCount = prm.opt.videoCount = 0
        prm.statusCode = code
        if contact:
            header = pj.SipHeader()
            header.hName, header.hValue = "Contact", contact
            prm.txOption.headers.push_back(header)
        if code >= 300:
            self.hangup(prm)
        else:
            self.answer(prm)

    def end(self) -> None:
        self.hangup(pj.CallOpParam())

    def press(self, digits: str, info: bool = False) -> None:
        prm = pj.CallSendDtmfParam()
        prm.digits, prm.duration = digits, 160
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        self.sendDtmf(prm)

    def hold(self) -> None:
        self.setHold(pj.CallOpParam(True))

    def offer(self, late: bool = False, resume: bool = False) -> None:
        prm = pj.CallOpParam(True)
        prm.opt.textCount = prm.opt.videoCount = 0
        prm.opt.flag = LATE if late else pj.PJSUA_CALL_UNHOLD if resume else 0
        self.reinvite(prm)

    def refresh(self) -> None:
        self.update(pj.CallOpParam(True))

    def refer(self, to: str) -> None:
        self.xfer(to, pj.CallOpParam())


ORDERS: Final[dict[str, Any]] = {
    "reply": Call.reply,
    "end": Call.end,
    "press": Call.press,
    "hold": Call.hold,
    "offer": Call.offer,
    "refresh": Call.refresh,
    "refer": Call.refer,
}


def _tone() -> Any:
    generator = pj.ToneGenerator()
    generator.createToneGenerator(RATE, 1)
    tone = pj.ToneDesc()
    tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = TONE, 0, 1000, 0
    tones = pj.ToneDescVector()
    tones.append(tone)
    generator.play(tones, True)
    return generator


def main() -> int:
    """Run until standard input ends."""
    host, _, port = sys.argv[1].rpartition(":")
    # pjsua prints on standard output as it starts, where only our lines belong
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    phone = Phone(host, int(port), Path(sys.argv[2]), (sys.argv[3], sys.argv[4]), output)
    try:
        phone.run()
    finally:
        phone.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
