"""Numbers, times and states as a page says them (pure)."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

DASH = "\N{EM DASH}"
"""What stands where there is no figure."""

_CODE = re.compile("`([^`]+)`")
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_GROUPS = ((1e9, "bn"), (1e6, "m"), (1e4, "k"))
_TONES = {
    "good": ("succeeded", "serving", "passed", "pass", "done", "champion", "released", "running well", "healthy"),
    "warn": ("held", "insufficient", "waiting", "leaving", "previous", "superseded", "suspended", "silenced"),
    "bad": ("failed", "fail", "aborted", "revoked", "blocked", "firing", "critical", "disabled", "expired"),
    "busy": ("running", "queued", "shadow", "canary", "flipping", "watching", "reverting", "starting", "pending"),
}


def number(value: float | None, places: int = 0) -> str:
    """A figure for a reader: thousands apart, large ones shortened from 10,000 on; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    for size, name in _GROUPS:
        if abs(value) >= size:
            scaled = value / (1e3 if name == "k" else size)
            return f"{scaled:,.1f}".removesuffix(".0") + f"\N{NARROW NO-BREAK SPACE}{name}"
    if places == 0 and value != int(value):
        places = 1 if abs(value) >= 10 else 2
    return f"{value:,.{places}f}"


def whole(value: float | None) -> str:
    """A count to the last one, thousands apart."""
    return DASH if value is None or not math.isfinite(value) else f"{round(value):,}"


def percent(share: float | None, places: int = 1) -> str:
    """A share from 0 to 1 as a percentage."""
    if share is None or not math.isfinite(share):
        return DASH
    return f"{share * 100:.{places}f}\N{NARROW NO-BREAK SPACE}%"


def score(value: float | None) -> str:
    """A score from 0 to 1."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """A span of time in the unit a reader thinks of it in: `4 ms`, `1.2 s`, `12 min`, `3 d`."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    space = "\N{NARROW NO-BREAK SPACE}"
    for size, name in _STEPS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{space}{name}"
    if seconds >= 1:
        return f"{seconds:.1f}".removesuffix(".0") + f"{space}s"
    millis = seconds * 1_000
    return f"{millis:.1f}".removesuffix(".0") + f"{space}ms" if millis < 10 else f"{millis:.0f}{space}ms"


def ago(then_ms: float | None, now_ms: int) -> str:
    """How long something is past: `12 min ago`; `in 5 min` where it is yet to come."""
    if then_ms is None:
        return DASH
    seconds = (now_ms - then_ms) / 1_000
    if abs(seconds) < 5:
        return "just now"
    return f"{duration(round(seconds))} ago" if seconds > 0 else f"in {duration(round(-seconds))}"


def moment(at_ms: float | None) -> str:
    """A time, in UTC, to the second."""
    return DASH if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def time_of_day(at_ms: float) -> str:
    """A time of which the day is plain, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%H:%M:%S} UTC"


def iso(at_ms: float) -> str:
    """A time as a machine reads it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")


def ms_of(at: str) -> int:
    """Milliseconds since 1970 of a time as our ledgers write it."""
    return int(datetime.fromisoformat(at).timestamp() * 1_000)


def size(count: float | None) -> str:
    """Bytes in the unit a reader thinks of them in."""
    if count is None:
        return DASH
    for unit, bound in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= bound:
            return f"{count / bound:.1f}\N{NARROW NO-BREAK SPACE}{unit}"
    return f"{count:.0f}\N{NARROW NO-BREAK SPACE}bytes"


def plain(name: str) -> str:
    """A name of code as words: `cancelled_by` is *cancelled by*."""
    return name.replace("_", " ")


def coded(text: str) -> Markup:
    """A sentence with the commands and names in it that stand between backticks set as such."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - what was said is escaped first


def tone(state: str) -> str:
    """How a state is coloured: `good`, `warn`, `bad`, `busy`, or `quiet` for one of which nothing is known."""
    return next((tone for tone, states in _TONES.items() if state in states), "quiet")
