"""The record of who did what, and who read what: whatever somebody does to the file of the database shows."""

from __future__ import annotations

import hmac
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tacit.adapters.access_queue import AccessQueue
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_guards import MemoryAccessTrail
from tacit.bootstrap import build, load_settings
from tacit.bootstrap.guarding import guarding, write_heads
from tacit.bootstrap.trails import Finding, verified
from tacit.entrypoints.cli.program import run
from tacit.errors import BadInput, Unavailable
from tacit.monitoring import guard_metrics as catalogue
from tacit.security.accesses import Access, AccessTrail, body_key, digest_of_body
from tacit.security.audit import AuditEntry

ENTRY = AuditEntry("model_promoted", "ann", "recommender/7", "2026-01-02T12:00:00Z", {"n": 1})
ACCESS = Access(5, "personal", "GET", "/api/v1/users/{user_id}", "key:a", "192.0.2.1", "ann", "allowed", 200, "r1")
ROWS = 12


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two trails, and a file of heads that was written when they were as long as they are."""
    home = tmp_path_factory.mktemp("kept") / "home"
    with build(load_settings(flags={"home": home}, environ={})) as app:
        for number in range(ROWS):
            app.audit.append(replace(ENTRY, subject=f"recommender/{number}"))
            app.accesses.append([replace(ACCESS, at_ms=number)])
            if number == ROWS // 2:
                write_heads(app, home / "heads.jsonl")
        write_heads(app, home / "heads.jsonl")
    return home


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "home"))


def tamper(home: Path, *statements: str) -> None:
    """What somebody with the file and without our rules does."""
    with closing(sqlite3.connect(home / "tacit.db")) as connection, connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def findings(home: Path, *, with_heads: bool = True) -> dict[str, Finding]:
    heads = (home / "heads.jsonl").read_text() if with_heads else None
    with build(load_settings(flags={"home": home}, environ={})) as app:
        return {each.trail: each for each in verified(app, heads)}


TAMPERINGS = {
    "an edit": (["UPDATE {t} SET {c} = 'mallory' WHERE sequence = 5"], 5),
    "an edited digest": (["UPDATE {t} SET digest = digest || 'a' WHERE sequence = 5"], 5),
    "a removal": (["DELETE FROM {t} WHERE sequence = 5"], 5),
    "a removal, renumbered": (
        ["DELETE FROM {t} WHERE sequence = 5", "UPDATE {t} SET sequence = -sequence WHERE sequence > 5",
         "UPDATE {t} SET sequence = -sequence - 1 WHERE sequence < 0"], 5,
    ),
    "two in the other order": (
        ["UPDATE {t} SET sequence = 99 WHERE sequence = 5", "UPDATE {t} SET sequence = 5 WHERE sequence = 6",
         "UPDATE {t} SET sequence = 6 WHERE sequence = 99"], 5,
    ),
    "an end cut off": (["DELETE FROM {t} WHERE sequence > 9"], 10),
    "everything gone": (["DELETE FROM {t}"], 1),
}  # fmt: skip


@pytest.mark.requirement("SEC-026")
@pytest.mark.parametrize("tampering", TAMPERINGS)
@pytest.mark.parametrize(("trail", "column"), [("audit", "actor"), ("accesses", "principal")])
def test_whatever_is_done_to_a_trail_shows_at_the_exact_row(
    home: Path, trail: str, column: str, tampering: str
) -> None:
    statements, first = TAMPERINGS[tampering]
    tamper(home, *(each.format(t=trail, c=column) for each in statements))
    found = findings(home)

    assert found[trail].first_broken == first
    assert next(each for name, each in found.items() if name != trail).first_broken is None


def test_a_trail_that_was_written_anew_from_some_row_on_shows_where_a_head_was_noted(home: Path) -> None:
    with closing(sqlite3.connect(home / "tacit.db")) as connection:
        row = connection.execute("SELECT digest FROM accesses WHERE sequence = 5").fetchone()
    tamper(home, "DELETE FROM accesses WHERE sequence > 5")
    with build(load_settings(flags={"home": home}, environ={})) as app:
        app.accesses.append([replace(ACCESS, principal="key:mallory")] * (ROWS - 5))

    assert row is not None
    assert findings(home, with_heads=False)["accesses"].first_broken is None
    # The chain is whole in itself; the first head that it does not meet says where at the latest it parted.
    assert findings(home)["accesses"].first_broken == ROWS // 2 + 1


def test_whole_trails_are_found_whole_and_longer_than_their_heads_is_no_fault(home: Path) -> None:
    with build(load_settings(flags={"home": home}, environ={})) as app:
        app.audit.append(ENTRY)

    found = findings(home)
    assert {name: each.first_broken for name, each in found.items()} == {"audit": None, "accesses": None}
    assert (found["audit"].rows, found["audit"].heads) == (ROWS + 1, 2)


def test_the_command_names_the_row_and_ends_as_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--home", str(home), "--json"]
    whole = run(["audit", "verify", "--head", str(home / "heads.jsonl"), *asked])
    tamper(home, "DELETE FROM audit WHERE sequence > 9")
    unseen = run(["audit", "verify", *asked])
    seen = run(["audit", "verify", "--head", str(home / "heads.jsonl"), *asked])

    assert (whole, unseen) == (0, 0)
    assert seen not in (0, 1)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"]["audit"] == 10


def test_a_file_that_holds_anything_but_heads_proves_nothing(home: Path) -> None:
    with (home / "heads.jsonl").open("a") as file:
        file.write('{"trail": "audit"}\n')

    with pytest.raises(BadInput) as refused:
        findings(home)
    assert (refused.value.code, refused.value.context["line"]) == ("heads_invalid", 5)


def test_what_a_body_may_have_been_is_tried_in_vain_with_all_that_the_database_holds(home: Path) -> None:
    with build(load_settings(flags={"home": home}, environ={})) as app, guarding(app, MemoryMetricSink()) as guards:
        digest = digest_of_body(guards.body_key, b'{"value":5}')
    pepper = (home / "keys" / "pepper.key").read_bytes()

    assert digest == hmac.new(body_key(pepper), b'{"value":5}', "sha256").hexdigest()
    assert body_key(pepper) not in (pepper, body_key(pepper[::-1]))
    assert not any(each in (home / "tacit.db").read_bytes() for each in (pepper, pepper.hex().encode()))


class Failing:
    """A trail whose database is away for a while."""

    def __init__(self, trail: AccessTrail) -> None:
        self.trail, self.is_away = trail, True

    def append(self, accesses: Any) -> None:
        if self.is_away:
            raise Unavailable("database_busy", "Not now.")
        self.trail.append(accesses)


def test_what_waits_is_bounded_what_is_dropped_is_counted_and_told_and_nothing_is_written_twice() -> None:
    kept, metrics = MemoryAccessTrail(), MemoryMetricSink()
    failing, failures = Failing(kept), []
    queue = AccessQueue(
        failing, metrics, capacity=3, flush_seconds=0.1, name="server:a", failed=failures.append  # type: ignore[arg-type]
    )  # fmt: skip
    for number in range(5):
        queue.record(replace(ACCESS, at_ms=number))
    is_written = [queue.flush(), queue.flush()]
    failing.is_away = False
    is_written += [queue.flush(), queue.flush()]
    rows = list(reversed(kept.latest(limit=9)))

    assert (is_written, len(failures)) == ([False, False, True, True], 2)
    assert [(each.route, each.at_ms) for each in rows[:3]] == [(ACCESS.route, number) for number in range(3)]
    assert (len(rows), rows[3].route, rows[3].facts) == (4, "lost", '{"rows":2}')
    assert metrics.value(catalogue.ACCESSES, outcome="dropped") == 2


class Picky(Failing):
    """A trail that cannot hold what is of user `bad`, and whose database goes away after some units of work."""

    def __init__(self, trail: AccessTrail, *, units: int) -> None:
        super().__init__(trail)
        self.units = units

    def append(self, accesses: Any) -> None:
        if any(each.user_id == "bad" for each in accesses):
            raise ValueError("it cannot be held")
        self.units -= 1
        self.is_away = self.units < 0
        super().append(accesses)


def test_rows_taken_one_by_one_because_of_a_bad_one_are_written_once_though_the_database_goes_away_meanwhile() -> None:
    kept, metrics = MemoryAccessTrail(), MemoryMetricSink()
    picky = Picky(kept, units=1)
    queue = AccessQueue(picky, metrics, capacity=9, flush_seconds=0.1, name="server:a")  # type: ignore[arg-type]
    for number, user_id in enumerate(["ann", "bad", "cy", "bad", "dee"]):
        queue.record(replace(ACCESS, at_ms=number, user_id=user_id))
    is_written = [queue.flush()]
    picky.units = 9
    is_written += [queue.flush(), queue.flush()]
    rows = list(reversed(kept.latest(limit=9)))

    assert is_written == [False, True, True]
    assert [each.at_ms for each in rows if each.kind != "trail"] == [0, 2, 4]
    assert sum(json.loads(each.facts)["rows"] for each in rows if each.route == "lost") == 2
    assert metrics.value(catalogue.ACCESSES, outcome="dropped") == 2


def test_a_server_says_when_it_opens_the_trail_and_when_it_closes_it() -> None:
    kept = MemoryAccessTrail()
    queue = AccessQueue(kept, MemoryMetricSink(), capacity=9, flush_seconds=0.1, name="server:a")
    queue.start()
    queue.record(ACCESS)
    queue.stop()

    assert [each.route for each in reversed(kept.latest(limit=9))] == ["opened", ACCESS.route, "closed"]
