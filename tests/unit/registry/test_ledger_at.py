"""Who was champion on that day."""

from __future__ import annotations

import pytest

from tacit.errors import BadInput
from tacit.registry.chain import sealed
from tacit.registry.ledger import moment_of, reign_at
from tacit.registry.versions import LedgerEntry, Promotion

MOVES = (
    ("promoted", None, 1, "2026-11-01T12:00:00.500+00:00"),
    ("promoted", 1, 4, "2026-11-08T12:00:00Z"),
    ("rolled_back", 4, 1, "2026-11-08T13:00:00+00:00"),
)


def ledger() -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for kind, before, after, at in MOVES:
        move = Promotion("recommender", kind, before, after, "ann", False, "", at)  # type: ignore[arg-type]
        entries.append(sealed(move, None, entries[-1] if entries else None))
    return entries


@pytest.mark.parametrize(
    ("at", "champion", "until"),
    [
        ("2026-11-01T12:00", None, None),
        ("2026-11-01T12:00:00.5", 1, MOVES[1][3]),
        ("2026-11-08", 1, MOVES[1][3]),
        ("2026-11-08T13:00+01:00", 4, MOVES[2][3]),
        ("2026-11-08T12:59:59Z", 4, MOVES[2][3]),
        ("2026-11-08T13:00Z", 1, None),
        ("2100-01-01", 1, None),
    ],
)
def test_the_champion_of_a_moment_is_what_the_last_move_before_it_made(
    at: str, champion: int | None, until: str | None
) -> None:
    reign = reign_at(ledger(), moment_of(at))

    assert (None if reign is None else reign.number) == champion
    assert (None if reign is None else reign.until) == until


def test_an_empty_ledger_knows_no_champion() -> None:
    assert reign_at([], moment_of("2026-11-01")) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00+14:00", "2026-11-01T25:00", "é"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        moment_of(text)

    assert (refusal.value.code, refusal.value.field) == ("time_invalid", "at")
    assert "2026-11-01T12:00" in (refusal.value.fix or "")
