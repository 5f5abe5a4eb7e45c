"""API keys: what one looks like, what is kept of it, and whether one that is sent holds (pure).

```text
tacit_live_k3v9q0zd_7XcN…40 letters and digits…q2_1f0a9c3e
└─ prefix ┘└─ id ──┘└─ secret ──────────────────┘ └─ check ┘
```

The prefix lets scanners find a key that was left in a repository, the id finds what is kept of it, and the check tells
a slip of the pen from a guess.  Of the key itself only a keyed digest is kept, so that whoever reads the database
cannot ask as anybody; 238 random bits need no slow one.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tacit.errors import NotFound
from tacit.security.principals import Principal, Role, Scope

PREFIX = "tacit_live_"
ID_LENGTH = 8
PEPPER_BYTES = 32
SECRETS_AT_ONCE = 2
"""Secrets of one key that hold at the same time: the latest, and the one before while a rotation overlaps."""

_SECRET_LENGTH = 40
LENGTH = len(PREFIX) + ID_LENGTH + _SECRET_LENGTH + 10
"""Characters of a key."""
_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_SHAPE = re.compile(rf"{PREFIX}([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})_([0-9a-f]{{8}})", re.ASCII)
_NO_DIGEST = "0" * 64
"""Compared with where there is nothing to compare with, so that it takes as long."""


@dataclass(frozen=True, slots=True)
class KeySecret:
    """One secret of a key.

    Attributes:
        digest: HMAC-SHA-256 of the whole key under this installation's pepper, in hex.
        made_at_ms: Since when it holds.
        ends_at_ms: Until when; `None` for as long as its key does.
    """

    digest: str
    made_at_ms: int
    ends_at_ms: int | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether it does at a moment."""
        return self.ends_at_ms is None or now_ms < self.ends_at_ms

    def ended(self, at_ms: int) -> KeySecret:
        """The same, over at a moment at the latest."""
        return replace(self, ends_at_ms=at_ms if self.ends_at_ms is None else min(self.ends_at_ms, at_ms))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        key_id: Names it, in lists and in the audit trail.
        name: What its maker calls it.
        owner: Who is asked when it misbehaves.
        scopes: What it allows.
        role: The role its scopes are of, where it was made by one.
        user_id: The only user it may read and write for.
        is_exempt: Whether limits are only counted for it.
        created_at_ms: When it was made.
        created_by: By whom.
        expires_at_ms: From when it holds no more.
        revoked_at_ms: When it was revoked.
        revoked_by: By whom.
        secrets: The latest first.
    """

    key_id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    role: Role | None
    created_at_ms: int
    created_by: str
    secrets: tuple[KeySecret, ...]
    user_id: str | None = None
    is_exempt: bool = False
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    revoked_by: str | None = None

    def is_alive(self, now_ms: int) -> bool:
        """Whether it is neither revoked nor expired at a moment."""
        return self.revoked_at_ms is None and (self.expires_at_ms is None or now_ms < self.expires_at_ms)

    def state(self, now_ms: int) -> str:
        """`active`, `expired` or `revoked`."""
        return "active" if self.is_alive(now_ms) else "expired" if self.revoked_at_ms is None else "revoked"

    def rotated(self, secret: KeySecret, *, old_until_ms: int) -> ApiKey:
        """The same with another secret; the one before holds until a moment at the latest, an older one no more."""
        latest, older = self.secrets[: SECRETS_AT_ONCE - 1], self.secrets[SECRETS_AT_ONCE - 1 :]
        before = [each.ended(old_until_ms) for each in latest] + [each.ended(secret.made_at_ms) for each in older]
        return replace(self, secrets=(secret, *before))

    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal("key", f"key:{self.key_id}", self.scopes, self.user_id, self.is_exempt)


def new_key_id() -> str:
    """A random id."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))


def new_key_text(key_id: str) -> str:
    """A key as its holder is given it, once."""
    text = f"{PREFIX}{key_id}_" + "".join(secrets.choice(_SECRET_LETTERS) for _ in range(_SECRET_LENGTH))
    return f"{text}_{_check_of(text)}"


def digest_of(text: str, pepper: bytes) -> str:
    """What is kept of a key's text."""
    return hmac.digest(pepper, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def key_id_in(text: str) -> str | None:
    """The id in a key; `None` if it is not written as one, which says nothing of what is kept."""
    found = _SHAPE.fullmatch(text)
    return found[1] if found is not None and _check_of(text.rpartition("_")[0]) == found[3] else None


def holds(text: str, key: ApiKey | None, *, pepper: bytes, now_ms: int, digest: str | None = None) -> bool:
    """Whether a key that was sent is the one that is kept.

    It takes the same steps whether there is such a key or not, and whichever of its secrets was sent.

    Args:
        text: What was sent.
        key: What is kept under its id, if anything is.
        pepper: This installation's.
        now_ms: The moment that counts.
        digest: Of what was sent, where it is known already.
    """
    digest = digest or digest_of(text, pepper)
    kept: Sequence[KeySecret] = () if key is None else key.secrets[:SECRETS_AT_ONCE]
    digests = [each.digest if each.holds(now_ms) else _NO_DIGEST for each in kept]
    digests += [_NO_DIGEST] * (SECRETS_AT_ONCE - len(digests))
    # Every one is compared: which of them matched, or that none did, must not show in how long it took.
    matches = [hmac.compare_digest(digest, each) for each in digests]
    return any(matches) and key is not None and key.is_alive(now_ms)


def key_unknown() -> NotFound:
    """That no key has an id."""
    return NotFound(
        "key_unknown", "There is no such key.", field="key_id", fix="`tacit keys list` names those there are."
    )


def _check_of(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
