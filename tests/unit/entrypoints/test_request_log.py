"""The line of each request: as the log's own renderer spells it, with nothing in it that no log may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
import structlog

from tacit.entrypoints.api import request_log
from tacit.security.redaction import Redactor

FACTS = {"method": "GET", "route": "/api/v1/items/{item_id}", "status": 404, "code": "item_unknown"}
OWN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    request_log.write_to(found.append)
    yield found
    request_log.write_to(None)


def usual_line(request_id: str) -> str:
    """What the log's own processors make of the same event."""
    redactor, stream = Redactor(b"k" * 32, is_escaping=False), StringIO()
    log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _, __, event: redactor.redacted(event),
            structlog.processors.JSONRenderer(),
        ],
    )
    log.info("request_answered", **FACTS, milliseconds=1.23, request_id=request_id)
    return stream.getvalue()


@pytest.mark.parametrize("request_id", [OWN, "mine-1", "tacit_live_k3v9q0zd_7XcNsecret", "4111-1111-1111-1111"])
def test_a_line_says_what_the_logs_own_renderer_would(lines: list[str], request_id: str) -> None:
    request_log.note(**FACTS, seconds=0.00123, request_id=request_id)  # type: ignore[arg-type]

    said, usual = json.loads(lines[0]), json.loads(usual_line(request_id))
    assert lines[0].endswith("}\n")
    assert list(said) == [*FACTS, "milliseconds", "event", "request_id", "level", "timestamp"]
    assert {**said, "timestamp": ""} == {**usual, "timestamp": ""}
    assert len(said["timestamp"]) == len(usual["timestamp"])
    assert abs((datetime.fromisoformat(said["timestamp"]) - datetime.now(UTC)).total_seconds()) < 5


def test_without_a_stream_of_its_own_a_line_goes_the_way_of_every_event() -> None:
    with structlog.testing.capture_logs() as said:
        request_log.note(**FACTS, seconds=0.00123, request_id=OWN)  # type: ignore[arg-type]

    assert said == [
        {**FACTS, "milliseconds": 1.23, "request_id": OWN, "event": "request_answered", "log_level": "info"}
    ]
