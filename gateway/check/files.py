"""The files that the settings name: who may read them, and whether they can be written."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from gateway.admission.keys import read_keys
from gateway.admission.rates import read_rates
from gateway.check.finding import Finding, doubt
from gateway.config import Settings, WebhookSettings
from gateway.config_url_values import SQLITE, SQLITE_MEMORY
from gateway.errors import ConfigError


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Look at each file, without changing any."""
    return [
        *_secrets(settings),
        *_tables(settings),
        *_music(settings.media.hold_music),
        *_certificates(settings, now),
        *_databases(settings),
        *_queue(settings.webhooks),
        *_audit(settings.log.audit_file),
    ]


def _secrets(settings: Settings) -> Iterator[Finding]:
    admission = settings.admission
    files = {
        "http.key": settings.http.key,
        "sip.key": settings.sip.key,
        "admission.token_secret_file": admission.token_secret_file,
        "admission.challenge_secret_file": admission.challenge_secret_file,
        "turn.secret_file": settings.turn.secret_file,
        "records.password_file": settings.records.password_file,
        "webhooks.secret_file": settings.webhooks.secret_file,
        **{
            f"trunks[{place}].{key}": getattr(trunk, key)
            for place, trunk in enumerate(settings.trunks)
            for key in ("password_file", "key")
        },
    }
    for key, file in files.items():
        if file is not None and _readable_by_all(file):
            yield doubt(f"{key} = '{file}': everybody on this machine may read it: chmod o= {file}")


def loose(file: Path | None) -> list[Finding]:
    """Find a password in a configuration that everybody may read."""
    if file is None or not _readable_by_all(file):
        return []
    text = file.read_text(encoding="utf-8")
    if not re.search(r"^\s*(password\s*=|database\s*=.*:[^/@]+@)", text, re.MULTILINE):
        return []
    return [
        doubt(
            f"{file}: everybody on this machine may read it, and it holds a password: chmod o= "
            f"{file}, or name a password_file"
        )
    ]


def _readable_by_all(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH)


def _tables(settings: Settings) -> Iterator[Finding]:
    """Read those that the gateway reads once it has started."""
    keys, rates = settings.http.api_keys_file, settings.admission.limits.rates_file
    for file, read in ((keys, read_keys), (rates, read_rates)):
        if file is not None:
            try:
                read(file)
            except ConfigError as error:
                yield Finding(False, str(error))


def _music(file: Path | None) -> Iterator[Finding]:
    if file is not None:
        from gateway.sound_file import SoundFileError, read_sound  # loads FFmpeg

        try:
            read_sound(file, 8000, longest=1.0)
        except SoundFileError as error:
            yield Finding(False, f"media.hold_music: {error}")


def _certificates(settings: Settings, now: datetime) -> Iterator[Finding]:
    shown = {
        "http.certificate": (settings.http.certificate, True),
        "sip.certificate": (settings.sip.certificate, settings.sip.tls_listen is not None),
        **{
            f"trunks[{place}].certificate": (trunk.certificate, False)
            for place, trunk in enumerate(settings.trunks)
        },
    }
    for key, (file, served) in shown.items():
        if file is not None:
            from gateway.check.certificate import judge  # loads a large library

            yield from judge(file, now, key, served=served)


def _databases(settings: Settings) -> Iterator[Finding]:
    """Look at those that are files; admission's may be another one than that of the records."""
    records = settings.records
    key = "records.database" if records.admission_database is None else "records.admission_database"
    found = {records.of_admission: key}
    if not records.is_postgresql:
        found |= {records.database: "records.database"}
    for database, name in found.items():
        if database not in ("", SQLITE_MEMORY):
            yield from _database(database, name)


def _database(database: str, name: str) -> Iterator[Finding]:
    file = Path(database.removeprefix(SQLITE))
    key = f"{name} = '{database}'"
    why = unwritable(file) or _no_database(file)
    # The database's journal is a file beside it
    if why is None and not os.access(file.parent, os.W_OK | os.X_OK):
        why = f"no file can be made in {file.parent.absolute()}"
    yield Finding(False, f"{key}: {why}") if why else Finding(True, f"{key}: can be written")


def _queue(webhooks: WebhookSettings) -> Iterator[Finding]:
    if webhooks.url is None:
        return
    file = webhooks.queue_file
    why, key = unwritable(file) or _no_database(file), f"webhooks.queue_file = '{file}'"
    yield Finding(False, f"{key}: {why}") if why else Finding(True, f"{key}: can be written")


def _audit(file: Path | None) -> Iterator[Finding]:
    if file is None:
        return
    why, key = unwritable(file), f"log.audit_file = '{file}'"
    yield Finding(False, f"{key}: {why}") if why else Finding(True, f"{key}: can be written")


def unwritable(file: Path) -> str | None:
    """Say why a file could not be written, without making it."""
    if file.is_dir():
        return "this is a folder"
    if file.exists():
        return None if os.access(file, os.R_OK | os.W_OK) else "it may not be read and written"
    if not file.parent.is_dir():
        return f"there is no folder {file.parent.absolute()}"
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return f"no file can be made in {file.parent.absolute()}"
    return None


def _no_database(file: Path) -> str | None:
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return str(error)
    return None
