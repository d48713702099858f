"""Asterisk 22, the lab (asterisk-lab/): its extensions are the behaviors, AMI says what came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.caller.sound import RATE
from tests.end_to_end.page import open_page
from tests.end_to_end.recording import first_sound, read_recording
from tests.interop.matrix import usual
from tests.interop.matrix.asterisk_peer import EXPIRES, LIMIT, Lab, Packet, open_lab
from tests.interop.matrix.cells import Column, NotApplicable
from tests.interop.matrix.house import (
    CALLER_TONE,
    assert_somewhere,
    judge,
    judge_peer,
    judge_phone,
    picked_up,
    talk,
)
from tests.peers.process import poll

if TYPE_CHECKING:
    from tests.interop.matrix.cells import Tell
    from tests.interop.matrix.house import House


RINGBACK: Final = (440.0, 480.0)


def recorded(way: str, endpoint: str) -> Tell:
    """9603 plays a tone, and is recorded."""

    async def tell(house: House, peer: Lab) -> None:
        async with house.dial("9603", way) as call:
            came = await peer.manager.wait("LabCall", Dialed="9603", Endpoint=endpoint, limit=LIMIT)
            record = await peer.manager.wait("LabRecord", CallID=came["CallID"])
            await talk(call)
            outcome = await call.hang_up()
        judge(outcome)
        judge_peer(*await read_recording(Path(record["Rx"]), limit=LIMIT))

    return tell


async def early_media(house: House, peer: Lab) -> None:
    async with house.dial("610") as call:
        assert (await call.hear("ringing"))["earlyMedia"]
        await call.hear("answered")
        outcome = await call.hang_up()
    assert outcome.heard is not None
    begin = round(first_sound(outcome.heard, RATE) * RATE)
    ringback = outcome.heard[begin : begin + RATE]
    assert_somewhere(ringback, RATE, present=RINGBACK, absent=[CALLER_TONE])


def digits(way: str) -> Tell:
    async def tell(house: House, peer: Lab) -> None:
        number = house.unique("650")
        async with house.dial(number, way, dtmf="1590*#") as call:
            call_id = await peer.call_id(number)
            heard = await peer.manager.wait("LabDTMF", CallID=call_id, limit=15)
            await call.hang_up()
        assert heard["Digits"] == "1590*"

    return tell


def digits_remote(way: str) -> Tell:
    async def tell(house: House, peer: Lab) -> None:
        async with house.dial(house.unique("662"), way) as call:
            await call.hear("dtmf", count=3, limit=LIMIT)
            outcome = await call.hang_up()
        assert outcome.digits == "159"

    return tell


async def _register(peer: Lab, account: str) -> None:
    """Wait for a refresh that is answered with 200, on the Call-ID of one before.

    The first REGISTER of all may find Asterisk busy with the calls of the others: another one, by a
    Call-ID of its own, takes its place.
    """

    async def newest() -> str:
        listed = await peer.packets(where="sip.msg.request.method = REGISTER")
        for each in reversed(listed):
            text = await peer.manager.command(f"pjsip show history entry {each.number}")
            if re.search(rf"^From: .*sip:{account}@", text, re.M):
                return _call_id(text)
        return ""

    await poll(newest, limit=LIMIT, what=f"{account} registers", interval=1)

    async def refreshed() -> bool:
        packets = await peer.packets(await newest())
        agreed = [each.time for each in packets if each.text == "SIP/2.0 200 OK"]
        return agreed[-1:] > [time + EXPIRES // 2 for time in agreed[:1]]

    await poll(refreshed, limit=EXPIRES + 40, what=f"{account} refreshes", interval=2)


def _call_id(text: str) -> str:
    found = re.search(r"Call-ID: (\S+)", text)
    assert found is not None, text
    return found[1]


async def register_md5(house: House, peer: Lab) -> None:
    await _register(peer, "acct1001")


async def register_sha256(house: House, peer: Lab) -> None:
    await _register(peer, "trunk-sha256")


async def _known_as(house: House, peer: Lab, way: str, endpoint: str) -> None:
    number = house.unique("603")
    async with house.dial(number, way, silent=True) as call:
        came = await peer.manager.wait("LabCall", Dialed=number, limit=LIMIT)
        await call.hear("answered")
        await call.hang_up()
    assert came["Endpoint"] == endpoint


async def invite_md5(house: House, peer: Lab) -> None:
    await _known_as(house, peer, "udp", "trunk-digest")


async def invite_sha256(house: House, peer: Lab) -> None:
    await _known_as(house, peer, "sha256", "trunk-sha256")


async def options_remote(house: House, peer: Lab) -> None:
    await peer.manager.action("PJSIPQualify", Endpoint="gateway")

    async def sent() -> list[Packet]:
        return [each for each in await peer.packets() if each.is_request("OPTIONS")]

    ours = (await poll(sent, limit=5, what="Asterisk sends OPTIONS"))[0]
    entry = await peer.manager.command(f"pjsip show history entry {ours.number}")
    await _agreed(peer, _call_id(entry), "OPTIONS")


async def prack(house: House, peer: Lab) -> None:
    """It says 200 only when the 183, which has a description, has been acknowledged."""
    number = house.unique("610")
    async with house.dial(number, "prack") as call:
        assert (await call.hear("ringing"))["earlyMedia"]
        await call.hear("answered")
        await call.hang_up()
    packets = await peer.packets(await peer.call_id(number))
    assert any(not each.sent and each.text.startswith("PRACK ") for each in packets)


async def _changed(house: House, peer: Lab, extension: str, method: str) -> None:
    """It sends a request in mid-call, and both ends hear each other afterwards."""
    number = house.unique(extension)
    async with house.dial(number) as call:
        await call.hear("answered")
        await _agreed(peer, await peer.call_id(number), method)
        await talk(call)
        outcome = await call.hang_up()
    judge(outcome)


async def _agreed(peer: Lab, call_id: str, *methods: str, limit: float = 10.0) -> None:
    """Wait until a request of Asterisk's is answered with 200."""

    async def answered() -> bool:
        packets = await peer.packets(call_id)
        sent = next((each.number for each in packets if each.is_request(*methods)), None)
        return sent is not None and any(
            each.number > sent and not each.sent and each.text == "SIP/2.0 200 OK"
            for each in packets
        )

    await poll(answered, limit=limit, what=f"{methods} of Asterisk is answered with 200")


