"""What happened while serving, as lines of the log."""

from __future__ import annotations

import structlog

from tacit.serving.events import RegistryLost, RetrieverFailed, ServingEvent, VersionLoaded, VersionRefused

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
