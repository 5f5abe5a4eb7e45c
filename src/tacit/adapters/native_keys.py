"""The keys of many ids, found by the native engine where it was built."""

from __future__ import annotations

from tacit import _native


def keys_of(event_ids: list[str]) -> list[int]:
    """`id_keys.key_of` each of some ids.

    Raises:
        UnicodeEncodeError: A lone surrogate, which has no bytes.
    """
    return _native.event_keys(event_ids)
