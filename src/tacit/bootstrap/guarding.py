"""Guards, wired: who is limited where, what is blocked, and what is written down, for as long as a server runs."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tacit.bootstrap.app import App
from tacit.bootstrap.callers import pepper_of
from tacit.errors import Misconfigured, TacitError
from tacit.monitoring import guard_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.accesses import Access, Scope, body_key
from tacit.security.addresses import ForwardedHeader, Network, networks_of
from tacit.security.audit import AuditRecorder
from tacit.security.blocks import AllowedCallers, Offences
from tacit.security.chains import Head, head_line
from tacit.security.edges import CorsRules, hosts_answered
from tacit.security.guard_desk import BlockLengths, GuardDesk
from tacit.security.guard_keeper import GuardKeeper
from tacit.security.limiting import Tiers
from tacit.security.watching import Watcher
from tacit.settings import Settings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tacit.adapters.access_queue import AccessQueue
    from tacit.adapters.limiting import Limiter

_BURST = 500


class AccessSink(Protocol):
    """Where calls go that are to be written down."""

    def record(self, access: Access) -> None: ...


@dataclass(frozen=True)
class Guards:
    """What a request is held against.

    Attributes:
        hosts: Names we answer under; `None` for any.
        access: Which calls are written down.
        body_key: That of the digests of what they brought.
    """

    keeper: GuardKeeper
    limiter: Limiter
    tiers: Tiers
    is_limiting: bool
    watcher: Watcher
    accesses: AccessSink
    access: Scope
    body_key: bytes
    metrics: MetricSink
    trusted: tuple[Network, ...]
    forwarded_header: ForwardedHeader
    operators_from: tuple[Network, ...]
    hosts: frozenset[str] | None
    cors: CorsRules
    tls_in_front: bool


def guard_desk(app: App) -> GuardDesk:
    """Where people block callers and switch strict mode."""
    from tacit.bootstrap.repeating import now_ms

    chosen = app.settings.limits
    return GuardDesk(
        app.guards,
        AuditRecorder(app.audit),
        app.clock,
        now_ms,
        app.transaction,
        BlockLengths(chosen.block_seconds, chosen.longest_block_seconds),
    )


@contextmanager
def guarding(app: App, metrics: MetricSink) -> Iterator[Guards]:
    """Guards that follow what is decided elsewhere, and a trail that is written, until the end.

    Raises:
        Misconfigured: `extra_missing`, `setting_invalid`.
        Unavailable: The database cannot be read.
    """
    _watch_secrets(app, metrics)
    queue = _queue(app, metrics)
    keeper = _keeper(app, metrics)
    with _exported(app):
        keeper.start()
        queue.start()
        try:
            yield _guards(app, metrics, keeper, queue=queue)
        finally:
            keeper.stop()
            queue.stop()


def heads_of(app: App) -> tuple[Head, Head]:
    """The heads of both trails now."""
    at = app.clock()
    newest = app.audit.newest()
    own = Head("audit", 0, "0" * 64, at) if newest is None else Head("audit", newest.sequence, newest.digest, at)
    return own, app.accesses.head(at)


def write_heads(app: App, path: Path) -> tuple[Head, Head]:
    """Add the heads of both trails to a file, on the disk before this returns.

    Raises:
        Misconfigured: `head_file_unwritable`.
    """
    heads = heads_of(app)
    try:
        with path.open("a", encoding="ascii") as file:
            file.writelines(head_line(each) + "\n" for each in heads)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise Misconfigured(
            "head_file_unwritable",
            f"{path} cannot be added to: {problem.strerror}.",
            field="audit.head_file",
            fix="Name a file in a folder that exists and may be written to.",
        ) from problem
    return heads


def _guards(app: App, metrics: MetricSink, keeper: GuardKeeper, *, queue: AccessQueue) -> Guards:
    chosen = app.settings.limits
    return Guards(
        keeper=keeper,
        limiter=limiter_of(app.settings, metrics),
        tiers=tiers_of(app.settings),
        is_limiting=chosen.enabled,
        watcher=Watcher(users_per_hour=chosen.scrape_users_per_hour, error_share=chosen.scrape_errors, burst=_BURST),
        accesses=queue,
        access=app.settings.audit.access,
        body_key=body_key(pepper_of(app.settings.home.resolve())()),
        metrics=metrics,
        trusted=networks_of(chosen.trusted_proxies),
        forwarded_header=chosen.forwarded_header,
        operators_from=networks_of(chosen.operators_from),
        hosts=hosts_answered(chosen.hosts, app.settings.host),
        cors=CorsRules(frozenset(chosen.cors_origins), chosen.cors_credentials),
        tls_in_front=chosen.tls_in_front,
    )


def tiers_of(settings: Settings) -> Tiers:
    """How much there is for whom."""
    chosen = settings.limits
    return Tiers(
        anonymous_per_minute=chosen.anonymous_per_minute,
        authenticated_per_minute=chosen.authenticated_per_minute,
        session_per_day=chosen.session_per_day,
        strict_share=chosen.strict_share,
        bulk_cost=chosen.bulk_cost,
        similar_cost=chosen.similar_cost,
    )


def limiter_of(settings: Settings, metrics: MetricSink) -> Limiter:
    """What counts: Redis for all processes together, or this process by itself.

    Raises:
        Misconfigured: `extra_missing`, `setting_invalid`, `home_unusable`.
    """
    from tacit.adapters.limiting import MemoryLimiter

    url: SecretStr | None = settings.limits.redis_url or settings.cache.redis_url
    if url is None:
        return MemoryLimiter()
    try:
        from tacit.adapters.redis_limits import redis_limiter
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "extra_missing",
            "limits.redis_url is set, but the Redis client is not installed.",
            field="limits.redis_url",
            fix="Install the extra: tacit[redis].",
        ) from missing
    from tacit.adapters.homes import installation_id, usable_home

    return redis_limiter(
        url.get_secret_value(),
        installation_id(usable_home(settings.home)),
        metrics,
        local_share=settings.limits.local_share,
        told=_tell,
    )


def _watch_secrets(app: App, metrics: MetricSink) -> None:
    """Let the age of secrets that lie in files be seen, so that they are exchanged in time."""
    for each in app.in_force.origins:
        if each.source.startswith("file:"):
            path = each.source.removeprefix("file:")
            metrics.watch(catalogue.SECRET_AGE, partial(_age, path), setting=each.key)


def _age(path: str) -> float:
    try:
        return max(0.0, time.time() - Path(path).stat().st_mtime)
    except OSError:
        return math.nan


def _keeper(app: App, metrics: MetricSink) -> GuardKeeper:
    chosen = app.settings.limits
    return GuardKeeper(
        app.guards,
        guard_desk(app),
        allowed=AllowedCallers(chosen.allow),
        offences=Offences(chosen.block_after),
        failed=_failing("follow"),
        made=lambda count: metrics.increment(catalogue.BLOCKS_MADE, count),
    )


def _queue(app: App, metrics: MetricSink) -> AccessQueue:
    from tacit.adapters.access_queue import AccessQueue

    chosen = app.settings.audit
    return AccessQueue(
        app.accesses,
        metrics,
        capacity=chosen.capacity,
        flush_seconds=chosen.flush_seconds,
        name=f"server:{socket.gethostname()}/{os.getpid()}",
        failed=_failing("write_accesses"),
    )


@contextmanager
def _exported(app: App) -> Iterator[None]:
    """Add the heads to the file of the settings now, every so often, and at the end."""
    chosen = app.settings.audit
    path = chosen.head_file
    if path is None:
        yield
        return
    write_heads(app, path)  # what cannot be written is to be known before anybody is served
    over, failed = threading.Event(), _failing("write_heads")

    def export() -> None:
        while not over.wait(chosen.head_seconds):
            _tried(lambda: write_heads(app, path), failed)
        _tried(lambda: write_heads(app, path), failed)

    exporter = threading.Thread(target=export, name="audit-heads", daemon=True)
    exporter.start()
    try:
        yield
    finally:
        over.set()
        exporter.join(timeout=10)


def _tried(act: Callable[[], object], failed: Callable[[Exception], None]) -> None:
    try:
        act()
    except TacitError as problem:
        failed(problem)


def _failing(what: str) -> Callable[[Exception], None]:
    """Tell the log of what could not be done."""
    import structlog

    logger = structlog.get_logger(__name__)

    def failed(problem: Exception) -> None:
        code = problem.code if isinstance(problem, TacitError) else "unexpected"
        logger.warning("guards_hindered", what=what, code=code, detail=ascii(str(problem))[:200])

    return failed


def _tell(is_there: bool) -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    if is_there:
        logger.info("limits_shared_again")
    else:
        logger.warning("limits_counted_alone")
