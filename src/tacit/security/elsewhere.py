"""Signing in elsewhere: what an identity provider says of somebody becomes an account here, with a role by rule."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from tacit.errors import Forbidden, Refused, Unauthenticated
from tacit.security.accounts import Account, AccountStore, folded
from tacit.security.audit import AuditRecorder
from tacit.security.principals import ROLES, Role
from tacit.security.revocations import Revocations
from tacit.security.sessions import SessionStore

FLOW_SECONDS = 600
"""How long somebody may take to sign in elsewhere."""


@dataclass(frozen=True)
class Flow:
    """One sign-in under way: what the browser keeps until it comes back.

    Attributes:
        state: Comes back in the address.
        nonce: Comes back in the ID token.
        verifier: Shows that who exchanges the code is who asked for it (PKCE).
        ends_at: When it is too late, in seconds since 1970.
        following: Our own address that they are led to once they are back.
    """

    state: str
    nonce: str
    verifier: str
    ends_at: int
    following: str = "/account"


class IdentityProvider(Protocol):
    """Somebody who knows people."""

    def begin(self) -> tuple[str, Flow]:
        """The address to send somebody to, and what is to be kept until they are back.

        Raises:
            Unavailable: `oidc_unavailable`.
        """
        ...

    def finish(self, code: str, flow: Flow) -> Mapping[str, object]:
        """What the provider says of who came back with a code: the claims of a valid ID token.

        Raises:
            Unauthenticated: `oidc_refused`.
            Unavailable: `oidc_unavailable`.
        """
        ...


@dataclass(frozen=True)
class ElsewhereRules:
    """Who of a provider's people may sign in, and as what.

    Attributes:
        domains: Domains of verified e-mail addresses that may; empty for all.
        role_claim: The claim that says what somebody may.
        roles: Roles by its values.
        default_role: Role of everybody else; `None` has them refused.
    """

    domains: frozenset[str]
    role_claim: str
    roles: Mapping[str, Role]
    default_role: Role | None

    def role_of(self, claims: Mapping[str, object]) -> Role:
        """What somebody may.

        Raises:
            Forbidden: `sign_in_not_allowed`.
        """
        if self.domains and _domain(claims) not in self.domains:
            raise _not_allowed()
        said = claims.get(self.role_claim)
        values = said if isinstance(said, list) else [said]
        found = [self.roles[value] for value in values if isinstance(value, str) and value in self.roles]
        if not found and self.default_role is None:
            raise _not_allowed()
        return max(found, key=lambda role: len(ROLES[role])) if found else self.default_role or "reader"


@dataclass(frozen=True)
class Elsewhere:
    """Accounts of people who sign in elsewhere.

    Attributes:
        accounts: Where accounts are.
        sessions: Where their sign-ins are.
        revocations: Told at once of what is revoked here.
        audit: Told of accounts that are made, and of roles that change.
        rules: Who may sign in, and as what.
        clock: Tells the time in milliseconds since 1970.
        transaction: Opens a unit of work that stores and trail share.
    """

    accounts: AccountStore
    sessions: SessionStore
    revocations: Revocations
    audit: AuditRecorder
    rules: ElsewhereRules
    clock: Callable[[], int]
    transaction: Callable[[], AbstractContextManager[object]] = nullcontext

    def account_of(self, claims: Mapping[str, object]) -> Account:
        """The account of somebody, made at their first sign-in; another role than before ends what they signed in to.

        Nobody comes to an account with a password this way, whatever their address: only issuer and subject count.

        Raises:
            Forbidden: `sign_in_not_allowed`.
        """
        role = self.rules.role_of(claims)
        who = json.dumps([claims["iss"], claims["sub"]]).encode()
        subject = hashlib.sha256(who).hexdigest()
        ended: tuple[str, ...] = ()
        with self.transaction():
            account = self.accounts.by_subject(subject)
            if account is None:
                return self._made(claims, subject, role)
            if account.role != role:
                account = replace(account, role=role)
                self.accounts.put(account)
                ended = tuple(self.sessions.revoke_all(account.account_id, self.clock()))
                self._record("account_role_set", account, role=role, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return account

    def _made(self, claims: Mapping[str, object], subject: str, role: Role) -> Account:
        plain = f"oidc-{subject[:12]}"
        email = claims.get("email")
        wanted = folded(email) if isinstance(email, str) and claims.get("email_verified") is True else None
        account = Account(uuid.uuid4().hex, wanted or plain, role, self.clock(), subject=subject)
        try:
            self.accounts.add(account)
        except Refused:  # somebody else has this login
            account = replace(account, login=plain)
            self.accounts.add(account)
        self._record("account_created", account, role=role)
        return account

    def _record(self, action: str, account: Account, **facts: object) -> None:
        at = datetime.fromtimestamp(self.clock() / 1_000, UTC).isoformat(timespec="milliseconds")
        self.audit.record(action, actor="oidc", subject=account.name, at=at, facts=facts)


def sealed(flow: Flow, secret: bytes) -> str:
    """A flow as a browser keeps it, so that it comes back as it was or not at all."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(flow)).encode()).decode()
    return f"{body}.{_seal(body, secret)}"


def opened(text: str, state: str, *, secret: bytes, now: float) -> Flow:
    """The flow that a browser kept, if it is the one that an answer belongs to.

    Raises:
        Unauthenticated: `oidc_refused`.
    """
    body, _, seal = text.rpartition(".")
    if not hmac.compare_digest(seal.encode(), _seal(body, secret).encode()):
        raise oidc_refused()
    flow = Flow(**json.loads(base64.urlsafe_b64decode(body)))
    if flow.ends_at <= now or not hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass")):
        raise oidc_refused()
    return flow


def oidc_refused() -> Unauthenticated:
    """Why somebody who comes back is not let in; what exactly was wrong is for the log."""
    return Unauthenticated("oidc_refused", "Signing in there did not come to a valid end.", fix="Sign in once more.")


def _seal(body: str, secret: bytes) -> str:
    return hmac.digest(secret, f"flow:{body}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _domain(claims: Mapping[str, object]) -> str | None:
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        return None
    return email.rpartition("@")[2].lower()


def _not_allowed() -> Forbidden:
    fix = "Ask whoever operates this installation."
    return Forbidden("sign_in_not_allowed", "Your account there does not allow signing in here.", fix=fix)
