"""Calls to sipp as a trunk: the orderly one, and the ones that misbehave."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from gateway.trunk import (
    Answered,
    Digit,
    Offered,
    Origin,
    Ringing,
    Settled,
    Trunk,
)
from gateway.trunk.message import read
from tests.gateway.trunk.conftest import OFFER, Ear, Phone
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    EARLY,
    HANG_UP,
    HELD,
    INVITE,
    OK,
    RINGING,
    SDP,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
    write_script,
)
from tests.peers.ports import free_port
from tests.peers.requirement import require_own_engine
from tests.peers.sipp import SipMessage, run_trunk

DIALOG = ("via", "from", "to", "call-id", "cseq")

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


UNUSABLE = (
    SDP.replace("m=audio", "m=video")
    .replace("[local_ip]", "192.0.2.1")
    .replace("[media_port]", "4000")
)


async def call(phone: Phone, folder: Path, *steps: Step) -> tuple[Ear, list[SipMessage]]:
    """Dial a scripted trunk that ends the call itself."""
    async with run_trunk(write_script(folder, *steps), folder) as sipp:
        _, ear = await phone.dial(sipp.uri)
        await ear.end()
        return ear, await sipp.finish()


async def test_answered_and_hung_up_here(phone: Phone, tmp_path: Path) -> None:
    steps = (INVITE, Respond(100, "Trying"), RINGING, EARLY, OK, ACK, BYE, DONE)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(
            sipp.uri, display_name="Ana Lima", headers=(("X-Account", "42; a=b"),)
        )
        answered = await ear.hear(Answered)
        await leg.hangup()
        await leg.hangup()
        end = await ear.end()
        messages = await sipp.finish()
    assert ear.kinds == ["Trying", "Ringing", "Progress", "Answered", "Ended"]
    assert "m=audio" in answered.sdp
    assert (end.by, end.code, end.cause) == (Origin.LOCAL, 200, "hangup")
    invite = messages[0]
    assert invite.body.replace("\n", "\r\n") == OFFER.removesuffix("\r\n")
    assert invite.start_line.startswith(f"INVITE sip:+15557654@127.0.0.1:{sipp.port}")
    assert (invite.header("from") or "").startswith('"Ana Lima" <sip:+15550001@127.0.0.1>')
    assert invite.header("x-account") == "42; a=b"
    assert invite.header("call-id") == leg.call_id
    assert invite.header("route") is None


@pytest.mark.parametrize(
    ("code", "reason", "header", "cause", "q850"),
    [
        (486, "Busy Here", 'Reason: Q.850;cause=17;text="User busy"', "busy", 17),
        (404, "Not Found", "", "not-found", None),
        (603, "Decline", "", "rejected", None),
        (503, "Service Unavailable", "Reason: Q.850;cause=34", "congestion", 34),
        (302, "Moved", "Contact: <sip:elsewhere@127.0.0.1>", "redirected", None),
    ],
)
async def test_refused(
    phone: Phone, tmp_path: Path, code: int, reason: str, header: str, cause: str, q850: int | None
) -> None:
    ear, _ = await call(phone, tmp_path, INVITE, RINGING, Respond(code, reason, "", header), ACK)
    end = await ear.end()
    assert (end.by, end.code, end.reason) == (Origin.REMOTE, code, reason)
    assert (end.cause, end.q850) == (cause, q850)
    assert end.sentence.endswith(".")


async def test_headers_that_cannot_be_parsed(phone: Phone, tmp_path: Path) -> None:
    """Odd lines in each message of the trunk's: only the lines are lost."""
    require_own_engine()
    odd = "\n".join(
        ("Retry-After: soon", "Session-Expires: ;", "Record-Route: <sip:", "Min-SE: x", "no header")
    )
    steps = (
        *(INVITE, Respond(180, "Ringing", "", odd), Respond(183, "Progress", SDP, odd)),
        *(Respond(200, "OK", SDP, odd), ACK),
        *(Request("INFO", 2, headers=odd), Receive(200), Request("OPTIONS", 3, headers=odd)),
        *(Receive(200), Request("BYE", 4, headers=odd), Receive(200)),
    )
    ear, _ = await call(phone, tmp_path, *steps)
    assert ear.kinds == ["Ringing", "Progress", "Answered", "Ended"]
    assert (await ear.end()).by is Origin.REMOTE


