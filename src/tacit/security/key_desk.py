"""Where keys are made, rotated and revoked, and where it is said that everybody must have one; all on the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from tacit.errors import Refused
from tacit.security.audit import AuditRecorder
from tacit.security.key_store import KeyStore, KeyUse, check_not_ended
from tacit.security.key_wishes import KeyWish
from tacit.security.keys import ApiKey, KeySecret, digest_of, key_unknown, new_key_id, new_key_text

MAX_ALIVE = 10_000
"""Keys that hold at the same time; every process has all of them in memory."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key, and its text, which nobody can be told again.

    Attributes:
        key: What is kept of it.
        text: What its holder sends; it stands in no log and no trail.
    """

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"Issued({self.key.key_id})"


def _nothing() -> None:
    """Nobody is to be told."""


class KeyDesk:
    """Where keys are looked after.

    Args:
        store: Where they are kept.
        pepper: This installation's secret; asked when a key is made.
        audit: Told of every deed.
        clock_ms: The time.
        transaction: Makes a deed and its entry appear together.
        changed: Told after every deed, so that this process knows of it before the answer.
    """

    def __init__(
        self,
        store: KeyStore,
        pepper: Callable[[], bytes],
        audit: AuditRecorder,
        *,
        clock_ms: Callable[[], int],
        transaction: Callable[[], AbstractContextManager[None]] = nullcontext,
        changed: Callable[[], None] = _nothing,
    ) -> None:
        self._store, self._pepper, self._audit = store, pepper, audit
        self._clock_ms, self._transaction, self._changed = clock_ms, transaction, changed

    def now_ms(self) -> int:
        """The moment, as wishes and states are judged by."""
        return self._clock_ms()

    def create(self, wish: KeyWish, *, actor: str) -> Issued:
        """Make a key.

        Raises:
            Refused: `keys_too_many`.
        """
        now_ms, key_id = self._clock_ms(), new_key_id()
        issued_text = new_key_text(key_id)
        key = ApiKey(
            key_id,
            wish.name,
            wish.owner or actor,
            wish.scopes,
            wish.role,
            now_ms,
            actor,
            (KeySecret(digest_of(issued_text, self._pepper()), now_ms),),
            wish.user_id,
            wish.is_exempt,
            wish.expires_at_ms,
        )
        with self._transaction():
            if len(self._store.alive(now_ms)) >= MAX_ALIVE:
                raise Refused("keys_too_many", f"There are {MAX_ALIVE} keys that hold.", fix="Revoke what is not used.")
            self._store.add(key)
            self._record("key_created", key, actor=actor, at_ms=now_ms, facts=_facts(key))
        self._changed()
        return Issued(key, issued_text)

    def rotate(self, key_id: str, *, overlap_ms: int, actor: str) -> Issued:
        """Give a key another secret; the old one holds beside it for so long.

        Raises:
            NotFound: `key_unknown`.
            Refused: `key_ended`.
        """
        now_ms, issued_text = self._clock_ms(), new_key_text(key_id)
        secret = KeySecret(digest_of(issued_text, self._pepper()), now_ms)
        with self._transaction():
            check_not_ended(self.key(key_id), now_ms)
            key = self._store.rotate(key_id, secret, old_until_ms=now_ms + overlap_ms)
            facts = {"old_until": _moment(now_ms + overlap_ms)}
            self._record("key_rotated", key, actor=actor, at_ms=now_ms, facts=facts)
        self._changed()
        return Issued(key, issued_text)

    def revoke(self, key_id: str, *, reason: str, actor: str) -> ApiKey:
        """End a key for good, here at once and everywhere within five seconds; the same again changes nothing.

        Raises:
            NotFound: `key_unknown`.
        """
        now_ms = self._clock_ms()
        with self._transaction():
            before = self.key(key_id)
            key = self._store.revoke(key_id, by=actor, at_ms=now_ms)
            if before.revoked_at_ms is None:
                self._record("key_revoked", key, actor=actor, at_ms=now_ms, facts={"reason": reason})
        self._changed()
        return key

    def key(self, key_id: str) -> ApiKey:
        """What is kept of a key.

        Raises:
            NotFound: `key_unknown`.
        """
        found = self._store.key(key_id)
        if found is None:
            raise key_unknown()
        return found

    def all_keys(self) -> Sequence[ApiKey]:
        """Those there ever were, the newest first."""
        return self._store.keys()

    def uses(self) -> Mapping[str, KeyUse]:
        """How much each was used, up to some seconds ago."""
        return self._store.uses()

    def is_required(self) -> bool:
        """Whether the switch is thrown."""
        return self._store.standing().is_required

    def require(self, is_required: bool, *, reason: str, actor: str) -> bool:
        """Have everybody say who they are, whatever the settings say, or leave that to the settings again."""
        with self._transaction():
            before = self._store.standing()
            after = self._store.require(is_required)
            if after != before:
                action = "credentials_required" if is_required else "credentials_eased"
                at = _at(self._clock_ms())
                self._audit.record(action, actor=actor, subject="auth/required", at=at, facts={"reason": reason})
        self._changed()
        return after.is_required

    def _record(self, action: str, key: ApiKey, *, actor: str, at_ms: int, facts: Mapping[str, object]) -> None:
        self._audit.record(action, actor=actor, subject=f"key/{key.key_id}", at=_at(at_ms), facts=facts)


def key_as_dict(key: ApiKey, use: KeyUse | None, *, now_ms: int) -> dict[str, object]:
    """What anybody who looks after keys may know of one, JSON-representable: all but its digests."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "owner": key.owner,
        "state": key.state(now_ms),
        "role": key.role,
        "scopes": sorted(key.scopes),
        "user_id": key.user_id,
        "exempt": key.is_exempt,
        "created_at": _moment(key.created_at_ms),
        "created_by": key.created_by,
        "expires_at": _moment(key.expires_at_ms),
        "revoked_at": _moment(key.revoked_at_ms),
        "revoked_by": key.revoked_by,
        "secrets": [
            {"made_at": _moment(each.made_at_ms), "ends_at": _moment(each.ends_at_ms)}
            for each in key.secrets
            if each.holds(now_ms)
        ],
        "uses": 0 if use is None else use.count,
        "last_used_at": None if use is None else _moment(use.last_at_ms),
    }


def _facts(key: ApiKey) -> Mapping[str, object]:
    """What the trail is told: for whom it is, it is not."""
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "is_for_one_user": key.user_id is not None,
        "expires_at": _moment(key.expires_at_ms),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else _at(at_ms)


def _at(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
