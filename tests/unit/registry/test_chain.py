"""Whatever is done to a ledger behind our back shows at the first entry that it touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.registry.chain import Witness, first_broken, sealed
from tacit.registry.versions import Evidence, LedgerEntry, Promotion

EVIDENCE = Evidence("a" * 64, "b" * 64)
COUNTS = st.integers(1, 6)


def ledger(count: int, *, unproven: int = 0) -> list[LedgerEntry]:
    """So many promotions, the first few from before the ledger was chained."""
    entries: list[LedgerEntry] = []
    for number in range(1, count + 1):
        move = Promotion("recommender", "promoted", number - 1 or None, number, "ann", False, "é", f"day {number}")
        evidence = None if number <= unproven else EVIDENCE
        entries.append(sealed(move, evidence, entries[-1] if entries else None))
    return entries


def seen(entries: list[LedgerEntry], *, noted: bool = True) -> list[Witness]:
    """What the audit trail says of them."""
    moves = [entry.promotion for entry in entries]
    return [
        Witness((move.kind, move.from_number, move.to_number, move.actor, move.at), entry.digest if noted else None)
        for move, entry in zip(moves, entries, strict=True)
    ]


def rewritten(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """The same moves with digests that fit, as somebody would write them who knows how."""
    anew: list[LedgerEntry] = []
    for entry in entries:
        anew.append(sealed(entry.promotion, entry.evidence, anew[-1] if anew else None))
    return anew


def place_of(entries: list[LedgerEntry], witnesses: list[Witness] | None = None) -> int | None:
    found = first_broken(entries, witnesses)
    return None if found is None else found.sequence


@given(COUNTS, st.integers(0, 6))
def test_a_ledger_as_it_was_written_is_whole(count: int, unproven: int) -> None:
    entries = ledger(count, unproven=unproven)

    assert place_of(entries) is None
    assert place_of(entries, seen(entries)) is None
    assert place_of(entries, seen(entries, noted=False)) is None


CHANGES = {
    "name": "other",
    "kind": "rolled_back",
    "from_number": 99,
    "to_number": 98,
    "actor": "eve",
    "forced": True,
    "reason": "",
    "at": "another day",
}


@given(st.data(), COUNTS, st.sampled_from(sorted(CHANGES)))
def test_an_edited_field_shows_at_its_very_entry(data: st.DataObject, count: int, field: str) -> None:
    entries = ledger(count, unproven=2)
    place = data.draw(st.integers(0, count - 1))
    entry = entries[place]
    entries[place] = replace(entry, promotion=replace(entry.promotion, **{field: CHANGES[field]}))

    assert place_of(entries) == place + 1


@pytest.mark.parametrize("evidence", [Evidence("c" * 64, "b" * 64), Evidence("a" * 64, "c" * 64), None])
def test_edited_evidence_shows_at_its_entry(evidence: Evidence | None) -> None:
    entries = ledger(3)
    entries[1] = replace(entries[1], evidence=evidence)

    assert place_of(entries) == 2


def test_evidence_that_is_left_out_once_it_is_given_shows_even_where_the_digest_fits() -> None:
    entries = ledger(2)
    entries.append(sealed(entries[-1].promotion, None, entries[-1]))

    assert place_of(entries) == 3


@given(st.data(), st.integers(2, 6))
def test_an_entry_removed_before_the_last_shows_at_its_place(data: st.DataObject, count: int) -> None:
    entries = ledger(count)
    place = data.draw(st.integers(0, count - 2))
    del entries[place]

    assert place_of(entries) == place + 1


@given(st.data(), st.integers(2, 6))
def test_entries_that_changed_places_show_at_the_first_of_them(data: st.DataObject, count: int) -> None:
    entries = ledger(count)
    first, second = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2)))
    moves = [entry.promotion for entry in entries]
    moves[first], moves[second] = moves[second], moves[first]
    swapped = [replace(entry, promotion=move) for entry, move in zip(entries, moves, strict=True)]

    assert place_of(swapped) == first + 1


@given(st.data(), COUNTS)
def test_a_ledger_cut_off_shows_in_the_audit_trail_at_the_first_entry_missing(data: st.DataObject, count: int) -> None:
    entries = ledger(count)
    left = data.draw(st.integers(0, count - 1))

    assert place_of(entries[:left], seen(entries)) == left + 1


@given(st.data(), st.integers(2, 6), st.booleans())
def test_a_ledger_rewritten_with_digests_that_fit_shows_in_the_audit_trail(
    data: st.DataObject, count: int, is_of_the_reason: bool
) -> None:
    entries = ledger(count)
    place = data.draw(st.integers(0, count - 1))
    entry, change = entries[place], {"reason": "made up"} if is_of_the_reason else {"actor": "eve"}
    forged = rewritten(
        [*entries[:place], replace(entry, promotion=replace(entry.promotion, **change)), *entries[place + 1 :]]
    )

    assert place_of(forged) is None
    assert place_of(forged, seen(entries)) == place + 1


def test_a_move_that_the_audit_trail_never_heard_of_shows() -> None:
    entries = ledger(3)

    assert place_of(entries, seen(entries[:2])) == 3


def test_an_entry_without_a_digest_shows() -> None:
    entries = ledger(2)

    assert place_of([entries[0], replace(entries[1], digest="")]) == 2
