"""Makes the gate from the settings, at the start and again after SIGHUP.

What a reload finds wrong leaves the old rules in force: nothing here changes a running part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from time import time

from pydantic_core import PydanticCustomError

from gateway.admission import numbering
from gateway.admission.address import parse_address
from gateway.admission.audit import Audit
from gateway.admission.challenge import Challenge
from gateway.admission.gate import Gate, Rules
from gateway.admission.jwks import PublishedKeys
from gateway.admission.keys import ApiKeys, read_keys
from gateway.admission.limits import LimitRules, nobody
from gateway.admission.rates import read_rates
from gateway.admission.store import open_store
from gateway.admission.token import SharedSecrets, Tokens
from gateway.admission.turn import IceService
from gateway.config import HttpSettings, Settings
from gateway.config_admission import AdmissionSettings, LimitSettings, TurnSettings
from gateway.config_file_values import read_secrets
from gateway.dial_plan import policy_of
from gateway.errors import ConfigError


@asynccontextmanager
async def open_gate(settings: Settings) -> AsyncIterator[Gate]:
    """Open what the gate remembers, and save it when the block is left.

    Raises
    ------
    GatewayError
        A file cannot be read or written.
    """
    rules, log = rules_of(settings), settings.log
    numbering.prepare()
    async with AsyncExitStack() as stack:
        store = await open_store(settings.records.of_admission, time)
        stack.push_async_callback(store.close)
        audit = Audit(log.audit_file, log.numbers, time)
        stack.callback(audit.close)
        gate = Gate(rules, store, audit)
        await gate.remember()
        stack.push_async_callback(gate.close)
        gate.note("gateway-started")
        yield gate
        gate.note("gateway-stopped")


def rules_of(settings: Settings, before: Rules | None = None) -> Rules:
    """Say what [admission], and the file of API keys, mean for the gate.

    Parameters
    ----------
    before
        The rules until now: keys that were fetched from the same address are kept.

    Raises
    ------
    ConfigError
        A file that it names cannot be read.
    """
    admission = settings.admission
    secrets = _secrets(admission)
    keys = secrets if admission.jwks_url is None else _published(admission.jwks_url, before)
    limits = admission.limits
    return Rules(
        policy=policy_of(admission),
        origins=admission.origins,
        tokens=None if keys is None else Tokens(keys, time, issuer=admission.issuer),
        secrets=secrets,
        issuer=admission.issuer,
        challenge=_challenge(admission),
        keys=_api_keys(settings.http),
        limits=_limits(limits),
        rates=None if limits.rates_file is None else read_rates(limits.rates_file),
        exempt=_is_loopback if admission.mode == "open" else nobody,
        max_duration=admission.max_duration,
        max_ringing=admission.max_ringing,
    )


def _secrets(admission: AdmissionSettings) -> SharedSecrets | None:
    file = admission.token_secret_file
    return None if file is None else SharedSecrets(_read(file, "admission.token_secret_file"))


def _published(url: str, before: Rules | None) -> PublishedKeys:
    known = None if before is None or before.tokens is None else before.tokens.keys
    if isinstance(known, PublishedKeys) and known.url == url:
        return known
    return PublishedKeys(url)


def _challenge(admission: AdmissionSettings) -> Challenge | None:
    url, file = admission.challenge_url, admission.challenge_secret_file
    return (
        None
        if url is None or file is None
        else Challenge(url, _read(file, "admission.challenge_secret_file")[0])
    )


def _limits(limits: LimitSettings) -> LimitRules:
    keys = limits.model_dump(exclude={"rates_file", "spend_per_day"})
    return LimitRules(**keys, spend_per_day=Decimal(str(limits.spend_per_day)))


def _is_loopback(address: str) -> bool:
    """Whether it is this machine itself: in mode "open" nobody else is let in anyway."""
    parsed = parse_address(address)
    return parsed is not None and parsed.is_loopback


def _api_keys(http: HttpSettings) -> ApiKeys:
    return ApiKeys() if http.api_keys_file is None else read_keys(http.api_keys_file)


def ice_service(turn: TurnSettings) -> IceService:
    """Say which STUN and TURN servers pages are told of."""
    secret = "" if turn.secret_file is None else _read(turn.secret_file, "turn.secret_file")[0]
    return IceService(turn.urls, secret, turn.lifetime)


def _read(file: Path, key: str) -> tuple[str, ...]:
    """Read secrets that were good when the settings were read."""
    try:
        return read_secrets(file)
    except PydanticCustomError as error:
        raise ConfigError(f"{key} = '{file}': {error}") from None
