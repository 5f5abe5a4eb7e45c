"""People who sign in, wired: accounts, tokens, sessions, and an identity provider where the settings name one."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.errors import TacitError
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.audit import AuditRecorder, AuditTrail
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.sql.accounts import SqlAccountStore
    from tacit.adapters.sql.engine import Database
    from tacit.adapters.sql.sessions import SqlSessionStore
    from tacit.adapters.token_keys import TokenKeys
    from tacit.security.access_tokens import TokenChecker, TokenMint
    from tacit.security.account_desk import AccountDesk
    from tacit.security.elsewhere import Elsewhere, IdentityProvider
    from tacit.security.passwords import PasswordHasher
    from tacit.security.revocations import Revocations
    from tacit.security.session_checker import SessionChecker
    from tacit.security.sign_ins import SignIns

KEPT_MS = 30 * 86_400_000
"""How long after its end a sign-in is remembered."""
_TIDY_SECONDS = 3_600.0


@dataclass(frozen=True)
class People:
    """Accounts and what their people sign in with; nothing is opened, read or imported before it is asked for."""

    settings: Settings
    home: Path
    database: Database
    audit: AuditTrail

    @cached_property
    def accounts(self) -> SqlAccountStore:
        from tacit.adapters.sql.accounts import SqlAccountStore

        return SqlAccountStore(self.database)

    @cached_property
    def sessions(self) -> SqlSessionStore:
        from tacit.adapters.sql.sessions import SqlSessionStore

        return SqlSessionStore(self.database)

    @cached_property
    def revocations(self) -> Revocations:
        from tacit.security.revocations import Revocations

        return Revocations(self.sessions, now_ms)

    @cached_property
    def keys(self) -> TokenKeys:
        """What access tokens are signed with."""
        from tacit.adapters.token_keys import TokenKeys

        return TokenKeys(self.home / "keys" / "tokens")

    @cached_property
    def hasher(self) -> PasswordHasher:
        from tacit.adapters.argon2_passwords import Argon2Passwords

        return Argon2Passwords()

    @cached_property
    def mint(self) -> TokenMint:
        from tacit.adapters.homes import installation_id
        from tacit.adapters.jwt_tokens import JwtMint

        seconds = max(1, int(self.settings.accounts.token_minutes * 60))
        return JwtMint(self.keys, installation_id(self.home), seconds=seconds)

    @cached_property
    def desk(self) -> AccountDesk:
        """Where accounts are made and changed."""
        from tacit.security.account_desk import AccountDesk

        return AccountDesk(
            self.accounts,
            self.sessions,
            self.hasher,
            self.revocations,
            AuditRecorder(self.audit),
            now_ms,
            transaction=self.database.transaction,
        )

    @cached_property
    def sign_ins(self) -> SignIns:
        """Where people sign in."""
        from tacit.adapters.sql.accounts import SqlAttemptStore
        from tacit.security.attempts import Attempts
        from tacit.security.sessions import SessionRules
        from tacit.security.sign_ins import SignIns

        chosen = self.settings.accounts
        day_ms = 86_400_000
        rules = SessionRules(
            idle_ms=int(chosen.idle_minutes * 60_000),
            longest_ms=int(chosen.session_hours * 3_600_000),
            refresh_ms=int(chosen.refresh_days * day_ms),
            family_ms=int(chosen.sign_in_days * day_ms),
        )
        return SignIns(
            self.accounts,
            self.sessions,
            Attempts(SqlAttemptStore(self.database), self.database.transaction),
            self.hasher,
            self.mint,
            self.revocations,
            AuditRecorder(self.audit),
            self.pseudonym,
            now_ms,
            rules,
            transaction=self.database.transaction,
        )

    @cached_property
    def elsewhere(self) -> Elsewhere | None:
        """What makes accounts of an identity provider's people; `None` where the settings name no provider."""
        from tacit.security.elsewhere import Elsewhere, ElsewhereRules

        chosen = self.settings.accounts
        if chosen.oidc_issuer is None:
            return None
        from tacit.security.accounts import checked_role

        pairs = (each.rpartition("=") for each in chosen.oidc_roles)
        rules = ElsewhereRules(
            frozenset(domain.lower() for domain in chosen.oidc_domains),
            chosen.oidc_role_claim,
            {value: checked_role(role) for value, _, role in pairs},
            chosen.oidc_default_role,
        )
        audit, transaction = AuditRecorder(self.audit), self.database.transaction
        return Elsewhere(self.accounts, self.sessions, self.revocations, audit, rules, now_ms, transaction)

    @cached_property
    def provider(self) -> IdentityProvider | None:
        """The identity provider that the settings name."""
        chosen = self.settings.accounts
        if chosen.oidc_issuer is None:
            return None
        from tacit.adapters.oidc_provider import OidcClient, OidcProvider

        secret = chosen.oidc_client_secret
        return OidcProvider(
            OidcClient(
                chosen.oidc_issuer,
                chosen.oidc_client_id or "",
                None if secret is None else secret.get_secret_value(),
                chosen.oidc_redirect or "",
                frozenset(chosen.oidc_hosts),
            )
        )

    @cached_property
    def secret(self) -> bytes:
        """What pseudonyms and sign-ins under way are sealed with."""
        from tacit.adapters.secret_files import kept_secret

        return kept_secret(self.home / "keys" / "accounts.secret")

    def pseudonym(self, text: str) -> str:
        """What is written down of a text that may name a person: the same for the same, and nothing to anybody else."""
        return hmac.digest(self.secret, f"name:{text}".encode("utf-8", "surrogatepass"), "sha256").hex()[:16]

    def rotate_keys(self, *, drop_old: bool, actor: str) -> tuple[str, ...]:
        """Sign access tokens with a new key; ids of those that count.

        Raises:
            Refused: `key_rotated_lately`.
        """
        kids = self.keys.rotate(drop_old=drop_old)
        self.desk.record_rotation(kids[-1], drop_old=drop_old, actor=actor)
        return kids

    def counted(self, metrics: MetricSink) -> SignIns:
        """Where people sign in, with every end of it counted."""

        def told(result: str) -> None:
            metrics.increment(catalogue.SIGN_INS, result=result)

        return replace(self.sign_ins, told=told)

    @property
    def token_checker(self) -> TokenChecker:
        """Knows access tokens."""
        from tacit.security.access_tokens import TokenChecker

        return TokenChecker(self.mint, self.revocations)

    @property
    def session_checker(self) -> SessionChecker:
        """Knows the cookies of browser sessions."""
        from tacit.security.session_checker import SessionChecker

        return SessionChecker(self.sign_ins)


