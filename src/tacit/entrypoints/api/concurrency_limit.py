"""How many questions are worked on at once: as many as make nobody wait much longer than when it is quiet.

Additive increase, multiplicative decrease, as TCP shares a line (Chiu and Jain, Computer Networks and ISDN Systems 17,
1989), on latency instead of loss, as Netflix's concurrency-limits do; what is usual is measured anew from time to time
with few at work, as BBR's ProbeRTT does (Cardwell et al., ACM Queue 14(5), 2016), for a yardstick that only follows
what it measures grows with it.
"""

from __future__ import annotations

from collections.abc import Callable

_WINDOW_SECONDS = 0.1
_WINDOW_ANSWERS = 8
_TOLERANCE = 2.0
"""How many times as long as usual the middle answer of a window may take."""
_SLACK_SECONDS = 0.01
"""Beside that, for answers so fast that the machine's own unrest is a multiple of them."""
_BACK_OFF = 0.9
_FIRST = 16
_PROBE_EVERY = 10.0
_EASE = 0.1
"""How fast the yardstick follows what is measured while it is quiet."""
_STALL_SECONDS = 0.5
"""How long a late event loop says nothing; one that stays late is so because of how much is at work."""


class AdaptiveLimit:
    """The limit, from `least` to `most`.  To be used by one event loop.

    Args:
        least: At work at once, however long answers take.
        most: At work at once, however fast answers come.
        clock: Passing time in seconds.
    """

    def __init__(self, *, least: int, most: int, clock: Callable[[], float]) -> None:
        self._least, self._most, self._clock = least, most, clock
        self._chosen = self._first = float(min(most, max(least, _FIRST)))
        self._usual: float | None = None
        self._seen: list[float] = []
        self._peak = 0
        self._is_late = False
        self._late_since: float | None = None
        self._began = clock()
        self._probed_at = self._began
        self._probing = 0
        """Windows of a probe still to come; the first of them only waits for those who began before it."""

    @property
    def now(self) -> int:
        """How many may be at work."""
        return self._least if self._probing else int(self._chosen)

    @property
    def usual_seconds(self) -> float | None:
        """How long an answer takes while it is quiet, if that is known."""
        return self._usual

    def ended(self, seconds: float, at_work: int, *, is_late: bool = False) -> None:
        """An answer took so long, while so many, it included, were at work; and whether the event loop was late."""
        self._seen.append(seconds)
        self._is_late = self._is_late or is_late
        self._peak = max(self._peak, at_work)
        if len(self._seen) >= _WINDOW_ANSWERS and self._clock() - self._began >= _WINDOW_SECONDS:
            self._judge()

    def _judge(self) -> None:
        middle = sorted(self._seen)[len(self._seen) // 2]
        now, peak, is_stalled = self._clock(), self._peak, self._is_stalled()
        self._seen, self._peak, self._began = [], 0, now
        if is_stalled:
            return
        if self._probing:
            self._probe(middle, now)
            return
        if peak <= self._least:
            self._usual = middle if self._usual is None else self._usual + _EASE * (middle - self._usual)
            self._probed_at = now
        self._move(middle, peak)
        if now - self._probed_at >= _PROBE_EVERY or self._usual is None:
            self._probing = 2

    def _is_stalled(self) -> bool:
        """Whether the window that ends says nothing, because the event loop stood still for a moment."""
        if not self._is_late:
            self._late_since = None
            return False
        self._is_late = False
        if self._late_since is None:
            self._late_since = self._clock()
        return self._clock() - self._late_since < _STALL_SECONDS

    def _probe(self, middle: float, now: float) -> None:
        self._probing -= 1
        if not self._probing:
            self._usual, self._probed_at = middle, now

    def _move(self, middle: float, peak: int) -> None:
        if 2 * peak <= self._chosen:
            # It holds nobody back: whatever took long, it was not for want of a lower one.
            self._chosen = max(self._chosen, min(self._first, self._chosen + 1))
        elif self._usual is not None and middle > _TOLERANCE * self._usual + _SLACK_SECONDS:
            self._chosen = max(float(self._least), self._chosen * _BACK_OFF)
        elif peak >= int(self._chosen):
            self._chosen = min(float(self._most), self._chosen + 1)
