"""The words of the registry: manifest, version, promotion, and what is said of a version after it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VerdictName = Literal["pass", "fail", "insufficient"]


@dataclass(frozen=True)
class FileEntry:
    """One file of a version, as the manifest vouches for it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What we say of a version; signed, so that nobody else can say otherwise.

    Attributes:
        name: Name of the model (`recommender`).
        number: Version number, from 1, never reused.
        workload: The kind of model (`recommender`, `vision`).
        dataset: The dataset it learnt from.
        snapshot: Fingerprint of the snapshot it learnt from.
        code: Digest of the code that trained it.
        hyperparameters: What it was trained with.
        metrics: What it scored on the hold-out, by metric name.
        gate: The gate record: verdict, reasons and numbers.
        lineage: Where its data came from: imports, filters, split, watermark.
        created_at: ISO 8601 time in UTC.
        files: Every other file of the version's folder except the signature.
    """

    name: str
    number: int
    workload: str
    dataset: str
    snapshot: str
    code: str
    hyperparameters: Mapping[str, object]
    metrics: Mapping[str, float]
    gate: Mapping[str, object]
    lineage: Mapping[str, object]
    created_at: str
    files: tuple[FileEntry, ...] = ()


@dataclass(frozen=True)
class Version:
    """One registered version: immutable, signed, in its own folder.

    Attributes:
        manifest_digest: SHA-256 (hex) of the signed manifest's bytes.
        verdict: What the gate said; only `pass` may be promoted without force.
        pruned_at: Since when only its metadata are kept; `None` while it can be loaded.
    """

    name: str
    number: int
    manifest_digest: str
    verdict: VerdictName
    created_at: str
    folder: Path
    pruned_at: str | None = None


@dataclass(frozen=True)
class Promotion:
    """One move of the champion, as the append-only ledger keeps it.

    Attributes:
        kind: `promoted`, or `rolled_back` (which steps back to what was champion before).
        from_number: The champion until then; `None` for the first.
        to_number: The champion from then on.
        actor: Who asked for it.
        forced: Whether the gate's verdict was overridden.
        reason: Why, in the actor's words or the platform's.
        at: ISO 8601 time in UTC.
    """

    name: str
    kind: Literal["promoted", "rolled_back"]
    from_number: int | None
    to_number: int
    actor: str
    forced: bool
    reason: str
    at: str


@dataclass(frozen=True)
class Evidence:
    """What a move of the champion stood on.

    Attributes:
        gate: SHA-256 of the gate record of the version that became champion, in canonical JSON.
        signature: SHA-256 of the file that holds that version's signature.
    """

    gate: str
    signature: str


@dataclass(frozen=True)
class LedgerEntry:
    """One move of the champion in its place in the ledger.

    Attributes:
        sequence: Place in the model's ledger, from 1, without gaps.
        evidence: `None` for a move from before the ledger was chained.
        digest: SHA-256 of the digest before it and of all of this entry, in lower-case hex; empty where it is missing.
    """

    sequence: int
    promotion: Promotion
    evidence: Evidence | None
    digest: str


@dataclass(frozen=True)
class Pin:
    """Somebody's word that a version is to stay deployable.

    Attributes:
        reason: Why, in their words.
        at: ISO 8601 time in UTC.
    """

    name: str
    number: int
    reason: str
    actor: str
    at: str


@dataclass(frozen=True)
class Pruning:
    """The record that a version is kept as metadata alone.

    Attributes:
        freed_bytes: What its files took that are gone.
        at: ISO 8601 time in UTC.
    """

    name: str
    number: int
    actor: str
    freed_bytes: int
    at: str


@dataclass(frozen=True)
class Origin:
    """Where an imported version came from.

    Attributes:
        name: Name of the model here.
        number: Its number here.
        origin_name: Name of the model there.
        origin_number: Its number there.
        manifest_digest: SHA-256 of the manifest that was signed there.
        key_id: The key that signed it.
    """

    name: str
    number: int
    origin_name: str
    origin_number: int
    manifest_digest: str
    key_id: str
