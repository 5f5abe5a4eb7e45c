"""What workers are to a supervisor: places, which one process after another fills."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tacit.adapters.worker_process import WorkerProcess
from tacit.serving.restarts import Ended, RestartRules, is_failing

REMEMBERED = 1_024
"""Ends of one worker that are remembered."""

State = Literal["starting", "serving", "leaving", "waiting"]


@dataclass(frozen=True)
class SupervisorRules:
    """What a supervisor keeps to.

    Attributes:
        count: How many workers there are; the first takes events.
        restarts: How often one may end.
        hung_seconds: How long one may give no sign of life.
        start_seconds: How long one may take to begin.
        end_seconds: How long they may take to end before they are killed.
    """

    count: int
    restarts: RestartRules = field(default_factory=RestartRules)
    hung_seconds: float = 15.0
    start_seconds: float = 120.0
    end_seconds: float = 12.0


@dataclass
class Place:
    """What one worker after another fills.

    Attributes:
        process: The one who does now.
        successor: The one who is to, once it serves.
        starts_at: When the next is started.
        ends: The ends that nobody asked for, the latest last.
        restarts: How many there were in all.
        last_end: How the last one ended, in words.
    """

    number: int
    process: WorkerProcess | None = None
    successor: WorkerProcess | None = None
    starts_at: float | None = None
    ends: deque[Ended] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    restarts: int = 0
    last_end: str | None = None

    @property
    def is_taker(self) -> bool:
        return self.number == 0

    @property
    def is_settled(self) -> bool:
        """Whether it came to serve, or ended at least once."""
        return bool(self.ends) or (self.process is not None and self.process.serves_since is not None)

    @property
    def may_be_copy(self) -> bool:
        """Whether the next may be a copy of the spare one; if the last never served, what is copied may be at fault."""
        return not self.ends or self.ends[-1].served_seconds is not None

    @property
    def state(self) -> State:
        if self.process is None:
            return "waiting"
        if self.process.is_leaving:
            return "leaving"
        return "starting" if self.process.serves_since is None else "serving"

    def row(self, rules: RestartRules, now: float) -> Mapping[str, object]:
        """How it stands, for whoever asks."""
        return {
            "worker": self.number,
            "role": "all" if self.is_taker else "reader",
            "state": self.state,
            "pid": None if self.process is None else self.process.pid,
            "restarts": self.restarts,
            "last_end": self.last_end,
            "is_failing": is_failing(self.ends, rules, now),
        }
