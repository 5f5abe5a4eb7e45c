"""What rollouts take: the desk for people, what they stand on, and who judges their stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.monitoring.interfaces import MetricSink
    from tacit.registry.registry import Registry
    from tacit.rollout.arm_traffic import ArmTrafficStore
    from tacit.rollout.moving import Standing
    from tacit.rollout.observing import Observer
    from tacit.rollout.outcomes import OutcomeStore
    from tacit.rollout.rollout_desk import RolloutDesk
    from tacit.rollout.rollouts import Course


@dataclass(frozen=True)
class Rollouts:
    """The rollouts of this installation's model.

    Attributes:
        desk: What people do with them.
        standing: What they stand on.
        observer: Judges their stages.
        counted: The desk of a process that counts what people abort.
    """

    desk: RolloutDesk
    standing: Standing
    observer: Observer
    counted: Callable[[MetricSink], RolloutDesk]


def rollouts_over(
    standing: Standing,
    settings: Settings,
    *,
    name: str,
    registry: Registry,
    arms: ArmTrafficStore,
    outcomes: OutcomeStore,
) -> Rollouts:
    """Wire rollouts over what they stand on, and over whoever counts what requests and lists come to."""
    from tacit.rollout.moving import Mover
    from tacit.rollout.observing import Observer
    from tacit.rollout.rollout_desk import RolloutDesk

    chosen = settings.rollout
    observer = Observer(arms, outcomes, settling_ms=round(chosen.settling_seconds * 1_000))

    def desk(metrics: MetricSink | None) -> RolloutDesk:
        return RolloutDesk(
            standing,
            Mover(standing, metrics),
            observer,
            registry=registry,
            name=name,
            course=course_of(settings),
            advance=chosen.advance,
            return_days=chosen.return_days,
        )

    return Rollouts(desk(None), standing, observer, desk)


def course_of(settings: Settings) -> Course:
    """What is agreed of a rollout unless somebody asks for something else."""
    from tacit.rollout.evidence import Limits
    from tacit.rollout.rollouts import Course

    chosen = settings.rollout
    limits = Limits(**{each.name: getattr(chosen, each.name) for each in fields(Limits)})
    return Course(chosen.steps, chosen.bake_minutes * 60, chosen.watch_minutes * 60, limits)
