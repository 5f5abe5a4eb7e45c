"""Bad events, as the reliability catalogue numbers them: the case, what is expected of it, and what it got.

`python -m pytest tests/acceptance/test_bad_events.py -s` prints the table.  Cases that belong to doors which are not
there yet (pages of an export, webhooks, Kafka) stand in `ELSEWHERE`, so that none is forgotten.
"""

from __future__ import annotations

import gzip
import json
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from tests.integration.test_http_events import PATH, Platform, platform
from tests.stages import wait_until

ELSEWHERE = {
    "asked in tests/integration/test_http_events.py": {68},
    "questions, asked in tests/integration/test_http_api_bad_input.py": {15, *range(33, 50)},
    "Idempotency-Key: the event_id is the key": {50, 51, 52},
    "exports, which do not exist yet": {56},
    "attribution, suspects, PII, limits by user, and experiments: they come with the doors": {69, 70, 74, 78, 79, 80},
    "Kafka, which is not attached yet": {76, 77},
}
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
numbers = count(1)


def play(**changes: Any) -> dict[str, Any]:
    """An event like no other; a field set to `...` is left out."""
    number = next(numbers)
    event = {"event_id": f"bad{number}", "user_id": f"b{number}", "item_id": "i1", "type": "play", **changes}
    return {name: value for name, value in event.items() if value is not ...}


def spelled(text: str) -> bytes:
    """A play whose user id is written exactly so, as JSON."""
    return json.dumps(play(user_id="@")).replace('"@"', text).encode()


def at(**shift: float) -> str:
    return (datetime.now(UTC) + timedelta(**shift)).isoformat()


@dataclass(frozen=True)
class Case:
    """One row of the catalogue.

    Attributes:
        number: Its number there.
        what: What is sent, in words.
        body: The bytes, or the value that becomes them.
        expected: The status, and the code of the problem, or what became of each event.
        headers: What the request says of them.
        within_ms: How long the refusal may take.
    """

    number: int
    what: str
    body: Any
    expected: tuple[int, str | list[str]]
    headers: dict[str, str] | None = None
    within_ms: float = 1_000.0

    @property
    def content(self) -> bytes | Iterator[bytes]:
        if callable(self.body):
            made: Iterator[bytes] = self.body()
            return made
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def endless() -> Iterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(40):
        yield b" " * 65_536


