"""Move the champion: forward to a version that earned it, back to the last one that still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass

from tacit.errors import Refused, TacitError
from tacit.registry.exchange import IMPORTED
from tacit.registry.interfaces import Clock, Transaction, VersionStore
from tacit.registry.ledger import champions
from tacit.registry.registry import Registry
from tacit.registry.versions import Evidence, Manifest, Promotion, Version
from tacit.rollout.events import ModelPromoted, ModelRolledBack, SkippedVersion
from tacit.rollout.ledger_check import MODEL_PROMOTED, MODEL_ROLLED_BACK
from tacit.security.audit import AuditRecorder, AuditTrail

Check = Callable[[Version], None]
"""Loads a verified version, asks it something, and raises if it does not answer."""

Within = Callable[[], object]
"""What is done in the unit of work that moves the champion; where it raises, nothing is moved."""


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback would do now.

    Attributes:
        number: The champion that would be left; `None` if there is none.
        target: Where it would return to; `None` if nothing is left that works.
        skipped: Versions on the way that no longer verify or load, nearest first.
    """

    number: int | None
    target: int | None
    skipped: tuple[SkippedVersion, ...]


class Release:
    """Who is champion, and how that changes.

    Args:
        registry: Hands out versions that verify.
        versions: Keeps the ledger.
        audit: Told of every move, and of every refusal.
        clock: Tells the time.
        check: Loads a verified version and asks it a question, before any user does.
        transaction: Makes a move and its audit entry appear together.
        accepts_foreign_verdicts: Whether a version that was imported may be promoted on the word of the gate there.
    """

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        *,
        audit: AuditTrail,
        clock: Clock,
        check: Check,
        transaction: Transaction = nullcontext,
        accepts_foreign_verdicts: bool = True,
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._audit = AuditRecorder(audit)
        self._clock = clock
        self._check = check
        self._transaction = transaction
        self._accepts_foreign_verdicts = accepts_foreign_verdicts

    def promote(
        self, name: str, number: int, *, actor: str, force: bool = False, reason: str = "", within: Within | None = None
    ) -> ModelPromoted:
        """Make a version the champion, if it verifies, loads and passed its gate.

        Args:
            force: Override the gate's verdict, and nothing else; ledger and audit say so.
            within: What belongs to the move, done wholly with it or not at all.

        Raises:
            NotFound: `version_unknown`.
            Refused: `already_champion`, `gate_not_passed`, `judged_elsewhere` if an imported version must be judged
                again, `alias_moved` if the champion changed meanwhile, `check_failed` if the model does not answer, or
                what verifying it refuses.
        """
        with self._refusals_audited("promotion_refused", f"{name}/{number}", actor):
            champion = self._champion(name)
            if number == champion:
                raise _already_champion(name, number)
            with self._registry.held(name, number) as (version, manifest):
                is_overridden = self.check_judged(manifest, force=force)
                self.check(version)
                evidence = self._registry.evidence(version, manifest)
            event = ModelPromoted(
                name=name,
                number=number,
                replaced=champion,
                verdict=str(manifest.gate.get("verdict")),
                forced=is_overridden,
                actor=actor,
                reason=reason,
                at=self._clock(),
            )
            self._record_promotion(event, evidence, within)
        return event

    def check_judged(self, manifest: Manifest, *, force: bool) -> bool:
        """See that a version was judged fit for users here; whether only force lets it through.

        Raises:
            Refused: `gate_not_passed`, or `judged_elsewhere` if an imported version must be judged again.
        """
        verdict = str(manifest.gate.get("verdict"))
        if verdict != "pass" and not force:
            raise gate_not_passed(manifest, verdict)
        is_foreign = IMPORTED in manifest.lineage and not self._accepts_foreign_verdicts
        if is_foreign and not force:
            raise _judged_elsewhere(manifest)
        return verdict != "pass" or is_foreign

    def rollback(self, name: str, *, actor: str, reason: str, within: Within | None = None) -> ModelRolledBack:
        """Return to the champion before this one, or to the nearest before it that verifies and loads.

        Raises:
            Refused: `rollback_impossible` if there is none, `alias_moved` if the champion changed meanwhile.
        """
        with self._refusals_audited("rollback_refused", name, actor):
            plan = self.plan_rollback(name)
            if plan.number is None or plan.target is None:
                raise _rollback_impossible(name, plan)
            event = ModelRolledBack(
                name=name,
                number=plan.number,
                restored=plan.target,
                skipped=plan.skipped,
                actor=actor,
                reason=reason,
                at=self._clock(),
            )
            target, manifest = self._registry.version(name, plan.target), self._registry.manifest(name, plan.target)
            self._record_rollback(event, self._registry.evidence(target, manifest), within)
        return event

    def plan_rollback(self, name: str) -> RollbackPlan:
        """What `rollback` would do, so that a missing way back is known before it is needed."""
        stack = champions(self._versions.promotions(name))
        champion = stack[-1] if stack else None
        skipped: list[SkippedVersion] = []
        for number in reversed(stack[:-1]):
            problem = self._problem_with(name, number)
            if problem is None:
                return RollbackPlan(number=champion, target=number, skipped=tuple(skipped))
            skipped.append(SkippedVersion(number=number, code=problem.code, detail=problem.detail))
        return RollbackPlan(number=champion, target=None, skipped=tuple(skipped))

    def _champion(self, name: str) -> int | None:
        stack = champions(self._versions.promotions(name))
        return stack[-1] if stack else None

    def _problem_with(self, name: str, number: int) -> TacitError | None:
        """Why a version cannot serve now, whatever the kind: a rollback must not wait for storage to recover."""
        try:
            with self._registry.held(name, number) as (version, _):
                self.check(version)
        except TacitError as error:
            return error
        return None

    def check(self, version: Version) -> None:
        """See that a verified version loads and answers; it is what every promotion asks.

        Raises:
            Refused: `check_failed`.
        """
        try:
            self._check(version)
        except TacitError:
            raise
        except Exception as error:
            problem = f"{version.name}/{version.number} verifies but does not answer: {ascii(str(error))[:64]}."
            raise Refused(
                "check_failed", problem, field="number", fix="Promote another version, or train one."
            ) from error

    def _record_promotion(self, event: ModelPromoted, evidence: Evidence, within: Within | None) -> None:
        promotion = Promotion(
            name=event.name,
            kind="promoted",
            from_number=event.replaced,
            to_number=event.number,
            actor=event.actor,
            forced=event.forced,
            reason=event.reason,
            at=event.at,
        )
        facts = {"replaced": event.replaced, "verdict": event.verdict, "forced": event.forced, "reason": event.reason}
        with self._transaction():
            if within is not None:
                within()
            entry = self._versions.promote(promotion, expected=event.replaced, evidence=evidence)
            if self._versions.challenger(event.name) == event.number:
                self._versions.set_challenger(event.name, None)
            subject, noted = f"{event.name}/{event.number}", {**facts, "ledger": entry.digest}
            self._audit.record(MODEL_PROMOTED, actor=event.actor, subject=subject, at=event.at, facts=noted)

    def _record_rollback(self, event: ModelRolledBack, evidence: Evidence, within: Within | None) -> None:
        promotion = Promotion(
            name=event.name,
            kind="rolled_back",
            from_number=event.number,
            to_number=event.restored,
            actor=event.actor,
            forced=False,
            reason=event.reason,
            at=event.at,
        )
        skipped = [asdict(each) for each in event.skipped]
        facts = {"restored": event.restored, "skipped": skipped, "reason": event.reason}
        with self._transaction():
            if within is not None:
                within()
            entry = self._versions.promote(promotion, expected=event.number, evidence=evidence)
            subject, noted = f"{event.name}/{event.number}", {**facts, "ledger": entry.digest}
            self._audit.record(MODEL_ROLLED_BACK, actor=event.actor, subject=subject, at=event.at, facts=noted)

    @contextmanager
    def _refusals_audited(self, action: str, subject: str, actor: str) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            facts = {"code": error.code, "detail": error.detail}
            self._audit.record(action, actor=actor, subject=subject, at=self._clock(), facts=facts)
            raise


