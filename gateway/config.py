"""What an operator may set: one model of `gateway.toml`, GATEWAY_* variables and flags.

Only keys that do something stand here. A key that is unknown or a value that breaks a rule stops
the start with one line that names the key, the value and the rule; a value that may hold a secret
is never in that line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    model_validator,
)

from gateway import config_file_values as file_rules
from gateway import config_url_values as url_rules
from gateway.config_admission import AdmissionSettings, TurnSettings
from gateway.config_media import MediaSettings, reaches, speaks
from gateway.config_section import RegularFile, SecretFile, Section
from gateway.config_sip import Incoming, Routes, SipSettings, Trunks
from gateway.config_trunk_uri import TrunkUri as TrunkUri
from gateway.config_values import Address as Address
from gateway.config_values import (
    Network,
    broken,
    nearest,
    read_address,
    read_network,
)


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
    # The demo page at /. None: on a loopback address without a proxy, where only who sits at the
    # machine opens it. For everybody else it would be a phone of ours on no page of the operator's
    demo: bool | None = None
    # The connection test at /preflight. None: where the demo page is. It calls nobody, and a site's
    # token opens it (`#token=` behind the address): for visitors whose calls fail, say true
    preflight: bool | None = None

    @property
    def serves_demo(self) -> bool:
        """Whether there is a demo page."""
        if self.demo is None:
            return self.listen.is_loopback and not self.trusted_proxies
        return self.demo

    @property
    def serves_preflight(self) -> bool:
        """Whether there is a page for a pre-flight."""
        return self.serves_demo if self.preflight is None else self.preflight

    @model_validator(mode="after")
    def _key_and_certificate_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            raise broken("certificate and key are needed together", key=missing)
        return self


class RecordSettings(Section):
    # One file in the folder that the gateway runs in: a row for each call, and what admission has
    # to know after a restart (used once-tokens, blocks, what the day has cost). "" keeps no
    # records, and the rest in memory. Two gateways must not share a file: each would overwrite what
    # the other has spent. A PostgreSQL database they may share
    database: Annotated[str, AfterValidator(url_rules.database), Field(repr=False)] = (
        "sqlite:///gateway.db"
    )
    # Of PostgreSQL: a URL with a password is read by whoever reads the configuration
    password_file: SecretFile | None = None
    # What admission has to know after a restart, which is each gateway's own: the same file where
    # `database` is one, beside a PostgreSQL database "sqlite:///gateway.db"
    admission_database: Annotated[str, AfterValidator(url_rules.sqlite_database)] | None = None
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
        return self.database not in ("", url_rules.SQLITE_MEMORY)

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
        return Path(self.database.removeprefix(url_rules.SQLITE) + ".spool")


class SessionSettings(Section):
    # Seconds that calls outlive their page's WebSocket; 0 for not at all. A network that changes is
    # back in 5 to 20, a page that is loaded again in 1 to 5. Meanwhile the call costs money
    resume_window: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 60.0
    # Seconds that calls may go on after SIGTERM, before they are ended. Most are over in five
    # minutes, and whoever updates a machine can still wait for it. 0 ends them at once
    drain_timeout: Annotated[int, Field(ge=0, le=86_400)] = 300


class WebhookSettings(Section):
    # None: who calls whom is nobody's business unless the operator says whose
    url: Annotated[str, AfterValidator(url_rules.webhook_url)] | None = None
    # "whsec_" and base64, one a line; each signs, so that one can be replaced by another
    secret_file: Annotated[Path, AfterValidator(file_rules.webhook_secrets)] | None = None
    # What a business wants to know of a call; "limit" besides is for who watches over abuse, and
    # "feedback" has what people write, which not everybody may read
    events: tuple[Literal["ringing", "answered", "ended", "limit", "feedback"], ...] = (
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
