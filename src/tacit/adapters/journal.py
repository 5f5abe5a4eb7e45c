"""What happened while serving, as lines of the log."""

from __future__ import annotations

import structlog

from tacit.rollout.traffic import TrafficPlan
from tacit.serving.events import (
    ArmFailed,
    CountsUnkept,
    RegistryLost,
    RetrieverFailed,
    ServingEvent,
    TrafficLost,
    TrafficRouted,
    VersionLoaded,
    VersionRefused,
)

log = structlog.get_logger(__name__)


def log_serving_event(event: ServingEvent) -> None:
    """An `Observer` that writes each event down."""
    match event:
        case VersionLoaded():
            log.info("version_loaded", version=event.version, replaced=event.replaced, seconds=event.seconds)
        case VersionRefused():
            log.error(
                "version_refused",
                version=event.version,
                code=event.code,
                detail=event.detail,
                serving=event.serving,
            )
        case RegistryLost():
            log.error("registry_lost", code=event.code, detail=event.detail)
        case RetrieverFailed():
            log.error("retriever_failed", source=event.source, version=event.version, exc_info=event.error)
        case ArmFailed():
            log.error("arm_failed", version=event.version, arm=event.place.arm, exc_info=event.error)
        case TrafficRouted():
            log.info("traffic_routed", **_routed(event.plan))
        case TrafficLost():
            log.error("traffic_lost", code=event.code, detail=event.detail)
        case CountsUnkept():
            log.warning("arm_counts_unkept", code=event.code, detail=event.detail)


def _routed(plan: TrafficPlan) -> dict[str, object]:
    split, shadow = plan.split, plan.shadow
    return {
        "revision": plan.revision,
        "split": None if split is None else f"{split.split_id}/{split.stage}",
        "arms": {} if split is None else {arm.name: arm.share for arm in split.arms},
        "shadow": None if shadow is None else shadow.version,
    }
