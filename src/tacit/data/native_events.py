"""Events that need no closer look, read and judged by the native engine where it was built."""

from __future__ import annotations

from tacit import _native
from tacit.data.event_columns import EventColumns, PlainReader
from tacit.data.event_rules import EventRules
from tacit.data.event_validation import MAX_BATCH

_AMOUNTS = {"none": 0, "optional": 1, "required": 2}
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_LIKE_ANOTHER_UNIT = (10**11, 10**14)
"""Numbers below the first or from the second on may be meant in another unit than milliseconds."""


def plain_reader(rules: EventRules) -> PlainReader:
    """Reads what the native engine finds plain: printable ASCII, no escapes, no properties, nothing to object to."""
    types = [(name, _AMOUNTS[rule.value], rule.lowest, rule.highest, rule.whole) for name, rule in rules.types.items()]
    _native.plain_events(b"", False, types, 0, 0, 0, MAX_BATCH)  # fails here and now if it fails at all

    def read(body: bytes, is_lines: bool, now_ms: int) -> EventColumns | None:
        oldest_ms, latest_ms = _bounds(rules, now_ms)
        found = _native.plain_events(body, is_lines, types, now_ms, oldest_ms, latest_ms, MAX_BATCH)
        if found is None:
            return None
        ids, users, items, kinds, values, times, links, timed = found
        return EventColumns(ids, users, items, kinds, values, times, links, ["{}"] * len(ids), timed)

    return read


def _bounds(rules: EventRules, now_ms: int) -> tuple[int, int]:
    """Between which moments a time is one beyond doubt."""
    lowest, highest = _LIKE_ANOTHER_UNIT
    oldest_ms = max(lowest, rules.earliest_ms)
    if rules.oldest_days is not None:
        oldest_ms = max(oldest_ms, now_ms - rules.oldest_days * _DAY_MS)
    return oldest_ms, min(highest - 1, now_ms + rules.future_hours * _HOUR_MS)
