"""What every request passes of the guards, and what is written down of it when it leaves."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache

from tacit.bootstrap.guarding import Guards
from tacit.entrypoints.api.checkpoints import (
    CLIENT,
    HEADERS,
    OUTSIDE,
    PRINCIPAL,
    STOPPED,
    Again,
    Answered,
    Checkpoint,
    Scope,
    freely,
)
from tacit.entrypoints.api.counting_again import CountedAgain
from tacit.entrypoints.api.errors import ERROR, REQUEST_ID
from tacit.entrypoints.api.guarding import kind_of
from tacit.entrypoints.api.parameters import is_encoded, path_id
from tacit.entrypoints.api.strict_json import BODY
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput, Forbidden, Limited, TacitError, Unauthenticated
from tacit.monitoring import guard_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.accesses import Access, Kind, decision_of, digest_of_body, is_written
from tacit.security.addresses import UNKNOWN, Address, caller_key, client_of, is_within
from tacit.security.blocks import Block
from tacit.security.chains import canonical_json
from tacit.security.edges import HSTS, host_name
from tacit.security.limiting import Ask, headers_of, refusal_of
from tacit.security.principals import LOCAL, Principal

PROBES = frozenset({"/livez", "/readyz", "/startupz", "/live", "/ready"})
"""What machines ask to find out whether we are there: under any name, as often as they like."""
_ADDRESS = "tacit.address"
_MAX_FACTS = 2_000
_MAX_BODY = 65_536
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_UNTOLD = ("/api/v1/accounts", "/api/v1/auth/")
"""Where bodies hold passwords and tokens, of which not even the length is told."""
_MAX_CHAIN = 2_048


def guard_checkpoints(guards: Guards) -> tuple[Sequence[Checkpoint], Sequence[Checkpoint]]:
    """Those before there is room and anybody is asked who they are, and those after."""
    first: list[Checkpoint] = [ArrivalCheckpoint(guards), WatchCheckpoint(guards), BlockCheckpoint(guards)]
    names = NameBlockCheckpoint(guards)
    return first, [names, LimitCheckpoint(guards)] if guards.is_limiting else [names]


class ArrivalCheckpoint:
    """Finds out from where a request comes, under which name it looks for us, and whether a browser may ask."""

    is_immediate = True

    def __init__(self, guards: Guards) -> None:
        self._trusted, self._header = guards.trusted, guards.forwarded_header
        self._hosts, self._cors, self._operators = guards.hosts, guards.cors, guards.operators_from
        self._always: Mapping[str, str] = HSTS if guards.tls_in_front else {}
        # Few addresses ask often, and reading one costs more than all else here.
        self._found = lru_cache(maxsize=4_096)(self._find)

    async def enter(self, scope: Scope) -> None:
        peer = scope.get("client")
        name = self._header.encode()
        chain = [v for n, v in scope["headers"] if n == name] if self._trusted else []
        scope[CLIENT], scope[_ADDRESS], scope[OUTSIDE] = self._found(peer[0] if peer else None, _end_of(chain))
        if self._always:
            scope.setdefault(HEADERS, {}).update(self._always)
        if path_of(scope) not in PROBES:
            self._check_host(scope)
        self._check_origin(scope)

    def lasting(self, scope: Scope) -> Again | None:
        return freely

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is to be done."""

    def _find(self, peer: str | None, chain: bytes) -> tuple[str, Address | None, bool]:
        address = client_of(peer, [chain.decode("latin-1")], self._trusted, header=self._header)
        # Which routes it matters to that somebody is outside, they say themselves.
        is_outside = bool(self._operators) and not is_within(address, self._operators)
        return caller_key(address), address, is_outside

    def _check_host(self, scope: Scope) -> None:
        if self._hosts is None:
            return
        given = _header(scope, b"host")
        if given is None or host_name(given) not in self._hosts:
            raise BadInput(
                "host_unknown",
                "Nobody answers under this name here.",
                field="Host",
                fix="Ask under a name of the setting limits.hosts; behind a proxy, put its name there.",
            )

    def _check_origin(self, scope: Scope) -> None:
        if not self._cors.origins:
            return
        origin, wanted = _header(scope, b"origin"), _header(scope, b"access-control-request-method")
        if scope["method"] == "OPTIONS" and origin is not None and wanted is not None:
            headers = [each.strip() for each in (_header(scope, b"access-control-request-headers") or "").split(",")]
            found = self._cors.preflight(origin, wanted, [each for each in headers if each])
            raise Answered(403 if found is None else 204, found or {"Vary": "Origin"})
        scope.setdefault(HEADERS, {}).update(self._cors.headers(origin))


