"""Where settings come from: a file, files of secrets, GATEWAY_* variables, flags; the later win.

pydantic-settings reads and merges them. Two things are ours. It knows no entry of a list by its
place, and `GATEWAY_TRUNKS__0__PASSWORD` is where a password belongs that is in no file. And it says
nothing of a variable that nobody reads, nor which of them is no JSON.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.config import Settings
from gateway.config_problems import PLANNED_TABLES, problems
from gateway.config_problems import BadConfigError as BadConfigError
from gateway.config_sip import Incoming, Routes, Trunks
from gateway.config_values import nearest

PREFIX = "GATEWAY_"
SEPARATOR = "__"  # between levels: key names hold single underscores
DEFAULT_FILE = Path("gateway.toml")

# A folder of files that are named like variables (Docker's /run/secrets, systemd's credentials):
# /run/secrets/gateway_trunks__0__password
SECRETS_FOLDER = "GATEWAY_SECRETS_DIR"

_file: ContextVar[Path | None] = ContextVar("file", default=None)


def load(file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Read the settings: flags win over GATEWAY_* variables, these over files of secrets.

    Parameters
    ----------
    file
        What loses to all of them; None reads no file.
    flags
        Nested like the file, with the values that flags gave.

    Raises
    ------
    BadConfigError
        Anything is unknown, out of range or not readable.
    """
    folder = os.environ.get(SECRETS_FOLDER)
    stray = [*_stray(os.environ), *_stray(_names_in(folder))]
    if stray:
        raise BadConfigError(stray)
    reading = _file.set(file)
    try:
        return _Sources(_secrets_dir=folder, **flags)
    except ValidationError as error:
        raise BadConfigError(problems(error)) from None
    except SettingsError as error:  # it speaks of nothing else: what is no JSON is said below
        raise BadConfigError([f"{SECRETS_FOLDER}: {error}"]) from None
    finally:
        _file.reset(reading)


def _listed(value: object) -> object:
    """Make a list of entries that came by their places: {"0": …, "1": …}."""
    if isinstance(value, dict) and value and all(_is_place(key) for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return value


def _is_place(key: object) -> bool:
    return isinstance(key, str) and key.isdecimal()


class _Sources(BaseSettings, Settings):
    """The settings, and where each of them may come from."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=SEPARATOR,
        extra="forbid",
        frozen=True,
        secrets_dir_missing="error",
    )

    trunks: Annotated[Trunks, BeforeValidator(_listed)] = ()
    routes: Annotated[Routes, BeforeValidator(_listed)] = ()
    incoming: Annotated[Incoming, BeforeValidator(_listed)] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say which sources there are, the one that wins first."""
        secrets = _Secrets(file_secret_settings)
        return init_settings, _Environment(settings_cls), secrets, _File(settings_cls, _file.get())


_BRACKETED_ADDRESS = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]+", re.ASCII)  # [::1]:8080


class _Environment(EnvSettingsSource):
    """Variables: lists and tables are JSON, and anything else is taken as it is written."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read what looks like JSON as such; the library would refuse any other text."""
        if not str(value).startswith(("[", "{")) or _BRACKETED_ADDRESS.fullmatch(value):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            # The text itself may hold a password, so its variable alone is named
            names = (name.upper() for name, text in self.env_vars.items() if text is value)
            raise BadConfigError([f"{next(names)}: this is not JSON: {error}"]) from None

    def next_field(
        self, field: Any, key: str, case_sensitive: bool | None = None
    ) -> FieldInfo | None:
        """Step into a list by a place in it, which the library does not know."""
        entries: tuple[Any, ...] = ()
        if isinstance(field, FieldInfo) and key.isdecimal():
            entries = get_args(field.annotation)
        return entries[0] if entries else super().next_field(field, key, case_sensitive)


class _Secrets(_Environment, NestedSecretsSettingsSource):
    """Files that are named like variables."""


class _File(TomlConfigSettingsSource):
    """The file, whose lists of tables are merged with what variables say of one entry."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path | None) -> None:
        super().__init__(settings_cls, file)

    def __call__(self) -> dict[str, Any]:
        """Return the tables by their names as written; the library takes [HTTP] for [http]."""
        return self.toml_data

    def _read_files(self, files: Any, deep_merge: bool = False) -> dict[str, Any]:
        """Read the one file, which has to be there."""
        return {} if files is None else self._read_file(files)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        try:
            return {key: _by_place(value) for key, value in super()._read_file(file_path).items()}
        except OSError as error:
            raise BadConfigError([f"{file_path}: cannot be read: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise BadConfigError([f"{file_path}: cannot be read: it is not UTF-8"]) from None
        except tomllib.TOMLDecodeError as error:
            raise BadConfigError([f"{file_path}: this is not TOML: {error}"]) from None


def _by_place(value: object) -> object:
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return {str(place): entry for place, entry in enumerate(value)}
    return value


def _names_in(folder: str | None) -> list[str]:
    try:
        return sorted(os.listdir(folder)) if folder else []
    except OSError as error:
        raise BadConfigError([f"{SECRETS_FOLDER} = '{folder}': {error.strerror}"]) from None


# Tables of which there are several: a variable names one of them by its place
_LISTS = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
)


def _stray(variables: Mapping[str, str] | list[str]) -> Iterator[str]:
    """Find variables that were meant for us and that nothing would read.

    Others are left alone: Kubernetes, for one, adds GATEWAY_SERVICE_HOST and GATEWAY_PORT beside a
    service that is called gateway.
    """
    known = {name.upper() for name in _variables(PREFIX, Settings)}
    with_one_underscore = {name.replace(SEPARATOR, "_"): name for name in known}
    for variable in sorted(variables):
        name = variable.upper()
        if not name.startswith(PREFIX):
            continue
        section, separator, rest = name.removeprefix(PREFIX).partition(SEPARATOR)
        if separator and section.lower() in PLANNED_TABLES:
            yield f"{variable}: not in this version"
        elif separator and section.lower() not in Settings.model_fields:
            yield f"{variable}: unknown key{nearest(name, sorted(known))}"
        elif separator and section in _LISTS and not _is_place(rest.partition(SEPARATOR)[0]):
            entry = f"{PREFIX}{section}{SEPARATOR}0{SEPARATOR}"
            yield f"{variable}: {entry}… is the first [[{section.lower()}]]: a number is needed"
        elif name not in known and name in with_one_underscore:
            yield f"{variable}: unknown key; the nearest one is {with_one_underscore[name]}"


def _variables(above: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _variables(f"{above}{name}{SEPARATOR}", section)
        elif above != PREFIX:
            yield f"{above}{name}"
