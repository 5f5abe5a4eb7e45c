"""The shapes of versions over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["champion", "previous", "challenger", "shadow", "canary", "trial", "pinned"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class VersionBody(_Body):
    """A version."""

    version: str = Field(examples=["recommender/3"])
    number: int
    verdict: Literal["pass", "fail", "insufficient"] = Field(description="What the gate said of it.")
    aliases: list[Role] = Field(description="What it is to users now.")
    created_at: str
    pruned_at: str | None = Field(description="Since when only its metadata are kept; null while it can be loaded.")
    manifest: str = Field(description="SHA-256 of its signed manifest.")
    pinned_because: str | None


class VersionsBody(_Body):
    """Every version."""

    versions: list[VersionBody]


class FileBody(_Body):
    """One file of a version, as its manifest vouches for it."""

    name: str
    size: int
    sha256: str


class ManifestBody(_Body):
    """What was signed of a version, and what it is to users now."""

    version: str
    name: str
    number: int
    verdict: Literal["pass", "fail", "insufficient"]
    aliases: list[Role]
    created_at: str
    pruned_at: str | None
    manifest: str
    workload: str
    dataset: str
    snapshot: str = Field(description="Fingerprint of what it learnt from.")
    code: str = Field(description="Digest of the code that trained it.")
    hyperparameters: dict[str, Any]
    metrics: dict[str, float]
    gate: dict[str, Any] = Field(description="The gate record: verdict, reasons and numbers.")
    lineage: dict[str, Any]
    files: list[FileBody]


class MoveBody(_Body):
    """One move of the champion."""

    sequence: int
    name: str
    kind: Literal["promoted", "rolled_back"]
    from_number: int | None
    to_number: int
    actor: str
    forced: bool
    reason: str
    at: str
    gate: str | None = Field(description="SHA-256 of the gate record it stood on; null from before these were kept.")
    signature: str | None = Field(description="SHA-256 of the signature of the version that became champion.")
    digest: str = Field(description="SHA-256 of the digest before it and of all of this.")


class ReignBody(_Body):
    """Which version was champion at a time."""

    version: str
    number: int
    at: str
    since: str
    until: str | None
    move: MoveBody


class HistoryBody(_Body):
    """The ledger, or one answer from it."""

    champion: ReignBody | None
    moves: list[MoveBody] | None
