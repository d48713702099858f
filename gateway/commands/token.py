"""`gateway token`: a call token, to try a gateway, or for a script that calls."""

from __future__ import annotations

import argparse
import time

from pydantic import ValidationError

from gateway.admission.issuing import IssuedClaim
from gateway.admission.token import LONGEST_LIFE, Claims, issue, new_id
from gateway.commands.options import add_config, config_file
from gateway.config_admission import AdmissionSettings
from gateway.config_file_values import read_secrets
from gateway.config_sources import load
from gateway.errors import ConfigError, RequestError

SUBJECT = "gateway-token"  # whose limits count for it, unless --sub says
LIFETIME = 60  # seconds: time enough to paste it somewhere


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway token`."""
    add_config(parser)
    parser.add_argument(
        "--to",
        action="append",
        metavar="NUMBER",
        default=[],
        help='who may be called, "*" at the end for a prefix; give it again for more',
    )
    parser.add_argument("--from", dest="caller", metavar="NUMBER", help="the caller that is shown")
    parser.add_argument(
        "--origin",
        action="append",
        metavar="URL",
        default=[],
        help="a page that may use it (default: any that the gateway lets in)",
    )
    parser.add_argument("--sub", default=SUBJECT, metavar="IDENTITY", help="whose token it is")
    parser.add_argument(
        "--max-duration", type=float, metavar="SECONDS", help="the longest that a call may last"
    )
    parser.add_argument("--max-calls", type=int, metavar="N", help="calls at a time")
    parser.add_argument(
        "--expires",
        type=float,
        default=LIFETIME,
        metavar="SECONDS",
        help=f"how long it is good for (default: {LIFETIME}; at most {LONGEST_LIFE:g}, 7 days)",
    )
    parser.add_argument("--once", action="store_true", help="it is good for one call")
    parser.add_argument("--incoming", action="store_true", help="calls for --sub may ring there")
    parser.add_argument(
        "--transfer-to",
        action="append",
        metavar="IDENTITY",
        default=[],
        help='to whose pages calls may be handed over, "*" at the end for a prefix; again for more',
    )


def run(options: argparse.Namespace) -> int:
    """Print the token.

    Raises
    ------
    GatewayError
        The configuration has no secret to sign by, or an option is out of range.
    """
    admission = load(config_file(options), {}).admission
    secret, now = _signing_secret(admission), time.time()
    if not 0 < options.expires <= LONGEST_LIFE:  # which is never so for what is no number
        raise RequestError(
            f"--expires {options.expires:g}: more than 0 seconds are needed, and at most "
            f"{LONGEST_LIFE:g} ({LONGEST_LIFE / 86_400:g} days)"
        )
    print(issue(secret, _claims(options, admission, now), now))
    return 0


def _signing_secret(admission: AdmissionSettings) -> str:
    if admission.token_secret_file is not None:
        return read_secrets(admission.token_secret_file)[0]
    if admission.jwks_url is not None:
        raise ConfigError(
            "admission.jwks_url: tokens are signed by the service that has the private keys, "
            "and this gateway has none"
        )
    raise ConfigError(
        'admission.mode: tokens are for mode = "token" with token_secret_file; "open" asks for none'
    )


def _claims(options: argparse.Namespace, admission: AdmissionSettings, now: float) -> Claims:
    try:
        call = IssuedClaim(
            to=tuple(options.to),
            from_=options.caller,
            origins=tuple(options.origin) or None,
            max_duration=options.max_duration,
            max_calls=options.max_calls,
            once=options.once,
            incoming=options.incoming,
            transfer_to=tuple(options.transfer_to),
        )
        return Claims(
            sub=options.sub,
            exp=now + options.expires,
            jti=new_id(),
            iss=admission.issuer,
            call=call,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = str((*problem["loc"], "to")[0])  # a rule of several fields names none
        option = field.strip("_").replace("_", "-").replace("origins", "origin")
        raise RequestError(f"--{option}: {problem['msg']}") from None
