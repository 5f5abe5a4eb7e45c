"""Signing in with a password or elsewhere, staying signed in, and signing out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hmac import compare_digest
from typing import NoReturn

from tacit.errors import Unauthenticated, Unavailable
from tacit.security.access_tokens import AccessClaims, TokenMint, token_invalid
from tacit.security.accounts import Account, AccountStore, folded, name_of
from tacit.security.attempts import OF_A_PLACE, OF_AN_ACCOUNT, OF_BOTH, AttemptRules, Attempts
from tacit.security.audit import AuditRecorder
from tacit.security.passwords import PasswordHasher, can_be_one, normal
from tacit.security.revocations import Revocations
from tacit.security.sessions import (
    GRACE_MS,
    Kind,
    RefreshToken,
    Session,
    SessionRules,
    SessionStore,
    digest_of,
    is_refresh_token,
    new_refresh_token,
    new_secret,
    successor,
)

KNOWN_FOR_MS = 30 * 86_400_000
"""How long a place counts as one where somebody signed in before."""


@dataclass(frozen=True)
class Client:
    """What signs somebody in.

    Attributes:
        place: Digest of the address it comes from.
        kind: Digest of what it calls itself, at that address.
    """

    place: str
    kind: str


@dataclass(frozen=True)
class Tokens:
    """What somebody who signed in is given."""

    access: str
    access_seconds: int
    refresh: str
    refresh_seconds: int


@dataclass(frozen=True)
class Cookie:
    """A browser session and the value of its cookie."""

    session: Session
    value: str


@dataclass(frozen=True)
class SignIns:
    """Sign-ins over their stores.

    Attributes:
        accounts: Where accounts are.
        sessions: Where sign-ins are.
        attempts: Counts guesses.
        hasher: Of passwords.
        mint: Of access tokens.
        revocations: Told at once of what is revoked here.
        audit: Told who signed in, who did not, and what was revoked.
        pseudonym: Makes of a login what may be written down of it.
        clock: Tells the time in milliseconds since 1970.
        rules: How long sign-ins last.
        told: Told how each ended, to be counted: `signed_in`, `refused`, `slowed`, `refreshed`, `refresh_reused`.
        transaction: Opens a unit of work that stores and trail share.
    """

    accounts: AccountStore
    sessions: SessionStore
    attempts: Attempts
    hasher: PasswordHasher
    mint: TokenMint
    revocations: Revocations
    audit: AuditRecorder
    pseudonym: Callable[[str], str]
    clock: Callable[[], int]
    rules: SessionRules = field(default_factory=SessionRules)
    told: Callable[[str], None] = lambda _: None
    transaction: Callable[[], AbstractContextManager[object]] = nullcontext

    def tokens(self, login: str, password: str, client: Client) -> Tokens:
        """Sign a program in.

        Raises:
            Unauthenticated: `credentials_invalid`, whatever is wrong with them.
            Limited: `sign_in_slowed` after too many of those.
            Unavailable: `sign_in_busy`.
        """
        account = self._proved(login, password, client)
        session, first = self._new(account, "token", secret=new_secret()), new_refresh_token()
        with self.transaction():
            current = self._begin(session, account, client)
            self.sessions.add_token(RefreshToken(digest_of(first), session.session_id, session.began_at_ms))
        return self._tokens(current, session, first)

    def cookie(self, login: str, password: str, client: Client) -> Cookie:
        """Sign a browser in; raises what `tokens` does."""
        return self.cookie_of(self._proved(login, password, client), client)

    def cookie_of(self, account: Account, client: Client) -> Cookie:
        """Sign a browser in for somebody who has shown who they are elsewhere.

        Raises:
            Unauthenticated: `credentials_invalid` if the account is disabled.
        """
        secret = new_secret()
        session = self._new(account, "browser", secret=digest_of(secret))
        with self.transaction():
            self._begin(session, account, client)
        return Cookie(session, f"{session.session_id}.{secret}")

    def refreshed(self, token: str, client: Client) -> Tokens:
        """Replace a refresh token, and give an access token with the new one.

        Asked again within two seconds by the same client, it gives the same one again.  One that is shown a second time
        otherwise was stolen, before or after: the whole family is revoked.

        Raises:
            Unauthenticated: `token_invalid`.
        """
        with self.transaction():
            given = self._replaced(token, client)
        if isinstance(given, str):  # the family that is no more
            self.revocations.tell(given)
            self.told("refresh_reused")
        if not isinstance(given, Tokens):
            raise token_invalid()
        self.told("refreshed")
        return given

    def revoke(self, token: str, *, everywhere: bool = False) -> None:
        """Sign a program out: its refresh token and the access tokens that came with it are worth nothing from now on.

        Asked to, everywhere else too.  A token that is none, or is over, needs no revoking; nothing is told of it.
        """
        with self.transaction():
            kept = self.sessions.token(digest_of(token)) if is_refresh_token(token) else None
            session = None if kept is None else self.sessions.session(kept.session_id)
            if session is not None:
                self._revoke(session, "signed_out")
        if session is not None:
            self.revocations.tell(session.session_id)
            if everywhere:
                self.end_all(session.account_id)

    def session_of(self, cookie: str) -> tuple[Session, Account] | None:
        """Whose browser session the value of a cookie is, if it counts now; its use is noted once a minute."""
        session_id, dot, secret = cookie.partition(".")
        session = self.sessions.session(session_id) if dot and session_id.isalnum() and session_id.isascii() else None
        now = self.clock()
        if session is None or session.kind != "browser" or not session.is_alive(now, self.rules):
            return None
        account = self.accounts.account(session.account_id)
        if account is None or account.is_disabled or not compare_digest(session.secret, digest_of(secret)):
            return None
        if now - session.seen_at_ms >= 60_000:
            self.sessions.touch(session_id, now)
        return session, account

    def of_account(self, account_id: str) -> Sequence[Session]:
        """The sign-ins of an account that count now, the latest first."""
        now = self.clock()
        return [each for each in self.sessions.of_account(account_id) if each.is_alive(now, self.rules)]

    def end(self, session: Session) -> None:
        """Sign out."""
        with self.transaction():
            self._revoke(session, "signed_out")
        self.revocations.tell(session.session_id)

    def end_all(self, account_id: str) -> int:
        """Sign somebody out everywhere; how many sign-ins that ended."""
        with self.transaction():
            ended = self.sessions.revoke_all(account_id, self.clock())
            if ended:
                who = name_of(account_id)
                self._record("sign_ins_revoked", who, who, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return len(ended)

    def proved(self, account: Account, password: str, client: Client) -> None:
        """See that somebody who is signed in still knows their password; raises what `tokens` does."""
        self._proved(account.login, password, client)

    def _replaced(self, token: str, client: Client) -> Tokens | str | None:
        """New tokens; or the family that ended, since its token was shown twice; or nothing."""
        kept = self.sessions.token(digest_of(token)) if is_refresh_token(token) else None
        session = None if kept is None else self.sessions.session(kept.session_id)
        account = None if session is None else self.accounts.account(session.account_id)
        now = self.clock()
        if kept is None or session is None or account is None or account.is_disabled:
            return None
        if not session.is_alive(now, self.rules):
            return None
        following = successor(token, session.secret)
        if kept.spent_at_ms is None and self.sessions.spend(kept.digest, now, client.kind):
            self.sessions.add_token(RefreshToken(digest_of(following), session.session_id, now))
            self.sessions.touch(session.session_id, now)
            return self._tokens(account, session, following)
        spent = self.sessions.token(kept.digest) or kept
        if self._is_repeated(spent, following, client):
            return self._tokens(account, session, following)
        self._revoke(session, "refresh_token_reused")
        return session.session_id

    def _is_repeated(self, spent: RefreshToken, following: str, client: Client) -> bool:
        """Whether who had a token replaced just asks again, and has not used the new one yet."""
        if spent.spent_at_ms is None or spent.spent_by is None or self.clock() - spent.spent_at_ms > GRACE_MS:
            return False
        next_one = self.sessions.token(digest_of(following))
        return compare_digest(spent.spent_by, client.kind) and next_one is not None and next_one.spent_at_ms is None

    def _tokens(self, account: Account, session: Session, refresh: str) -> Tokens:
        claims = AccessClaims(account.account_id, session.session_id, account.role, account.user_id)
        left_ms = min(self.rules.refresh_ms, session.ends_at_ms - self.clock())
        return Tokens(self.mint.issue(claims), self.mint.seconds, refresh, max(0, left_ms // 1_000))

    def _proved(self, login: str, password: str, client: Client) -> Account:
        """The account whose login and password these are; who has none waits as long and hears the same."""
        name = folded(login)
        account = None if name is None else self.accounts.by_login(name)
        # Guesses count against the very name that finds the account, or each way to write it would be a count anew.
        asked = self.pseudonym(login.strip().lower()[:256] if name is None else name)
        keys = self._keys(account, asked, client)
        self._take(keys, account, asked)
        try:
            usable = account is not None and not account.is_disabled and can_be_one(password)
            kept = account.password_hash if account is not None and usable else None
            is_right = self.hasher.matches(kept, normal(password) if can_be_one(password) else "")
        except Unavailable:
            self.attempts.give_back(keys)
            raise
        if account is None or not is_right:
            self._refused(account, asked, client)
        self.attempts.give_back(keys)
        self.attempts.clear(next(iter(keys)))
        return self._rehashed(account, password)

    def _keys(self, account: Account | None, asked: str, client: Client) -> Mapping[str, AttemptRules]:
        """What an attempt is counted against; where somebody signed in before, they have a count of their own."""
        account_id = "" if account is None else account.account_id
        if self.sessions.knows_place(account_id, client.place, self.clock() - KNOWN_FOR_MS):
            return {f"both:{account_id}:{client.place}": OF_BOTH}
        return {f"login:{asked}": OF_AN_ACCOUNT, f"place:{client.place}": OF_A_PLACE}

    def _take(self, keys: Mapping[str, AttemptRules], account: Account | None, asked: str) -> None:
        try:
            must_slow_down = self.attempts.take(keys, self.clock())
        except Unavailable:
            self.told("slowed")
            raise
        if must_slow_down:
            who = f"login:{asked}" if account is None else account.name
            self._record("sign_ins_slowed", who, who)

    def _refused(self, account: Account | None, asked: str, client: Client) -> NoReturn:
        who = f"login:{asked}" if account is None else account.name
        self._record("sign_in_refused", "anonymous", who, place=client.place[:16])
        self.told("refused")
        raise _credentials_invalid()

    def _rehashed(self, account: Account, password: str) -> Account:
        """An account, whose hash is made anew where it was made with other costs."""
        if account.password_hash is None or not self.hasher.is_outdated(account.password_hash):
            return account
        try:
            kept = self.hasher.hashed(normal(password))
        except Unavailable:
            return account  # another time
        with self.transaction():
            current = self.accounts.account(account.account_id)
            if current is None or current.password_hash != account.password_hash:
                return account
            self.accounts.put(replace(current, password_hash=kept))
        return replace(account, password_hash=kept)

    def _new(self, account: Account, kind: Kind, *, secret: str) -> Session:
        now = self.clock()
        longest_ms = self.rules.longest_ms if kind == "browser" else self.rules.family_ms
        return Session(uuid.uuid4().hex, account.account_id, kind, secret, now, now, now + longest_ms)

    def _begin(self, session: Session, account: Account, client: Client) -> Account:
        """Keep a sign-in, and return the account as it is by now.

        It is read again within the unit of work, so that one that is disabled meanwhile has no sign-in left over.
        """
        current = self.accounts.account(account.account_id)
        if current is None or current.is_disabled or current.password_hash != account.password_hash:
            raise _credentials_invalid()
        self.sessions.begin(session)
        self.sessions.remember_place(account.account_id, client.place, session.began_at_ms)
        self._record("signed_in", account.name, account.name, kind=session.kind, sign_in=session.session_id[:8])
        self.told("signed_in")
        return current

    def _revoke(self, session: Session, action: str) -> None:
        if self.sessions.revoke(session.session_id, self.clock()):
            owner = name_of(session.account_id)
            self._record(action, owner, owner, kind=session.kind, sign_in=session.session_id[:8])

    def _record(self, action: str, actor: str, subject: str, **facts: object) -> None:
        at = datetime.fromtimestamp(self.clock() / 1_000, UTC).isoformat(timespec="milliseconds")
        self.audit.record(action, actor=actor, subject=subject, at=at, facts=facts)


def _credentials_invalid() -> Unauthenticated:
    return Unauthenticated("credentials_invalid", "This login and this password do not belong together.")
