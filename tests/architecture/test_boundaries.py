"""Transactions end at the edge, SQL stays in its adapter, log events are constant, and unsafe code is nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.guards import boundaries
from tools.guards.source import Module, modules

Guard = Callable[[Module], list[str]]
SOURCE = modules("src")
EVERYTHING = (*SOURCE, *modules("tools", "benchmarks", "tests", "examples", "deploy"))
ROOM = "src/tacit/rollout/release.py"
DOOR = "src/tacit/entrypoints/worker.py"
SQL = "src/tacit/adapters/sql/tables.py"
DUCK = "src/tacit/adapters/duck.py"


def findings(guard: Guard, checked: tuple[Module, ...]) -> list[str]:
    return [finding for module in checked for finding in guard(module)]


def test_no_room_commits_or_rolls_back() -> None:
    assert findings(boundaries.inner_transactions, SOURCE) == []


def test_no_room_defines_or_awaits_a_coroutine() -> None:
    assert findings(boundaries.asynchronous_rooms, SOURCE) == []


def test_sql_lives_in_the_adapters_and_sqlalchemy_in_adapters_sql() -> None:
    assert findings(boundaries.misplaced_sql, SOURCE) == []


def test_every_log_event_is_a_constant_noun_verbed() -> None:
    assert findings(boundaries.loose_log_events, SOURCE) == []


def test_no_mock_is_imported_outside_the_integration_suite() -> None:
    assert findings(boundaries.mocks, EVERYTHING) == []


def test_nothing_unpickles_evaluates_or_skips_a_verification() -> None:
    assert findings(boundaries.unsafe_code, EVERYTHING) == []


@pytest.mark.parametrize(
    ("guard", "path", "text"),
    [
        (boundaries.inner_transactions, ROOM, "connection.commit()"),
        (boundaries.inner_transactions, ROOM, "self.unit.session.rollback()"),
        (boundaries.asynchronous_rooms, ROOM, "async def release(): ..."),
        (boundaries.asynchronous_rooms, ROOM, "from asyncio import run"),
        (boundaries.misplaced_sql, ROOM, "import sqlalchemy as sa"),
        (boundaries.misplaced_sql, DUCK, "from sqlalchemy import select"),
        (boundaries.misplaced_sql, DOOR, "query = 'SELECT item_id FROM interactions'"),
        (boundaries.misplaced_sql, ROOM, "query = f'''\n  DELETE FROM {table}'''"),
        (boundaries.loose_log_events, DOOR, "log.info(f'promoted {version}')"),
        (boundaries.loose_log_events, DOOR, "log.info(event, version=7)"),
        (boundaries.loose_log_events, DOOR, "self._log.warning('Model promoted')"),
        (boundaries.loose_log_events, DOOR, "logger.error('promoted')"),
        (boundaries.loose_log_events, DOOR, "structlog_logger = 1; log.exception()"),
        (boundaries.mocks, "tests/unit/test_plays.py", "from unittest.mock import Mock"),
        (boundaries.mocks, "tests/unit/test_plays.py", "from unittest import mock"),
        (boundaries.unsafe_code, ROOM, "import pickle"),
        (boundaries.unsafe_code, ROOM, "from joblib import load"),
        (boundaries.unsafe_code, ROOM, "eval(text)"),
        (boundaries.unsafe_code, ROOM, "yaml.load(text)"),
        (boundaries.unsafe_code, ROOM, "subprocess.run(command, shell=True)"),
        (boundaries.unsafe_code, ROOM, "client.get(url, verify=False)"),
        (boundaries.unsafe_code, ROOM, "np.load(path, allow_pickle=True)"),
    ],
)
def test_a_breach_of_a_boundary_is_found(guard: Guard, path: str, text: str) -> None:
    assert len(guard(Module(path, text))) == 1


@pytest.mark.parametrize(
    ("guard", "path", "text"),
    [
        (boundaries.inner_transactions, DOOR, "connection.commit()"),
        (boundaries.inner_transactions, ROOM, "self.release.rollback(actor='ann')"),
        (boundaries.asynchronous_rooms, DOOR, "async def answer(): ..."),
        (boundaries.misplaced_sql, SQL, "from sqlalchemy import select"),
        (boundaries.misplaced_sql, DUCK, "query = 'COPY (SELECT 1) TO ?'"),
        (boundaries.misplaced_sql, ROOM, "hint = 'Select what you like from the list'"),
        (boundaries.loose_log_events, DOOR, "log.info('model_promoted', version=7)"),
        (boundaries.loose_log_events, DOOR, "console.info('anything goes')"),
        (boundaries.mocks, "tests/integration/test_kafka.py", "from unittest.mock import Mock"),
        (boundaries.unsafe_code, ROOM, "np.load(path, allow_pickle=False)"),
        (boundaries.unsafe_code, ROOM, "model.evaluate(data); yaml.safe_load(text)"),
    ],
)
def test_what_is_allowed_is_left_alone(guard: Guard, path: str, text: str) -> None:
    assert guard(Module(path, text)) == []