class NameBlockCheckpoint:
    """Keeps out keys and accounts that are blocked, whether anything is limited or not."""

    is_immediate = True

    def __init__(self, guards: Guards) -> None:
        self._keeper, self._metrics = guards.keeper, guards.metrics

    async def enter(self, scope: Scope) -> None:
        principal: Principal = scope.get(PRINCIPAL, LOCAL)
        if principal.kind in ("key", "account") and path_of(scope) not in PROBES:
            refuse_blocked(self._keeper.blocked(principal.name), self._metrics)

    def lasting(self, scope: Scope) -> Again | None:
        keeper, principal = self._keeper, scope.get(PRINCIPAL, LOCAL)
        if principal.kind not in ("key", "account"):
            return freely
        return lambda: b"" if keeper.blocked(principal.name) is None else None

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is to be done."""


class BlockCheckpoint:
    """Keeps out whoever is blocked, and has those blocked whom too much was refused to."""

    is_immediate = True

    def __init__(self, guards: Guards) -> None:
        self._keeper, self._metrics = guards.keeper, guards.metrics

    async def enter(self, scope: Scope) -> None:
        refuse_blocked(self._keeper.blocked(scope.get(CLIENT, UNKNOWN)), self._metrics)

    def lasting(self, scope: Scope) -> Again | None:
        keeper, client = self._keeper, scope.get(CLIENT, UNKNOWN)
        return lambda: b"" if keeper.blocked(client) is None else None

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        if _is_offence(scope, status):
            self._keeper.offend(_caller(scope), time.monotonic())


class LimitCheckpoint:
    """Counts what a caller asks, and refuses what is too much."""

    def __init__(self, guards: Guards) -> None:
        self._tiers, self._limiter = guards.tiers, guards.limiter
        self._keeper, self._metrics = guards.keeper, guards.metrics
        self.is_immediate = guards.limiter.is_immediate

    async def enter(self, scope: Scope) -> None:
        principal: Principal = scope.get(PRINCIPAL, LOCAL)
        client: str = scope.get(CLIENT, UNKNOWN)
        if self._is_uncounted(scope, principal):
            return
        if principal.is_exempt or self._keeper.allowed.holds(client) or self._keeper.allowed.holds(principal.name):
            self._metrics.increment(catalogue.LIMIT_CHECKS, tier="allowed", outcome="passed")
            return
        for ask in self._asks(scope, principal, client):
            await self._take(ask, scope)

    def lasting(self, scope: Scope) -> Again | None:
        principal: Principal = scope.get(PRINCIPAL, LOCAL)
        client: str = scope.get(CLIENT, UNKNOWN)
        if self._is_uncounted(scope, principal):
            return freely
        if principal.is_exempt or self._keeper.allowed.holds(client) or self._keeper.allowed.holds(principal.name):
            return None
        countings = [(ask, self._limiter.counting(ask)) for ask in self._asks(scope, principal, client)]
        takes = [(ask, take) for ask, take in countings if take is not None]
        return CountedAgain(self._keeper, takes, self._metrics) if len(takes) == len(countings) else None

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is given back."""

    def _is_uncounted(self, scope: Scope, principal: Principal) -> bool:
        """Whether it is a machine that looks whether we live, or whoever sits at this one, who asks themselves."""
        address: Address | None = scope.get(_ADDRESS)
        is_here = principal.kind == "local" and address is not None and address.is_loopback
        return is_here or path_of(scope) in PROBES

    def _asks(self, scope: Scope, principal: Principal, client: str) -> Sequence[Ask]:
        cost = self._tiers.cost_of(scope["method"], path_of(scope), scope.get("query_string", b""))
        strict = self._keeper.is_strict
        return self._tiers.asks(principal, client, session=_session(scope), cost=cost, is_strict=strict)

    async def _take(self, ask: Ask, scope: Scope) -> None:
        found = await self._limiter.take(ask)
        outcome = "passed" if found.is_given else "refused"
        self._metrics.increment(catalogue.LIMIT_CHECKS, tier=ask.tier, outcome=outcome)
        scope.setdefault(HEADERS, {}).update(headers_of(found))
        if not found.is_given:
            raise refusal_of(found)


