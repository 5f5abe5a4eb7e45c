"""A server where people sign in, for the suites that ask it: real doors over people in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx2
from fastapi import APIRouter, FastAPI

from tacit.entrypoints.api.accounts import account_routes
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.callers import Identified, Mode
from tacit.entrypoints.api.same_origin import SameOrigin
from tacit.entrypoints.api.tokens import token_routes
from tacit.entrypoints.storefront.pages import storefront
from tacit.entrypoints.storefront.signing_in import Doorway, sign_in_router
from tacit.security.edges import CorsRules
from tacit.security.elsewhere import Elsewhere, IdentityProvider
from tacit.security.session_checker import SessionChecker
from tests.people import House
from tests.stages import listening, stage

JSON = {"Content-Type": "application/json"}


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
    mode: Callable[[], Mode] = lambda: "required",
    cors: CorsRules | None = None,
) -> Iterator[FastAPI]:
    """The application, with people's doors beside its own."""
    callers = Identified([house.checker], mode=mode, cookies=[SessionChecker(house.sign_ins)])
    doorway = Doorway(
        house.sign_ins, house.desk, lambda: "lastfm", lambda: b"s" * 32, provider=provider, elsewhere=elsewhere
    )
    with stage(folder) as made:
        shop = storefront(made.service, dataset=lambda: "lastfm", has_sign_in=True)
        doors = [
            account_routes(house.desk),
            token_routes(house.sign_ins),
            sign_in_router(doorway),
            shop.router(),
            *more,
        ]
        yield create_app(
            made.service,
            made.pool,
            made.metrics,
            version="0",
            extra_routers=doors,
            checkpoints=[SameOrigin(cors), callers],
            refusal_page=shop.failure,
        )


@contextmanager
def people_door(folder: Path, house: House, **more: object) -> Iterator[Door]:
    """The same behind a real server, and a client for it."""
    with people_app(folder, house, **more) as app, listening(app) as client:  # type: ignore[arg-type]
        # As browsers do on their own machine, but no library.
        client.cookies.jar.set_policy(DefaultCookiePolicy(secure_protocols=("http", "https")))
        yield Door(house, client)
