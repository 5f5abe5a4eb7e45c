"""The generator of load: what it sends when, and that a server that stalls cannot look well."""

from __future__ import annotations

import json
import socketserver
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._bodies import Body, bodies_of
from benchmarks._load import UNANSWERED, Offer, Times, most_waiting, offered, percentiles, schedule, status_of, told
from benchmarks._meter import Meter
from benchmarks._served import Stalling, metrics_of

STALL, EVERY = 0.3, 1.5


def answered(due: list[float], finished: list[float], *, sent: list[float] | None = None, status: int = 202) -> Times:
    times = Times(np.array(due))
    times.sent = np.array(due if sent is None else sent)
    times.finished = np.array(finished)
    times.status = np.where(np.isfinite(times.finished), status, UNANSWERED)
    return times


def test_a_constant_schedule_is_even_and_a_random_one_keeps_the_rate() -> None:
    even, random = schedule(100, 20, kind="constant", seed=1), schedule(100, 20, kind="poisson", seed=1)

    assert np.allclose(np.diff(even), 0.01)
    assert len(even) == 2_000
    assert len(random) == pytest.approx(2_000, rel=0.1)
    assert random.max() < 20
    assert np.diff(random).std() == pytest.approx(0.01, rel=0.1)  # of an exponential distribution: its mean


@given(rate=st.floats(0.5, 500), seconds=st.floats(0.5, 5), seed=st.integers(0, 99))
def test_a_random_schedule_reaches_its_end_and_never_goes_back(rate: float, seconds: float, seed: int) -> None:
    due = schedule(rate, seconds, kind="poisson", seed=seed)

    assert np.all(np.diff(due) >= 0)
    assert np.all((due >= 0) & (due < seconds))
    # Twenty mean gaps without a request is what chance does not do.
    assert seconds - (due[-1] if len(due) else 0.0) < 20 / rate


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_a_percentile_is_the_time_of_a_request_that_there_was(seconds: list[float]) -> None:
    found = percentiles(np.array(seconds))
    milliseconds = np.array(seconds) * 1e3

    assert all(np.isclose(milliseconds, each).any() for each in found.values())
    assert np.mean(milliseconds <= found["p99_ms"] * (1 + 1e-12)) >= 0.99
    assert found["max_ms"] == milliseconds.max()


def test_a_request_that_was_never_answered_is_in_the_tail_and_no_number() -> None:
    found = percentiles(np.r_[np.full(98, 0.001), np.inf, np.inf])

    assert (found["p50_ms"], found["p99_ms"], found["max_ms"]) == (1.0, None, None)
    assert percentiles(np.array([])) == dict.fromkeys(found)


def test_a_wait_counts_from_when_the_request_was_due_and_not_from_its_sending() -> None:
    # One connection; the first answer takes a second, during which nine more were due.
    due = [n / 10 for n in range(10)]
    finished = [1.0 + n / 1_000 for n in range(10)]
    sent = [0.0, *finished[:-1]]

    found = told(answered(due, finished, sent=sent), per_request=1, seconds=1.0)

    assert found["ack"]["p50_ms"] == pytest.approx(504, abs=100)
    assert found["from_sending"]["p50_ms"] == pytest.approx(1.0)
    assert found["most_waiting"] == 10
    assert found["acknowledged_per_s"] == pytest.approx(10 / 1.009)


def test_what_is_refused_or_unanswered_is_an_error_and_not_acknowledged() -> None:
    times = answered([0.0, 0.1, 0.2, 0.3], [0.05, 0.15, 0.25, np.inf])
    times.status[1] = 503

    found = told(times, per_request=500, seconds=1.0)

    assert (found["errors"], found["statuses"]) == (2, {"0": 1, "202": 2, "503": 1})
    assert found["acknowledged_per_s"] == 1_000
    assert found["ack"]["max_ms"] is None


def test_the_most_that_wait_at_once_counts_those_never_answered() -> None:
    assert most_waiting(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])) == 1
    assert most_waiting(np.array([0.0, 1.0, 2.0]), np.array([np.inf, 2.5, 3.0])) == 3


