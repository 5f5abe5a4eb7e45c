"""What every `AccountStore`, `SessionStore` and `AttemptStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tacit.adapters.memory_accounts import MemoryAccountStore, MemoryAttemptStore, MemorySessionStore
from tacit.adapters.sql.accounts import SqlAccountStore, SqlAttemptStore
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.sessions import SqlSessionStore
from tacit.errors import Refused
from tacit.security.accounts import Account, AccountStore
from tacit.security.attempts import AttemptStore, Tally
from tacit.security.sessions import RefreshToken, Session, SessionStore

LATE = 1_767_355_200_000
"""A time that outgrows 32 bits."""
ANN = Account("a" * 32, "ann", "admin", LATE, "hash")
BOB = Account("b" * 32, "bob", "reader", LATE, None, is_disabled=True, user_id="ü", subject="s1")


@dataclass(frozen=True)
class Stores:
    """The three of one kind."""

    accounts: AccountStore
    sessions: SessionStore
    tallies: AttemptStore


def sql_stores(database: Database) -> Stores:
    return Stores(SqlAccountStore(database), SqlSessionStore(database), SqlAttemptStore(database))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield Stores(MemoryAccountStore(), MemorySessionStore(), MemoryAttemptStore())
        return
    kind = "postgres_database" if request.param == "postgres" else "sqlite_database"
    yield sql_stores(request.getfixturevalue(kind))


def session(name: str, **facts: object) -> Session:
    about = {"kind": "token", "secret": "seed", "began_at_ms": LATE, "seen_at_ms": LATE, "ends_at_ms": LATE + 1_000}
    return Session(name, ANN.account_id, **{**about, **facts})  # type: ignore[arg-type]


def test_accounts_come_back_as_they_went_in_and_are_listed_by_login(stores: Stores) -> None:
    stores.accounts.add(BOB)
    stores.accounts.add(ANN)

    assert list(stores.accounts.accounts()) == [ANN, BOB]
    assert (stores.accounts.account(BOB.account_id), stores.accounts.account("nobody")) == (BOB, None)
    assert (stores.accounts.by_login("ann"), stores.accounts.by_login("Ann")) == (ANN, None)
    assert (stores.accounts.by_subject("s1"), stores.accounts.by_subject("s2")) == (BOB, None)


@pytest.mark.parametrize("alike", [{"login": "ann", "subject": None}, {"login": "new", "subject": "s1"}])
def test_no_two_accounts_have_one_login_or_one_subject(stores: Stores, alike: dict[str, str]) -> None:
    stores.accounts.add(ANN)
    stores.accounts.add(BOB)

    with pytest.raises(Refused, match="already") as refused:
        stores.accounts.add(replace(BOB, account_id="c" * 32, **alike))

    assert refused.value.code == "login_taken"
    assert len(stores.accounts.accounts()) == 2


def test_an_account_is_changed_as_a_whole_and_none_is_made_by_changing(stores: Stores) -> None:
    stores.accounts.add(ANN)
    changed = replace(ANN, role="reader", is_disabled=True, password_hash=None)

    assert (stores.accounts.put(changed), stores.accounts.put(BOB)) == (True, False)

    assert list(stores.accounts.accounts()) == [changed]


def test_a_session_is_touched_forwards_and_revoked_once(stores: Stores) -> None:
    stores.accounts.add(ANN)
    stores.sessions.begin(session("s1"))
    stores.sessions.touch("s1", LATE + 5)
    stores.sessions.touch("s1", LATE + 1)

    assert stores.sessions.session("s1") == session("s1", seen_at_ms=LATE + 5)
    assert stores.sessions.session("s2") is None
    assert [stores.sessions.revoke(name, LATE + 9) for name in ("s1", "s1", "s2")] == [True, False, False]
    assert stores.sessions.session("s1") == session("s1", seen_at_ms=LATE + 5, revoked_at_ms=LATE + 9)


def test_all_of_an_account_are_revoked_and_what_was_of_late_is_known(stores: Stores) -> None:
    stores.accounts.add(ANN)
    stores.accounts.add(BOB)
    for each in (session("s1"), session("s2", began_at_ms=LATE + 1), session("s3", began_at_ms=LATE + 1)):
        stores.sessions.begin(each)
    stores.sessions.begin(replace(session("other"), account_id=BOB.account_id))
    stores.sessions.revoke("s1", LATE + 10)

    assert [each.session_id for each in stores.sessions.of_account(ANN.account_id)] == ["s2", "s3"]
    assert sorted(stores.sessions.revoke_all(ANN.account_id, LATE + 20)) == ["s2", "s3"]
    assert sorted(stores.sessions.revoked_since(LATE + 10)) == ["s1", "s2", "s3"]
    assert sorted(stores.sessions.revoked_since(LATE + 20)) == ["s2", "s3"]
    assert [each.session_id for each in stores.sessions.of_account(BOB.account_id)] == ["other"]


def test_of_many_who_spend_one_token_at_once_one_does(stores: Stores) -> None:
    stores.accounts.add(ANN)
    stores.sessions.begin(session("s1"))
    stores.sessions.add_token(RefreshToken("d1", "s1", LATE))

    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(lambda at: stores.sessions.spend("d1", LATE + at, f"client {at}"), range(8)))

    winner = spent.index(True)
    assert spent.count(True) == 1
    assert stores.sessions.token("d1") == RefreshToken("d1", "s1", LATE, LATE + winner, f"client {winner}")
    assert (stores.sessions.token("d2"), stores.sessions.spend("d2", LATE, "x")) == (None, False)


def test_a_place_is_known_from_its_last_use(stores: Stores) -> None:
    stores.accounts.add(ANN)
    for at_ms in (LATE, LATE + 10, LATE + 5):
        stores.sessions.remember_place(ANN.account_id, "home", at_ms)

    assert stores.sessions.knows_place(ANN.account_id, "home", LATE + 10)
    assert not stores.sessions.knows_place(ANN.account_id, "home", LATE + 11)
    assert not stores.sessions.knows_place(ANN.account_id, "cafe", LATE)
    assert not stores.sessions.knows_place("", "home", LATE)


def test_what_is_long_over_is_forgotten_and_nothing_else(stores: Stores) -> None:
    stores.accounts.add(ANN)
    stores.sessions.begin(session("over", ends_at_ms=LATE))
    stores.sessions.begin(session("revoked", ends_at_ms=LATE + 99, revoked_at_ms=LATE))
    stores.sessions.begin(session("alive", ends_at_ms=LATE + 99))
    tokens = [
        RefreshToken("of one that is over", "over", LATE),
        RefreshToken("spent long ago", "alive", LATE, LATE, "c"),
        RefreshToken("spent of late", "alive", LATE, LATE + 20, "c"),
        RefreshToken("whole", "alive", LATE),
    ]
    for token in tokens:
        stores.sessions.add_token(token)
    stores.sessions.remember_place(ANN.account_id, "home", LATE)

    assert stores.sessions.forget(LATE + 10) == 2

    assert [stores.sessions.session(name) is None for name in ("over", "revoked", "alive")] == [True, True, False]
    assert [stores.sessions.token(each.digest) is None for each in tokens] == [True, True, False, False]
    assert not stores.sessions.knows_place(ANN.account_id, "home", 0)


def test_tallies_are_kept_replaced_removed_and_forgotten(stores: Stores) -> None:
    stores.tallies.put("one", Tally(1, LATE))
    stores.tallies.put("one", Tally(2, LATE + 5))
    stores.tallies.put("two", Tally(7, LATE))
    stores.tallies.put("three", Tally(1, LATE + 9))
    stores.tallies.remove("three")
    stores.tallies.forget(LATE + 5)

    assert [stores.tallies.tally(key) for key in ("one", "two", "three")] == [Tally(2, LATE + 5), None, None]


def test_memory_holds_no_more_tallies_than_it_may() -> None:
    tallies = MemoryAttemptStore(capacity=2)
    for at, key in enumerate(("one", "two", "one", "three")):
        tallies.put(key, Tally(1, at))

    assert [tallies.tally(key) is None for key in ("one", "two", "three")] == [False, True, False]


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tacit.db"
    for _ in range(2):
        database = open_database(url)
        found = sql_stores(database).accounts.by_login("ann")
        if found is None:
            sql_stores(database).accounts.add(ANN)
        database.close()

    assert found == ANN
