"""What an operator may set: one model of `gateway.toml`, GATEWAY_* variables and flags.

Only keys that do something stand here. A key that is unknown or a value that breaks a rule stops
the start with one line that names the key, the value and the rule; a value that may hold a secret
is never in that line.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)

from gateway import config_trunk_values as trunk_rules
from gateway import config_values as rules
from gateway.config_trunk_values import NumbersIn, read_numbers_in, read_source
from gateway.config_values import Address as Address
from gateway.config_values import (
    Network,
    Numbers,
    ProxyUri,
    broken,
    nearest,
    read_address,
    read_network,
    read_numbers,
    read_proxy_uri,
    read_trunk_uri,
)
from gateway.config_values import TrunkUri as TrunkUri

PORTS_OF_TRUNKS = 4  # at least: a call takes a pair, and it is used again only once it is quiet


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


RegularFile = Annotated[Path, AfterValidator(rules.regular_file)]
SecretFile = Annotated[Path, AfterValidator(rules.secret_file)]
Url = Annotated[str, AfterValidator(rules.url)]
Timeout = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), AfterValidator(rules.timeout)]
Prefix = Annotated[str, AfterValidator(rules.prefix)]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]  # 0 for none
TrunkCodec = Literal["PCMU", "PCMA", "G722", "opus", "L16"]
SymmetricRtp = Literal["auto", "strict", "any"]
DtmfMode = Literal["auto", "rfc4733", "info", "inband"]
Srtp = Literal["off", "optional", "required"]


class Section(BaseModel):
    """A table of the file: closed, so that a mistyped key is found, and never changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class SipSettings(Section):
    # SIP's own port on every interface: a trunk reaches us wherever it sends from. UDP, and TCP
    # where a trunk says transport=tcp. "[::]" is every interface by IPv4 and IPv6
    listen: Annotated[Address, PlainValidator(read_address), AfterValidator(rules.sip_address)] = (
        Address("0.0.0.0", 5060)
    )
    # One value, and nobody reads it: pjsua2 as it is installed is the only engine so far. The key
    # is kept so that a file which names another, meant for a later version, is refused
    engine: Literal["auto"] = "auto"
    # What comes from no trunk's address (trunks.sources): nothing, so that a scanner does not even
    # learn that SIP is spoken here. "refuse" says 403, for whoever wonders why a trunk's calls get
    # no answer
    strangers: Literal["silent", "refuse"] = "silent"
    # None: calls out by TLS need no port of ours, and one that nobody sends to is one more that
    # strangers find
    tls_listen: (
        Annotated[Address, PlainValidator(read_address), AfterValidator(rules.sip_address)] | None
    ) = None
    # What tls_listen shows, and trunks that ask for a certificate; in PEM
    certificate: RegularFile | None = None
    key: RegularFile | None = None
    # The authorities that the system trusts; with a file none but those in it
    ca: RegularFile | None = None

    @model_validator(mode="after")
    def _key_and_certificate_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            raise broken("certificate and key are needed together", key=missing)
        if self.tls_listen is not None and self.certificate is None:
            raise broken("tls_listen needs certificate and key", key="certificate")
        return self

    @model_validator(mode="after")
    def _tls_port_of_its_own(self) -> Self:
        tls, listen = self.tls_listen, self.listen
        if tls is None or tls.port != listen.port or listen.port == 0:
            return self
        if tls.host == listen.host or tls.is_unspecified or listen.is_unspecified:
            raise broken("sip.listen has this port, by TCP too", key="tls_listen", value=str(tls))
        return self


class MediaSettings(Section):
    # Loopback, as http.listen: a first start talks to nobody outside. With a trunk elsewhere it has
    # to change (Settings checks it): the trunk is told to send its audio to this address
    address: Annotated[str, AfterValidator(rules.media_address)] = "127.0.0.1"
    # The same as `address` unless a 1:1 NAT stands before this machine; the check is of this one
    public_address: Annotated[str, AfterValidator(rules.media_address)] | None = None
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
        if public is not None and (":" in public) != (":" in self.address):
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
    def told(self) -> str:
        """The address that browsers and trunks are told to send to."""
        return self.public_address or self.address


