"""Whose address a request comes from, once proxies that are trusted were believed, and nobody else (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
ForwardedHeader = Literal["x-forwarded-for", "forwarded"]

UNKNOWN = "unknown"
"""Who comes without an address, as over a Unix socket."""
MAX_HOPS = 32
"""Hops looked at, from the right; nobody has more proxies of their own."""

_ONES_OWN, _BEFORE_IPV4 = 64, 96
"""Bits of IPv6: of a network that one caller has, and before an address of IPv4 in its clothes."""
_WITH_PORT = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|(?P<four>[0-9.]+):[0-9]{1,5}")
_FOR = re.compile(r"(?:^|;)\s*for\s*=\s*(\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks by how they are written."""
    return tuple(ip_network(each, strict=False) for each in texts)


def is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks."""
    return address is not None and any(address in each for each in networks)


def address_of(text: str) -> Address | None:
    """An address, perhaps in brackets or with a port; `None` for what is none.

    An IPv4 address in the clothes of an IPv6 one is an IPv4 address; the name of a network card counts for nothing.
    """
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match["six"] or match["four"]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def caller_key(address: Address | None) -> str:
    """What stands for a caller's address where it is counted and blocked.

    Of IPv6 it is the network of 64 bits, for whoever has one address of it has all.
    """
    if address is None:
        return UNKNOWN
    return str(IPv6Network((address, _ONES_OWN), strict=False)) if isinstance(address, IPv6Address) else str(address)


def network_key(network: Network) -> Network:
    """The same for a network that callers may be in: of IPv6 none below 64 bits, of IPv4 itself, whatever it wears."""
    if isinstance(network, IPv4Network) or network.prefixlen <= _ONES_OWN:
        return network
    mapped = network.network_address.ipv4_mapped
    if mapped is not None and network.prefixlen >= _BEFORE_IPV4:
        return IPv4Network((mapped, network.prefixlen - _BEFORE_IPV4))
    return network.supernet(new_prefix=_ONES_OWN)


def client_of(
    peer: str | None, chain: Sequence[str], trusted: Sequence[Network], *, header: ForwardedHeader = "x-forwarded-for"
) -> Address | None:
    """The caller's address: the rightmost hop that is not one of our proxies.

    Args:
        peer: Who opened the connection.
        chain: Values of the header, in their order.
        trusted: Networks of our proxies; what a peer outside of them says of itself is not looked at.
        header: Which header `chain` is.
    """
    found = address_of(peer or "")
    if not trusted or not is_within(found, trusted):
        return found
    for hop in reversed(_hops(chain, header)[-MAX_HOPS:]):
        address = address_of(hop)
        if address is None:
            return found  # what stands there was written by a proxy that names nobody: it answers for them
        found = address
        if not is_within(address, trusted):
            return found
    return found


def _hops(chain: Sequence[str], header: ForwardedHeader) -> list[str]:
    hops = [each.strip() for value in chain for each in value.split(",")]
    return [_forwarded_for(each) for each in hops] if header == "forwarded" else hops


def _forwarded_for(element: str) -> str:
    match = _FOR.search(element)
    return "" if match is None else match[1].strip('"')
