"""Who may ask, wired: the desk where keys are looked after, and the ring that a server knows them by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from tacit.errors import TacitError
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.sql.engine import Database
    from tacit.security.audit import AuditTrail
    from tacit.security.key_desk import KeyDesk
    from tacit.security.key_ring import KeyRing

PEPPER_FILE = "pepper.key"
"""In the folder of keys; the database without it lets nobody ask as anybody."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Keys:
    """The keys of an installation.

    Attributes:
        desk: Where they are looked after.
        ring: What knows whoever sends one, once it is followed.
    """

    desk: KeyDesk
    ring: KeyRing


def keys_over(settings: Settings, home: Path, *, audit: AuditTrail, database: Database) -> Keys:
    """The keys of the installation in a home; those of another, which has another pepper, hold nowhere here."""
    from tacit.adapters.sql.keys import SqlKeyStore
    from tacit.security.audit import AuditRecorder
    from tacit.security.key_desk import KeyDesk
    from tacit.security.key_ring import KeyRing

    store, pepper, chosen = SqlKeyStore(database), pepper_of(home), settings.auth
    ring = KeyRing(
        store,
        pepper,
        clock_ms=_now_ms,
        told=_tell,
        poll_seconds=chosen.poll_seconds,
        keep_seconds=chosen.keep_minutes * 60,
    )
    recorder = AuditRecorder(audit)
    desk = KeyDesk(store, pepper, recorder, clock_ms=_now_ms, transaction=database.transaction, changed=ring.poll)
    return Keys(desk, ring)


@contextmanager
def followed(ring: KeyRing) -> Iterator[KeyRing]:
    """A server's ring, from now on never more than a moment behind; at the end what was used is written down.

    Raises:
        Unavailable: The database cannot be asked, so that nobody knows who may be let in.
    """
    ring.start()
    try:
        yield ring
    finally:
        ring.stop()


def pepper_of(home: Path) -> Callable[[], bytes]:
    """What tells the secret of the installation in a home, which is made where there is none."""

    def pepper() -> bytes:
        from tacit.adapters.key_files import random_secret
        from tacit.security.keys import PEPPER_BYTES

        return random_secret(home / "keys" / PEPPER_FILE, PEPPER_BYTES)

    return pepper


def _tell(error: Exception | None) -> None:
    if error is None:
        log.info("keys_followed")
        return
    code = error.code if isinstance(error, TacitError) else "unexpected"
    log.error("keys_lost", code=code, detail=ascii(str(error))[:200])


def _now_ms() -> int:
    return int(time.time() * 1_000)
