"""What an operator may set of media: addresses, ports, threads, codecs, and how long is silence."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway import config_values as rules
from gateway.config_section import RegularFile, Section
from gateway.config_values import broken
from gateway.own_address import is_anywhere, versions

PORTS_OF_TRUNKS = 4  # at least: a call takes a pair, and it is used again only once it is quiet


Timeout = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), AfterValidator(rules.timeout)]


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


class MediaSettings(Section):
    # Loopback, as http.listen: a first start talks to nobody outside. With a trunk elsewhere it has
    # to change: the trunk is told to send its audio to this address. "0.0.0.0" is every address of
    # this machine, "::" of both kinds: a trunk is told the one that the route to it begins at, a
    # browser all that it may reach
    address: Annotated[str, AfterValidator(rules.media_address)] = "127.0.0.1"
    # The same as `address` unless a 1:1 NAT stands before this machine; the check is of this one
    public_address: Annotated[str, AfterValidator(rules.told_address)] | None = None
    # UDP, two for each call: RTP and RTCP of the trunk. Below the ports that Linux gives to
    # outgoing connections (32768 and up)
    ports: Annotated[tuple[int, int], AfterValidator(rules.ports)] = (20000, 29999)
    # One for all browsers of a thread, so that a firewall has one to open: the first of `ports`,
    # which it has open for the trunks already. Further threads take the ports after it
    browser_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    # One for each core but one, which is left to signaling and handshakes; at least one
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    # Between browser and gateway. Opus sounds better on a bad network, since it repairs losses;
    # "passthrough" takes G.711 wherever browser and trunk share it, for a fraction of the CPU
    codec: Literal["opus", "passthrough"] = "opus"
    # Of our Opus encoder, 0 to 10. 5 costs two and a half times what 0 does, and scores 0.04 (PESQ)
    # more on a clean network and 0.06 at 5 % loss; `make bench` prints the table
    complexity: Annotated[int, Field(ge=0, le=10)] = 0
    # Bit/s of Opus in either direction, for narrowband; where a trunk has a wideband codec the
    # browser is asked for more in proportion. Below 26000 libopus spares FEC at complexity 0, and
    # at 5 % loss speech falls from PESQ 3.99 to 3.2; from the browser 32000 scores 3.94, 24000 3.87
    bitrate: Annotated[int, Field(ge=6000, le=64_000)] = 32_000
    # Seconds without RTP and RTCP from the trunk that end a call; 0 for never. The trunk is asked
    # by OPTIONS first, whether it still has the call. An answered call costs money although nobody
    # hears anything; a call on hold may be silent
    timeout: Timeout = 15.0
    # The same before the answer, where an announcement may pause, and ringing ends by itself
    early_timeout: Timeout = 30.0
    # A sound file, for the far end of a call that a page has put on hold. Without one it is two
    # quiet notes every five seconds: music is a matter of taste, and of rights
    hold_music: RegularFile | None = None

    @model_validator(mode="after")
    def _addresses_of_one_kind(self) -> Self:
        public = self.public_address
        if public is not None and not speaks(self, ip_address(public)):
            raise broken(
                f"both are IPv4 or both IPv6, and media.address is {self.address}",
                key="public_address",
                value=public,
            )
        return self

    @model_validator(mode="after")
    def _ports_for_every_thread(self) -> Self:
        browsers, (first, last) = self.browser_ports, self.ports
        if browsers[-1] > 65_535:
            raise broken(
                f"{len(browsers)} threads need as many ports from here on, and 65535 is the last",
                key="browser_port",
                value=browsers[0],
            )
        taken = sum(first <= port <= last for port in browsers)
        if last - first + 1 - taken < PORTS_OF_TRUNKS:
            raise broken(
                f"trunks need at least {PORTS_OF_TRUNKS} of these, and browsers take {taken}",
                key="ports",
                value=self.ports,
            )
        return self

    @property
    def thread_count(self) -> int:
        """How many threads there are: `threads`, or as many as the machine has cores to spare."""
        return self.threads or max(1, usable_cores() - 1)

    @property
    def browser_ports(self) -> range:
        """The UDP ports that browsers send to, one for each thread."""
        first = self.ports[0] if self.browser_port is None else self.browser_port
        return range(first, first + self.thread_count)

    @property
    def is_anywhere(self) -> bool:
        """Whether media is bound to any address, so that each far end is told its own."""
        return is_anywhere(self.address)

    @property
    def told(self) -> str:
        """The address that browsers and trunks are told to send to; any, where that depends."""
        return self.public_address or self.address


def reaches(media: MediaSettings, trunk: IPv4Address | IPv6Address) -> bool:
    """Say whether a trunk at this address can send to ours; else both sides hear silence."""
    return trunk.is_loopback or not ip_address(media.told).is_loopback


def speaks(media: MediaSettings, address: IPv4Address | IPv6Address) -> bool:
    """Say whether what media is bound to is of this address's kind."""
    return address.version in versions(media.address)
