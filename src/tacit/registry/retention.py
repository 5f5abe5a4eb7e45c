"""Which versions stay deployable, and what becomes of the others: their metadata stay, their arrays go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from tacit.errors import NotFound
from tacit.registry.interfaces import ActRecorder, ArtifactStore, Clock, Transaction, VersionStore
from tacit.registry.ledger import champions
from tacit.registry.signing import is_metadata
from tacit.registry.versions import Pin, Pruning, Version


@dataclass(frozen=True)
class PruningReport:
    """What pruning did, or would do.

    Attributes:
        pruned: The versions that became metadata, or would.
        busy: Versions whose files are still being read: they go the next time.
        kept: The versions that stay deployable.
    """

    pruned: tuple[Pruning, ...]
    busy: tuple[int, ...]
    kept: tuple[int, ...]


class Retention:
    """Keeps the last few versions deployable, and those that have a role; prunes the others.

    Args:
        versions: The rows.
        artifacts: The folders.
        audit: Told of every pin and pruning.
        clock: Tells the time.
        transaction: Makes a change and its audit entry appear together.
    """

    def __init__(
        self,
        versions: VersionStore,
        artifacts: ArtifactStore,
        *,
        audit: ActRecorder,
        clock: Clock,
        transaction: Transaction = nullcontext,
    ) -> None:
        self._versions = versions
        self._artifacts = artifacts
        self._audit = audit
        self._clock = clock
        self._transaction = transaction

    def pin(self, name: str, number: int, *, actor: str, reason: str) -> Pin:
        """Keep a version deployable until it is unpinned.

        Raises:
            NotFound: `version_unknown`.
            Refused: `version_pruned`.
        """
        self._check_known(name, number)
        pin = Pin(name, number, reason, actor, self._clock())
        with self._transaction():
            self._versions.pin(pin)
            self._note("model_pinned", name, number, actor=actor, facts={"reason": reason})
        return pin

    def unpin(self, name: str, number: int, *, actor: str) -> bool:
        """Take a pin back; whether there was one.

        Raises:
            NotFound: `version_unknown`.
        """
        self._check_known(name, number)
        with self._transaction():
            was_pinned = self._versions.unpin(name, number)
            if was_pinned:
                self._note("model_unpinned", name, number, actor=actor, facts={})
        return was_pinned

    def pins(self, name: str) -> Sequence[Pin]:
        """The pinned versions, by number."""
        return self._versions.pins(name)

    def plan(self, name: str, *, keep: int, also: Callable[[], Collection[int]]) -> PruningReport:
        """What `prune` would do now."""
        kept, spare = self._divided(name, keep=keep, also=also())
        return PruningReport(tuple(self._pruning(each, actor="") for each in spare), (), kept)

    def prune(self, name: str, *, keep: int, also: Callable[[], Collection[int]], actor: str) -> PruningReport:
        """Make metadata of the versions that need not stay deployable.

        They are marked before anything is removed: from then on nobody opens them, and nobody can give them a role.
        What is removed is removed once nobody reads it.  Whatever was marked earlier and is still there goes too, so
        that a pruning that was cut short is completed by the next.

        Args:
            name: The model.
            keep: How many of the latest versions stay.
            also: Versions that have a role beside those of champion, previous, challenger and pinned; asked within the
                unit of work that marks the others.
            actor: Who asks.
        """
        with self._transaction():
            kept, spare = self._divided(name, keep=keep, also=also())
            pruned = tuple(self._marked(each, actor) for each in spare)
        return PruningReport(pruned, self._removed(name), kept)

    def _divided(self, name: str, *, keep: int, also: Collection[int]) -> tuple[tuple[int, ...], list[Version]]:
        """The numbers that stay deployable, and the versions that need not."""
        whole = [each for each in self._versions.versions(name) if each.pruned_at is None]
        held = {*also, *(pin.number for pin in self._versions.pins(name)), self._versions.challenger(name)}
        held |= {*champions(self._versions.promotions(name))[-2:]}
        held |= {each.number for each in whole[-keep:]} if keep else set()
        kept = tuple(each.number for each in whole if each.number in held)
        return kept, [each for each in whole if each.number not in held]

    def _marked(self, version: Version, actor: str) -> Pruning:
        pruning = self._pruning(version, actor)
        self._versions.mark_pruned(pruning)
        facts = {"freed_bytes": pruning.freed_bytes}
        self._note("model_pruned", version.name, version.number, actor=actor, facts=facts)
        return pruning

    def _removed(self, name: str) -> tuple[int, ...]:
        """Remove what pruned versions still have; those that somebody reads just now."""
        numbers = [each.number for each in self._versions.prunings(name)]
        return tuple(number for number in numbers if not self._artifacts.remove_files(name, number, is_metadata))

    def _pruning(self, version: Version, actor: str) -> Pruning:
        folder = version.folder
        paths = [path for path in folder.iterdir() if not is_metadata(path.name)] if folder.is_dir() else []
        freed = sum(path.stat().st_size for path in paths)
        return Pruning(version.name, version.number, actor, freed, self._clock())

    def _check_known(self, name: str, number: int) -> None:
        if self._versions.version(name, number) is None:
            raise NotFound(
                "version_unknown",
                f"There is no version {number} of {ascii(name)[:64]}.",
                field="number",
                fix="`tacit models` lists the versions there are.",
            )

    def _note(self, action: str, name: str, number: int, *, actor: str, facts: Mapping[str, object]) -> None:
        self._audit.record(action, actor=actor, subject=f"{name}/{number}", at=self._clock(), facts=facts)