async def test_trunk_hangs_up(phone: Phone, tmp_path: Path) -> None:
    bye = Request("BYE", 2, headers="Reason: Q.850;cause=16")
    ear, _ = await call(phone, tmp_path, *ANSWER, bye, Receive(200))
    assert ear.kinds == ["Trying", "Ringing", "Answered", "Ended"]
    end = await ear.end()
    assert (end.by, end.code, end.cause, end.q850) == (Origin.REMOTE, 200, "hangup", 16)


async def test_cancel_while_ringing(phone: Phone, tmp_path: Path) -> None:
    terminated = Respond(487, "Request Terminated")
    script = write_script(tmp_path, INVITE, RINGING, Receive("CANCEL"), DONE, terminated, ACK)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Ringing)
        await leg.hangup()
        end = await ear.end()
        await sipp.finish()
    assert (end.by, end.code, end.cause) == (Origin.LOCAL, 487, "canceled")


async def test_answer_crosses_cancel(phone: Phone, tmp_path: Path) -> None:
    """The 200 must be acknowledged and hung up, and nobody hears of an answer."""
    script = write_script(tmp_path, INVITE, RINGING, Receive("CANCEL"), DONE, OK, ACK, BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Ringing)
        await leg.hangup()
        end = await ear.end()
        await sipp.finish()
    assert ear.kinds == ["Ringing", "Ended"]
    assert (end.by, end.code, end.cause) == (Origin.LOCAL, 487, "canceled")


async def test_hung_up_before_any_response(phone: Phone, tmp_path: Path) -> None:
    """No CANCEL may leave before a provisional response (RFC 3261 section 9.1)."""
    terminated = Respond(487, "Request Terminated")
    steps = (INVITE, Pause(2000), RINGING, Receive("CANCEL"), DONE, terminated, ACK)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await leg.hangup()
        end = await ear.end(limit=1.5)
        await sipp.finish()
    assert ear.kinds == ["Ended"]
    assert end.cause == "canceled"


async def test_alternating_progress(phone: Phone, tmp_path: Path) -> None:
    """Each change is told, each repetition is not; a 200 without SDP has none."""
    steps = (INVITE, RINGING, RINGING, EARLY, EARLY, RINGING, Respond(200, "OK"), ACK, *HANG_UP)
    ear, _ = await call(phone, tmp_path, *steps)
    assert ear.kinds == ["Ringing", "Progress", "Ringing", "Answered", "Ended"]
    assert (await ear.hear(Answered)).sdp == "", "the last agreement stands"


@pytest.mark.parametrize("sdp", ["", "v=0\nm=audio", "nonsense", UNUSABLE])
@pytest.mark.usefixtures("own_engine")
async def test_answer_that_the_engine_alone_would_refuse(
    phone: Phone, tmp_path: Path, sdp: str
) -> None:
    """It is told as it came: what is to be done with it, the call decides."""
    steps = (INVITE, Respond(200, "OK", sdp), ACK, BYE, DONE)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        answered = await ear.hear(Answered)
        await leg.hangup(cause="incompatible-media")
        await ear.end()
        messages = await sipp.finish()
    assert answered.sdp.split() == sdp.split()
    assert (messages[-2].header("reason") or "").startswith("Q.850;cause=88;")


async def test_bye_during_set_up(phone: Phone, tmp_path: Path) -> None:
    steps = (INVITE, RINGING, Request("BYE", 2), Receive(200))
    script = write_script(tmp_path, *steps)
    async with run_trunk(script, tmp_path) as sipp:
        _, ear = await phone.dial(sipp.uri)
        end = await ear.end()
        await sipp.finish()
    assert end.by is Origin.REMOTE


