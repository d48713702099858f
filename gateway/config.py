"""What an operator may set: one model of `gateway.toml`, GATEWAY_* variables and flags.

Only keys that do something stand here. A key that is unknown or a value that breaks a rule stops
the start with one line that names the key, the value and the rule; a value that may hold a secret
is never in that line.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    model_validator,
)

from gateway import config_values as rules
from gateway.config_sip import Incoming, RegularFile, Routes, Section, SipSettings, Trunks
from gateway.config_values import Address as Address
from gateway.config_values import (
    Network,
    broken,
    nearest,
    read_address,
    read_network,
)
from gateway.config_values import TrunkUri as TrunkUri
from gateway.own_address import is_anywhere, versions

PORTS_OF_TRUNKS = 4  # at least: a call takes a pair, and it is used again only once it is quiet


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


SecretFile = Annotated[Path, AfterValidator(rules.secret_file)]
Url = Annotated[str, AfterValidator(rules.url)]
Timeout = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), AfterValidator(rules.timeout)]
Prefix = Annotated[str, AfterValidator(rules.prefix)]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]  # 0 for none


class HttpSettings(Section):
    # Loopback: the only place where browsers give a page the microphone without TLS
    listen: Annotated[Address, PlainValidator(read_address)] = Address("127.0.0.1", 8080)
    # No TLS unless both are given, in PEM
    certificate: RegularFile | None = None
    key: RegularFile | None = None
    # Nobody: whoever may write X-Forwarded-For chooses the address that limits and blocks go by
    trusted_proxies: tuple[Annotated[Network, PlainValidator(read_network)], ...] = ()
    # Without keys the operator's API is closed: whoever lists calls sees who calls whom
    api_keys_file: RegularFile | None = None

    @model_validator(mode="after")
    def _key_and_certificate_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            raise broken("certificate and key are needed together", key=missing)
        return self


class MediaSettings(Section):
    # Loopback, as http.listen: a first start talks to nobody outside. With a trunk elsewhere it has
    # to change (Settings checks it): the trunk is told to send its audio to this address. "0.0.0.0"
    # is every address of this machine, "::" of both kinds: a trunk is told the one that the route
    # to it begins at, a browser all that it may reach
    address: Annotated[str, AfterValidator(rules.media_address)] = "127.0.0.1"
    # The same as `address` unless a 1:1 NAT stands before this machine; the check is of this one
    public_address: Annotated[str, AfterValidator(rules.told_address)] | None = None
    # Below the ports that Linux gives to outgoing connections (32768 and up)
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
    # Seconds without RTP and RTCP from the trunk that end a call; 0 for never. An answered call
    # costs money although nobody hears anything; a call on hold may be silent
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


class LimitSettings(Section):
    """How much of everything; 0 for no limit. Spent money and minutes are counted by UTC's day."""

    # What engine, trunks, ports and the media clock carry is a limit already
    calls_at_once: Limit = 0
    calls_per_minute: Limit = 0
    calls_per_hour: Limit = 0
    # A call, and a second one while the first is on hold
    calls_at_once_per_identity: Limit = 2
    # An office, or a carrier's NAT, shows one address for all
    calls_at_once_per_address: Limit = 5
    calls_per_minute_per_address: Limit = 0
    calls_per_hour_per_identity: Limit = 0
    # People call the same few; who walks through numbers, looks for one that pays
    numbers_per_hour_per_identity: Limit = 20
    numbers_per_hour_per_address: Limit = 0
    # Only the operator knows what a day may cost; new calls stop where either is reached
    minutes_per_day: Limit = 0
    spend_per_day: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    # What a minute costs, by prefix; spend_per_day needs it
    rates_file: RegularFile | None = None
    # A hundred pages of one office are more than its NAT shows in practice; a flood is thousands
    websockets_per_address: Limit = 50
    # A call begins with some twenty frames at once: the offer and a candidate for each path
    messages_per_second_per_address: Limit = 100

    @model_validator(mode="after")
    def _spend_by_rates(self) -> Self:
        if self.spend_per_day and self.rates_file is None:
            raise broken("spend_per_day needs it: what a minute costs, by prefix", key="rates_file")
        return self


