"""What the registry asks of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tacit.errors import Refused
from tacit.registry.versions import Evidence, LedgerEntry, Origin, Pin, Promotion, Pruning, Version


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
        """The moves of the champion, oldest first."""
        ...

    def ledger(self, name: str) -> Sequence[LedgerEntry]:
        """The same moves with what they stood on, each chained to the one before it."""
        ...

    def promote(self, promotion: Promotion, *, expected: int | None, evidence: Evidence | None = None) -> LedgerEntry:
        """Append to the ledger if the champion still is `expected`.

        Args:
            promotion: The move.
            expected: The champion that it was decided over.
            evidence: What it stands on.

        Returns:
            The entry, chained to the one before it.

        Raises:
            Refused: `alias_moved` if somebody else moved the champion meanwhile, `version_pruned` if the version that
                was to become champion is kept as metadata alone.
        """
        ...

    def challenger(self, name: str) -> int | None: ...
    def set_challenger(self, name: str, number: int | None) -> None:
        """Name the challenger, or say that there is none.

        Raises:
            Refused: `version_pruned`.
        """
        ...

    def pins(self, name: str) -> Sequence[Pin]:
        """The pinned versions, by number."""
        ...

    def pin(self, pin: Pin) -> None:
        """Keep a version deployable; a later reason takes the place of an earlier one.

        Raises:
            Refused: `version_pruned`.
        """
        ...

    def unpin(self, name: str, number: int) -> bool:
        """Take a pin back; whether there was one."""
        ...

    def prunings(self, name: str) -> Sequence[Pruning]:
        """The versions that are kept as metadata alone, by number."""
        ...

    def mark_pruned(self, pruning: Pruning) -> bool:
        """Say for good that a version is kept as metadata alone; `False` if that was said before."""
        ...

    def origins(self, name: str) -> Sequence[Origin]:
        """Where the imported versions came from, by number."""
        ...

    def add_origin(self, origin: Origin) -> None:
        """Say of a version that was just added where it came from."""
        ...


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

    def reading(self, name: str, number: int) -> AbstractContextManager[None]:
        """Keeps a version's files from being removed for as long as it is entered.

        Raises:
            Unavailable: `artifact_unreadable`; on entering.
        """
        ...

    def remove_files(self, name: str, number: int, keep: Callable[[str], bool]) -> bool:
        """Remove the files of a version but those to keep; what is gone already is not missed.

        Returns:
            `False`, and nothing is removed, while somebody reads them.
        """
        ...


class ActRecorder(Protocol):
    """Keeps who did what; `tacit.security.audit.AuditRecorder` keeps it in the trail."""

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None: ...


Clock = Callable[[], str]
"""Tells the time in ISO 8601, UTC."""

Transaction = Callable[[], AbstractContextManager[object]]
"""Opens a unit of work: what the stores write within it is kept wholly, or not at all if it ends in an error."""


def pruned_refusal(name: str, number: int) -> Refused:
    """What whoever wants to load a version is told of which only the metadata are left."""
    return Refused(
        "version_pruned",
        f"{name}/{number} was pruned: its manifest and model card are here, its arrays are not.",
        field="number",
        fix="Take another version, or import it from a file it was exported to; `tacit models pin` keeps versions.",
    )
