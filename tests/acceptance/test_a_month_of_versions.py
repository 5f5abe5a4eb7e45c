"""A month of versions, each judged by the real gate and released by the real release, on a clock that a script turns.

Learners take courses; every week the platform trains on what was known then. `pytest -s` prints the month.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tacit.bootstrap import MODEL
from tacit.data import synthetic
from tacit.models.recommender.training_plan import PlanRules
from tacit.models.recommender.workload import RecommenderWorkload
from tests.months import Month, Row, Town, at, play

COMMON = {"als.early_stopping": False, "als.blend": "off"}


def courses(folder: Path) -> Town:
    rows: list[Row] = []
    for name in ("valid", "test"):
        with gzip.open(folder / f"{name}.txt.gz", "rt") as lines:
            rows += [(int(moment), user, item) for user, item, _, moment in csv.reader(lines, delimiter="\t")]
    flags = {**COMMON, "als.factors": 32, "als.iterations": 8}
    return Town(sorted(rows), at(2017, 10, 9), pilot=40, bestsellers=800, better=blended, flags=flags)


def made_up(folder: Path) -> Town:
    """A small community; with few users, pairs tell less, so that its gate is less fine."""
    synthetic.generate(folder, users=400, items=240, artists_per_user=28)
    with (folder / synthetic.PLAYS_FILE).open() as lines:
        plays = list(csv.DictReader(lines, delimiter="\t"))
    rows = [(seconds(each["last_played_at"]), each["user_id"], each["artist_id"]) for each in plays]
    flags = {
        **COMMON,
        "als.threads": 1,
        "als.factors": 4,
        "als.iterations": 4,
        "gate.max_drop": 0.1,
        "gate.max_segment_drop": 0.4,
    }
    return Town(sorted(rows), at(2024, 11, 25), pilot=40, bestsellers=100, better=longer, flags=flags)


def blended(usual: RecommenderWorkload) -> RecommenderWorkload:
    return replace(usual, rules=PlanRules(blend="auto"))


def longer(usual: RecommenderWorkload) -> RecommenderWorkload:
    return replace(usual, settings=replace(usual.settings, factors=12))


def seconds(written: str) -> int:
    return int(written) if written.isdecimal() else int(datetime.fromisoformat(written).timestamp())


def verdicts(month: Month) -> dict[str, tuple[str, str]]:
    return {what: (told.gate["policy"], told.gate["verdict"]) for what, told in month.told.items()}


EXPECTED = {
    "too little": ("first", "insufficient"),
    "first": ("first", "pass"),
    "narrow": ("improve", "fail"),
    "better": ("improve", "pass"),
    "equal": ("refresh", "pass"),
    "copy": ("improve", "fail"),
    "worse": ("refresh", "fail"),
}


def check(month: Month) -> None:
    """What must hold of any month, whoever it happened to."""
    print(*("", *(told.line() for told in month.told.values())), sep="\n")
    assert verdicts(month) == EXPECTED
    assert_each_verdict_has_its_reason(month)
    assert_only_what_passed_met_users(month)
    assert_nobody_knew_the_future(month)
    assert_the_ledger_tells_who_was_champion_when(month)


def assert_each_verdict_has_its_reason(month: Month) -> None:
    told = month.told
    assert told["too little"].outcome_of("enough_cases") == "insufficient"
    assert told["narrow"].outcome_of("coverage_kept") == "fail"
    assert told["copy"].outcome_of("better_than_champion") == "fail"
    assert {told["worse"].outcome_of(gate) for gate in ("better_than_baseline", "no_worse_than_champion")} == {"fail"}
    assert told["equal"].outcome_of("newer_than_champion") == "pass"


def assert_only_what_passed_met_users(month: Month) -> None:
    passed = {told.number for told in month.told.values() if told.gate["verdict"] == "pass"}
    met = {champion for _, champion in month.seen} - {None}
    assert met == passed
    refused = [each for each in month.app.audit.entries(limit=200) if each.action == "promotion_refused"]
    assert len(refused) == len(month.told) - len(passed)


def assert_nobody_knew_the_future(month: Month) -> None:
    for told in month.told.values():
        assert told.watermark_ms <= datetime.fromisoformat(told.at).timestamp() * 1_000


def assert_the_ledger_tells_who_was_champion_when(month: Month) -> None:
    """At every step of the clock, from the ledger alone; the moves stand at the script's own times."""
    assert [(moment, month.champion_then(moment)) for moment, _ in month.seen] == month.seen
    first, better, equal = (month.told[what].number for what in ("first", "better", "equal"))
    moves = month.app.versions.promotions(MODEL)
    assert [(each.kind, each.to_number) for each in moves] == [
        ("promoted", first),
        ("promoted", better),
        ("promoted", equal),
        ("rolled_back", better),
        ("promoted", equal),
    ]
    assert {each.at for each in moves} < {moment for moment, _ in month.seen}


def check_courses(month: Month) -> None:
    """Learners are many enough to tell that the narrow candidate foretells better: it fails for being narrow alone."""
    check(month)
    findings = month.told["narrow"].gate["findings"]
    assert [each["gate"] for each in findings if each["outcome"] != "pass"] == ["coverage_kept"]


@pytest.mark.requirement("GATE-003")
def test_in_a_small_month_each_candidate_gets_the_verdict_it_deserves(tmp_path: Path) -> None:
    play(made_up(tmp_path / "community"), tmp_path, then=check)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.requirement("GATE-001")
@pytest.mark.requirement("EVAL-009")
def test_a_month_of_courses_is_judged_and_told_as_it_was(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "coco-courses"
    if not (folder / "test.txt.gz").is_file():
        pytest.skip(f"no online courses at {folder}")
    play(courses(folder), tmp_path, then=check_courses)
