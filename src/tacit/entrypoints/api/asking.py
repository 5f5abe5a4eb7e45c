"""Who asks, as the routes of accounts want to know it."""

from __future__ import annotations

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

from tacit.entrypoints.api.checkpoints import CLIENT, PRINCIPAL
from tacit.security.principals import NOBODY, Principal
from tacit.security.sign_ins import Client


def asking(request: Request) -> Principal:
    """Who asks; nobody, where it was not found out."""
    principal: Principal = request.scope.get(PRINCIPAL, NOBODY)
    return principal


def client_of(request: Request) -> Client:
    """What signs somebody in: digests of its address, as far as one household has it, and of what it calls itself."""
    address = request.scope.get(CLIENT) or (request.client.host if request.client else "")
    place = hashlib.sha256(_household(str(address)).encode()).hexdigest()
    agent = request.headers.get("user-agent", "")[:512]
    return Client(place, hashlib.sha256(f"{place} {agent}".encode()).hexdigest())


def _household(address: str) -> str:
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((read, 64), strict=False)) if isinstance(read, IPv6Address) else str(read)
