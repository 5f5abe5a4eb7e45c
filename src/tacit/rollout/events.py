"""What happened to a release, as facts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SkippedVersion:
    """A version that a rollback could not return to.

    Attributes:
        number: The version.
        code: Why, as an error code (`manifest_mismatch`).
        detail: Why, as a sentence.
    """

    number: int
    code: str
    detail: str


@dataclass(frozen=True)
class ModelPromoted:
    """A version became champion.

    Attributes:
        replaced: The champion until then; `None` for the first.
        verdict: What the gate had said of it.
        forced: Whether that verdict was overridden.
    """

    name: str
    number: int
    replaced: int | None
    verdict: str
    forced: bool
    actor: str
    reason: str
    at: str


@dataclass(frozen=True)
class ModelRolledBack:
    """The champion stepped back.

    Attributes:
        number: The champion that was left.
        restored: The champion from then on.
        skipped: Versions between them that no longer verify or load, nearest first.
    """

    name: str
    number: int
    restored: int
    skipped: tuple[SkippedVersion, ...]
    actor: str
    reason: str
    at: str
