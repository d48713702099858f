"""What a trunk's keys about people may be: where it is, how it writes numbers, which headers pass.

As in `gateway.config_values`, a value that is refused is refused with a sentence for the operator.
"""

from __future__ import annotations

import re

from gateway.config_values import Network, broken, network

NumbersIn = tuple[tuple[str, str], ...]

_BEGINNING = re.compile(r"\+?[0-9*#]{0,31}", re.ASCII)
_MEANT = re.compile(r"(?:\+[0-9]{0,15})|[0-9*#]{0,31}", re.ASCII)
_HEADER = re.compile(r"[Xx]-(?:[A-Za-z0-9-]{1,62}|[A-Za-z0-9-]{0,61}\*)", re.ASCII)
_HOW_NUMBERS_COME = (
    "rules are needed: how a number begins and what stands there in E.164, such as "
    '[["00", "+"], ["0", "+49"]]'
)


def read_source(value: object) -> Network:
    """Read the network of a trunk: `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`."""
    everybody = "everybody is no trunk: then any stranger's call would be one of this trunk's"
    return network(value, everybody)


def read_numbers_in(value: object) -> NumbersIn:
    """Read pairs: a beginning, and what stands there in E.164."""
    if not isinstance(value, list | tuple):
        raise broken(_HOW_NUMBERS_COME)
    return tuple(map(_rule, value))


def _rule(value: object) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise broken(_HOW_NUMBERS_COME)
    begins, meant = value
    if not (isinstance(begins, str) and isinstance(meant, str) and (begins or meant)):
        raise broken(_HOW_NUMBERS_COME)
    for text, form in ((begins, _BEGINNING), (meant, _MEANT)):
        if not form.fullmatch(text):
            raise broken(f"{text!r} begins no number: + and digits are needed, without spaces")
    return begins, meant


def header(name: str) -> str:
    """Check the name of an `X-` header, or how such names begin and "*"."""
    if not _HEADER.fullmatch(name):
        raise broken(
            'the name of an X- header is needed, or how names begin and "*", such as "X-Shop-*"'
        )
    return name
