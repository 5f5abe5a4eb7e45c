"""Where answered lists are kept: in memory, or in a Redis with memory to fall back on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacit.errors import Misconfigured
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.redis_cache import RedisListCache
    from tacit.serving.list_cache import ListCache


def list_cache(settings: Settings, metrics: MetricSink) -> ListCache:
    """The cache that the settings ask for; one in Redis is there at once, whether Redis is or not.

    Raises:
        Misconfigured: `setting_invalid`, `extra_missing`, `home_unusable`.
    """
    from tacit.adapters.memory_cache import MemoryListCache
    from tacit.adapters.spare_cache import SpareListCache

    own = MemoryListCache(capacity=settings.cache.capacity, seconds=settings.cache.stale_seconds)
    if settings.cache.redis_url is None:
        metrics.set(catalogue.CACHE_REACHABLE, 1)
        return own
    return SpareListCache(_shared(settings, settings.cache.redis_url.get_secret_value(), metrics), own)


def _shared(settings: Settings, url: str, metrics: MetricSink) -> RedisListCache:
    try:
        from tacit.adapters.redis_cache import RedisListCache
    except ModuleNotFoundError as missing:
        raise _no_driver() from missing
    from tacit.adapters.homes import installation_id, usable_home

    namespace = installation_id(usable_home(settings.home))
    return RedisListCache(url, namespace=namespace, metrics=metrics, told=_tell)


def _tell(is_there: bool) -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    if is_there:
        logger.info("cache_regained")
    else:
        logger.warning("cache_lost")


def _no_driver() -> Misconfigured:
    return Misconfigured(
        "extra_missing",
        "cache.redis_url is set, but the Redis client is not installed.",
        field="cache.redis_url",
        fix="Install the extra: tacit[redis].",
    )
