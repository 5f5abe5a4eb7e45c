"""Who asks is found out within a request's time, whatever hangs that knows it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tacit.adapters.memory import MemoryMetricSink
from tacit.entrypoints.api.admission import Admission
from tacit.entrypoints.api.admission_rules import AdmissionRules
from tacit.entrypoints.api.callers import Identified
from tacit.entrypoints.api.door import RequestDoor
from tacit.monitoring import overload_metrics
from tacit.security.principals import Principal
from tests.houses import Answer, asked

HARD_SECONDS, NOISE = 0.2, 0.6
COOKIE = [(b"cookie", b"session=whose")]
LIST = "/api/v1/users/u1/recommendations"


class Hanging:
    """Knows sessions, once whatever it waits for comes."""

    is_immediate = False
    cookie = "session"

    def __init__(self) -> None:
        self.over = threading.Event()

    def principal(self, credential: str) -> Principal | None:
        self.over.wait(5)
        return None


@pytest.fixture
def sessions() -> Iterator[Hanging]:
    sessions = Hanging()
    yield sessions
    sessions.over.set()


def test_a_cookie_that_nobody_can_look_up_keeps_no_request_past_its_deadline(sessions: Hanging) -> None:
    metrics = MemoryMetricSink()
    gate = Admission(AdmissionRules(hard_seconds=HARD_SECONDS), metrics)
    inner = FastAPI()

    @inner.get(LIST)
    def listed() -> dict[str, str]:
        return {}

    callers = Identified([], mode=lambda: "open", cookies=[sessions])
    others = {*threading.enumerate()}
    inner.add_middleware(RequestDoor, metrics=metrics, checkpoints=[gate, callers])

    async def ask() -> tuple[list[Answer], float, Answer]:
        began = time.monotonic()
        late = await asyncio.gather(*(asked(inner, "GET", LIST, headers=COOKIE) for _ in range(12)))
        return late, time.monotonic() - began, await asked(inner, "GET", LIST)

    late, took, other = asyncio.run(ask())

    assert {(each.status, each.code) for each in late} == {(503, "deadline_exceeded")}
    assert took < HARD_SECONDS + NOISE
    assert metrics.value(overload_metrics.DEADLINES_MISSED, priority="lists") == 12
    assert (other.status, gate.at_work("answers")) == (200, 0)
    assert sum(each.name.startswith("callers") for each in {*threading.enumerate()} - others) <= 8
