"""Versions from one installation to another: signed facts and a signed folder out, and nothing unverified in."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from tacit.errors import BadInput, Refused
from tacit.registry.bundles import Facts, pack, unpack
from tacit.registry.interfaces import ActRecorder, Clock, Signature, Signer, Transaction, Verifier, VersionStore
from tacit.registry.manifests import canonical_json, parse_signature, signature_bytes
from tacit.registry.registry import Registry
from tacit.registry.signing import (
    MANIFEST_FILE,
    ORIGIN_PREFIX,
    SIGNATURE_FILE,
    digest,
    verify_folder,
)
from tacit.registry.versions import Manifest, Origin, Version

FORMAT = "tacit-version/1"
IMPORTED = "imported"
"""Under which name the lineage of an imported version says where it came from."""


@dataclass(frozen=True)
class Stranger:
    """A version of another installation, verified, in a folder that is to become ours.

    Attributes:
        manifest: What was signed of it there.
        digest: SHA-256 of that manifest's bytes.
        key_id: The key that signed it.
    """

    manifest: Manifest
    digest: str
    key_id: str

    @property
    def label(self) -> str:
        """How it is called there."""
        return f"{self.manifest.name}/{self.manifest.number}"


class Exchange:
    """Exports and imports versions.

    Args:
        registry: Hands out what is exported, and takes in what is imported.
        versions: The rows and the ledger.
        signer: Signs what is said of an exported version.
        verifier: Knows whose versions are taken in.
        audit: Told of every export and import.
        clock: Tells the time.
        transaction: Makes a version, its origin and the audit entry appear together.
    """

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        *,
        signer: Signer,
        verifier: Verifier,
        audit: ActRecorder,
        clock: Clock,
        transaction: Transaction = nullcontext,
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._signer = signer
        self._verifier = verifier
        self._audit = audit
        self._clock = clock
        self._transaction = transaction

    def write(self, stream: BinaryIO, name: str, number: int, *, actor: str) -> Manifest:
        """Write a version, verified byte by byte, with its gate's and its ledger's facts, signed by us.

        The same version with the same past gives the same bytes, where the signer always signs alike.

        Raises:
            NotFound: `version_unknown`.
            Refused: `version_pruned`, or what verifying it refuses.
        """
        with self._registry.held(name, number) as (version, manifest):
            said = canonical_json(self._facts(version, manifest))
            pack(stream, Facts(said, signature_bytes(self._signer.sign(said))), version.folder)
        facts = {"manifest": version.manifest_digest}
        self._audit.record("model_exported", actor=actor, subject=f"{name}/{number}", at=self._clock(), facts=facts)
        return manifest

    def read(self, stream: BinaryIO, name: str, *, actor: str, most_bytes: int) -> Version:
        """Take in an exported version under a number of our own; it becomes neither champion nor challenger.

        Its signatures are checked against the keys that are trusted here before anything in the file is interpreted.
        It is signed anew, as ours, with its first manifest and signature among its files, so that who made it and
        what the gate said there can always be shown.

        Args:
            stream: The file, from its beginning.
            name: The model it must be a version of.
            actor: Who asks.
            most_bytes: How large the file may be.

        Raises:
            BadInput: `bundle_invalid`, `bundle_too_large`, or `model_other` for a version of another model.
            Refused: `signature_invalid` for a key that is not trusted or bytes that it did not sign; what verifying the
                folder refuses; `version_known` if this very version is here already.
        """
        found: list[Stranger] = []

        def fill(folder: Path) -> Manifest:
            stranger = self._unpacked(stream, folder, most_bytes=most_bytes)
            if stranger.manifest.name != name:
                detail = f"The file holds a version of {stranger.manifest.name}, not of {name}."
                raise BadInput("model_other", detail, field="file")
            self._refuse_known(stranger)
            found.append(stranger)
            return self._adopted(stranger, folder)

        return self._registry.admit(fill, actor=actor, also=lambda version: self._note(version, found[0], actor))

    def _facts(self, version: Version, manifest: Manifest) -> dict[str, object]:
        """What is said of an exported version: its evidence, and every move of the champion to it or from it."""
        moves = [
            {**asdict(entry.promotion), "sequence": entry.sequence, "digest": entry.digest}
            for entry in self._versions.ledger(version.name)
            if version.number in (entry.promotion.from_number, entry.promotion.to_number)
        ]
        return {
            "format": FORMAT,
            "version": f"{version.name}/{version.number}",
            "manifest": version.manifest_digest,
            **asdict(self._registry.evidence(version, manifest)),
            "ledger": moves,
        }

    def _unpacked(self, stream: BinaryIO, folder: Path, *, most_bytes: int) -> Stranger:
        facts = unpack(stream, folder, believe=self._believe, most_bytes=most_bytes)
        manifest = verify_folder(folder, self._verifier)
        raw = (folder / MANIFEST_FILE).read_bytes()
        stranger = Stranger(manifest, digest(raw), _signature_in(folder).key_id)
        _check_facts(facts.said, stranger)
        # It was imported before: one step further back, what is furthest first, lest a file takes another's place.
        for path in sorted(folder.glob(f"{ORIGIN_PREFIX}*"), key=lambda path: -len(path.name)):
            path.rename(path.with_name(ORIGIN_PREFIX + path.name))
        for name in (MANIFEST_FILE, SIGNATURE_FILE):
            (folder / name).rename(folder / (ORIGIN_PREFIX + name))
        (folder / f"{ORIGIN_PREFIX}facts.json").write_bytes(facts.said)
        (folder / f"{ORIGIN_PREFIX}facts_signature.json").write_bytes(facts.signature)
        return stranger

    def _believe(self, facts: Facts) -> None:
        self._verifier.verify(facts.said, parse_signature(facts.signature))

    def _adopted(self, stranger: Stranger, folder: Path) -> Manifest:
        """The manifest that we sign: the same words, with a lineage that begins elsewhere."""
        theirs = stranger.manifest
        came_from = {
            "version": stranger.label,
            "manifest": stranger.digest,
            "signature": digest((folder / (ORIGIN_PREFIX + SIGNATURE_FILE)).read_bytes()),
            "key_id": stranger.key_id,
            "created_at": theirs.created_at,
        }
        if IMPORTED in theirs.lineage:
            came_from["before"] = theirs.lineage[IMPORTED]  # type: ignore[assignment]
        return replace(theirs, lineage={**theirs.lineage, IMPORTED: came_from}, created_at=self._clock())

    def _refuse_known(self, stranger: Stranger) -> None:
        """Refuse what is here already, unless only its metadata are."""
        name = stranger.manifest.name
        known = {each.number: each.manifest_digest for each in self._versions.versions(name) if each.pruned_at is None}
        imported = {each.number: each.manifest_digest for each in self._versions.origins(name) if each.number in known}
        for number, its_digest in [*known.items(), *imported.items()]:
            if its_digest == stranger.digest:
                detail = f"{stranger.label} of the file is here already, as {name}/{number}."
                raise Refused("version_known", detail, field="file", fix="Nothing is left to do.")

    def _note(self, version: Version, stranger: Stranger, actor: str) -> None:
        """Write where a version came from, in the transaction that its row is written in."""
        self._refuse_known(stranger)  # another process may have taken the same file in meanwhile
        theirs = stranger.manifest
        origin = Origin(version.name, version.number, theirs.name, theirs.number, stranger.digest, stranger.key_id)
        self._versions.add_origin(origin)
        facts = {"origin": stranger.label, "manifest": stranger.digest, "key_id": stranger.key_id}
        subject = f"{version.name}/{version.number}"
        self._audit.record("model_imported", actor=actor, subject=subject, at=self._clock(), facts=facts)


def _signature_in(folder: Path) -> Signature:
    return parse_signature((folder / SIGNATURE_FILE).read_bytes())


def _check_facts(raw: bytes, stranger: Stranger) -> None:
    """Refuse facts, signed as they are, that speak of another version or in another format."""
    said = cast("object", json.loads(raw))
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BadInput(
            "bundle_invalid",
            f"The file is of another format than {FORMAT}.",
            field="file",
            fix="Export it with the release that runs here, or import it with the release that wrote it.",
        )
    if said.get("manifest") != stranger.digest:
        raise BadInput("bundle_invalid", "What the file says is not said of the version in it.", field="file")
