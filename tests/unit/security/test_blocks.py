"""Which of several blocks keeps a caller out, and under which name one is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.security.accounts import principal_of
from tacit.security.addresses import address_of, caller_key
from tacit.security.blocks import AllowedCallers, Block, BlockIndex, checked_caller

SHORT = Block("short", "192.0.2.7", "scans us", "automatic", "rule", at_ms=0, until_ms=60_000)
LONG = replace(SHORT, block_id="long", source="manual", by="ann", at_ms=10_000, until_ms=86_410_000)
SHORT_NET, LONG_NET = (replace(each, caller="192.0.2.0/24") for each in (SHORT, LONG))
WIDER = replace(LONG, block_id="wider", caller="192.0.0.0/16")
ACCOUNT = "6f0c1b2a3d4e5f60718293a4b5c6d7e8"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ((LONG, SHORT), "long"),
        ((SHORT, LONG), "long"),
        ((LONG_NET, SHORT_NET), "long"),
        ((SHORT_NET, LONG_NET), "long"),
        ((SHORT, LONG_NET), "long"),
        ((SHORT_NET, WIDER), "wider"),
        ((replace(LONG, lifted_at_ms=20_000), SHORT_NET, WIDER), "wider"),
        ((SHORT, SHORT_NET), None),
    ],
)
def test_of_several_blocks_the_one_that_holds_longest_keeps_somebody_out(
    blocks: tuple[Block, ...], expected: str | None
) -> None:
    index = BlockIndex(blocks)
    found = index.find("192.0.2.7", 61_000)

    assert (None if found is None else found.block_id) == expected
    assert index.find("192.0.2.7", 59_999) is not None


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"account:{ACCOUNT}", f"account:{ACCOUNT[:8]}"),
        (f"account:{ACCOUNT.upper()}", f"account:{ACCOUNT[:8]}"),
        (f"account:{ACCOUNT[:8]}", f"account:{ACCOUNT[:8]}"),
        ("key:ab12cd34", "key:ab12cd34"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1/128", "2001:db8::/64"),
        ("2001:db8:1:2:3::/80", "2001:db8:1:2::/64"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:203.0.113.7/128", "203.0.113.7/32"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("203.0.113.7/32", "203.0.113.7/32"),
    ],
)
def test_a_caller_is_kept_under_the_name_that_requests_are_counted_by(written: str, kept: str) -> None:
    assert checked_caller(written) == kept


@pytest.mark.parametrize(
    ("written", "caller"),
    [
        (f"account:{ACCOUNT}", principal_of(ACCOUNT, "reader", None).name),
        ("2001:db8::1/128", caller_key(address_of("2001:db8::1"))),
        ("2001:db8:0:0:8000::/66", caller_key(address_of("2001:db8::8000:0:0:1"))),
        ("::ffff:203.0.113.0/120", caller_key(address_of("::ffff:203.0.113.9"))),
        ("203.0.113.7/32", "203.0.113.7"),
    ],
)
def test_whoever_is_named_is_found_among_those_blocked_and_those_allowed(written: str, caller: str) -> None:
    blocked = BlockIndex([replace(LONG, caller=checked_caller(written))])

    assert blocked.find(caller, 61_000) is not None
    assert AllowedCallers([written]).holds(caller)
