"""Asterisk 22, the lab (asterisk-lab/): its extensions are the behaviors, AMI says what came."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.caller.sound import RATE
from tests.end_to_end.recording import first_sound, read_recording
from tests.end_to_end.trunks import lab_trunk
from tests.interop.matrix import usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.interop.matrix.house import CALLER_TONE, assert_somewhere, judge, judge_peer, talk
from tests.peers.asterisk import require_lab
from tests.peers.process import poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.cells import Site, Tell
    from tests.interop.matrix.house import House
    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

RINGBACK: Final = (440.0, 480.0)
LIMIT: Final = 20.0  # seconds for what Asterisk does at once on an idle machine
EXPIRES: Final = 60  # seconds, the least that a gateway asks for


# A line of `pjsip show history`: number, time, direction, address, start line
PACKET: Final = re.compile(r"^(\d+) +(\d+) \* (==>|<==) \S+ +(.*\S)", re.M)


class Packet(NamedTuple):
    """A message that Asterisk has sent or got."""

    number: int
    time: int  # seconds
    sent: bool
    text: str

    def is_request(self, *methods: str) -> bool:
        """Whether it is a request of Asterisk's own, of one of these methods."""
        return self.sent and self.text.partition(" ")[0] in methods


@dataclass(frozen=True)
class Lab:
    """The lab, and its manager."""

    lab: AsteriskLab
    manager: Manager
    ways: dict[str, Way]

    async def call_id(self, number: str) -> str:
        """Wait for the call to a number that nobody else calls; return its Call-ID."""
        return (await self.manager.wait("LabCall", Dialed=number, limit=LIMIT))["CallID"]

    async def over(self, number: str) -> None:
        """Wait until the call to such a number is over here as well."""
        await self.manager.wait("LabHangup", CallID=await self.call_id(number), limit=LIMIT)

    async def packets(self, call_id: str = "", *, where: str = "") -> list[Packet]:
        """Return what went over the wire, of one call or of all."""
        condition = f'sip.msg.call-id = "{call_id}"' if call_id else where
        only = f" where {condition}" if condition else ""
        text = await self.manager.command(f"pjsip show history{only}")
        return [
            Packet(int(each[1]), int(each[2]), each[3] == "==>", each[4])
            for each in PACKET.finditer(text)
        ]


@asynccontextmanager
async def open_lab(site: Site) -> AsyncIterator[Lab]:
    require_lab()
    lab = site.lab

    def way(username: str, transport: str = "udp", **keys: object) -> Way:
        return Way({**lab_trunk(lab, transport, username=username), **keys})

    register: dict[str, Any] = {"register": True, "expires": EXPIRES}
    ways = {
        "udp": way("trunk-digest", options=5, codecs=["PCMU", "PCMA"]),
        "tcp": way("trunk-ulaw", "tcp"),
        "tls": way("acct1002", "tls"),
        "srtp": way("trunk-srtp", srtp="required"),
        "srtp-refused": way("trunk-digest", srtp="required"),
        "info": way("trunk-info", dtmf="info"),
        "prack": way("trunk-prack"),
        "timers": way("trunk-timers"),
        "md5": way("acct1001", **register),
        # Whose name has to stand in From, too
        "sha256": way("trunk-sha256", caller_id="trunk-sha256", **register),
    }
    async with lab.manager() as manager:
        await manager.command("pjsip set history on")
        try:
            yield Lab(lab, manager, ways)
        finally:
            await manager.command("pjsip set history off")
            await manager.command("pjsip set history clear")


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
        "bye": usual.bye("603"),
        "bye-remote": usual.bye_remote("641"),
        "cancel": usual.cancel("630"),
        "incoming": incoming,
        "incoming-486": incoming_486,
        "incoming-cancel": incoming_cancel,
        "302": usual.refused("681", "redirected", 302),
        "486": usual.refused("620", "busy", 486),
        "603": usual.refused("621", "rejected", 603),
    },
)
