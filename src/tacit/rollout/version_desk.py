"""What anybody may know of versions: which there are, what each is to users, and who was champion when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from tacit.errors import NotFound
from tacit.registry.interfaces import VersionStore
from tacit.registry.ledger import moment_of, reign_at
from tacit.registry.registry import Registry
from tacit.registry.versions import LedgerEntry, Version
from tacit.rollout.ledger_check import LedgerCheck, check_ledger
from tacit.rollout.roles import Role, roles_of
from tacit.rollout.traffic import TrafficPlan
from tacit.security.audit_chain import ChainedTrail


class VersionDesk:
    """Answers questions about a model's versions; it changes nothing.

    Args:
        registry: Knows the manifests.
        versions: Keeps rows, pins and the ledger.
        audit: Noted every move as well.
        name: The model.
        plan: Tells how users are divided now.
    """

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        audit: ChainedTrail,
        *,
        name: str,
        plan: Callable[[], TrafficPlan],
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._audit = audit
        self._name = name
        self._plan = plan

    def roles(self) -> Mapping[int, tuple[Role, ...]]:
        """The roles of every version that has one."""
        return roles_of(self._versions, self._name, self._plan())

    def overview(self) -> list[dict[str, object]]:
        """Every version, oldest first, as plain values."""
        roles = self.roles()
        pins = {pin.number: pin.reason for pin in self._versions.pins(self._name)}
        return [
            {**_row(each, roles.get(each.number, ())), "pinned_because": pins.get(each.number)}
            for each in self._versions.versions(self._name)
        ]

    def described(self, number: int) -> dict[str, object]:
        """One version with what was signed of it; its signature is verified, its files are not looked at.

        Raises:
            NotFound: `version_unknown`.
            Refused, Unavailable: What `Registry.manifest` says.
        """
        version = self._registry.version(self._name, number)
        manifest = asdict(self._registry.manifest(self._name, number))
        return {**_row(version, self.roles().get(number, ())), **manifest}

    def history(self) -> list[dict[str, object]]:
        """Every move of the champion, oldest first, as plain values."""
        return [_move(entry) for entry in self._versions.ledger(self._name)]

    def champion_at(self, at: str) -> dict[str, object]:
        """Which version was champion at a time in ISO 8601, since when, until when, and by whose word.

        Raises:
            BadInput: `time_invalid`.
            NotFound: `champion_unknown` if there was none yet.
        """
        moment = moment_of(at)
        reign = reign_at(self._versions.ledger(self._name), moment)
        if reign is None:
            detail = f"{self._name} had no champion on {moment.isoformat(timespec='seconds')}."
            raise NotFound("champion_unknown", detail, field="at", fix="Name a later time; `tacit models history`.")
        since = reign.entry.promotion.at
        facts = {"version": f"{self._name}/{reign.number}", "number": reign.number, "at": moment.isoformat()}
        return {**facts, "since": since, "until": reign.until, "move": _move(reign.entry)}

    def check(self, *, head: str | None = None) -> LedgerCheck:
        """Look through the ledger, and the audit trail beside it."""
        entries, links = self._versions.ledger(self._name), self._audit.links()
        while entries != (now := self._versions.ledger(self._name)):
            # The champion was moved in between: only one of the two would tell of it, as if it had been cut off.
            entries, links = now, self._audit.links()
        return check_ledger(self._name, entries, links, head=head)


def _row(version: Version, roles: Sequence[Role]) -> dict[str, object]:
    return {
        "version": f"{version.name}/{version.number}",
        "number": version.number,
        "verdict": version.verdict,
        "aliases": list(roles),
        "created_at": version.created_at,
        "pruned_at": version.pruned_at,
        "manifest": version.manifest_digest,
    }


def _move(entry: LedgerEntry) -> dict[str, object]:
    evidence = {"gate": None, "signature": None} if entry.evidence is None else asdict(entry.evidence)
    return {**asdict(entry.promotion), "sequence": entry.sequence, **evidence, "digest": entry.digest}
