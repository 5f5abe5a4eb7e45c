"""Where keys are kept, and what every process follows of them: an interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.errors import Refused
from tacit.security.keys import ApiKey, KeySecret


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How much a key was used.

    Attributes:
        count: Requests that it was sent with, and held.
        last_at_ms: When the latest of them came.
    """

    count: int
    last_at_ms: int

    def added(self, other: KeyUse) -> KeyUse:
        """Both together."""
        return KeyUse(self.count + other.count, max(self.last_at_ms, other.last_at_ms))


@dataclass(frozen=True, slots=True)
class Standing:
    """What every process asks again and again, to know whether it must read more.

    Attributes:
        revision: How often keys were made, rotated or revoked, or the switch thrown.
        is_required: Whether everybody must say who they are, whatever the settings say.
    """

    revision: int = 0
    is_required: bool = False


class KeyStore(Protocol):
    """Keys; none is ever removed.

    Every deed but noting uses raises the revision, in the same unit of work.
    """

    def add(self, key: ApiKey) -> None:
        """Keep a new key.

        Raises:
            Refused: `key_taken`: there is one of this id.
        """
        ...

    def key(self, key_id: str) -> ApiKey | None: ...
    def keys(self) -> Sequence[ApiKey]:
        """All, the newest first."""
        ...

    def alive(self, now_ms: int) -> Sequence[ApiKey]:
        """Those that are neither revoked nor expired."""
        ...

    def rotate(self, key_id: str, secret: KeySecret, *, old_until_ms: int) -> ApiKey:
        """Give a key another secret, as `ApiKey.rotated` says.

        Raises:
            NotFound: `key_unknown`.
            Refused: `key_ended`: it is revoked or expired.
        """
        ...

    def revoke(self, key_id: str, *, by: str, at_ms: int) -> ApiKey:
        """End a key for good; one that is revoked stays as it was.

        Raises:
            NotFound: `key_unknown`.
        """
        ...

    def standing(self) -> Standing:
        """One row, by its key."""
        ...

    def require(self, is_required: bool) -> Standing:
        """Throw the switch; the same again changes nothing."""
        ...

    def note_uses(self, uses: Mapping[str, KeyUse]) -> None:
        """Add to what is known of keys' uses."""
        ...

    def uses(self) -> Mapping[str, KeyUse]:
        """By key; those never used are left out."""
        ...


def key_taken() -> Refused:
    """That there is a key of an id already."""
    return Refused(
        "key_taken", "There is a key with this id already.", field="key_id", fix="Try again: ids are random."
    )


def check_not_ended(key: ApiKey, now_ms: int) -> None:
    """Raises `key_ended` for a key that is revoked or expired."""
    if not key.is_alive(now_ms):
        detail = f"The key {key.key_id} is {key.state(now_ms)}; nothing brings it back."
        raise Refused("key_ended", detail, field="key_id", fix="Make another: tacit keys create.")
