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
    request_log.write_to(found.extend)
    yield found
    request_log.write_to(None)


def usual_line(request_id: str, **more: str) -> str:
    """What the log's own processors make of the same event."""
    redactor, stream = Redactor(b"k" * 32, is_escaping=False), StringIO()
    log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _, __, event: redactor.redacted(event),
            structlog.processors.JSONRenderer(),
        ],
    )
    with structlog.contextvars.bound_contextvars(request_id=request_id, **more):
        log.info("request_answered", **FACTS, milliseconds=1.23)
    return stream.getvalue()


@pytest.mark.parametrize("request_id", [OWN, "mine-1", "tacit_live_k3v9q0zd_7XcNsecret", "4111-1111-1111-1111"])
def test_a_line_says_what_the_logs_own_renderer_would(lines: list[str], request_id: str) -> None:
    request_log.note(**FACTS, seconds=0.00123, request_id=request_id)  # type: ignore[arg-type]

    as_usual = usual_line(request_id)
    said, usual = json.loads(lines[0]), json.loads(as_usual)
    assert lines[0].endswith("}\n")
    assert list(said) == [*FACTS, "milliseconds", "event", "request_id", "level", "timestamp"]
    assert lines[0].replace(said["timestamp"], "") == as_usual.replace(usual["timestamp"], "")
    assert len(said["timestamp"]) == len(usual["timestamp"])
    assert abs((datetime.fromisoformat(said["timestamp"]) - datetime.now(UTC)).total_seconds()) < 5


def test_lines_that_are_made_together_are_those_that_would_be_made_alone(lines: list[str]) -> None:
    answered = [(0.00123, OWN, None), (1.5, "mine-1", "a" * 32), (0.0, "tacit_live_k3v9q0zd_7XcNsecret", None)]
    request_log.note_all(answered, method="GET", route="/", status=200)
    together = [json.loads(line) for line in lines]
    lines.clear()
    for seconds, request_id, trace_id in answered:
        request_log.note(
            method="GET",
            route="/",
            status=200,
            code=None,
            seconds=seconds,
            request_id=request_id,
            trace_id=trace_id,
        )

    alone = [json.loads(line) for line in lines]
    assert [{**each, "timestamp": ""} for each in together] == [{**each, "timestamp": ""} for each in alone]
    assert ["trace_id" in each for each in alone] == [False, True, False]
    assert "secret" not in "".join(lines)


def test_the_line_of_a_traced_request_names_its_trace_as_the_logs_own_renderer_would(lines: list[str]) -> None:
    request_log.note(**FACTS, seconds=0.00123, request_id=OWN, trace_id="a" * 32)  # type: ignore[arg-type]

    # In what order the library puts what was bound differs from process to process.
    said, usual = json.loads(lines[0]), json.loads(usual_line(OWN, trace_id="a" * 32))
    assert {**said, "timestamp": ""} == {**usual, "timestamp": ""}


def test_without_a_stream_of_its_own_a_line_goes_the_way_of_every_event() -> None:
    with structlog.testing.capture_logs() as said:
        request_log.note(**FACTS, seconds=0.00123, request_id=OWN)  # type: ignore[arg-type]

    assert said == [
        {**FACTS, "milliseconds": 1.23, "request_id": OWN, "event": "request_answered", "log_level": "info"}
    ]
