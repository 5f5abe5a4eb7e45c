"""Whose address counts: nobody becomes somebody else by what they write into a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.security.addresses import UNKNOWN, address_of, caller_key, client_of, networks_of

TRUSTED = networks_of(["10.0.0.0/8", "2001:db8:ffff::/48"])
GARBAGE = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda each: f"[{each}]:99"),
    st.sampled_from(["unknown", "_hidden", "", "10.0.0.9", "10.0.0.9:80", "[::1]:99", "127.0.0.1", "a,b", "999.1.1.1"]),
    st.text(max_size=12).filter(lambda text: "," not in text),
)


@given(st.lists(GARBAGE, max_size=20), st.sampled_from(["x-forwarded-for", "forwarded"]))
def test_who_is_no_proxy_of_ours_is_never_believed(hops: list[str], header: str) -> None:
    assert str(client_of("198.51.100.1", [",".join(hops)], TRUSTED, header=header)) == "198.51.100.1"  # type: ignore[arg-type]


@given(st.lists(GARBAGE, max_size=20))
def test_behind_our_proxy_only_the_hop_that_it_wrote_counts(hops: list[str]) -> None:
    chain = [", ".join([*hops, "198.51.100.7"])]

    assert str(client_of("10.0.0.1", chain, TRUSTED)) == "198.51.100.7"
    assert str(client_of("10.0.0.1", [*chain, "10.2.2.2"], TRUSTED)) == "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "chain", "found"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.5, 10.0.0.4"], "10.0.0.5"),
        ("10.0.0.1", ["198.51.100.7:1234"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:1234"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, not an address, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
    ],
)
def test_the_rightmost_hop_that_is_not_ours_is_the_caller(peer: str, chain: list[str], found: str) -> None:
    assert str(client_of(peer, chain, TRUSTED)) == found


def test_the_other_header_is_read_as_its_standard_says() -> None:
    chain = ['for=192.0.2.9;proto=https, For="[2001:db8::7]:47"; by=10.0.0.1', "for=10.9.9.9"]

    assert str(client_of("10.0.0.1", chain, TRUSTED, header="forwarded")) == "2001:db8::7"
    assert str(client_of("10.0.0.1", ["for=_secret"], TRUSTED, header="forwarded")) == "10.0.0.1"


def test_neighbours_of_one_network_of_64_bits_are_one_caller() -> None:
    keys = [
        caller_key(address_of(text)) for text in ("2001:db8:1:2::1", "[2001:db8:1:2:ffff::9]:80", "2001:db8:1:3::1")
    ]

    assert keys == ["2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"]
    assert (caller_key(address_of("::ffff:1.2.3.4")), caller_key(None)) == ("1.2.3.4", UNKNOWN)
