"""What a look is told as: JSON that comes back, a page that needs nothing else, and the name others ask for."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from tacit.adapters.memory_drift import MemoryDriftStore
from tacit.errors import BadInput, NotFound
from tacit.jobs.interfaces import Tally
from tacit.monitoring.drift.desk import DriftDesk, day_of
from tacit.monitoring.drift.report import DriftReport
from tacit.monitoring.drift.retraining import has_answer, rose_at
from tacit.monitoring.drift_detection import DriftDetector, detector
from tests.drift_worlds import DAY_MS, NOON, report


def desk(*reports: DriftReport) -> DriftDesk:
    store = MemoryDriftStore()
    for each in reports:
        store.add(each)
    return DriftDesk(store, lambda: NOON)


def test_a_report_comes_back_from_json_as_it_was() -> None:
    assert DriftReport.of_dict(json.loads(json.dumps(report().as_dict()))) == report()


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.requirement("DRIFT-009")
def test_the_page_of_a_day_needs_no_script_and_no_network_and_escapes_what_items_are_called() -> None:
    page = desk(report(NOON - DAY_MS, overall=0.2, state="ok"), report()).page(report())
    parsed = _Elements()
    parsed.feed(page)

    assert not {"script", "link", "img", "iframe"} & set(parsed.names)
    assert re.findall(r"(?:src|href|url\()", page) == []
    assert parsed.open == []
    assert "<b>jazz" not in page
    assert "&lt;b&gt;jazz" in page
    assert "A &amp; B" in page
    assert {"estimated without clicks", "measured from clicks"} <= set(re.findall(r"<th>([^<]+)</th>", page))
    assert parsed.names.count("article") == 2


def test_a_page_can_be_made_of_a_look_that_knew_nothing() -> None:
    page = desk().page(report(overall=None, state="not_enough_data", features=(), quality=(), rates=(), bursts=()))

    assert "There is not enough data to tell" in page


def test_the_report_of_a_day_is_the_last_look_of_it() -> None:
    asked = desk(report(NOON), report(NOON + 60_000, overall=0.1, state="ok"), report(NOON + DAY_MS))

    assert asked.of_day(day_of(NOON)).at_ms == NOON + 60_000
    with pytest.raises(NotFound, match="no report of 2026-01-01"):
        asked.of_day("2026-01-01")
    for wrong in ("today", "2026-02-30", "2026-1-1"):
        with pytest.raises(BadInput):
            asked.of_day(wrong)


def test_a_history_is_told_oldest_first_and_where_there_is_none_somebody_says_so() -> None:
    told = desk(report(NOON), report(NOON + 1, overall=None, state="not_enough_data")).history(limit=5)

    assert [(each.at_ms, each.overall) for each in told] == [(NOON, 0.7), (NOON + 1, None)]
    assert told[0].scores == {"categories": 0.7, "values": None}
    with pytest.raises(NotFound, match="Nobody has looked"):
        desk().shown()


@pytest.mark.requirement("DRIFT-008")
def test_the_detector_of_document_one_tells_the_score_of_the_last_look() -> None:
    asked = DriftDetector()

    assert (asked.get_drift_score(), asked.state) == (0.0, "not_enough_data")
    asked.tell(report(overall=0.42, state="warn"))
    assert (asked.get_drift_score(), asked.state) == (0.42, "warn")
    assert isinstance(detector, DriftDetector)


def test_drift_that_stays_up_is_one_rise_however_often_somebody_looks() -> None:
    states = ["retrain", "not_enough_data", "retrain", "warn", "retrain"]
    before = [report(NOON - at * 1_000, state=state) for at, state in enumerate(states, 1)]

    assert rose_at(NOON, before) == NOON - 3_000
    assert rose_at(NOON, before[3:]) == NOON


@pytest.mark.parametrize(
    ("tally", "is_answer"),
    [
        (Tally("train", "succeeded", 1, NOON + 1, NOON + 5), True),
        (Tally("full_refit", "queued", 1, NOON, None), True),
        (Tally("train", "failed", 1, NOON + 1, NOON + 5), False),
        (Tally("train", "succeeded", 1, NOON - 1, NOON + 5), False),
        (Tally("search", "succeeded", 1, NOON + 1, NOON + 5), False),
    ],
)
def test_a_rise_is_answered_by_a_training_that_was_asked_for_since(tally: Tally, is_answer: bool) -> None:
    assert has_answer([tally], NOON) is is_answer
