"""Accounts, sign-ins and attempts in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tacit.security.accounts import Account, login_taken
from tacit.security.attempts import Tally
from tacit.security.sessions import RefreshToken, Session


class MemoryUnit:
    """One unit of work at a time, for stores in memory; what it wrote stays written when it fails."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            yield


class MemoryAccountStore:
    """An `AccountStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}

    def add(self, account: Account) -> None:
        with self._lock:
            taken = (
                other.login == account.login or (account.subject is not None and other.subject == account.subject)
                for other in self._accounts.values()
            )
            if any(taken):
                raise login_taken(account.login)
            self._accounts[account.account_id] = account

    def put(self, account: Account) -> bool:
        with self._lock:
            if account.account_id not in self._accounts:
                return False
            self._accounts[account.account_id] = account
            return True

    def account(self, account_id: str) -> Account | None:
        return self._accounts.get(account_id)

    def by_login(self, login: str) -> Account | None:
        return next((each for each in self.accounts() if each.login == login), None)

    def by_subject(self, subject: str) -> Account | None:
        return next((each for each in self.accounts() if each.subject == subject), None)

    def accounts(self) -> Sequence[Account]:
        with self._lock:
            return sorted(self._accounts.values(), key=lambda account: account.login)


class MemorySessionStore:
    """A `SessionStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, RefreshToken] = {}
        self._places: dict[tuple[str, str], int] = {}

    def begin(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.session_id] = session

    def session(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def of_account(self, account_id: str) -> Sequence[Session]:
        with self._lock:
            found = (each for each in self._sessions.values() if each.account_id == account_id)
            going_on = [each for each in found if each.revoked_at_ms is None]
        return sorted(going_on, key=lambda session: (-session.began_at_ms, session.session_id))

    def touch(self, session_id: str, at_ms: int) -> None:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None and session.seen_at_ms < at_ms:
                self._sessions[session_id] = replace(session, seen_at_ms=at_ms)

    def revoke(self, session_id: str, at_ms: int) -> bool:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.revoked_at_ms is not None:
                return False
            self._sessions[session_id] = replace(session, revoked_at_ms=at_ms)
            return True

    def revoke_all(self, account_id: str, at_ms: int) -> Sequence[str]:
        return [each.session_id for each in self.of_account(account_id) if self.revoke(each.session_id, at_ms)]

    def revoked_since(self, at_ms: int) -> Sequence[str]:
        with self._lock:
            found = [(each.session_id, each.revoked_at_ms) for each in self._sessions.values()]
        return [session_id for session_id, revoked in found if revoked is not None and revoked >= at_ms]

    def add_token(self, token: RefreshToken) -> None:
        with self._lock:
            self._tokens[token.digest] = token

    def token(self, digest: str) -> RefreshToken | None:
        return self._tokens.get(digest)

    def spend(self, digest: str, at_ms: int, by: str) -> bool:
        with self._lock:
            token = self._tokens.get(digest)
            if token is None or token.spent_at_ms is not None:
                return False
            self._tokens[digest] = replace(token, spent_at_ms=at_ms, spent_by=by)
            return True

    def remember_place(self, account_id: str, place: str, at_ms: int) -> None:
        with self._lock:
            self._places[account_id, place] = max(at_ms, self._places.get((account_id, place), at_ms))

    def knows_place(self, account_id: str, place: str, since_ms: int) -> bool:
        seen = self._places.get((account_id, place))
        return seen is not None and seen >= since_ms

    def forget(self, before_ms: int) -> int:
        with self._lock:
            over = {
                each.session_id
                for each in self._sessions.values()
                if each.ends_at_ms < before_ms or (each.revoked_at_ms is not None and each.revoked_at_ms < before_ms)
            }
            self._sessions = {name: each for name, each in self._sessions.items() if name not in over}
            self._tokens = {
                digest: each
                for digest, each in self._tokens.items()
                if each.session_id in self._sessions
                and not (each.spent_at_ms is not None and each.spent_at_ms < before_ms)
            }
            self._places = {key: seen for key, seen in self._places.items() if seen >= before_ms}
        return len(over)


class MemoryAttemptStore:
    """An `AttemptStore` of at most so many keys; beyond, the one that went wrong longest ago is forgotten."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._lock = threading.Lock()
        self._capacity = capacity
        self._tallies: dict[str, Tally] = {}

    def tally(self, key: str) -> Tally | None:
        return self._tallies.get(key)

    def put(self, key: str, tally: Tally) -> None:
        with self._lock:
            self._tallies.pop(key, None)
            self._tallies[key] = tally
            if len(self._tallies) > self._capacity:
                self._tallies.pop(next(iter(self._tallies)))

    def remove(self, key: str) -> None:
        with self._lock:
            self._tallies.pop(key, None)

    def forget(self, before_ms: int) -> None:
        with self._lock:
            self._tallies = {key: each for key, each in self._tallies.items() if each.last_at_ms >= before_ms}
