"""Events between a caller and the platform: gathered, bounded, tried again, and each accounted for once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.client.answers import Reply
from tacit.client.courier import Batch, Courier
from tacit.client.options import DeliveryRules, RetryRules
from tacit.client.values import Event
from tacit.errors import BadInput, Unavailable

AWAY = Unavailable("connection_failed", "The platform cannot be reached.")


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """A courier whose time passes when it is told to, and which draws the longest wait each time."""

    rules: DeliveryRules = field(default_factory=DeliveryRules)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.courier = Courier(self.rules, RetryRules(), clock=self.clock, random=lambda: 1.0)

    def add(self, count: int) -> list[Event]:
        made = [Event(f"u{number}", "i", "play") for number in range(count)]
        for event in made:
            self.courier.add(event)
        return made

    def taken(self) -> Batch:
        batch = self.courier.take()
        assert batch is not None
        return batch


def outcomes(*found: str) -> Reply:
    results = [{"index": at, "outcome": outcome, "code": "some_code"} for at, outcome in enumerate(found)]
    return Reply(207, json.dumps({"results": results}).encode())


def stored(batch: Batch) -> Reply:
    return outcomes(*["stored"] * len(batch.queued))


def names(events: Sequence[Any]) -> list[str]:
    return [getattr(each, "event", each).event_id for each in events]


def test_events_linger_for_company_and_are_sent_in_order() -> None:
    bench = Bench()
    events = bench.add(2)
    before = bench.courier.take()
    wait = bench.courier.next_wait()
    bench.clock.now += 0.06

    assert (before, wait) == (None, pytest.approx(0.05))
    assert names(bench.taken().queued) == names(events)


def test_a_full_batch_and_a_flush_wait_for_nobody() -> None:
    bench = Bench(DeliveryRules(batch=3))
    bench.add(4)
    first = bench.taken()
    bench.courier.answered(stored(first))
    lingering = bench.courier.take()
    bench.courier.hurry()

    assert (len(first.queued), lingering, len(bench.taken().queued)) == (3, None, 1)


def test_a_batch_is_no_larger_than_a_request_may_be() -> None:
    bench = Bench()
    for number in range(20):
        bench.courier.add(Event("u", "i", "play", properties={"text": "x" * 90_000, "n": number}))
    bench.courier.hurry()
    sizes = []
    while (batch := bench.courier.take()) is not None:
        sizes.append(len(batch.body))
        bench.courier.answered(stored(batch))

    assert len(sizes) == 3
    assert max(sizes) <= 900_000


def test_a_failed_batch_is_sent_again_unchanged_after_a_wait_that_doubles() -> None:
    bench = Bench()
    bench.add(3)
    bench.courier.hurry()
    first = bench.taken()
    waits = []
    for _ in range(8):
        bench.courier.failed(AWAY)
        waits.append(bench.courier.next_wait())
        assert bench.courier.take() is None
        bench.clock.now += 10
        assert bench.taken() == first

    assert waits == [pytest.approx(each) for each in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)]


def test_the_platform_may_ask_for_more_time() -> None:
    bench = Bench()
    bench.add(1)
    bench.courier.hurry()
    bench.taken()
    bench.courier.answered(Reply(503, b"", retry_after="7"))

    assert bench.courier.next_wait() == pytest.approx(7.1)


def test_each_event_of_a_batch_has_its_own_end() -> None:
    bench = Bench()
    events = bench.add(4)
    bench.courier.hurry()
    bench.taken()
    bench.courier.answered(outcomes("stored", "duplicate", "quarantined", "rejected"))
    told, report = bench.courier.told(), bench.courier.report()

    assert [(each.fate, each.code) for each in told] == [("quarantined", "some_code"), ("rejected", "some_code")]
    assert names(told) == names(events[2:])
    assert (report.stored, report.duplicates, report.dropped_count, report.unsent) == (1, 1, 2, ())
    assert report.dropped == tuple(told)
    assert not report.is_complete


def test_a_report_begins_where_the_last_one_ended() -> None:
    bench = Bench()
    bench.add(1)
    bench.courier.hurry()
    bench.courier.answered(stored(bench.taken()))
    first, second = bench.courier.report(), bench.courier.report()

    assert (first.stored, second.stored) == (1, 0)
    assert second.is_complete


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 301])
def test_what_would_be_the_same_next_time_is_dropped_and_told(status: int) -> None:
    bench = Bench()
    events = bench.add(2)
    bench.courier.hurry()
    bench.taken()
    bench.courier.answered(Reply(status, b"<html>"))
    told = bench.courier.told()

    assert names(told) == names(events)
    assert {(each.fate, each.code) for each in told} == {("undelivered", f"http_{status}")}
    assert bench.courier.next_wait() is None


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 504, 507])
def test_what_may_end_otherwise_is_tried_again(status: int) -> None:
    bench = Bench()
    bench.add(1)
    bench.courier.hurry()
    bench.taken()
    bench.courier.answered(Reply(status, b""))

    assert bench.courier.told() == []
    assert bench.courier.next_wait() is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"results": []}',
        b'{"results": [{}]}',
        b'{"results": [{"outcome": "eaten"}]}',
        b'{"results": 7}',
    ],
)
def test_an_answer_that_cannot_be_read_is_no_answer(content: bytes) -> None:
    bench = Bench()
    bench.add(1)
    bench.courier.hurry()
    batch = bench.taken()
    bench.courier.answered(Reply(202, content))
    bench.clock.now += 1

    assert bench.taken() == batch


def test_a_full_buffer_refuses_one_more_and_the_caller_still_has_it() -> None:
    bench = Bench(DeliveryRules(capacity=3, batch=2))
    bench.add(3)
    with pytest.raises(Unavailable, match="wait to be sent") as refused:
        bench.add(1)
    bench.courier.answered(stored(bench.taken()))
    bench.add(2)

    assert refused.value.code == "buffer_full"
    assert len(bench.courier.report().unsent) == 3


def test_a_buffer_is_bounded_in_bytes_too_and_what_was_answered_makes_room() -> None:
    bench = Bench(DeliveryRules(capacity_bytes=50_000))
    large = {"text": "x" * 30_000}
    bench.courier.add(Event("u", "i", "play", properties=large))
    with pytest.raises(Unavailable, match="wait to be sent"):
        bench.courier.add(Event("u", "i", "play", properties=large))
    bench.courier.hurry()
    bench.courier.answered(stored(bench.taken()))

    bench.courier.add(Event("u", "i", "play", properties=large))


def test_what_is_too_old_is_given_up_and_what_is_not_stays() -> None:
    bench = Bench(DeliveryRules(give_up_seconds=60))
    old = bench.add(1)
    bench.clock.now += 59
    young = bench.add(1)
    bench.courier.hurry()
    bench.taken()
    bench.courier.failed(AWAY)
    before = bench.courier.told()
    bench.clock.now += 2
    bench.taken()
    bench.courier.failed(AWAY)
    told = bench.courier.told()

    assert before == []
    assert [(each.event.event_id, each.code, each.fate) for each in told] == [
        (old[0].event_id, "gave_up", "undelivered")
    ]
    assert names(bench.courier.report().unsent) == names(young)


def test_what_is_left_at_the_end_is_given_back_and_told() -> None:
    bench = Bench(DeliveryRules(batch=2))
    events = bench.add(5)
    bench.taken()
    report = bench.courier.abandon()

    assert names(report.unsent) == names(events)
    assert names(bench.courier.told()) == names(events)
    assert bench.courier.next_wait() is None


def test_more_dropped_events_than_are_kept_are_still_counted() -> None:
    bench = Bench(DeliveryRules(kept_dropped=2))
    events = bench.add(5)
    bench.courier.hurry()
    bench.taken()
    bench.courier.answered(outcomes(*["rejected"] * 5))
    report = bench.courier.report()

    assert (report.dropped_count, names(report.dropped)) == (5, names(events[3:]))


def test_an_event_that_cannot_be_sent_is_refused_at_once() -> None:
    bench = Bench()
    with pytest.raises(BadInput, match="JSON"):
        bench.courier.add(Event("u", "i", "play", properties={"x": object()}))

    assert bench.courier.last_place == 0


STEPS = st.lists(
    st.sampled_from(["add", "take", "stored", "mixed", "away", "busy", "refused", "garbled", "wait", "long", "report"]),
    max_size=80,
)


@given(steps=STEPS)
def test_every_event_taken_ends_exactly_once_whatever_happens(steps: list[str]) -> None:
    bench = Bench(DeliveryRules(batch=3, capacity=12, give_up_seconds=30))
    taken: list[str] = []
    ends: Counter[str] = Counter()
    acknowledged = 0
    under_way: Batch | None = None
    for step in steps:
        match step:
            case "add":
                event = Event("u", "i", "play")
                try:
                    bench.courier.add(event)
                    taken.append(event.event_id)
                except Unavailable:
                    pass
            case "wait":
                bench.clock.now += 1
            case "long":
                bench.clock.now += 40
            case "take":
                under_way = bench.courier.take() or under_way
            case "report":
                report = bench.courier.report()
                acknowledged += report.stored + report.duplicates
            case _ if bench.courier.take() is not None:
                settle(bench, step)
        ends.update(names(bench.courier.told()))
    last = bench.courier.abandon()
    acknowledged += last.stored + last.duplicates
    ends.update(names(bench.courier.told()))

    assert set(ends) <= set(taken)
    assert max(ends.values(), default=1) == 1
    assert acknowledged + len(ends) == len(taken)


def settle(bench: Bench, step: str) -> None:
    batch = bench.taken()
    size = len(batch.queued)
    replies = {
        "stored": stored(batch),
        "mixed": outcomes(*["stored", "duplicate", "rejected"][:size]),
        "busy": Reply(503, b"", retry_after="2"),
        "refused": Reply(403, b""),
        "garbled": Reply(202, b"?"),
    }
    if step == "away":
        bench.courier.failed(AWAY)
    else:
        bench.courier.answered(replies[step])