async def update(house: House, peer: Lab) -> None:
    await _changed(house, peer, "673", "UPDATE")


async def reinvite(house: House, peer: Lab) -> None:
    """To A-law."""
    await _changed(house, peer, "674", "INVITE")


async def hold(house: House, peer: Lab) -> None:
    async with house.dial(house.unique("603")) as call:
        await call.hear("answered")
        await usual.hold(call)
        await talk(call)
        outcome = await call.hang_up()
    judge(outcome)


async def transfer(house: House, peer: Lab) -> None:
    target = house.unique("600")
    async with house.dial(house.unique("682")) as call:
        await call.hear("answered")
        await call.ask("transfer", to=house.prefixes["udp"] + target)
        await usual.transferred(call)
        await peer.call_id(target)


async def refer(house: House, peer: Lab) -> None:
    """680 hands over to 600, which is an echo."""
    number = house.unique("680")
    async with house.dial(number, "refer") as call:
        call_id = await peer.call_id(number)
        assert (await call.hear("redirected", limit=LIMIT))["to"] == "600"
        told = await peer.manager.wait("LabTransfer", CallID=call_id, limit=LIMIT)
        assert told["Status"] == "SUCCESS"
        await talk(call)
        outcome = await call.hang_up()
    judge(outcome, present=[CALLER_TONE])


async def attended(house: House, peer: Lab) -> None:
    async with open_page(house.gateway) as page:
        await usual.two_calls(page, house, house.unique("682"), house.unique("683"))
        await usual.joined(page)
        await peer.manager.wait("AttendedTransfer", Result="Success")


async def hold_remote(house: House, peer: Lab) -> None:
    async with house.dial(house.unique("670")) as call:
        await call.hear("answered")
        await usual.held_by_peer(call)
        await usual.resumed_by_peer(call)
        await talk(call)
        outcome = await call.hang_up()
    judge(outcome)


