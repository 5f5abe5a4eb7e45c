"""Guards over a small application, for tests that knock at the door."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import httpx2
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from tacit.adapters.limiting import MemoryLimiter
from tacit.adapters.memory import MemoryAuditTrail, MemoryMetricSink
from tacit.adapters.memory_guards import MemoryGuardStore
from tacit.bootstrap.guarding import Guards
from tacit.entrypoints.api.checkpoints import PRINCIPAL, Scope
from tacit.entrypoints.api.door import RequestDoor
from tacit.entrypoints.api.errors import install_error_handlers
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.guards import guard_checkpoints
from tacit.entrypoints.api.strict_json import read_json_body
from tacit.errors import NotFound
from tacit.security.accesses import Access
from tacit.security.addresses import networks_of
from tacit.security.audit import AuditRecorder
from tacit.security.blocks import AllowedCallers, Offences
from tacit.security.edges import CorsRules
from tacit.security.guard_desk import BlockLengths, GuardDesk
from tacit.security.guard_keeper import GuardKeeper
from tacit.security.limiting import Tiers
from tacit.security.principals import ROLES, Principal
from tacit.security.watching import Watcher

PEER = "198.51.100.1"
PROXY = "10.0.0.1"
ANYBODY = Principal("anonymous", "anonymous", ROLES["admin"])
"""Somebody who may everything without having said who they are."""
BODY_KEY = b"k" * 32


class Accesses(list[Access]):
    def record(self, access: Access) -> None:
        self.append(access)


class Post:
    """An application behind guards.

    Attributes:
        accesses: What was to be written down.
        trail: What administrators did.
    """

    def __init__(self, *, allow: Sequence[str] = (), block_after: int = 0, **chosen: Any) -> None:
        self.store, self.trail, self.metrics = MemoryGuardStore(), MemoryAuditTrail(), MemoryMetricSink()
        self.accesses = Accesses()
        self.principal: Principal = ANYBODY
        self.desk = GuardDesk(
            self.store,
            AuditRecorder(self.trail),
            clock=lambda: "2026-01-01T00:00:00Z",
            clock_ms=lambda: int(time.time() * 1_000),
            transaction=nullcontext,
            lengths=BlockLengths(60, 3_600),
        )
        offences = Offences(block_after)
        self.keeper = GuardKeeper(self.store, self.desk, allowed=AllowedCallers(allow), offences=offences)
        self.guards = replace(self._usual(), **chosen)
        first, last = guard_checkpoints(self.guards)
        self.door = _application()
        self.door.add_middleware(RequestDoor, metrics=self.metrics, checkpoints=[*first, _Asking(self), *last])

    def _usual(self) -> Guards:
        return Guards(
            keeper=self.keeper,
            limiter=MemoryLimiter(),
            tiers=Tiers(),
            is_limiting=True,
            watcher=Watcher(),
            accesses=self.accesses,
            access="all",
            body_key=BODY_KEY,
            metrics=self.metrics,
            trusted=networks_of(["10.0.0.0/8"]),
            forwarded_header="x-forwarded-for",
            operators_from=(),
            hosts=None,
            cors=CorsRules(),
            tls_in_front=False,
        )

    def asks(
        self, *paths: str, peer: str = PEER, method: str = "GET", headers: Mapping[str, str] | None = None, **more: Any
    ) -> list[httpx2.Response]:
        """The answers to some requests, one after the other."""

        async def ask() -> list[httpx2.Response]:
            transport = httpx2.ASGITransport(self.door, client=(peer, 4_711))
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return [await client.request(method, path, headers=headers, **more) for path in paths]

        return asyncio.run(ask())

    def statuses(self, *paths: str, **more: Any) -> list[int]:
        return [answer.status_code for answer in self.asks(*paths, **more)]


class _Asking:
    """Stands where somebody finds out who asks."""

    is_immediate = True

    def __init__(self, post: Post) -> None:
        self._post = post

    async def enter(self, scope: Scope) -> None:
        scope[PRINCIPAL] = self._post.principal

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is to be done."""


def _application() -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/livez")
    @app.get("/api/v1/recommendations", dependencies=[requires("lists:read")])
    @app.get("/api/v1/similar/{item_id}", dependencies=[requires("lists:read")])
    @app.get("/api/v1/versions", dependencies=[requires("operations:read")])
    @app.get("/api/v1/users/{user_id}", dependencies=[requires("users:read")])
    def answer() -> Response:
        return PlainTextResponse("yes")

    @app.put("/api/v1/users/{user_id}/preferences", dependencies=[requires("events:write")])
    @app.patch("/api/v1/accounts/{account}", dependencies=[requires("security:admin")])
    async def write(request: Request) -> Response:
        await read_json_body(request)
        return PlainTextResponse("yes")

    @app.get("/api/v1/unknown", dependencies=[requires("lists:read")])
    def know_nothing() -> Response:
        raise NotFound("user_unknown", "No user has this id.")

    @app.get("/api/v1/broken", dependencies=[requires("lists:read")])
    def break_down() -> Response:
        raise LookupError("nothing here")

    install_error_handlers(app, [app.router])
    return app
