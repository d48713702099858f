"""A real PostgreSQL for the tests of this folder, started once, with a database for each test."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from gateway.records import pipeline
from tests.peers.postgres import Postgres, run_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be tried again only after a second, or wait for a database that is away."""
    monkeypatch.setattr(pipeline, "RETRY", 0.05)
    monkeypatch.setattr(pipeline, "CLOSE_TIMEOUT", 0.5)


@pytest.fixture(scope="package")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    server: Postgres = request.getfixturevalue("postgres")
    name = f"records_{next(_numbers)}"
    server.query(f"CREATE DATABASE {name}")
    return server.url(name)