class AdmissionSettings(Section):
    # "open": whoever reaches the page may call, hence loopback only. "token": who has a call token
    mode: Literal["open", "token"] = "open"
    # Where tokens are verified by: secrets of HS256, one a line, the first signs; or the URL of a
    # JWKS for RS256 and ES256. One of them, as a key of one kind is no key of the other
    token_secret_file: Annotated[Path, AfterValidator(rules.secrets_file)] | None = None
    jwks_url: Url | None = None
    # Any issuer: whoever has the secret is one. Where a JWKS serves others too, name yours
    issuer: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    # None besides the page's own: the gateway serves it itself
    origins: tuple[Annotated[str, AfterValidator(rules.origin)], ...] = ()
    # Nothing may be dialled until the operator says what; calls cost money
    allow: tuple[Prefix, ...] = ()
    deny: tuple[Prefix, ...] = ()
    # Toll fraud calls what pays the fraudster: these need a word of their own besides `allow`
    premium: bool = False
    satellite: bool = False
    shared_cost: bool = False
    # Some of them cost as premium numbers do, and which ones is another matter in each country
    short_codes: tuple[Annotated[str, AfterValidator(rules.short_code)], ...] = ()
    # A page has no place that a rescuer could be sent to, and may lose its network: a phone has not
    emergency: bool = False
    # With * and #: they change what a PBX does, forward calls for one
    feature_codes: bool = False
    # Whose national numbers (0171…) are understood, "DE" for one; without it only +… is a number of
    # the world, and what else is dialled goes to the trunk as it is
    country: Annotated[str, AfterValidator(rules.country)] | None = None
    # Seconds. Longer than nearly every call, and an end to what a forgotten one costs
    max_duration: Annotated[int, Field(ge=1, le=86_400)] = 3600
    # Seconds, as long as a SIP proxy lets a call ring at least (RFC 3261 section 16.6: timer C)
    max_ringing: Annotated[int, Field(ge=1, le=600)] = 180
    # Nobody is asked: a CAPTCHA or a proof of work needs a service that checks it ("siteverify")
    challenge_url: Url | None = None
    challenge_secret_file: SecretFile | None = None
    limits: LimitSettings = LimitSettings()

    @model_validator(mode="after")
    def _tokens_by_secret_or_by_jwks(self) -> Self:
        given = [self.token_secret_file is not None, self.jwks_url is not None]
        if self.mode == "open":
            for key in ("token_secret_file", "jwks_url", "issuer"):
                if getattr(self, key) is not None:
                    raise broken('this is for mode = "token"; "open" asks for no token', key=key)
        elif not any(given):
            raise broken('mode "token" needs token_secret_file or jwks_url', key="mode")
        elif all(given):
            raise broken("either token_secret_file or jwks_url is needed, not both", key="jwks_url")
        return self

    @model_validator(mode="after")
    def _challenge_with_secret(self) -> Self:
        if self.challenge_url is not None and self.mode == "token":
            raise broken(
                'this is for mode = "open": whoever has a token has been asked by the site',
                key="challenge_url",
            )
        if (self.challenge_url is None) != (self.challenge_secret_file is None):
            missing = "challenge_url" if self.challenge_url is None else "challenge_secret_file"
            raise broken("challenge_url and challenge_secret_file are needed together", key=missing)
        return self


class TurnSettings(Section):
    # None: a browser that reaches our UDP port needs no relay
    urls: tuple[Annotated[str, AfterValidator(rules.turn_url)], ...] = ()
    # coturn's use-auth-secret: credentials are made of it for each session
    # (draft-uberti-behave-turn-rest)
    secret_file: SecretFile | None = None
    # Browsers try the direct path as well, which is shorter. "relay": where that path is closed
    # anyway, or where nobody may learn a browser's address
    policy: Literal["all", "relay"] = "all"
    # Seconds that credentials live: a call may begin so long after the page has been welcomed, and
    # whoever copies them relays at your cost no longer
    lifetime: Annotated[int, Field(ge=60, le=86_400)] = 600

    @model_validator(mode="after")
    def _relays_with_secret(self) -> Self:
        relays = [url for url in self.urls if not url.startswith("stun")]
        if relays and self.secret_file is None:
            raise broken("turn.urls needs the secret that the TURN server has", key="secret_file")
        if not relays and self.policy == "relay":
            raise broken(
                'a turn: or turns: URL is needed in turn.urls for "relay"',
                key="policy",
                value=self.policy,
            )
        return self