@pytest.mark.parametrize(
    "steps",
    [
        (Request("INVITE", 2, HELD), Receive(200), Request("ACK", 2)),
        (Request("UPDATE", 2, HELD), Receive(200)),
    ],
)
@pytest.mark.usefixtures("own_engine")
async def test_hold(phone: Phone, tmp_path: Path, steps: tuple[Step, ...]) -> None:
    """By re-INVITE and by UPDATE: the offer comes up, the answer goes out byte for byte."""
    answer = OFFER.replace("- 7 1", "- 7 2").replace("sendrecv", "recvonly")
    async with run_trunk(write_script(tmp_path, *ANSWER, *steps, *HANG_UP), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        offered = await ear.hear(Offered)
        await leg.accept_offer(offered.token, answer)
        assert await ear.hear(Settled) == Settled("")
        await ear.end()
        messages = await sipp.finish()
    assert "a=sendonly" in offered.sdp
    assert ear.kinds == ["Trying", "Ringing", "Answered", "Offered", "Settled", "Ended"]
    assert described(messages) == [answer.removesuffix("\r\n")]


@pytest.mark.usefixtures("own_engine")
async def test_refused_reinvite(phone: Phone, tmp_path: Path) -> None:
    """488 to the re-INVITE; the call goes on, and the next one may succeed."""
    steps = (
        *(*ANSWER, Request("INVITE", 2, HELD), Receive(488), *ack(2)),
        *(Request("INVITE", 3, HELD), Receive(200), *ack(3), *HANG_UP),
    )
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        refused = await ear.hear(Offered)
        ear.events.remove(refused)
        await leg.refuse_offer(refused.token, 'no "codec" in common')
        offered = await ear.hear(Offered)
        await leg.accept_offer(offered.token, OFFER.replace("- 7 1", "- 7 2"))
        await leg.accept_offer(refused.token, OFFER.replace("- 7 1", "- 7 3"))
        await ear.end()
        messages = await sipp.finish()
    assert ear.kinds == ["Trying", "Ringing", "Answered", "Offered", "Settled", "Ended"]
    refusal = next(each for each in messages if each.status == 488)
    assert refusal.header("warning") == r'305 gateway "no \"codec\" in common"'


@pytest.mark.usefixtures("own_engine")
async def test_reinvite_without_offer(phone: Phone, tmp_path: Path) -> None:
    """The call makes one, and what the ACK answers is told."""
    moved = SDP.replace("trunk 1 1", "trunk 1 2").replace("[media_port]", "45678")
    steps = (*ANSWER, Request("INVITE", 2), Receive(200), *ack(2, moved), *HANG_UP)
    offer = OFFER.replace("- 7 1", "- 7 2").replace("40000", "40002")
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        offered = await ear.hear(Offered)
        assert offered.sdp == ""
        await leg.accept_offer(offered.token, offer)
        settled = await ear.hear(Settled)
        await ear.end()
        messages = await sipp.finish()
    assert "m=audio 45678 " in settled.sdp
    assert described(messages) == [offer.removesuffix("\r\n")]


def described(messages: list[SipMessage]) -> list[str]:
    """Return our descriptions in the answers to what the trunk offered."""
    return [
        each.body.replace("\n", "\r\n")
        for each in messages
        if not each.sent and each.status == 200 and each.body
    ]


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\nDuration=240", Digit("5", 240)),
        ("application/dtmf", "11", Digit("#", 160)),
    ],
)
@pytest.mark.usefixtures("own_engine")
async def test_digit_by_info(
    phone: Phone, tmp_path: Path, kind: str, body: str, digit: Digit
) -> None:
    info = Request("INFO", 2, body, f"Content-Type: {kind}")
    ear, _ = await call(phone, tmp_path, *ANSWER, info, Receive(200), *HANG_UP)
    assert await ear.hear(Digit) == digit
    assert ear.kinds.count("Digit") == 1


