"""What an operator may set of who calls: admission with its limits, and relays for browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway import config_file_values as file_rules
from gateway import config_url_values as url_rules
from gateway import config_values as rules
from gateway.config_section import RegularFile, SecretFile, Section
from gateway.config_values import broken

Url = Annotated[str, AfterValidator(url_rules.url)]


Prefix = Annotated[str, AfterValidator(rules.prefix)]


Limit = Annotated[int, Field(ge=0, le=1_000_000)]  # 0 for none


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
    # Tests of a connection cost a call's time of the media clock and call nobody: calls go first
    preflights_at_once: Limit = 20
    # A room of people who join one meeting, behind one NAT; each test lasts ten seconds or so
    preflights_at_once_per_address: Limit = 3
    preflights_per_minute_per_address: Limit = 10
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
    token_secret_file: Annotated[Path, AfterValidator(file_rules.secrets_file)] | None = None
    jwks_url: Url | None = None
    # Any issuer: whoever has the secret is one. Where a JWKS serves others too, name yours
    issuer: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    # None besides the page's own: the gateway serves it itself
    origins: tuple[Annotated[str, AfterValidator(url_rules.origin)], ...] = ()
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
    urls: tuple[Annotated[str, AfterValidator(url_rules.turn_url)], ...] = ()
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
