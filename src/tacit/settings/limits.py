"""The settings of limits: how much may be asked, from where, and what of other sites a browser may bring."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])")


class Limits(BaseModel):
    """How much may be asked, and from where."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    enabled: bool = True
    """Whether requests are limited at all; switched off, they are not even counted."""
    anonymous_per_minute: int = Field(default=100, ge=1, le=1_000_000)
    """Requests of one address in any 60 seconds, by callers that say not who they are."""
    authenticated_per_minute: int = Field(default=1_000, ge=1, le=1_000_000)
    """Requests of one key or account in any 60 seconds."""
    session_per_day: int = Field(default=1_000, ge=1, le=1_000_000)
    """Requests of one session, named in the header `X-Session-Id`, in any 24 hours, beside the other limits."""
    strict_share: float = Field(default=0.1, gt=0, le=1)
    """What every limit is multiplied by while `tacit limits strict on` holds."""
    bulk_cost: int = Field(default=50, ge=1, le=1_000)
    """As how many requests an answer for many users or a re-ranking counts."""
    similar_cost: int = Field(default=5, ge=1, le=1_000)
    """As how many requests a question for similar items, a draw or a search counts."""
    allow: tuple[str, ...] = ()
    """Callers that are counted but never limited or blocked: addresses, networks, or names such as `key:ab12cd34`."""
    redis_url: SecretStr | None = None
    """Redis in which the processes of an installation count together; unset, `cache.redis_url`, else each by itself."""
    local_share: float = Field(default=0.5, gt=0, le=1)
    """Share of each limit that a process gives out by itself while Redis is away: one divided by the processes."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies that are believed when they say for whom they ask; unset, nobody is."""
    trust_every_proxy: bool = False
    """Allow a network of every address in `trusted_proxies`, where nobody but the proxy can reach the port."""
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header that the proxy writes the chain of addresses into; the other one is never looked at."""
    operators_from: tuple[str, ...] = ()
    """Networks that operators' routes answer; unset, any."""
    hosts: tuple[str, ...] = ()
    """Names that `Host` may hold, without ports; unset, those of loopback when bound to it, else any."""
    tls_in_front: bool = False
    """Whether every caller comes over TLS, so that browsers are told to use nothing else (HSTS)."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may ask from a browser, exactly as it sends them; unset, none but our own."""
    cors_credentials: bool = False
    """Whether those pages may send cookies and credentials of the browser along."""

    block_after: int = Field(default=120, ge=0, le=1_000_000)
    """Refused credentials, refused excess and unknown addresses in a minute that block a caller for a while; 0: never.
    """
    block_seconds: float = Field(default=60.0, ge=1, le=86_400)
    """How long the first such block holds; each further one within a day four times as long."""
    longest_block_seconds: float = Field(default=86_400.0, ge=1, le=31_536_000)
    """Longest that such a block holds."""
    scrape_users_per_hour: int = Field(default=2_000, ge=1, le=100_000)
    """Different users whom one caller may ask about in an hour before that is told as scraping."""
    scrape_errors: float = Field(default=0.5, gt=0, le=1)
    """Share of errors among a caller's last hundred requests from which on that is told as probing."""

    @field_validator("trusted_proxies", "operators_from")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            try:
                ip_network(each, strict=False)
            except ValueError:
                raise ValueError(
                    "holds something that is no network; write each as 10.0.0.0/8 or 2001:db8::/32"
                ) from None
        return given

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(each.lower()) for each in given):
            raise ValueError("holds something that is no host name; write each without scheme, port or wildcard")
        return tuple(each.lower() for each in given)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not all(each == "*" or _ORIGIN.fullmatch(each) for each in given):
            raise ValueError("holds something that is no origin; write each as https://shop.example, in lower case")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if "*" in self.cors_origins and self.cors_credentials:
            raise ValueError("cors_origins is * while cors_credentials is true; name the origins")
        if not self.trust_every_proxy and any(
            ip_network(each, strict=False).prefixlen == 0 for each in self.trusted_proxies
        ):
            raise ValueError(
                "trusted_proxies holds every address, so that anybody may say who they are; name the proxies, or set "
                "trust_every_proxy = true"
            )
        if self.longest_block_seconds < self.block_seconds:
            raise ValueError("longest_block_seconds is below block_seconds; set it to no less")
        return self
