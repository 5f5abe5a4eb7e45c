"""The registry: take in a trained version whole, signed and for good, and hand out only what verifies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from tacit.errors import BadInput, NotFound, Refused
from tacit.registry.interfaces import (
    ActRecorder,
    ArtifactStore,
    Clock,
    Signer,
    Transaction,
    Verifier,
    VersionStore,
    pruned_refusal,
)
from tacit.registry.ledger import champions
from tacit.registry.manifests import RESTORE, canonical_json, is_safe_name, manifest_bytes
from tacit.registry.signing import (
    MANIFEST_FILE,
    describe_files,
    digest,
    seal_folder,
    signature_digest,
    verified_manifest,
    verify_folder,
)
from tacit.registry.versions import Evidence, Manifest, VerdictName, Version

_RESERVED_NAMES = frozenset({"champion", "challenger", "previous", "shadow", "canary", "pinned", "latest"})


class Registry:
    """Every version ever trained; what is in it never changes.

    Args:
        versions: The rows and the ledger.
        artifacts: The folders.
        signer: Signs what is registered.
        verifier: Vouches for what is handed out.
        audit: Told of each registration and each challenger.
        clock: Tells the time.
        transaction: Makes a change and its audit entry appear together.
    """

    def __init__(
        self,
        versions: VersionStore,
        artifacts: ArtifactStore,
        *,
        signer: Signer,
        verifier: Verifier,
        audit: ActRecorder,
        clock: Clock,
        transaction: Transaction = nullcontext,
    ) -> None:
        self._versions = versions
        self._artifacts = artifacts
        self._signer = signer
        self._verifier = verifier
        self._audit = audit
        self._clock = clock
        self._transaction = transaction

    def register(
        self,
        write: Callable[[Path], None],
        *,
        name: str,
        workload: str,
        dataset: str,
        snapshot: str,
        code: str,
        hyperparameters: Mapping[str, object],
        metrics: Mapping[str, float],
        gate: Mapping[str, object],
        lineage: Mapping[str, object],
        actor: str,
    ) -> Version:
        """Take in a trained model as a new version: signed, immutable, and visible only once it is whole.

        Args:
            write: Writes the model's files into the empty folder it is given.
            gate: The gate record; its `verdict` is `pass`, `fail` or `insufficient`.

        Raises:
            BadInput: `name_invalid` or `verdict_invalid`.
            Refused: `manifest_invalid`, or what `describe_files` refuses of the files written.
        """
        draft = Manifest(
            name=name,
            number=1,
            workload=workload,
            dataset=dataset,
            snapshot=snapshot,
            code=code,
            hyperparameters=hyperparameters,
            metrics=metrics,
            gate=gate,
            lineage=lineage,
            created_at=self._clock(),
        )
        return self.admit(_filling(write, draft), actor=actor)

    def version(self, name: str, number: int) -> Version:
        """One version, not verified.

        Raises:
            NotFound: `version_unknown`.
        """
        version = self._versions.version(name, number)
        if version is None:
            raise NotFound(
                "version_unknown",
                f"There is no version {number} of {ascii(name)[:64]}.",
                field="number",
                fix="`tacit models` lists the versions there are.",
            )
        return version

    def open(self, name: str, number: int) -> tuple[Version, Manifest]:
        """A version and its manifest, after every byte of its folder has been vouched for.

        Raises:
            NotFound: `version_unknown`.
            Refused: `version_pruned`, what `verify_folder` refuses, or `manifest_mismatch` if the folder holds another
                version.
            Unavailable: `artifact_unreadable`.
        """
        version = self.version(name, number)
        if version.pruned_at is not None:
            raise pruned_refusal(name, number)
        return version, self._checked(version, verify_folder(version.folder, self._verifier))

    @contextmanager
    def held(self, name: str, number: int) -> Iterator[tuple[Version, Manifest]]:
        """What `open` gives, with files that nobody prunes for as long as it is entered."""
        with self._artifacts.reading(name, number):
            yield self.open(name, number)

    def verify(self, name: str, number: int) -> Manifest:
        """The manifest of a version, after every byte that is left of it has been vouched for.

        Raises what `open` raises, but that a pruned version is no less whole for it.
        """
        version = self.version(name, number)
        is_pruned = version.pruned_at is not None
        return self._checked(version, verify_folder(version.folder, self._verifier, is_pruned=is_pruned))

    def manifest(self, name: str, number: int) -> Manifest:
        """The manifest of a version, its signature verified; the files it vouches for are not looked at.

        Raises:
            NotFound: `version_unknown`.
            Refused: `signature_invalid`, `manifest_invalid` or `manifest_mismatch`.
            Unavailable: `artifact_unreadable`.
        """
        version = self.version(name, number)
        return self._checked(version, verified_manifest(version.folder, self._verifier))

    def evidence(self, version: Version, manifest: Manifest) -> Evidence:
        """What a move to this version stands on, for the ledger.

        Raises:
            Refused, Unavailable: Its signature cannot be read.
        """
        return Evidence(digest(canonical_json(manifest.gate)), signature_digest(version.folder))

    def _checked(self, version: Version, manifest: Manifest) -> Manifest:
        """The manifest, if it is the one that was registered as this version."""
        label = f"{version.name}/{version.number}"
        if (manifest.name, manifest.number) != (version.name, version.number):
            raise _exchanged(f"it describes {manifest.name}/{manifest.number}, the folder is that of {label}")
        if digest(manifest_bytes(manifest)) != version.manifest_digest:
            raise _exchanged("it is signed, but it is not the one that was registered")
        return manifest

    def names(self) -> Sequence[str]:
        """The models that have versions."""
        return self._versions.names()

    def versions(self, name: str) -> Sequence[Version]:
        """All versions of a model, oldest first."""
        return self._versions.versions(name)

    def champion(self, name: str) -> Version | None:
        """The version users meet."""
        return self._from_top(name, 1)

    def previous(self, name: str) -> Version | None:
        """The version a rollback would return to, if it still verifies."""
        return self._from_top(name, 2)

    def challenger(self, name: str) -> Version | None:
        """The version that is being tried against the champion."""
        number = self._versions.challenger(name)
        return None if number is None else self.version(name, number)

    def challenge(self, name: str, number: int | None, *, actor: str) -> None:
        """Name the challenger, or say that there is none.

        Raises:
            NotFound: `version_unknown`.
            Refused: `version_pruned`.
        """
        if number is not None:
            self.version(name, number)
        action = "challenger_withdrawn" if number is None else "challenger_named"
        subject = name if number is None else f"{name}/{number}"
        with self._transaction():
            self._versions.set_challenger(name, number)
            self._audit.record(action, actor=actor, subject=subject, at=self._clock(), facts={})

    def _from_top(self, name: str, place: int) -> Version | None:
        stack = champions(self._versions.promotions(name))
        return self.version(name, stack[-place]) if len(stack) >= place else None

    def admit(
        self, fill: Callable[[Path], Manifest], *, actor: str, also: Callable[[Version], None] | None = None
    ) -> Version:
        """Publish the folder first and the row last: until the row is there, nobody sees the version.

        Args:
            fill: Writes the files into the empty folder it is given, and says what they are; number and files of the
                manifest it returns are set here.
            actor: Who asks.
            also: Writes what else is to be known of the version, together with its row, or refuses it.

        Raises:
            BadInput: `name_invalid` or `verdict_invalid`.
            Refused: `manifest_invalid`, what `describe_files` refuses of the files written, or what `also` refuses.
        """
        version, manifest = self._publish(fill)
        with self._transaction():
            self._versions.add(version)
            self._audit.record(
                "model_registered",
                actor=actor,
                subject=f"{version.name}/{version.number}",
                at=version.created_at,
                facts={"verdict": version.verdict, "manifest": version.manifest_digest, "snapshot": manifest.snapshot},
            )
            if also is not None:
                also(version)
        return version

    def _publish(self, fill: Callable[[Path], Manifest]) -> tuple[Version, Manifest]:
        """Let the files be written out of sight, seal them, and move them to their place in one step."""
        staged = self._artifacts.stage()
        try:
            draft = fill(staged)
            _check_name(draft.name)
            verdict, files = _verdict(draft.gate), describe_files(staged)
            # The number is taken last, so that a workload that fails to write uses none up.
            manifest = replace(draft, number=self._versions.next_number(draft.name), files=files)
            manifest_digest = seal_folder(staged, manifest, self._signer)
            folder = self._artifacts.publish(staged, manifest.name, manifest.number)
        except BaseException:
            self._artifacts.discard(staged)
            raise
        name, number, at = manifest.name, manifest.number, manifest.created_at
        return Version(name, number, manifest_digest, verdict, at, folder), manifest


def _filling(write: Callable[[Path], None], draft: Manifest) -> Callable[[Path], Manifest]:
    """What writes a version's files and says what they are; a name or verdict that will not do is refused at once."""
    _check_name(draft.name)
    _verdict(draft.gate)

    def fill(folder: Path) -> Manifest:
        write(folder)
        return draft

    return fill


def _check_name(name: str) -> None:
    if not is_safe_name(name) or name in _RESERVED_NAMES:
        raise BadInput(
            "name_invalid",
            f"{ascii(name)[:64]} cannot be the name of a model.",
            field="name",
            fix=f"Use ^[a-z0-9][a-z0-9._-]{{0,63}}$, and none of {', '.join(sorted(_RESERVED_NAMES))}.",
        )


def _exchanged(problem: str) -> Refused:
    return Refused("manifest_mismatch", f"{MANIFEST_FILE}: {problem}.", field=MANIFEST_FILE, fix=RESTORE)


def _verdict(gate: Mapping[str, object]) -> VerdictName:
    verdict = gate.get("verdict")
    if verdict not in get_args(VerdictName):
        raise BadInput("verdict_invalid", "The gate record has no verdict: pass, fail or insufficient.", field="gate")
    return cast("VerdictName", verdict)
