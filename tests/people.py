"""People who sign in, for tests: in memory unless told otherwise, cheap to hash, at a time that is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tacit.adapters.argon2_passwords import Argon2Passwords, Costs
from tacit.adapters.jwt_tokens import JwtMint
from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_accounts import MemoryAccountStore, MemoryAttemptStore, MemorySessionStore, MemoryUnit
from tacit.adapters.token_keys import TokenKeys
from tacit.security.access_tokens import TokenChecker
from tacit.security.account_desk import AccountDesk
from tacit.security.accounts import Account, AccountStore
from tacit.security.attempts import Attempts, AttemptStore
from tacit.security.audit import AuditEntry, AuditRecorder
from tacit.security.passwords import PasswordHasher
from tacit.security.revocations import Revocations
from tacit.security.sessions import SessionStore
from tacit.security.sign_ins import Client, SignIns
from tests.job_books import Clock

PASSWORD = "seven quiet herons wade"
ANOTHER = "copper lanterns in fog"
HOME, CAFE = Client("home", "home browser"), Client("cafe", "cafe browser")
CHEAP = Costs(memory_kib=64, passes=1)


@dataclass
class House:
    """An installation's people, with all they are made of."""

    folder: Path
    clock: Callable[[], int] = field(default_factory=Clock)
    accounts: AccountStore = field(default_factory=MemoryAccountStore)
    sessions: SessionStore = field(default_factory=MemorySessionStore)
    tallies: AttemptStore = field(default_factory=MemoryAttemptStore)
    audit: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)
    hasher: PasswordHasher = field(default_factory=lambda: Argon2Passwords(CHEAP))
    transaction: Callable[[], AbstractContextManager[object]] = field(default_factory=MemoryUnit)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = TokenKeys(self.folder / "keys" / "tokens", clock=lambda: self.clock() / 1_000)
        self.mint = JwtMint(self.keys, "inst", clock=lambda: self.clock() / 1_000)
        self.revocations = Revocations(self.sessions, self.clock)
        recorder = AuditRecorder(self.audit)
        self.desk = AccountDesk(
            self.accounts, self.sessions, self.hasher, self.revocations, recorder, self.clock, self.transaction
        )
        self.sign_ins = SignIns(
            self.accounts,
            self.sessions,
            Attempts(self.tallies, self.transaction),
            self.hasher,
            self.mint,
            self.revocations,
            recorder,
            pseudonym=lambda text: f"<{text}>",
            clock=self.clock,
            told=self.told.append,
            transaction=self.transaction,
        )
        self.checker = TokenChecker(self.mint, self.revocations)

    def account(self, login: str = "ann", *, role: str = "admin", user_id: str | None = None) -> Account:
        return self.desk.create(login, PASSWORD, role=role, actor="root", user_id=user_id)

    def acts(self, *actions: str) -> list[AuditEntry]:
        """What the trail heard, oldest first; of these actions, where any is named."""
        heard = reversed(self.audit.entries(limit=100_000))
        return [entry for entry in heard if not actions or entry.action in actions]
