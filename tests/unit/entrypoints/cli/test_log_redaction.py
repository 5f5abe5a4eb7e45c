"""Planted secrets and people: whatever way they come in, no line of the log holds them, and no line is forged."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest
import structlog

from tacit.entrypoints.cli.log_writer import LogWriter
from tacit.security.redaction import Redactor, Sampling, hidden_text, safe_text
from tests.attempts import shortest
from tests.guard_posts import Post
from tests.stages import wait_until
from tests.unit.entrypoints.cli.test_logs import logging_to

CANARIES = {
    "an e-mail": "jane.canary@example.org",
    "a card": "4111 1111 1111 1111",
    "a card without spaces": "5500005555555559",
    "a token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
    "a key": "tacit_live_ab12cd34_canarycanarycanarycanary",
    "a bearer": "Bearer canary0123456789",
    "a password in an address": "postgresql://svc:canary-pw@db.example:5432/tacit",
}
PROOF = ("canary", "4111", "5500005555555559", "eyJ", "c2lnbmF0dXJl")
FORGERY = 'ok"}\r\n{"event": "forged", "level": "info"}\x1b[2K\u2028\u202e'


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.requirement("SEC-043")
@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_a_planted_secret_is_in_no_line_whatever_place_it_came_in(canary: str) -> None:
    stream = io.StringIO()
    with logging_to(stream):
        log, post = structlog.get_logger(), Post()
        post.asks(f"/api/v1/users/{canary}", f"/nowhere/{canary}", params={"q": canary, "token": canary})
        headers = {"Authorization": canary, "Cookie": f"s={canary}", "X-Api-Key": canary, "X-Request-Id": canary}
        post.asks("/api/v1/unknown", headers=headers)
        sent = {"Content-Type": "application/json"}
        post.asks("/api/v1/users/a/preferences", method="PUT", headers=sent, content=json.dumps({"note": canary}))
        try:
            raise LookupError(f"no row for {canary} in {{'password': '{canary}'}}")
        except LookupError:
            log.exception("request_failed", detail=f"of {canary}", nested={"list": [canary], canary: 1})
            logging.getLogger("a.library").exception("cannot reach %s", canary)
        log.warning("caller_seen", user_id=canary, api_key=canary, password="canary", raw=canary.encode())

    assert len(lines_of(stream)) >= 7
    assert [proof for proof in PROOF if proof in stream.getvalue()] == []


def test_nobody_forges_a_line_and_each_event_is_one_object() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        structlog.get_logger().warning("caller_seen", detail=FORGERY, route=f"/{FORGERY}")
        logging.getLogger("a.library").error(FORGERY)

    raw = stream.getvalue()
    assert [line["event"] != "forged" for line in lines_of(stream)] == [True, True]
    assert not {"\r", "\x1b", "\u2028", "\u202e"} & set(raw)
    assert safe_text(FORGERY).isprintable()


def test_users_stand_in_the_log_under_a_pseudonym_of_the_run() -> None:
    one, other = Redactor(b"a"), Redactor(b"b")
    found = [each.redacted({"user_id": "ann", "route": "/r", "count": 3}) for each in (one, one, other)]

    assert found[0] == found[1] != found[2]
    assert str(found[0]["user_id"]).startswith("user:")
    assert (found[0]["route"], found[0]["count"]) == ("/r", 3)


@pytest.mark.parametrize(
    "text",
    ["recommender/7", "2026-11-21T22:00:00Z", "1700000000000", "sha 3f" * 10, "a@b", "key:ab12cd34", "12 345 678"],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert hidden_text(text) == text


def test_of_trouble_that_repeats_itself_a_share_is_told_and_says_how_many_it_stands_for() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        log = structlog.get_logger()
        for _ in range(1_020):
            log.warning("cache_lost", code="x")
        log.warning("cache_lost", code="y")
        log.info("request_answered")

    lines = lines_of(stream)
    assert len(lines) == 20 + 10 + 1 + 1
    assert sum(int(str(line.get("stands_for", 1))) for line in lines[:30]) == 1_020


def test_the_memory_of_sampling_is_bounded() -> None:
    sampling = Sampling(time.monotonic, kinds=10)

    assert {sampling.passes(str(number)) for number in range(1_000)} == {1}


class Stuck(io.StringIO):
    """A reader who does not keep up."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stuck = True

    def write(self, text: str) -> int:
        while self.is_stuck:
            time.sleep(0.002)
        return super().write(text)


def test_lines_that_may_wait_keep_their_place_and_are_written_with_the_next_that_may_not() -> None:
    def written() -> float:
        stream = io.StringIO()
        writer = LogWriter(stream)
        began = time.perf_counter()
        writer.gather(["1\n", "2\n"])
        writer.write("3\n")
        wait_until(lambda: stream.getvalue() == "1\n2\n3\n")
        seconds = time.perf_counter() - began
        writer.gather(["4\n"])
        wait_until(lambda: stream.getvalue().endswith("4\n"))
        return seconds

    assert shortest(written, within=0.15) < 0.15


def test_lines_that_may_wait_are_made_by_who_writes_them_and_one_that_cannot_be_made_keeps_no_other_back() -> None:
    stream, made_by = io.StringIO(), list[str]()

    class Made(list[str]):
        def __iter__(self) -> Iterator[str]:
            made_by.append(threading.current_thread().name)
            return super().__iter__()

    class Broken(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise KeyError("broken")

    writer = LogWriter(stream)
    writer.gather(Made(["1\n", "2\n"]))
    wait_until(lambda: stream.getvalue() == "1\n2\n")
    writer.gather(Broken(["3\n"]))
    wait_until(lambda: not writer._waiting)
    writer.write("4\n")
    writer.close()

    assert made_by == ["log-writer"]
    assert stream.getvalue() == "1\n2\n4\n"


def test_of_lines_that_come_together_those_beyond_the_bound_are_counted() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, most=10)
    writer.gather([f"{number}\n" for number in range(25)])
    writer.close()

    lines = stream.getvalue().splitlines()
    assert lines[:10] == [str(number) for number in range(10)]
    assert json.loads(lines[10])["lines"] == 15


def test_whoever_logs_never_waits_for_whoever_reads_and_what_is_lost_is_counted() -> None:
    stream = Stuck()
    writer = LogWriter(stream, most=100)
    began = time.perf_counter()
    for number in range(1_000):
        writer.write(f"{number}\n")
    seconds = time.perf_counter() - began
    stream.is_stuck = False
    writer.close()
    writer.write("more\n")
    wait_until(lambda: "log_lines_dropped" in stream.getvalue())

    lines = stream.getvalue().splitlines()
    dropped = sum(json.loads(line)["lines"] for line in lines if "log_lines_dropped" in line)
    assert seconds < 5
    assert len([line for line in lines if line.isdigit()]) + dropped == 1_000
