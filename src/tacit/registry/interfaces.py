"""What the registry asks of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tacit.registry.versions import Promotion, Version


@dataclass(frozen=True)
class Signature:
    """Proof that the holder of a key vouched for some bytes.

    Attributes:
        algorithm: `ed25519`, …
        key_id: First 16 hex digits of the SHA-256 of the public key.
        value: The signature, in lower-case hex.
    """

    algorithm: str
    key_id: str
    value: str


class Signer(Protocol):
    """Holds the private key."""

    def sign(self, payload: bytes) -> Signature: ...


class Verifier(Protocol):
    """Holds the public keys that are trusted."""

    def verify(self, payload: bytes, signature: Signature) -> None:
        """Return if a trusted key signed exactly these bytes.

        Raises:
            Refused: `signature_invalid`.
        """
        ...


class VersionStore(Protocol):
    """The append-only record of versions and of what they were to users."""

    def next_number(self, name: str) -> int:
        """The number the next version of this name gets; one caller, one number."""
        ...

    def add(self, version: Version) -> None: ...
    def version(self, name: str, number: int) -> Version | None: ...
    def versions(self, name: str) -> Sequence[Version]: ...
    def names(self) -> Sequence[str]: ...
    def promotions(self, name: str) -> Sequence[Promotion]:
        """The ledger, oldest first."""
        ...

    def promote(self, promotion: Promotion, *, expected: int | None) -> None:
        """Append to the ledger if the champion still is `expected`.

        Raises:
            Refused: `alias_moved` if somebody else moved the champion meanwhile.
        """
        ...

    def challenger(self, name: str) -> int | None: ...
    def set_challenger(self, name: str, number: int | None) -> None: ...


class ArtifactStore(Protocol):
    """The versions' folders; a folder appears wholly or not at all and never changes."""

    def stage(self) -> Path:
        """A new empty folder to write a version's files into."""
        ...

    def publish(self, staged: Path, name: str, number: int) -> Path:
        """Move a staged folder to its final place, durably.

        Raises:
            Refused: `version_immutable` if that version exists.
        """
        ...

    def discard(self, staged: Path) -> None: ...
    def folder(self, name: str, number: int) -> Path: ...


class ActRecorder(Protocol):
    """Keeps who did what; `tacit.security.audit.AuditRecorder` keeps it in the trail."""

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None: ...


Clock = Callable[[], str]
"""Tells the time in ISO 8601, UTC."""

Transaction = Callable[[], AbstractContextManager[object]]
"""Opens a unit of work: what the stores write within it is kept wholly, or not at all if it ends in an error."""
