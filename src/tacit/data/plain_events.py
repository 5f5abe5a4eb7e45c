"""Reading the events of a request at once, where every one of them is plain; nearly all that programs send are.

What is plain is decided by the native engine, which knows no more than a few forms of each field.  Anything else, and
anything wrong, is left to be read and judged by itself, in the words that say what is wrong with it.
"""

from __future__ import annotations

from tacit.data.event_columns import EventColumns, PlainReader
from tacit.data.event_rules import EventRules


def plain_reader(rules: EventRules) -> PlainReader:
    """Reads plain events by these rules; finds none where the native engine was not built."""
    try:
        from tacit.data import native_events

        return native_events.plain_reader(rules)
    except Exception:  # a broken extension fails as it likes, and must not stop the platform
        return none_is_plain


def none_is_plain(_body: bytes, _is_lines: bool, _now_ms: int) -> EventColumns | None:
    """For whoever has every event judged by itself."""
    return None
