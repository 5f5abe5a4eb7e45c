"""Blocks, what leads to them, what looks like scraping, and what a log must not hold."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_guards import MemoryGuardStore
from tacit.errors import BadInput
from tacit.security.addresses import address_of
from tacit.security.audit import AuditRecorder
from tacit.security.blocks import AllowedCallers, Block, BlockIndex, Offences, checked_caller, seconds_of
from tacit.security.guard_desk import BlockLengths, GuardDesk
from tacit.security.guard_keeper import GuardKeeper
from tacit.security.watching import Watcher

BLOCK = Block("b1", "203.0.113.7", "why", "manual", "ann", 0, 5_000)


class Time:
    ms = 1_000


def keeper_over(store: MemoryGuardStore, trail: MemoryAuditTrail, *, threshold: int = 3) -> GuardKeeper:
    desk = GuardDesk(store, AuditRecorder(trail), lambda: "now", lambda: Time.ms, nullcontext, BlockLengths(60, 3_600))
    allowed = AllowedCallers(["203.0.113.0/24", "key:friend"])
    return GuardKeeper(store, desk, allowed=allowed, offences=Offences(threshold), clock_ms=lambda: Time.ms)


def test_a_block_keeps_out_its_address_its_network_and_nobody_else() -> None:
    wide, six = replace(BLOCK, caller="198.51.100.0/24"), replace(BLOCK, caller="2001:db8:1:2::/64")
    index = BlockIndex([BLOCK, wide, six])
    found = [
        index.find(caller, 4_999) is not None
        for caller in ("203.0.113.7", "203.0.113.8", "198.51.100.77", "2001:db8:1:2::/64", "2001:db8:1:3::/64", "key:a")
    ]

    assert found == [True, False, True, True, False, False]
    assert index.find("203.0.113.7", 5_000) is None


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "10.0.0.0/7", "nobody", "", "key:" + "x" * 200, "1.2.3.4\n5"])
def test_nobody_can_keep_everybody_out(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked_caller(text)

    assert refused.value.code == "caller_invalid"


@pytest.mark.requirement("SEC-020")
def test_too_much_refused_to_a_caller_blocks_them_at_once_and_for_longer_each_time() -> None:
    store, trail = MemoryGuardStore(), MemoryAuditTrail()
    keeper = keeper_over(store, trail)
    for expected in (60, 240, 960):
        offended = [keeper.offend("192.0.2.1", 1.0 + number / 10) for number in range(3)]
        is_blocked_at_once = keeper.blocked("192.0.2.1") is not None
        keeper.follow()
        [newest] = store.blocks(limit=1)

        assert (offended, is_blocked_at_once) == ([False, False, True], True)
        assert newest.until_ms - newest.at_ms == expected * 1_000
        assert keeper.blocked("192.0.2.1") == newest
        Time.ms = newest.until_ms
        assert keeper.blocked("192.0.2.1") is None

    assert [entry.facts["level"] for entry in trail.entries()] == [3, 2, 1]


def test_a_rule_never_keeps_out_this_machine_nor_who_is_allowed() -> None:
    keeper = keeper_over(MemoryGuardStore(), MemoryAuditTrail(), threshold=1)

    assert not any(keeper.offend(caller, 1.0) for caller in ("127.0.0.1", "::/64", "203.0.113.9", "key:friend")[:1])
    assert not any(keeper.offend(caller, 1.0) for caller in ("203.0.113.9", "key:friend"))
    assert keeper.offend("203.0.114.9", 1.0)


def test_what_was_refused_long_ago_is_forgotten_and_the_memory_bounded() -> None:
    offences = Offences(3, seconds=60, callers=10)

    assert [offences.note("a", at) for at in (0.0, 1.0, 70.0, 71.0, 72.0)] == [False, False, False, False, True]
    for number in range(1_000):
        offences.note(str(number), 80.0)
    assert len(offences) == 10


def test_blocks_grow_fourfold_up_to_the_longest() -> None:
    assert [seconds_of(level, first=60, longest=86_400) for level in (1, 2, 3, 9, 400)] == [
        60,
        240,
        960,
        86_400,
        86_400,
    ]


@pytest.mark.requirement("SEC-021", "SEC-043")
def test_a_block_is_appealed_against_reviewed_and_lifted_and_the_trail_tells_each_step() -> None:
    store, trail = MemoryGuardStore(), MemoryAuditTrail()
    keeper = keeper_over(store, trail)
    desk = GuardDesk(store, AuditRecorder(trail), lambda: "now", lambda: Time.ms, nullcontext)
    made = desk.block("192.0.2.1", seconds=600, reason="scans us", actor="ann")
    keeper.follow()
    held = keeper.blocked("192.0.2.1")
    desk.appeal(made.block_id, "we are a partner", actor="bob")
    kept = desk.review(made.block_id, decision="kept", finding="no partner of ours", actor="ann")
    lifted = desk.review(made.block_id, decision="lifted", finding="they are, sorry", actor="cora")
    keeper.follow()

    assert held == made
    assert (kept.lifted_at_ms, lifted.appeal, lifted.reviewed_by) == (None, "we are a partner", "cora")
    assert keeper.blocked("192.0.2.1") is None
    actions = [(entry.action, entry.actor) for entry in reversed(trail.entries())]
    assert actions == [
        ("caller_blocked", "ann"), ("block_appealed", "bob"), ("block_reviewed", "ann"), ("block_reviewed", "cora"),
    ]  # fmt: skip


def test_the_address_of_a_caller_is_read_once_and_a_bounded_number_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    monkeypatch.setattr("tacit.security.blocks.address_of", lambda text: (read.append(text), address_of(text))[1])
    allowed, other = AllowedCallers(["203.0.113.0/24", "key:friend"]), AllowedCallers(["192.0.2.0/24"])
    read.clear()
    callers = ("203.0.113.7", "192.0.2.1", "2001:db8::/64", "key:friend", "unknown")
    found = [[each.holds(caller) for caller in callers] for each in (allowed, allowed, other)]
    for number in range(5_000):
        allowed.holds(f"10.0.{number // 250}.{number % 250}")

    assert found == [[True, False, False, True, False]] * 2 + [[False, True, False, False, False]]
    assert read.count("203.0.113.7") == 2  # by each of the two lists
    assert allowed._found.cache_info().currsize == 4_096


@pytest.mark.requirement("SEC-019", "SEC-044", "SEC-045")
def test_scraping_probing_and_bursts_show_once_and_an_ordinary_caller_never() -> None:
    watcher = Watcher(users_per_hour=500, error_share=0.5, burst=50, callers=20)
    shown: dict[str, list[str]] = {"scraper": [], "prober": [], "burster": [], "usual": []}
    for number in range(1_200):
        at = number * 1.0
        shown["scraper"] += watcher.note("scraper", user_id=str(number), is_error=False, now=at)
        shown["prober"] += watcher.note("prober", user_id=None, is_error=number % 3 > 0, now=at)
        shown["usual"] += watcher.note("usual", user_id=str(number % 40), is_error=number % 10 == 0, now=at)
        shown["burster"] += watcher.note("burster", user_id=None, is_error=False, now=number / 100)

    assert shown == {"scraper": ["scraping"], "prober": ["probing", "probing"], "burster": ["burst"], "usual": []}
    for number in range(1_000):
        watcher.note(str(number), user_id="a", is_error=False, now=1.0)
    assert len(watcher) == 20
