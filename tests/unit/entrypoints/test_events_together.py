"""What single events are answered does not depend on how they were read, nor on what came with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from tacit.adapters.memory_events import MemoryEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_rules import EventRules
from tacit.data.intake import Intake
from tacit.data.plain_events import none_is_plain, plain_reader
from tacit.entrypoints.api.events import taken_together
from tacit.errors import TacitError, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = EventRules.shipped("music")


def body(number: int, **changes: object) -> bytes:
    return json.dumps(
        {"event_id": f"e{number}", "user_id": f"u{number}", "item_id": "i1", "type": "play", **changes}
    ).encode()


BODIES = st.lists(
    st.one_of(
        st.integers(0, 9).map(body),
        st.integers(0, 9).map(lambda number: body(number, item_id="i2")),
        st.sampled_from(
            [
                body(90, type="nothing"),
                body(91, properties={"at": "home"}),
                body(92) + b"\n" + body(93),
                body(94).replace(b", ", b",\n "),
                b"[" + body(95) + b"]",
                b"  " + body(96),
                body(97, user_id="ünal"),
                b"   ",
                b"",
                b"{",
                b"[]",
            ]
        ),
    ),
    min_size=1,
    max_size=8,
)


def intake(log: MemoryEventLog, *, is_plain: bool) -> Intake:
    return Intake(
        log,
        RULES,
        count=lambda source, counts: None,
        clock=lambda: int(NOW.timestamp() * 1_000),
        new_id=lambda: "made-up",
        quarantine=MemoryEventStore().set_aside,
        plain=plain_reader(RULES) if is_plain else none_is_plain,
    )


def said(answer: Response | TacitError | None) -> object:
    if isinstance(answer, Response):
        return answer.status_code, bytes(answer.body)
    return None if answer is None else (answer.code, answer.detail)


def answers(bodies: Sequence[bytes], *, is_plain: bool) -> tuple[list[object], object]:
    log = MemoryEventLog(clock=lambda: NOW)
    found = [said(each) for each in taken_together(intake(log, is_plain=is_plain), bodies)]
    return found, log.read(0, limit=100)


@given(bodies=BODIES)
def test_bodies_that_are_read_together_are_answered_as_each_is_by_itself(bodies: list[bytes]) -> None:
    assert answers(bodies, is_plain=True) == answers(bodies, is_plain=False)


def test_while_the_log_takes_nothing_every_request_hears_so(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryEventLog(clock=lambda: NOW)

    def refuse(*_: object, **__: object) -> None:
        raise Unavailable("storage_full", "There is no space left.")

    monkeypatch.setattr(log, "append", refuse)

    found = taken_together(intake(log, is_plain=True), [body(1), body(2)])

    assert [said(each) for each in found] == [("storage_full", "There is no space left.")] * 2