class RecordSettings(Section):
    # One file in the folder that the gateway runs in: a row for each call, and what admission has
    # to know after a restart (used once-tokens, blocks, what the day has cost). "" keeps no
    # records, and the rest in memory. Two gateways must not share a file: each would overwrite what
    # the other has spent. A PostgreSQL database they may share
    database: Annotated[str, AfterValidator(rules.database), Field(repr=False)] = (
        "sqlite:///gateway.db"
    )
    # Of PostgreSQL: a URL with a password is read by whoever reads the configuration
    password_file: SecretFile | None = None
    # What admission has to know after a restart, which is each gateway's own: the same file where
    # `database` is one, beside a PostgreSQL database "sqlite:///gateway.db"
    admission_database: Annotated[str, AfterValidator(rules.sqlite_database)] | None = None
    # Where rows wait for the database: its name with ".spool" where it is a file, else
    # "gateway.spool" in the folder that the gateway runs in
    spool: Path | None = None
    # Some 50,000 calls: at 20 a second three quarters of an hour, in which somebody will have
    # looked at the database. No more than 1000, as a start has all of it in memory, and twice
    spool_megabytes: Annotated[int, Field(ge=1, le=1000)] = 100
    # Bills are compared with records, and a complaint is looked up by its number. Whoever may not
    # keep numbers takes "masked", which is for good
    numbers: Literal["full", "masked"] = "full"
    # How rows name this gateway; the machine's name, which tells several apart
    node: Annotated[str, Field(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def _password_of_a_server(self) -> Self:
        if self.password_file is not None and not self.is_postgresql:
            raise broken("only a PostgreSQL database has a password", key="password_file")
        return self

    @property
    def is_postgresql(self) -> bool:
        return self.database.startswith("postgresql")

    @property
    def kept(self) -> bool:
        """Whether there are records at all."""
        return self.database not in ("", rules.SQLITE_MEMORY)

    @property
    def of_admission(self) -> str:
        """Where admission's memory is, "" for nowhere."""
        if self.admission_database is not None:
            return self.admission_database
        return "sqlite:///gateway.db" if self.is_postgresql else self.database

    @property
    def spool_file(self) -> Path:
        """Where rows wait for the database."""
        if self.spool is not None:
            return self.spool
        if self.is_postgresql:
            return Path("gateway.spool")
        return Path(self.database.removeprefix(rules.SQLITE) + ".spool")


class SessionSettings(Section):
    # Seconds that calls outlive their page's WebSocket; 0 for not at all. A network that changes is
    # back in 5 to 20, a page that is loaded again in 1 to 5. Meanwhile the call costs money
    resume_window: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 60.0
    # Seconds that calls may go on after SIGTERM, before they are ended. Most are over in five
    # minutes, and whoever updates a machine can still wait for it. 0 ends them at once
    drain_timeout: Annotated[int, Field(ge=0, le=86_400)] = 300


class WebhookSettings(Section):
    # None: who calls whom is nobody's business unless the operator says whose
    url: Annotated[str, AfterValidator(rules.webhook_url)] | None = None
    # "whsec_" and base64, one a line; each signs, so that one can be replaced by another
    secret_file: Annotated[Path, AfterValidator(rules.webhook_secrets)] | None = None
    # What a business wants to know of a call; "limit" besides is for who watches over abuse
    events: tuple[Literal["ringing", "answered", "ended", "limit"], ...] = (
        "ringing",
        "answered",
        "ended",
    )
    # In the folder that the gateway runs in. A file of its own: events come and go by the second,
    # and each gateway has its own
    queue_file: Path = Path("webhooks.db")
    # Seconds: a server that has failed in the evening is seen to in the morning
    retry_for: Annotated[int, Field(ge=60, le=7 * 86_400)] = 36_000
    # A busy hour's calls, and some 15 MB
    most_waiting: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000

    @model_validator(mode="after")
    def _url_with_secret(self) -> Self:
        if (self.url is None) != (self.secret_file is None):
            missing = "secret_file" if self.secret_file is None else "url"
            raise broken("url and secret_file are needed together", key=missing)
        return self


class LogSettings(Section):
    # One line per call and session; "debug" adds SIP and media detail
    level: Literal["debug", "info", "warning", "error"] = "info"
    # All but the country and the last digits: a log is read by more people, and kept longer, than
    # who called whom should be
    numbers: Literal["masked", "full"] = "masked"
    # None: the log tells of refusals, too. The audit file has who, what, when and from where
    audit_file: Path | None = None


class Settings(Section):
    """The whole configuration; `gateway.config_sources.load` reads it."""

    http: HttpSettings = HttpSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    # None to assume: only the operator knows who carries the calls
    trunks: Trunks = ()
    # Every number goes to all trunks, by their priority
    routes: Routes = ()
    # Calls from trunks are refused (404): only the operator knows whom they are for
    incoming: Incoming = ()
    admission: AdmissionSettings = AdmissionSettings()
    turn: TurnSettings = TurnSettings()
    records: RecordSettings = RecordSettings()
    sessions: SessionSettings = SessionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.admission.mode == "open" and not self.http.listen.is_loopback:
            raise broken(
                'admission.mode "open" is for a loopback address only, as there whoever '
                'reaches the page may call; with mode = "token" any address will do',
                key="http.listen",
                value=str(self.http.listen),
            )
        return self

    @model_validator(mode="after")
    def _a_name_for_each_trunk(self) -> Self:
        names: list[str] = []
        for place, trunk in enumerate(self.trunks):
            if trunk.name in names:
                raise broken(
                    f"trunks[{names.index(trunk.name)}] has this name; each needs one of its own",
                    key=f"trunks[{place}].name",
                    value=trunk.name,
                )
            names.append(trunk.name)
        return self

    @model_validator(mode="after")
    def _trunks_that_exist(self) -> Self:
        named = [
            (f"routes[{place}].trunks[{rank}]", name)
            for place, route in enumerate(self.routes)
            for rank, name in enumerate(route.trunks)
        ]
        named += [
            (f"incoming[{place}].trunk", incoming.trunk)
            for place, incoming in enumerate(self.incoming)
            if incoming.trunk is not None
        ]
        names = [trunk.name for trunk in self.trunks]
        for key, name in named:
            if name not in names:
                others = nearest(name, names) if names else ""
                raise broken(f"there is no such trunk{others}", key=key, value=name)
        return self

    @model_validator(mode="after")
    def _sip_where_trunks_are(self) -> Self:
        listen = self.sip.listen
        for place, trunk in enumerate(self.trunks):
            ip = trunk.uri.ip
            if ip is not None and ip.version != listen.version and listen.host != "::":
                raise broken(
                    f"sip.listen = {str(listen)!r} has no IPv{ip.version} address; "
                    f'"[::]:{listen.port}" is every address of both kinds',
                    key=f"trunks[{place}].uri",
                    value=str(trunk.uri),
                )
        return self

    @model_validator(mode="after")
    def _media_where_trunks_can_send(self) -> Self:
        for place, trunk in enumerate(self.trunks):
            ip = trunk.uri.ip
            if ip is not None and self.media.is_anywhere and not speaks(self.media, ip):
                raise broken(
                    f"media.address = {self.media.address!r} has no IPv{ip.version} address; "
                    '"::" is every address of both kinds',
                    key=f"trunks[{place}].uri",
                    value=str(trunk.uri),
                )
            if trunk.uri.ip is not None and not reaches(self.media, trunk.uri.ip):
                raise broken(
                    f"the trunk {trunk.name!r} at {trunk.uri.host} cannot send audio to a loopback "
                    "address: an address of this machine that it reaches is needed",
                    key="media.public_address" if self.media.public_address else "media.address",
                    value=self.media.told,
                )
        return self


def reaches(media: MediaSettings, trunk: IPv4Address | IPv6Address) -> bool:
    """Say whether a trunk at this address can send to ours; else both sides hear silence."""
    return trunk.is_loopback or not ip_address(media.told).is_loopback


def speaks(media: MediaSettings, address: IPv4Address | IPv6Address) -> bool:
    """Say whether what media is bound to is of this address's kind."""
    return address.version in versions(media.address)