PAYLOADS = [
    Case(1, "an empty body", b"", (400, "body_empty")),
    Case(2, "hello", b"hello", (400, "json_invalid")),
    Case(3, "truncated JSON", b'{"event_id": "e', (400, "json_invalid")),
    Case(4, "trailing data", b"{}x", (400, "json_invalid")),
    Case(5, "a byte order mark", b"\xef\xbb\xbf{}", (400, "json_bom")),
    Case(6, "UTF-16 declared as JSON", json.dumps(play()).encode("utf-16"), (400, "encoding_unsupported")),
    Case(7, "bytes that are no UTF-8", b'{"event_id": "\xff"}', (400, "encoding_invalid")),
    Case(8, "half of a surrogate pair", spelled('"\\ud800"'), (422, "string_surrogate")),
    Case(9, "NUL in an id", spelled('"a\\u0000b"'), (422, "string_nul")),
    Case(10, "a newline in an id", spelled('"a\\nb"'), (422, "string_control")),
    Case(11, "a zero-width character in an id", spelled('"a\\u200bb"'), (422, "string_format_char")),
    Case(11, "an override of the writing direction", spelled('"a\\u202eb"'), (422, "string_format_char")),
    Case(13, "an empty id", play(user_id=""), (422, "id_empty")),
    Case(13, "an id of spaces", play(item_id="   "), (422, "id_empty")),
    Case(14, "an id of 257 bytes", play(item_id="x" * 257), (422, "id_too_long")),
    Case(14, "an id of 129 letters of two bytes", play(item_id="ü" * 129), (422, "id_too_long")),
    Case(16, "NaN", json.dumps(play(value=float("nan"))).encode(), (422, "number_not_finite")),
    Case(16, "-Infinity", json.dumps(play(value=float("-inf"))).encode(), (422, "number_not_finite")),
    Case(17, "1e400", json.dumps(play(value=5)).replace(": 5", ": 1e400").encode(), (422, "number_out_of_range")),
    Case(18, "two to the sixty-third", play(value=2**63), (422, "number_out_of_range")),
    Case(
        19,
        "an integer of 5,000 digits",
        json.dumps(play(value=5)).replace(": 5", f": {'9' * 5_000}").encode(),
        (400, "json_number"),
    ),
    Case(20, "a number in quotes", play(value="5"), (422, "type")),
    Case(20, "true for a number", play(value=True), (422, "type")),
    Case(20, "1 for an id", play(user_id=1), (422, "type")),
    Case(21, "a negative count", play(value=-1), (422, "value_range")),
    Case(21, "a count of nothing", play(value=0), (422, "value_range")),
    Case(21, "a count of 1e12", play(value=1e12), (422, "value_range")),
    Case(22, "a key that stands twice", b'{"event_id": "d1", "event_id": "d2"}', (422, "json_duplicate_key")),
    Case(23, "an unknown field", play(itemid="i1"), (422, "field_unknown")),
    Case(24, "a field that is missing", play(item_id=...), (422, "field_missing")),
    Case(25, "null for what must be there", play(item_id=None), (422, "type")),
    Case(26, "an array for an object", play(properties=[]), (422, "type")),
    Case(27, "201 levels", b"[" * 201 + b"]" * 201, (400, "json_depth"), None, 100.0),
    Case(27, "100,000 levels", b"[" * 100_000 + b"]" * 100_000, (400, "json_depth"), None, 100.0),
    Case(28, "70,000 keys", json.dumps({f"k{n}": 0 for n in range(70_000)}).encode(), (422, "too_many_fields")),
    Case(29, "more than a megabyte, declared", b" " * 1_100_000, (413, "body_too_large")),
    Case(29, "more than a megabyte, undeclared", endless, (413, "body_too_large")),
    Case(30, "gzip", gzip.compress(b"{}"), (415, "content_encoding"), {**JSON, "Content-Encoding": "gzip"}),
    Case(31, "no media type", b"{}", (415, "media_type"), {}),
    Case(31, "text/plain", b"{}", (415, "media_type"), {"Content-Type": "text/plain"}),
    Case(
        32,
        "10,000 parts of a form",
        b"--x\r\n\r\n" * 10_000,
        (415, "media_type"),
        {"Content-Type": "multipart/form-data; boundary=x"},
    ),
    Case(53, "a field that would give a role", play(role="admin"), (422, "field_unknown")),
    Case(53, "another tenant", play(tenant_id="t2"), (422, "field_unknown")),
    Case(54, "writing of every kind in properties", play(properties={"title": "日本 🎧 שלום"}), (202, ["stored"])),
    Case(54, "64 KB of description", play(properties={"text": "x" * 65_536}), (413, "event_too_large")),
    Case(55, "markup as an id", play(user_id="<img src=x onerror=alert(1)>"), (202, ["stored"])),
]

