"""What one step of applying has before it: events of the log, or events released from quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tacit.data.event_effects import Effect
from tacit.data.events import LoggedEvent


@dataclass(frozen=True, slots=True)
class Work:
    """Events to apply together.

    Attributes:
        logged: The events, in order.
        entries: Their entries in quarantine, if they come from there.
    """

    logged: Sequence[LoggedEvent]
    entries: Sequence[int] = ()

    @property
    def offset(self) -> int | None:
        """Where the log is read on once all of it is applied; `None` for what does not come from there."""
        return None if self.entries else self.logged[-1].sequence

    def pieces(self, size: int) -> Iterator[Work]:
        """The same in order, so many events at a time."""
        for start in range(0, len(self.logged), size):
            yield Work(self.logged[start : start + size], self.entries[start : start + size])

    def named(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """The effects of these events, each with its entry where there are some."""
        if not self.entries:
            return effects
        return [replace(effect, quarantine_id=entry) for effect, entry in zip(effects, self.entries, strict=True)]
