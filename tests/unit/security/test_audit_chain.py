"""A trail that was tampered with says where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import AuditLink, first_broken, linked


@pytest.fixture
def trail() -> list[AuditLink]:
    links: list[AuditLink] = []
    for number in range(1, 6):
        entry = AuditEntry("model_promoted", "ann", f"recommender/{number}", "2026-01-02T12:00:00Z", {"forced": False})
        links.append(linked(entry, links[-1] if links else None))
    return links


def test_an_untouched_trail_is_whole(trail: list[AuditLink]) -> None:
    assert first_broken(trail) is None
    assert first_broken(trail, head=trail[-1]) is None


@pytest.mark.parametrize(
    "change", [{"actor": "eve"}, {"action": "x"}, {"subject": "x"}, {"at": "x"}, {"facts": {"forced": True}}]
)
def test_an_edited_entry_is_named(trail: list[AuditLink], change: dict[str, object]) -> None:
    trail[2] = replace(trail[2], entry=replace(trail[2].entry, **change))

    assert first_broken(trail) == 3


def test_a_removed_entry_is_named(trail: list[AuditLink]) -> None:
    del trail[1]

    assert first_broken(trail) == 2


def test_two_entries_in_each_others_place_are_named(trail: list[AuditLink]) -> None:
    trail[3], trail[4] = replace(trail[4], sequence=4), replace(trail[3], sequence=5)

    assert first_broken(trail) == 4


def test_a_trail_cut_short_shows_against_a_head_noted_elsewhere(trail: list[AuditLink]) -> None:
    assert first_broken(trail[:3]) is None
    assert first_broken(trail[:3], head=trail[-1]) == 4


def test_a_trail_rewritten_from_some_entry_on_shows_against_a_head_noted_elsewhere(trail: list[AuditLink]) -> None:
    forged = trail[:2]
    for link in trail[2:]:
        forged.append(linked(replace(link.entry, actor="eve"), forged[-1]))

    assert first_broken(forged) is None
    assert first_broken(forged, head=trail[3]) == 4


@pytest.mark.parametrize("fact", [float("nan"), object()])
def test_a_fact_that_json_cannot_hold_is_an_error(fact: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        linked(AuditEntry("x", "ann", "x", "now", {"fact": fact}), None)
