"""What one process keeps to of blocks and strict mode, never more than a moment behind the others."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from tacit.security.addresses import address_of
from tacit.security.blocks import AllowedCallers, Block, BlockIndex, Guarding, GuardStore, Offences
from tacit.security.guard_desk import RULE, GuardDesk

POLL_SECONDS = 1.0
_WAITING = 1_000
REASON = "Too many refused credentials, refused excess or unknown addresses in a minute."


class GuardKeeper:
    """Follows the store, and has a rule's blocks written by a thread of its own.

    While the store cannot be read, what was read last holds on, and blocks end by the clock.

    Args:
        store: Followed.
        desk: Makes blocks.
        allowed: Never blocked.
        offences: Counts what was refused to whom.
        failed: Told of what kept the store from being read or written.
        made: Told how many blocks a rule has made.
        clock_ms: Tells the time.
        poll_seconds: How often the store is asked whether anything changed.
    """

    def __init__(
        self,
        store: GuardStore,
        desk: GuardDesk,
        *,
        allowed: AllowedCallers,
        offences: Offences,
        failed: Callable[[Exception], None] = lambda problem: None,
        made: Callable[[int], None] = lambda count: None,
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1_000),
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store, self._desk, self.allowed, self._offences = store, desk, allowed, offences
        self._failed, self._made, self._clock_ms, self._poll = failed, made, clock_ms, poll_seconds
        self._guarding = Guarding()
        self._index = BlockIndex(())
        self._due: deque[str] = deque(maxlen=_WAITING)
        self._patterns: deque[tuple[str, str]] = deque(maxlen=_WAITING)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_strict(self) -> bool:
        """Whether every limit is a fraction of itself."""
        return self._guarding.is_strict

    def blocked(self, caller: str) -> Block | None:
        """The block that keeps a caller out, if any does."""
        if not self._guarding.blocks:
            return None
        found = self._index.find(caller, self._clock_ms())
        return None if found is None or self.allowed.holds(caller) else found

    def offend(self, caller: str, now: float) -> bool:
        """Something was refused to a caller; `True` if that was once too often.

        Who comes from this machine, as everybody does behind a proxy that is not trusted, is never kept out by a rule.
        """
        if not self._offences.note(caller, now) or self.allowed.holds(caller) or _is_local(caller):
            return False
        at = self._clock_ms()
        # They are kept out at once; how long it is to be in the end is found out where it is written.
        own = Block("pending", caller, REASON, "automatic", RULE, at, at + int(self._desk.lengths.first * 1_000))
        self._keep(replace(self._guarding, blocks=(*self._guarding.blocks, own)))
        self._due.append(caller)
        return True

    def suspect(self, pattern: str, caller: str) -> None:
        """A caller's requests look like something that an auditor should see."""
        self._patterns.append((pattern, caller))

    def start(self) -> None:
        """Read what holds, and follow it from now on.

        Raises:
            Unavailable: It cannot be read.
        """
        self.follow()
        self._thread = threading.Thread(target=self._run, name="guard-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def follow(self) -> None:
        """Write what is due, and read what changed."""
        while self._due:
            self._desk.block_by_rule(self._due[0], REASON)
            self._due.popleft()
            self._made(1)
        while self._patterns:
            pattern, caller = self._patterns[0]
            self._desk.note_abuse(pattern, caller)
            self._patterns.popleft()
        if self._store.revision() != self._guarding.revision:
            self._keep(self._store.guarding(self._clock_ms()))

    def _keep(self, guarding: Guarding) -> None:
        # The index first: whoever sees the blocks finds them in it.
        self._index = BlockIndex(guarding.blocks)
        self._guarding = guarding

    def _run(self) -> None:
        while not self._over.wait(self._poll):
            try:
                self.follow()
            except Exception as problem:  # what is not followed any more must not end without a word
                self._failed(problem)


def _is_local(caller: str) -> bool:
    address = address_of(caller.partition("/")[0])
    return address is not None and address.is_loopback
