"""A server where people sign in, for the suites that ask it: real doors over people in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx2
from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers

from tacit.entrypoints.api.accounts import account_routes
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.checkpoints import PRINCIPAL, Scope
from tacit.entrypoints.api.same_origin import SameOrigin, our_cookie
from tacit.entrypoints.api.tokens import token_routes
from tacit.entrypoints.storefront.pages import storefront_router
from tacit.entrypoints.storefront.signing_in import Doorway, sign_in_router
from tacit.security.elsewhere import Elsewhere, IdentityProvider
from tacit.security.principals import NOBODY
from tacit.security.session_checker import SessionChecker
from tests.people import House
from tests.stages import listening, stage

JSON = {"Content-Type": "application/json"}


class Known:
    """A checkpoint that finds who asks by token or by cookie, as a server's own does."""

    is_immediate = True

    def __init__(self, house: House) -> None:
        self._tokens, self._sessions = house.checker, SessionChecker(house.sign_ins)

    async def enter(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        _, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = our_cookie(headers)
        found = self._tokens.principal(bearer) if bearer else self._sessions.principal(cookie) if cookie else None
        scope[PRINCIPAL] = found or NOBODY

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Door:
    """A server with people, and a client for it."""

    house: House
    client: httpx2.Client

    def asked(self, path: str, body: object, method: str = "POST", **headers: str) -> httpx2.Response:
        return self.client.request(method, f"/api/v1/{path}", json=body, headers=headers)

    def tokens(self, login: str, password: str) -> dict[str, str]:
        return dict(self.asked("auth/token", {"login": login, "password": password}).json())

    def form(self, path: str, origin: str | None = "", **fields: str) -> httpx2.Response:
        """What a form of our own pages sends, unless it says another origin."""
        headers = {} if origin is None else {"Origin": origin or str(self.client.base_url)}
        return self.client.post(path, data=fields, headers=headers)


def real_clock() -> int:
    return int(time.time() * 1_000)


@contextmanager
def people_app(
    folder: Path,
    house: House,
    *,
    provider: IdentityProvider | None = None,
    elsewhere: Elsewhere | None = None,
    more: Sequence[APIRouter] = (),
) -> Iterator[FastAPI]:
    """The application, with people's doors beside its own."""
    doorway = Doorway(
        house.sign_ins, house.desk, lambda: "lastfm", lambda: b"s" * 32, provider=provider, elsewhere=elsewhere
    )
    with stage(folder) as made:
        shop = storefront_router(made.service, dataset=lambda: "lastfm")
        doors = [account_routes(house.desk), token_routes(house.sign_ins), sign_in_router(doorway), shop, *more]
        yield create_app(
            made.service,
            made.pool,
            made.metrics,
            version="0",
            extra_routers=doors,
            checkpoints=[SameOrigin(), Known(house)],
        )


@contextmanager
def people_door(folder: Path, house: House, **more: object) -> Iterator[Door]:
    """The same behind a real server, and a client for it."""
    with people_app(folder, house, **more) as app, listening(app) as client:  # type: ignore[arg-type]
        # As browsers do on their own machine, but no library.
        client.cookies.jar.set_policy(DefaultCookiePolicy(secure_protocols=("http", "https")))
        yield Door(house, client)