def test_requests_before_the_count_begins_are_left_out() -> None:
    kept = answered([0.0, 1.0, 2.0], [5.0, 1.1, 2.1]).counted(1.0)

    assert kept.waited.tolist() == pytest.approx([0.1, 0.1])
    assert kept.status.tolist() == [202, 202]


def test_a_stall_of_the_server_shows_in_the_p99_though_a_closed_loop_would_not_see_it() -> None:
    with Stalling(STALL, EVERY) as server:
        offer = {"host": "127.0.0.1", "port": server.port, "rate": 100.0, "seconds": 2 * EVERY, "warm_seconds": 0.0}
        body = {"form": "single", "size": 1}
        found = offered(Meter(), offer={**offer, "connections": 1, "kind": "constant", "body": body})

    assert found["errors"] == 0
    assert found["requests"] == 300
    assert found["ack"]["p99_ms"] >= 900 * STALL
    # Two of three hundred requests were under way in a stall; whoever counts from sending sees those two alone.
    assert found["from_sending"]["p90_ms"] < 100 * STALL


def test_a_server_that_never_answers_leaves_every_request_unanswered() -> None:
    with Stalling(stall=20.0, every=20.0) as server:
        plan = {"host": "127.0.0.1", "port": server.port, "rate": 20.0, "seconds": 0.5, "warm_seconds": 0.0}
        found = offered(
            Meter(), offer={**plan, "connections": 2, "patience": 0.2, "body": {"form": "single", "size": 1}}
        )

    assert found["statuses"] == {"0": found["requests"]}
    assert found["acknowledged_in_all"] == 0


class HangingUp(socketserver.BaseRequestHandler):
    """Hears what is said and says nothing."""

    def handle(self) -> None:
        self.request.recv(1_000)


def test_a_server_that_hangs_up_at_once_is_not_taken_for_a_fast_one() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), HangingUp) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        plan = {"host": "127.0.0.1", "port": server.server_address[1], "rate": 20.0, "seconds": 0.5}
        rest = {"warm_seconds": 0.0, "patience": 0.2, "body": {"form": "single", "size": 1}}
        found = offered(Meter(), offer={**plan, **rest, "connections": 2})
        server.shutdown()

    assert found["statuses"] == {"0": found["requests"]}
    assert found["unanswered_in_all"] == found["requests"] > 0
    assert found["ack"]["p50_ms"] is None


def test_an_answer_counts_once_all_of_it_is_there() -> None:
    head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\n"

    assert [status_of(head[:20]), status_of(head), status_of(head + b"bod"), status_of(head + b"body")] == [
        None,
        None,
        None,
        202,
    ]
    assert status_of(b"HTTP/1.1 204 No Content\r\n\r\n") == 204


@pytest.mark.parametrize("form", ["single", "json", "ndjson"])
def test_every_event_of_every_run_has_an_id_of_its_own(form: str) -> None:
    size = 1 if form == "single" else 7
    bodies = [body for run in (1, 2) for body in bodies_of(Body(form, size, f"-{run}", items=("a", "b")), 5, seed=run)]

    events = [
        event
        for body in bodies
        for event in ([json.loads(line) for line in body.split(b"\n")] if form == "ndjson" else _listed(body))
    ]

    assert len({event["event_id"] for event in events}) == len(events) == 10 * size
    assert {event["item_id"] for event in events} <= {"a", "b"}


def _listed(body: bytes) -> list[dict[str, str]]:
    value = json.loads(body)
    return value if isinstance(value, list) else [value]


def test_a_page_of_metrics_is_read_series_by_series() -> None:
    page = '# HELP a_total b\n# TYPE a_total counter\na_total{x="1 2"} 3.0\nb 1e+06\n'

    assert metrics_of(page) == {'a_total{x="1 2"}': 3.0, "b": 1e6}


def test_an_offer_is_what_it_says_unless_told_otherwise() -> None:
    offer = Offer("127.0.0.1", 1, rate=1.0, seconds=1.0, body=Body())

    assert (offer.kind, offer.core, offer.body.media_type) == ("poisson", None, "application/json")
