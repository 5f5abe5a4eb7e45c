"""Rows that are chained by their digests, and the heads that were noted of them elsewhere (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tacit.errors import BadInput
from tacit.security.audit_chain import ORIGIN

Trail = Literal["audit", "accesses"]
TRAILS: tuple[Trail, ...] = ("audit", "accesses")


@dataclass(frozen=True)
class ChainedRow:
    """One row in its place.

    Attributes:
        sequence: From 1, without gaps.
        canonical: All that it says, in canonical JSON.
        digest: `SHA-256(previous digest ‖ canonical)` in lower-case hex.
    """

    sequence: int
    canonical: str
    digest: str


@dataclass(frozen=True)
class Head:
    """The last row of a trail at some moment.

    Attributes:
        trail: Which one.
        sequence: How long it was; 0 for an empty one.
        digest: Of its last row.
        at: ISO 8601 time in UTC.
    """

    trail: Trail
    sequence: int
    digest: str
    at: str


def chain_digest(previous: str, canonical: str) -> str:
    """A row's digest."""
    return hashlib.sha256((previous + canonical).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: object) -> str:
    """The one way to spell a JSON value."""
    return _CANONICAL.encode(value)


def first_broken_row(rows: Iterable[ChainedRow], heads: Sequence[Head] = ()) -> int | None:
    """The first place where a trail is not what was written; `None` if it is whole.

    Args:
        rows: All of it, oldest first.
        heads: Those noted of this trail, outside its own storage: only they show that its end was cut off, or that all
            of it was written anew.
    """
    noted: Mapping[int, set[str]] = _by_place(heads)
    previous, length = ORIGIN, 0
    for row in rows:
        expected = chain_digest(previous, row.canonical)
        length += 1
        if row.sequence != length or row.digest != expected or noted.get(length, {expected}) != {expected}:
            return length
        previous = expected
    return length + 1 if any(place > length for place in noted) else None


def head_line(head: Head) -> str:
    """A head as one line of a file."""
    return canonical_json(
        {"trail": head.trail, "sequence": head.sequence, "digest": head.digest, "at": head.at, "format": 1}
    )


def heads_in(text: str) -> Sequence[Head]:
    """The heads in a file.

    Raises:
        BadInput: `heads_invalid`, with the line: a file of which a part is unreadable proves nothing.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            found.append(_head(line, number))
    return found


def _head(line: str, number: int) -> Head:
    try:
        said = json.loads(line)
        head = Head(said["trail"], int(said["sequence"]), str(said["digest"]), str(said["at"]))
        if head.trail in TRAILS and said["format"] == 1 and head.sequence >= 0 and len(head.digest) == 64:
            return head
    except (ValueError, KeyError, TypeError):
        pass
    raise BadInput(
        "heads_invalid",
        f"Line {number} of the file is no head of a trail.",
        field="head",
        fix="Give the file that `tacit audit head --to` or audit.head_file wrote.",
        context={"line": number},
    )


def _by_place(heads: Sequence[Head]) -> Mapping[int, set[str]]:
    places: dict[int, set[str]] = {}
    for head in heads:
        if head.sequence:
            places.setdefault(head.sequence, set()).add(head.digest)
    return places