async def incoming(house: House, peer: Lab) -> None:
    async with house.page("incoming") as (page, number):
        await peer.manager.originate(number, endpoint="gateway", extension="9603")
        await page.hear("incoming")
        await page.accept()
        await talk(page)
        came = await peer.manager.wait("LabCall", Dialed="9603", Endpoint="gateway")
        record = await peer.manager.wait("LabRecord", CallID=came["CallID"])
        outcome = await page.hang_up()
        await peer.manager.wait("LabHangup", CallID=came["CallID"])
    judge(outcome)
    judge_peer(*await read_recording(Path(record["Rx"]), limit=LIMIT))


async def incoming_486(house: House, peer: Lab) -> None:
    async with house.page("incoming-486") as (page, number):
        await peer.manager.originate(number)
        await usual.rejected(page)

    async def told() -> bool:
        packets = await peer.packets()
        return any(each.text == "SIP/2.0 486 Busy Here" and not each.sent for each in packets)

    await poll(told, limit=5, what="Asterisk hears of it")


async def incoming_cancel(house: House, peer: Lab) -> None:
    async with house.page("incoming-cancel") as (page, number):
        await peer.manager.originate(number, endpoint="gateway-ulaw")
        await page.hear("incoming")
        await peer.manager.action("Hangup", Channel="/^PJSIP.gateway-ulaw-.*$/")
        await usual.given_up(page)


async def fallback(house: House, peer: Lab) -> None:
    async with house.fallback() as (number, line, sound):
        await peer.manager.originate(number, endpoint="gateway-tcp", extension="9603")
        heard = await picked_up(line, sound)
        came = await peer.manager.wait("LabCall", Dialed="9603", Endpoint="gateway-tcp")
        record = await peer.manager.wait("LabRecord", CallID=came["CallID"])
        await peer.manager.wait("LabHangup", CallID=came["CallID"])
    judge_phone(heard)
    judge_peer(*await read_recording(Path(record["Rx"]), limit=LIMIT))


COLUMN: Final = Column(
    "asterisk",
    "Asterisk 22",
    open_lab,
    {
        "call": recorded("udp", "trunk-digest"),
        "tcp": recorded("tcp", "trunk-ulaw"),
        "tls": recorded("tls", "acct1002"),
        "srtp": recorded("srtp", "trunk-srtp"),
        "srtp-refused": usual.unencrypted(),
        "ringing": usual.ringing("611"),
        "early-media": early_media,
        "digits": digits("udp"),
        "digits-remote": digits_remote("udp"),
        "info": digits("info"),
        "info-remote": digits_remote("info"),
        "register-md5": register_md5,
        "register-sha256": register_sha256,
        "invite-md5": invite_md5,
        "invite-sha256": invite_sha256,
        "failover": usual.failover("603"),
        "names": recorded("names", "trunk-digest"),
        "nat": recorded("nat", "trunk-digest"),
        "options": usual.watched(),
        "options-remote": options_remote,
        "prack": prack,
        "update": update,
        "timer-uac": NotApplicable(
            "It takes our 300 s, so that the refresh comes after 150 s: too late for a run."
        ),
        "timer-uas": NotApplicable("It leaves the refreshing to whoever called."),
        "reinvite": reinvite,
        "late-offer": NotApplicable("Each of its re-INVITEs has an offer."),
        "fork-ringing": NotApplicable("It answers for itself, and forks nothing."),
        "fork-answers": NotApplicable("It answers for itself, and forks nothing."),
        "glare": NotApplicable("Its re-INVITEs come when it likes, and not as ours do."),
        "hold": hold,
        "hold-remote": hold_remote,
        "transfer": transfer,
        "attended": attended,
        "refer": refer,
        "bye": usual.bye("603"),
        "bye-remote": usual.bye_remote("641"),
        "cancel": usual.cancel("630"),
        "incoming": incoming,
        "incoming-486": incoming_486,
        "incoming-cancel": incoming_cancel,
        "fallback": fallback,
        "302": usual.refused("681", "redirected", 302),
        "486": usual.refused("620", "busy", 486),
        "603": usual.refused("621", "rejected", 603),
    },
)
