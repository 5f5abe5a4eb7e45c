"""How much somebody may ask: tiers, what a request costs, and what is said of it (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from tacit.errors import Limited
from tacit.security.principals import Principal

Tier = Literal["anonymous", "authenticated", "session"]
Counted = Literal["anonymous", "authenticated", "session", "allowed"]

MINUTE, DAY = 60, 86_400


@dataclass(frozen=True, slots=True)
class Ask:
    """What one request takes from one limit.

    Attributes:
        tier: Which limit.
        key: Whose.
        amount: How much of it there is in any `seconds`.
        cost: How much is taken, never more than there is.
    """

    tier: Tier
    key: str
    amount: int
    seconds: int
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What came of an `Ask`.

    Attributes:
        is_given: Whether it was within the limit.
        remaining: What is left of it; `None` where finding out would have cost another question.
        reset_seconds: After which some of it is given back; `None` likewise.
    """

    ask: Ask
    is_given: bool
    remaining: int | None = None
    reset_seconds: float | None = None


class Taken(int):
    """Whether something was taken, and what else is known of it then.

    Attributes:
        remaining: What is left.
        reset_seconds: After which what was asked will be there, or else the oldest take is given back.
    """

    remaining: int
    reset_seconds: float

    @classmethod
    def of(cls, is_given: bool, remaining: int, reset_seconds: float) -> Taken:
        """What is known."""
        found = cls(is_given)
        found.remaining, found.reset_seconds = remaining, reset_seconds
        return found


@dataclass(frozen=True)
class Tiers:
    """How much there is for whom.

    Attributes:
        strict_share: What all of it is multiplied by in strict mode.
    """

    anonymous_per_minute: int = 100
    authenticated_per_minute: int = 1_000
    session_per_day: int = 1_000
    strict_share: float = 0.1
    bulk_cost: int = 50
    similar_cost: int = 5

    def asks(
        self, principal: Principal, client: str, *, session: str | None, cost: int = 1, is_strict: bool = False
    ) -> Sequence[Ask]:
        """What one request takes: from its caller's limit, and from its session's where it names one."""
        is_known = principal.kind in ("key", "account")
        # Whoever logs in anew, or takes another key, is still the same address until then.
        caller = principal.name if is_known else f"ip:{client}"
        amount = self.authenticated_per_minute if is_known else self.anonymous_per_minute
        asks = [self._ask("authenticated" if is_known else "anonymous", caller, amount, cost=cost, is_strict=is_strict)]
        if session is not None:
            own = self._ask(
                "session", f"session:{caller}:{session}", self.session_per_day, cost=cost, is_strict=is_strict
            )
            asks.append(own)
        return asks

    def cost_of(self, method: str, path: str, query: bytes = b"") -> int:
        """As how many requests one counts, by its method, its path as routes see it, and its query as sent."""
        if _BULK.fullmatch(path):
            return self.bulk_cost
        return self.similar_cost if method == "GET" and _is_search(path, query) else 1

    def _ask(self, tier: Tier, key: str, amount: int, *, cost: int, is_strict: bool) -> Ask:
        amount = max(1, math.floor(amount * self.strict_share)) if is_strict else amount
        return Ask(tier, key, amount, DAY if tier == "session" else MINUTE, min(cost, amount))


# Whole paths, for an id may be any word, and hold any character.
_BULK = re.compile(r"/api/v1/(?:recommendations/bulk|rerank|users/[^/]+/rerank)")
_SIMILAR = re.compile(
    r"/api/v1/items/[^/]+/similar|(?:/api/v1)?/(?:similar|alike|random|discover|search)(?:/.*)?", re.DOTALL
)
_SEARCHED = "/api/v1/items"
_QUERY = re.compile(rb"(?:^|&)query=")


def _is_search(path: str, query: bytes) -> bool:
    """Whether somebody asks what is like something else, for a draw, or for whatever begins with some letters."""
    if path == _SEARCHED:
        return _QUERY.search(unquote_to_bytes(query) if b"%" in query else query) is not None
    return _SIMILAR.fullmatch(path) is not None


def headers_of(allowance: Allowance) -> dict[str, str]:
    """What an answer says of the limit it was given under."""
    ask = allowance.ask
    found = {"RateLimit-Limit": str(ask.amount), "RateLimit-Policy": f"{ask.amount};w={ask.seconds}"}
    if allowance.remaining is not None and allowance.reset_seconds is not None:
        found["RateLimit-Remaining"] = str(max(0, allowance.remaining))
        found["RateLimit-Reset"] = str(_whole(allowance.reset_seconds))
    return found


def refusal_of(allowance: Allowance) -> Limited:
    """What somebody is told who asked too much."""
    ask, wait = allowance.ask, max(0.05, allowance.reset_seconds or 1.0)
    return Limited(
        "rate_limited",
        f"More than {ask.amount} requests in {ask.seconds} seconds ({ask.tier}), costly ones counted several times.",
        retry_after=wait,
        fix="Wait for as long as Retry-After says, and spread your requests.",
        context={"limit": ask.amount, "window_seconds": ask.seconds, "cost": ask.cost},
    )


def _whole(seconds: float) -> int:
    return max(0, math.ceil(seconds))
