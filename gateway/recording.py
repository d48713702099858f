"""Makes the recorder of calls from the settings."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from gateway.admission.gate import Gate
from gateway.admission.mask import mask
from gateway.admission.rates import as_money
from gateway.config import RecordSettings, Settings
from gateway.config_file_values import read_secrets
from gateway.records.pipeline import Pipeline
from gateway.records.recorder import Account, Recorder
from gateway.records.row import Row
from gateway.records.spool import Spool


@asynccontextmanager
async def open_recorder(
    settings: Settings, gate: Gate, tell_cut_off: Callable[[Sequence[Row]], None]
) -> AsyncIterator[Recorder | None]:
    """Begin to keep records, if they are wanted, until the block is left.

    Parameters
    ----------
    tell_cut_off
        Takes the rows of calls that ran when an earlier gateway was killed, at once: after the next
        start nobody knows of them any more.

    Raises
    ------
    ConfigError
        The spool cannot be used. A database that is away is no reason: its rows wait.
    """
    records = settings.records
    if not records.kept:
        yield None
        return
    # A third of a second that only those pay who have a database
    from gateway.records.database import Database

    account = Account(
        node=records.node or socket.gethostname(),
        shown=mask if records.numbers == "masked" else str,
        price=lambda number: price(gate, number),
    )
    spool = Spool(records.spool_file, records.spool_megabytes * 1_000_000)
    database = Database(records.database, password_of(records))
    recorder = Recorder(database, Pipeline(database, spool), account)
    try:
        tell_cut_off(await recorder.start())
        yield recorder
    finally:
        await recorder.close()


def password_of(records: RecordSettings) -> str | None:
    """Return the database's password, if it is in a file."""
    return None if records.password_file is None else read_secrets(records.password_file)[0]


def price(gate: Gate, number: str) -> Callable[[int], float] | None:
    """Return what a call to this number costs after so many milliseconds, by today's rates."""
    rates = gate.rules.rates
    if rates is None:
        return None
    rate = rates.of(gate.counted_as(number))
    return lambda milliseconds: float(as_money(rate.units(milliseconds)))