SAME = play()
EVENTS = [
    Case(
        57,
        "one bad of 500",
        [*(play() for _ in range(499)), play(type="plya")],
        (207, [*["stored"] * 499, "rejected"]),
    ),
    Case(58, "a batch of none", [], (422, "batch_size")),
    Case(58, "a batch of 501", [play() for _ in range(501)], (422, "batch_size")),
    Case(58, "501 lines", b"\n".join(json.dumps(play()).encode() for _ in range(501)), (422, "batch_size"), LINES),
    Case(59, "an event", SAME, (202, ["stored"])),
    Case(59, "the same event again", SAME, (200, ["duplicate"])),
    Case(60, "its id with another item", {**SAME, "item_id": "i2"}, (409, "event_conflict")),
    Case(61, "one id twice in a batch", [twice := play(), twice], (207, ["stored", "duplicate"])),
    Case(62, "no event id", play(event_id=...), (422, "field_missing")),
    Case(63, "no time", play(), (202, ["stored"])),
    Case(63, "a time in seconds", play(occurred_at=int(time.time())), (422, "timestamp_unit")),
    Case(63, "a time in halves of milliseconds", play(occurred_at=time.time() * 1_000 + 0.5), (422, "timestamp_unit")),
    Case(63, "a time without a zone", play(occurred_at="2026-11-01T10:00:00"), (422, "timestamp_unit")),
    Case(64, "1970", play(occurred_at="1970-01-02T00:00:00Z"), (422, "timestamp_range")),
    Case(64, "2262", play(occurred_at="2262-04-12T00:00:00Z"), (422, "timestamp_range")),
    Case(64, "25 hours ahead", play(occurred_at=at(hours=25)), (422, "timestamp_range")),
    Case(64, "three years ago, in a batch", [play(occurred_at=at(days=-1_100))], (207, ["quarantined"])),
    Case(65, "30 days late", play(occurred_at=at(days=-30)), (202, ["stored"])),
    Case(67, "an unknown type", play(type="plya"), (422, "event_type_unknown")),
    Case(71, "a billion plays", play(value=1e9), (422, "value_range")),
    Case(72, "a negative watch time", play(type="watch_time", value=-1.0), (422, "value_range")),
    Case(72, "25 hours watched", play(type="watch_time", value=90_000.0), (422, "value_range")),
    Case(73, "a megabyte of properties", play(properties={"x": "y" * 900_000}), (413, "event_too_large")),
    Case(75, "a schema of tomorrow", play(schema_version=2), (422, "schema_version")),
]
SEPARATELY = {12, 66}
"""What takes more than one request; the tests below the table ask it."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def told() -> Iterator[Callable[..., None]]:
    """Prints the table, a row for each case, once all were asked."""
    rows: list[str] = []
    yield lambda case, got: rows.append(f"{case.number:>4}  {case.what:<44} {_short(case.expected):<32} {_short(got)}")
    print("\ncase  sent                                         expected                         got", *rows, sep="\n")


def _short(outcome: tuple[int, str | list[str]]) -> str:
    status, what = outcome
    if isinstance(what, str):
        return f"{status} {what}"
    return f"{status} " + ", ".join(f"{what.count(each)} {each}" for each in dict.fromkeys(what))


def got(response: httpx2.Response) -> tuple[int, str | list[str]]:
    body = response.json()
    if "results" in body:
        return response.status_code, [each["outcome"] for each in body["results"]]
    return response.status_code, body["code"]


@pytest.mark.requirement("DATA-022", "QUAL-013", "QUAL-023")
@pytest.mark.parametrize(
    "case", [*PAYLOADS, *EVENTS], ids=[f"{each.number}-{each.what}"[:60] for each in (*PAYLOADS, *EVENTS)]
)
def test_a_bad_event_gets_what_the_catalogue_says(running: Platform, told: Callable[..., None], case: Case) -> None:
    started = time.monotonic()
    answer = running.client.post(PATH, content=case.content, headers=JSON if case.headers is None else case.headers)
    took_ms = (time.monotonic() - started) * 1_000
    told(case, got(answer))

    assert got(answer) == case.expected
    assert took_ms < case.within_ms


def test_every_case_of_the_catalogue_has_its_place() -> None:
    here = {case.number for case in (*PAYLOADS, *EVENTS)} | SEPARATELY
    elsewhere = [number for numbers in ELSEWHERE.values() for number in numbers]

    assert sorted([*here, *elsewhere]) == list(range(1, 81))


def test_two_spellings_of_an_id_are_one_user(running: Platform) -> None:
    """Case 12."""
    for form in ("NFC", "NFD"):
        running.client.post(PATH, json=play(user_id=unicodedata.normalize(form, "Zoë"))).raise_for_status()

    wait_until(lambda: running.weights(unicodedata.normalize("NFC", "Zoë")) == {"i1": 2.0})
    assert running.weights(unicodedata.normalize("NFD", "Zoë")) == {}


def test_events_out_of_order_end_as_the_same_events_in_order(running: Platform) -> None:
    """Case 66."""
    hours = [5, 1, 4, 2, 3]
    for user, order in (("mixed", hours), ("sorted", sorted(hours, reverse=True))):
        rated = [play(user_id=user, type="rating", value=float(hour), occurred_at=at(hours=-hour)) for hour in order]
        running.client.post(PATH, json=rated).raise_for_status()
    wait_until(lambda: running.weights("sorted") == {"i1": 5.0})

    mixed, ordered = (running.app.event_store.interactions_of(user)[0] for user in ("mixed", "sorted"))
    assert (mixed.weight, mixed.count, mixed.rating) == (ordered.weight, ordered.count, ordered.rating) == (5.0, 5, 1.0)