async def test_silent_trunk(phone: Phone) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", free_port()))
        uri = f"sip:127.0.0.1:{silent.getsockname()[1]}"
        _, ear = await phone.dial(Trunk("silent", uri, response_timeout=0.7))
        began = time.monotonic()
        end = await ear.end()
    assert time.monotonic() - began < 1.5
    assert (end.by, end.code, end.cause) == (Origin.NETWORK, 503, "unreachable")
    assert "0.7 s" in end.sentence


async def test_tcp_refused(phone: Phone) -> None:
    _, ear = await phone.dial(f"sip:127.0.0.1:{free_port()};transport=tcp")
    end = await ear.end(limit=2)
    assert (end.by, end.code, end.cause) == (Origin.NETWORK, 503, "unreachable")


async def test_tcp_broken_while_ringing(phone: Phone) -> None:
    """The trunk rings and resets the connection: it was there, so it is not unreachable."""

    async def ring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        invite = read((await reader.readuntil(b"\r\n\r\n")).decode())
        kept = [f"{name}: {value}" for name, value in invite.headers if name in DIALOG]
        writer.write("\r\n".join(["SIP/2.0 180 Ringing", *kept, "l: 0", "", ""]).encode())
        await rung.wait()
        writer.transport.abort()

    rung = asyncio.Event()
    server = await asyncio.start_server(ring, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, ear = await phone.dial(f"sip:127.0.0.1:{port};transport=tcp")
        await ear.hear(Ringing)
        rung.set()
        end = await ear.end()
    assert (end.by, end.code, end.cause) == (Origin.NETWORK, 503, "connection-lost")
    assert end.sentence == "The connection to the trunk broke while the call was set up."


async def test_many_at_once(phone: Phone, tmp_path: Path) -> None:
    """Calls set up and hung up together; each has one answer and one end."""
    count = min(50, phone.endpoint.capacity)
    steps = (INVITE, Respond(100, "Trying"), RINGING, OK, ACK, BYE, DONE)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path, calls=count) as sipp:
        calls = await asyncio.gather(*(phone.dial(sipp.uri) for _ in range(count)))
        for _, ear in calls:
            await ear.hear(Answered)
        assert phone.endpoint.active == count
        await asyncio.gather(*(leg.hangup() for leg, _ in calls))
        for _, ear in calls:
            await ear.end()
        await sipp.finish()
    assert phone.endpoint.active == 0
    assert len({leg.call_id for leg, _ in calls}) == count


def ack(cseq: int, body: str = "") -> tuple[Step, ...]:
    """The trunk's ACK of our 200 to its re-INVITE."""
    return (Request("ACK", cseq, body),)


@pytest.mark.usefixtures("own_engine")
async def test_media_over_ipv6_beside_sip_over_ipv4(phone: Phone, tmp_path: Path) -> None:
    """The SIP engine carries no media, so what our descriptions say of it is ours alone."""
    six = SDP.replace("IP4 [local_ip]", "IP6 ::1")
    again = Request("INVITE", 2, six.replace("trunk 1 1", "trunk 1 2"))
    steps = (INVITE, Respond(200, "OK", six), ACK, again, Receive(200), Request("ACK", 2))
    offer = OFFER.replace("IP4 127.0.0.1", "IP6 ::1")
    async with run_trunk(write_script(tmp_path, *steps, *HANG_UP), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri, offer=offer)
        answered = await ear.hear(Answered)
        await leg.accept_offer((await ear.hear(Offered)).token, offer)
        await ear.hear(Settled)
        end = await ear.end()
        messages = await sipp.finish()
    assert "c=IN IP6 ::1" in answered.sdp
    assert (end.by, end.cause) == (Origin.REMOTE, "hangup")
    described = [each.body for each in messages if not each.sent and each.body]
    assert [("c=IN IP6 ::1" in body, "IP4" in body) for body in described] == [(True, False)] * 2
