"""What ids of events are found by: numbers of 64 bits, which take a fraction of the room that ids do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b


def key_of(event_id: str) -> int:
    """What an id is found by: 64 bits, which two ids might share.

    Raises:
        UnicodeEncodeError: A lone surrogate, which has no bytes.
    """
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "big", signed=True)


def keys_of(event_ids: Sequence[str]) -> list[int]:
    """`key_of` each of some ids, by the native engine where it was built."""
    native = _native()
    return native(list(event_ids)) if native is not None else list(map(key_of, event_ids))


@cache
def _native() -> Callable[[list[str]], list[int]] | None:
    """What finds many, where it was built."""
    try:
        from tacit.adapters.native_keys import keys_of as native

        native([])
    except Exception:  # a broken extension fails as it likes, and must not stop the platform
        return None
    else:
        return native