def gate_not_passed(manifest: Manifest, verdict: str) -> Refused:
    """The refusal of a version whose gate said something else than `pass`, with its reasons."""
    given = manifest.gate.get("reasons")
    reasons = [str(reason) for reason in given] if isinstance(given, list | tuple) else []
    because = "; ".join(reasons) if reasons else "it gives no reason"
    return Refused(
        "gate_not_passed",
        f"The gate's verdict on {manifest.name}/{manifest.number} is {verdict}: {because}.",
        field="number",
        fix="Train a better one, or force the promotion and say why; the audit will show it.",
        context={"verdict": verdict, "reasons": reasons},
    )


def _already_champion(name: str, number: int) -> Refused:
    detail = f"{name}/{number} is the champion already."
    return Refused("already_champion", detail, field="number", fix="Nothing is left to do.")


def _judged_elsewhere(manifest: Manifest) -> Refused:
    return Refused(
        "judged_elsewhere",
        f"{manifest.name}/{manifest.number} was imported, and its gate's verdict is another installation's.",
        field="number",
        fix="Score it here (`tacit evaluate`) and force the promotion, or set registry.foreign_verdicts to accept.",
    )


def _rollback_impossible(name: str, plan: RollbackPlan) -> Refused:
    tried = "; ".join(f"{each.number}: {each.detail}" for each in plan.skipped)
    detail = f"No earlier champion of {name} works: {tried}" if tried else f"{name} has no earlier champion."
    return Refused(
        "rollback_impossible",
        detail,
        field="name",
        fix="Promote a version that verifies.",
        context={"skipped": [asdict(each) for each in plan.skipped]},
    )
