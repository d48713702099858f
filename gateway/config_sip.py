"""What an operator may set of SIP: our own side of it, the trunks, and which calls go where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)

from gateway import config_trunk_values as trunk_rules
from gateway import config_values as rules
from gateway.config_section import RegularFile, Section
from gateway.config_trunk_uri import ProxyUri, TrunkUri, read_proxy_uri, read_trunk_uri
from gateway.config_trunk_values import NumbersIn, read_numbers_in, read_source
from gateway.config_values import (
    Address,
    Network,
    Numbers,
    broken,
    read_address,
    read_numbers,
)

TrunkCodec = Literal["PCMU", "PCMA", "G722", "opus", "L16"]
SymmetricRtp = Literal["auto", "strict", "any"]
DtmfMode = Literal["auto", "rfc4733", "info", "inband"]
Srtp = Literal["off", "optional", "required"]
Transfers = Literal["refuse", "allow"]


class SipSettings(Section):
    # SIP's own port on every interface: a trunk reaches us wherever it sends from. UDP, and TCP
    # where a trunk says transport=tcp. "[::]" is every interface by IPv4 and IPv6
    listen: Annotated[Address, PlainValidator(read_address), AfterValidator(rules.sip_address)] = (
        Address("0.0.0.0", 5060)
    )
    # In Via and Contact: media.public_address unless this is given, as mostly one NAT stands before
    # both; otherwise the address that the route to each trunk begins at. Descriptions (SDP) name
    # media.public_address in any case
    public_address: Annotated[str, AfterValidator(rules.told_address)] | None = None
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


class TrunkSettings(Section):
    # Letters, digits, ".", "_" and "-", 32 at most: routes, records and metrics name it so
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    # "sip:host:port;transport=udp" (or tcp, tls), or "sips:host:port"; without a port it is looked
    # up by NAPTR and SRV. One elsewhere needs a media.address that it can send to
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
    # Many trunks know us by address, and a registration at one of these fails for ever
    registers: bool = Field(
        default=False, alias="register"
    )  # BaseModel has a `register` of ABCMeta
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
    # A REFER of this trunk's is declined: whoever is behind it would say whom we call. "allow" is
    # for a PBX whose people transfer calls: the page then talks to whom they name, called by us as
    # if the page had called there, within the dial plan, its token and all limits
    transfers: Transfers = "refuse"
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
    # The number that is called when no page takes the call; none, as it costs money
    fallback: Annotated[str, AfterValidator(rules.number)] | None = None


Trunks = tuple[TrunkSettings, ...]
Routes = tuple[RouteSettings, ...]
Incoming = tuple[IncomingSettings, ...]


class TlsFiles(NamedTuple):
    """What secures the connections to a trunk: authorities that are believed, what is shown."""

    ca: Path | None
    certificate: Path | None
    key: Path | None


def tls_files(sip: SipSettings, trunk: TrunkSettings) -> TlsFiles:
    """Return a trunk's own files, and those of [sip] where it has none."""
    shown = trunk if trunk.certificate is not None else sip
    return TlsFiles(trunk.ca or sip.ca, shown.certificate, shown.key)