class TrunkSettings(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    # One elsewhere needs a media.address that it can send to
    uri: Annotated[TrunkUri, PlainValidator(read_trunk_uri)]
    # Requests go straight to the trunk. With ";lr" behind it a proxy stands in a Route header, as
    # RFC 3261 has it; without, it gets the requests and nothing in them says so
    outbound_proxy: Annotated[ProxyUri, PlainValidator(read_proxy_uri)] | None = None
    # Over TLS: those of [sip] unless this trunk has its own
    certificate: RegularFile | None = None
    key: RegularFile | None = None
    ca: RegularFile | None = None
    # No digest authentication unless a user name is given; many trunks know us by address
    username: Annotated[str, Field(pattern=r'^[^\s"\\\x00-\x1f]{1,128}$')] | None = None
    password: SecretStr | None = Field(default=None, min_length=1, max_length=256)
    password_file: Path | None = None
    # Many trunks know us by address, and a registration at one of these fails for ever. (A field
    # of the key's own name would hide what every class of pydantic's has)
    registers: bool = Field(default=False, alias="register")
    # Seconds that we ask a registration to live: as long as calls from there may go astray after
    # this machine has changed its address. The registrar has the last word
    expires: Annotated[int, Field(ge=60, le=86_400)] = 300
    # None besides the URI's host: whoever sends from these is taken for the trunk
    sources: tuple[Annotated[Network, PlainValidator(read_source)], ...] = ()
    # As E.164 has them, which every international trunk takes
    numbers: Annotated[Numbers, PlainValidator(read_numbers)] = "e164"
    # As they come. The first rule that fits counts; an empty beginning is that of all without "+"
    numbers_in: Annotated[NumbersIn, PlainValidator(read_numbers_in)] = ()
    # Which header says who calls, out and in: From, as every trunk reads it. The others are
    # P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID
    identity: Literal["from", "pai", "ppi", "rpid"] = "from"
    # Which headers a page may send the trunk, and the trunk a page: all, as they begin with X- and
    # mean nothing but what both agree on. Where the trunk obeys one that pages must not use, name
    # those that they may
    headers: tuple[Annotated[str, AfterValidator(trunk_rules.header)], ...] = ("X-*",)
    # What the trunk is offered, the best first: the two that every trunk has, the one of North
    # America and Japan first. With a wideband one (G722, L16: 16 kHz; opus: 48 kHz, not decoded
    # here) browsers are asked for more than telephone sound
    codecs: Annotated[tuple[TrunkCodec, ...], AfterValidator(rules.codecs)] = ("PCMU", "PCMA")
    # "anonymous" unless this or the page's `from` names a caller
    caller_id: Annotated[str, AfterValidator(rules.caller_id)] | None = None
    # Whose audio is believed. A PBX behind a NAT describes an address that nobody outside reaches:
    # "auto" then takes it from the host that its SIP comes from, too. "strict" never does; "any"
    # takes the first stream wherever it comes from, which lets whoever guesses a port speak
    symmetric_rtp: SymmetricRtp = "auto"
    # How digits go out. "auto" takes the best that the trunk says it reads: telephone events where
    # its answer has them, else INFO where its Allow has that, else tones. The others are for a
    # trunk that says one thing and reads another
    dtmf: DtmfMode = "auto"
    # Encryption of the audio by keys in SDP (SDES). Off: carriers have it on order, and some refuse
    # or misread a description with keys. "optional" offers keys beside RTP/AVP (RFC 8643), which
    # whoever does not know them ignores; "required" offers RTP/SAVP, and ends a call that would not
    # be encrypted. The keys are no more secret than SIP on its way: with a tls trunk only
    srtp: Srtp = "off"
    # What a small trunk contract carries; past it we refuse before the carrier does
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 100
    # The lowest is tried first; where no route says otherwise
    priority: Annotated[int, Field(ge=1, le=1000)] = 1
    # Among equal priorities: one of 3 comes first three times as often as one of 1
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    # Seconds between two OPTIONS, 0 for none. Half a minute is what a dead trunk stays unnoticed
    # while nobody calls, and below 5 s carriers take it for an attack
    options: Annotated[int, Field(ge=0, le=3600), AfterValidator(rules.options)] = 30

    @property
    def hop(self) -> TrunkUri:
        """Where requests are sent."""
        return self.uri if self.outbound_proxy is None else self.outbound_proxy.uri

    @model_validator(mode="before")
    @classmethod
    def _read_password_file(cls, values: Any) -> Any:
        """Read the secret at start: a missing file is found then, not at the first call."""
        if not isinstance(values, dict) or not values.get("password_file"):
            return values
        if "password" in values:
            raise broken(
                "either password or password_file is needed, not both", key="password_file"
            )
        path = Path(str(values["password_file"]))
        try:
            secret = path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            rule = f"the file cannot be read: {why}"
            raise broken(rule, key="password_file", value=str(path)) from None
        return {**values, "password": secret}

    @model_validator(mode="after")
    def _username_and_password_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            raise broken(
                "username and password (or password_file) are needed together", key=missing
            )
        return self

    @model_validator(mode="after")
    def _certificates_for_tls(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            raise broken("certificate and key are needed together", key=missing)
        for name in ("certificate", "ca"):
            if getattr(self, name) is not None and self.hop.transport != "tls":
                raise broken("this is for a uri with transport=tls, or sips:", key=name)
        return self

    @model_validator(mode="after")
    def _register_with_password(self) -> Self:
        if self.registers and self.username is None:
            raise broken("register needs username and password", key="username")
        return self


class RouteSettings(Section):
    # A number, or its beginning with "*" behind it; "*" alone is every number
    to: Annotated[str, AfterValidator(rules.number_pattern)]
    # Names of trunks, in the order in which they are tried: it says more than `priority` does
    trunks: Annotated[tuple[str, ...], AfterValidator(rules.trunk_names)]


class IncomingSettings(Section):
    # The called number, or its beginning with "*" behind it; "*" alone is every number
    to: Annotated[str, AfterValidator(rules.number_pattern)]
    # From any trunk unless one is named
    trunk: str | None = None
    # Pages that are registered under it ring, all at once
    identity: Annotated[str, AfterValidator(rules.identity)]
    # Seconds; five or six rings, after which a caller gives up or a mailbox would answer
    ring: Annotated[int, Field(ge=1, le=600)] = 30


Trunks = tuple[TrunkSettings, ...]
Routes = tuple[RouteSettings, ...]
Incoming = tuple[IncomingSettings, ...]


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
    # One file in the folder that the gateway runs in: used once-tokens, blocks and what the day has
    # cost outlive a restart. "" keeps them in memory. Two gateways must not share it: each would
    # overwrite what the other has spent
    database: Annotated[str, AfterValidator(rules.database)] = "sqlite:///gateway.db"


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
        for trunk in self.trunks:
            if trunk.uri.ip is not None and not reaches(self.media, trunk.uri.ip):
                raise broken(
                    f"the trunk {trunk.name!r} at {trunk.uri.host} cannot send audio to a loopback "
                    "address: an address of this machine that it reaches is needed",
                    key="media.public_address" if self.media.public_address else "media.address",
                    value=self.media.told,
                )
        return self


class TlsFiles(NamedTuple):
    """What secures the connections to a trunk: authorities that are believed, what is shown."""

    ca: Path | None
    certificate: Path | None
    key: Path | None


def tls_files(sip: SipSettings, trunk: TrunkSettings) -> TlsFiles:
    """Return a trunk's own files, and those of [sip] where it has none."""
    shown = trunk if trunk.certificate is not None else sip
    return TlsFiles(trunk.ca or sip.ca, shown.certificate, shown.key)


def reaches(media: MediaSettings, trunk: IPv4Address | IPv6Address) -> bool:
    """Say whether a trunk at this address can send to ours; else both sides hear silence."""
    return trunk.is_loopback or not ip_address(media.told).is_loopback