def now_ms() -> int:
    """The time in milliseconds since 1970."""
    return int(time.time() * 1_000)


@contextmanager
def following_revocations(people: People, *, every_seconds: float = 1.0) -> Iterator[None]:
    """Hear every second of what other processes revoke, for as long as a server runs; forget, hourly, what is over.

    Raises:
        Unavailable: What was revoked cannot be read at the beginning.
    """
    people.revocations.look()
    over = threading.Event()

    def follow() -> None:
        tidied_at = float("-inf")
        while not over.wait(every_seconds):
            _try(people.revocations.look)
            if time.monotonic() - tidied_at > _TIDY_SECONDS:
                tidied_at = time.monotonic()
                _try(lambda: _forget(people))

    thread = threading.Thread(target=follow, name="revocations", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)


def _forget(people: People) -> None:
    now = now_ms()
    people.sessions.forget(now - KEPT_MS)
    people.sign_ins.attempts.store.forget(now - 86_400_000)


def _try(act: Callable[[], object]) -> None:
    import structlog

    try:
        act()
    except Exception as problem:
        # The next look makes up for it; ended by one failure, this thread would miss all that is revoked later.
        code = problem.code if isinstance(problem, TacitError) else type(problem).__name__
        structlog.get_logger(__name__).warning("revocations_unread", code=code)