class WatchCheckpoint:
    """Looks at what callers do, and has calls on what is kept of users written down."""

    is_immediate = True

    def __init__(self, guards: Guards) -> None:
        self._guards, self._watcher, self._metrics = guards, guards.watcher, guards.metrics

    async def enter(self, scope: Scope) -> None:
        """Everybody may pass."""

    def lasting(self, scope: Scope) -> Again | None:
        return freely

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        route = scope.get("route")
        kind = None if route is None else kind_of(route, scope["method"])
        if kind is None:
            return
        user_id = _user_of(scope)
        shown = self._watcher.note(_caller(scope), user_id=user_id, is_error=status >= 400, now=time.monotonic())
        for pattern in shown:
            self._metrics.increment(catalogue.ABUSE, pattern=pattern)
            self._guards.keeper.suspect(pattern, _caller(scope))
        if is_written(kind, self._guards.access):
            self._write(scope, kind, user_id, status=status)

    def _write(self, scope: Scope, kind: Kind, user_id: str | None, *, status: int) -> None:
        route: str = scope["route"].path
        principal: Principal = scope.get(PRINCIPAL, LOCAL)
        body = b"" if route.startswith(_UNTOLD) else scope.get(BODY) or b""
        self._guards.accesses.record(
            Access(
                at_ms=int(time.time() * 1_000),
                kind=kind,
                method=scope["method"],
                route=route,
                principal=principal.name,
                client=scope.get(CLIENT, UNKNOWN),
                # Nobody unknown is told of a user; whom they name may be an invention, and no key is made for those.
                user_id=None if principal.kind == "anonymous" else user_id,
                decision=decision_of(status),
                status=status,
                request_id=scope.get(REQUEST_ID, ""),
                body_digest=digest_of_body(self._guards.body_key, body),
                facts=facts_of(scope, body),
            )
        )


def _end_of(chain: Sequence[bytes]) -> bytes:
    """The last hops of a chain, whole: what is remembered of a caller is not theirs to make long.

    A last hop that is longer names nobody.
    """
    written = b",".join(chain)
    return written if len(written) <= _MAX_CHAIN else written[-_MAX_CHAIN:].partition(b",")[2]


def path_of(scope: Scope) -> str:
    """The path as routes will see it; where nobody has looked at it yet, as it was sent."""
    path: str | None = scope.get("path")
    return (scope.get("raw_path") or b"").decode("latin-1") if path is None else path


def refuse_blocked(block: Block | None, metrics: MetricSink) -> None:
    """Refuse whoever is kept out.

    Raises:
        Forbidden: `caller_blocked`.
    """
    if block is None:
        return
    metrics.increment(catalogue.BLOCKED_REQUESTS)
    raise Forbidden(
        "caller_blocked",
        "Requests from here are refused for a while.",
        fix="Tell whoever operates this installation the block_id if you think that this is wrong.",
        context={"block_id": block.block_id, "until_ms": block.until_ms},
    )


def facts_of(scope: Scope, body: bytes) -> str:
    """What else is written of a call: why it failed, and the shape of what was sent, without one of its values."""
    facts: dict[str, object] = {}
    error = scope.get(ERROR)
    if isinstance(error, TacitError):
        facts["code"] = error.code
    if body and len(body) <= _MAX_BODY:
        try:
            facts["body"] = _shape(json.loads(body), 0)
        except (ValueError, RecursionError):
            facts["body"] = f"{len(body)} bytes"
    found = canonical_json(facts)
    return found if len(found) <= _MAX_FACTS else canonical_json({**facts, "body": f"{len(body)} bytes"})


def _shape(value: object, depth: int) -> object:
    if isinstance(value, dict) and depth < 4:
        return {_named(name): _shape(each, depth + 1) for name, each in list(value.items())[:32]}
    if isinstance(value, list | dict):
        return f"{len(value)} values"
    return f"{len(value)} characters" if isinstance(value, str) else type(value).__name__


def _named(name: str) -> str:
    """The name of a field; of what no field of ours could be called, and may be a value in the wrong place, nothing."""
    return name if _FIELD_NAME.fullmatch(name) else "?"


def _user_of(scope: Scope) -> str | None:
    """The user whom a path names, as ids are kept; of the interface's own paths the door leaves the encoding."""
    given: str | None = (scope.get("path_params") or {}).get("user_id")
    if given is None:
        return None
    try:
        return path_id(given, "user_id") if is_encoded(path_of(scope)) else checked_id(given, "user_id")
    except BadInput:
        return None  # nobody can be called this


def _caller(scope: Scope) -> str:
    principal: Principal = scope.get(PRINCIPAL, LOCAL)
    return principal.name if principal.kind in ("key", "account") else str(scope.get(CLIENT, UNKNOWN))


def _session(scope: Scope) -> str | None:
    given = _header(scope, b"x-session-id")
    return hashlib.sha256(given.encode()).hexdigest()[:16] if given else None


def _is_offence(scope: Scope, status: int) -> bool:
    error = scope.get(STOPPED) or scope.get(ERROR)
    if isinstance(error, Unauthenticated) or (isinstance(error, Limited) and error.code == "rate_limited"):
        return True
    return status == 404 and "route" not in scope


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
