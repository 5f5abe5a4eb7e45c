"""What a browser may bring from other sites, and under which names we answer (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY = "*"

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
HEADERS = ("Authorization", "Content-Type", "If-Match", "If-None-Match", "X-Request-Id", "X-Session-Id")
"""What a page of another origin may send beside what every page may."""
EXPOSED = ("ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id")
"""What such a page may read of an answer's headers beside what every page may."""
_MAX_AGE_SECONDS = 600

HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


@dataclass(frozen=True)
class CorsRules:
    """Which pages of other origins a browser lets ask.

    Attributes:
        origins: Compared as a whole with what the browser sends; `*` is any, without credentials.
        with_credentials: Whether it may send its own along.
    """

    origins: frozenset[str] = frozenset()
    with_credentials: bool = False

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may ask; `null`, which any page can become, may never."""
        return origin != "null" and (origin in self.origins or ANY in self.origins)

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """What an answer says to a browser; nothing at all where no other origin may ask."""
        if not self.origins:
            return {}
        if origin is None or not self.allows(origin):
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Expose-Headers": ", ".join(EXPOSED), **self._allowing(origin)}

    def preflight(self, origin: str, method: str, headers: Sequence[str]) -> Mapping[str, str] | None:
        """What is answered before a browser asks; `None` if it must not.

        Args:
            origin: Of the page.
            method: It wants to use.
            headers: It wants to send.
        """
        known = {each.lower() for each in HEADERS}
        if not self.allows(origin) or method not in METHODS or not all(each.lower() in known for each in headers):
            return None
        return {
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(HEADERS),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
            **self._allowing(origin),
        }

    def _allowing(self, origin: str) -> Mapping[str, str]:
        if ANY in self.origins:
            return {"Access-Control-Allow-Origin": ANY}
        allowed = {"Access-Control-Allow-Origin": origin}
        return allowed | ({"Access-Control-Allow-Credentials": "true"} if self.with_credentials else {})


def hosts_answered(named: Sequence[str], bound_to: str) -> frozenset[str] | None:
    """The names we answer under; `None` for any.

    A browser that was led here by a name whose address somebody changed to ours (DNS rebinding) still sends that name,
    so that a server on loopback, which trusts whoever reaches it, must look at it.
    """
    if named:
        return frozenset(named)
    if bound_to == "localhost" or _is_loopback(bound_to):
        own = f"[{bound_to}]" if ":" in bound_to else bound_to
        return LOOPBACK_HOSTS | {own}
    return None


def host_name(value: str) -> str:
    """A `Host` header without its port, in lower case."""
    name, colon, port = value.rpartition(":")
    return (name if colon and port.isdigit() else value).lower()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
