"""The pages where people sign in, see where they are signed in, and sign out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from tacit.bootstrap import App, Serving
from tacit.entrypoints.api.asking import client_of
from tacit.entrypoints.api.errors import ERROR, status_of
from tacit.entrypoints.api.same_origin import our_cookie
from tacit.entrypoints.storefront.assets import read_assets
from tacit.entrypoints.storefront.cookies import clear_flow, clear_session, flow_of, set_flow, set_session
from tacit.entrypoints.storefront.failures import UNEXPECTED, failure_of
from tacit.entrypoints.storefront.forms import few_fields
from tacit.entrypoints.storefront.rendering import Renderer, new_renderer
from tacit.entrypoints.storefront.routes import page_route
from tacit.entrypoints.storefront.ways_in import SIGN_IN, own_path
from tacit.entrypoints.storefront.wording import Wording, is_synthetic, wording_of
from tacit.errors import BadInput, Limited, TacitError, Unauthenticated, Unavailable
from tacit.security.account_desk import AccountDesk
from tacit.security.accounts import Account
from tacit.security.elsewhere import FLOW_SECONDS, Elsewhere, IdentityProvider, opened, sealed
from tacit.security.sessions import Session
from tacit.security.sign_ins import Cookie, SignIns

_LONGEST_KEPT = 2_000
"""Characters of an address that is remembered while somebody signs in elsewhere: a cookie holds some 4,000."""
Form = Mapping[str, str]


@dataclass(frozen=True)
class Doorway:
    """What the pages stand on.

    Attributes:
        sign_ins: Signs people in and out.
        desk: Changes passwords.
        dataset: Names the dataset in use, for what the pages call things.
        profile: Of events, for the same; empty where there are no pages on which somebody does something.
        secret: Seals what a browser keeps while somebody signs in elsewhere.
        provider: Who else knows people; nobody, perhaps.
        elsewhere: Makes accounts of whom it knows.
    """

    sign_ins: SignIns
    desk: AccountDesk
    dataset: Callable[[], str]
    secret: Callable[[], bytes]
    profile: str = ""
    provider: IdentityProvider | None = None
    elsewhere: Elsewhere | None = None


_Form = Annotated[Form, Depends(few_fields)]


def sign_in_router(doorway: Doorway) -> APIRouter:
    """The pages, to be included at the root of an application; who asks is their own question."""
    pages = SignInPages(doorway, new_renderer(read_assets()))
    router = APIRouter(include_in_schema=False, route_class=page_route(pages.failure))
    for path, method, page in (
        ("/signin", "GET", pages.ask),
        ("/signin", "POST", pages.sign_in),
        ("/signout", "POST", pages.sign_out),
        ("/account", "GET", pages.account),
        ("/account/password", "POST", pages.change_password),
        ("/account/sign-ins", "POST", pages.end_sign_ins),
    ):
        router.add_api_route(path, page, methods=[method], response_model=None)
    if doorway.provider is not None and doorway.elsewhere is not None:
        elsewhere = ElsewherePages(doorway, doorway.provider, doorway.elsewhere)
        router.add_api_route("/signin/oidc", elsewhere.leave, response_model=None)
        router.add_api_route("/signin/oidc/callback", elsewhere.come_back, response_model=None)
    return router


def sign_in_pages(app: App, parts: Serving, dataset: Callable[[], str]) -> APIRouter:
    """The pages of an installation."""
    people = app.people
    return sign_in_router(
        Doorway(
            people.counted(parts.metrics),
            people.desk,
            dataset,
            lambda: people.secret,
            profile=app.settings.events.profile,
            provider=people.provider,
            elsewhere=people.elsewhere,
        )
    )


class SignInPages:
    """Takes forms apart, asks one thing of the room, and renders."""

    def __init__(self, doorway: Doorway, renderer: Renderer) -> None:
        self._doorway, self._renderer = doorway, renderer

    def ask(self, request: Request, next: str = "/account") -> Response:  # noqa: A002 - the name in the address
        """Where login and password are entered."""
        if _signed_in(self._doorway.sign_ins, request) is not None:
            return RedirectResponse(own_path(next), 303)
        return self._asked(own_path(next), login="", problem=None)

    def sign_in(self, request: Request, form: _Form) -> Response:
        """Signs a browser in, under a new session whatever it showed before."""
        login, following = form.get("login", ""), own_path(form.get("next", ""))
        try:
            cookie = self._doorway.sign_ins.cookie(login, form.get("password", ""), client_of(request))
        except (Unauthenticated, Limited, Unavailable) as problem:
            request.scope[ERROR] = problem
            return self._asked(following, login=login[:128], problem=problem)
        return _signed(self._doorway.sign_ins, request, cookie, following=following)

    def sign_out(self, request: Request, form: _Form) -> Response:
        """Ends the session of this browser."""
        del form  # it has been checked where it came from
        known = _signed_in(self._doorway.sign_ins, request)
        if known is not None:
            self._doorway.sign_ins.end(known[0])
        response = RedirectResponse("/signin", 303)
        clear_session(response)
        return response

    def account(self, request: Request) -> Response:
        """Who one is here, and where one is signed in."""
        known = _signed_in(self._doorway.sign_ins, request)
        if known is None:
            return RedirectResponse(f"{SIGN_IN}?next={quote('/account')}", 303)
        return self._shown(*known, problem=None)

    def change_password(self, request: Request, form: _Form) -> Response:
        """Another password, for who still knows the one before; every sign-in ends, and this one is begun anew."""
        known = _signed_in(self._doorway.sign_ins, request)
        if known is None:
            return RedirectResponse("/signin", 303)
        session, account = known
        try:
            self._doorway.sign_ins.proved(account, form.get("current", ""), client_of(request))
            changed = self._doorway.desk.set_password(account.account_id, form.get("password", ""), actor=account.name)
        except (BadInput, Unauthenticated, Limited, Unavailable) as problem:
            request.scope[ERROR] = problem
            return self._shown(session, account, problem=problem)
        cookie = self._doorway.sign_ins.cookie_of(changed, client_of(request))
        return _signed(self._doorway.sign_ins, request, cookie, following="/account")

    def end_sign_ins(self, request: Request, form: _Form) -> Response:
        """Signs out elsewhere: one sign-in by its id, or all of them."""
        known = _signed_in(self._doorway.sign_ins, request)
        if known is None:
            return RedirectResponse("/signin", 303)
        _, account = known
        wanted = form.get("sign_in", "")
        if wanted == "all":
            self._doorway.sign_ins.end_all(account.account_id)
        for each in self._doorway.sign_ins.of_account(account.account_id):
            if each.session_id == wanted:
                self._doorway.sign_ins.end(each)
        return RedirectResponse("/account", 303)

    def failure(self, request: Request, error: Exception) -> Response:
        """What could not be done, as a page."""
        del request  # whoever signs in has not said yet who they are
        told = failure_of(error, self._wording()) if isinstance(error, TacitError) else UNEXPECTED
        return self._page("signin_failure.html", status=told.status, failure=told)

    def _wording(self) -> Wording:
        return wording_of(self._doorway.dataset(), self._doorway.profile)

    def _asked(self, following: str, *, login: str, problem: TacitError | None) -> Response:
        status = 200 if problem is None else status_of(problem)
        has_provider = self._doorway.provider is not None
        response = self._page(
            "signin.html", status=status, following=following, login=login, problem=problem, has_provider=has_provider
        )
        if isinstance(problem, Unavailable):
            response.headers["Retry-After"] = str(int(problem.retry_after) + 1)
        return response

    def _shown(self, session: Session, account: Account, *, problem: TacitError | None) -> Response:
        listed = [
            (each.session_id, each.kind, _moment(each.began_at_ms), each.session_id == session.session_id)
            for each in self._doorway.sign_ins.of_account(account.account_id)
        ]
        status = 200 if problem is None else status_of(problem)
        return self._page("account.html", status=status, account=account, sign_ins=listed, problem=problem)

    def _page(self, template: str, *, status: int, **values: object) -> Response:
        dataset = self._doorway.dataset()
        named = {"dataset": dataset, "wording": self._wording(), "is_synthetic": is_synthetic(dataset)}
        named["has_more"] = bool(self._doorway.profile)
        response = self._renderer.page(template, status=status, **named, **values)
        response.headers["Cache-Control"] = "no-store"
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


class ElsewherePages:
    """The way to an identity provider, and back."""

    def __init__(self, doorway: Doorway, provider: IdentityProvider, elsewhere: Elsewhere) -> None:
        self._doorway, self._provider, self._elsewhere = doorway, provider, elsewhere

    def leave(self, next: str = "/account") -> Response:  # noqa: A002 - the name in the address
        """Off to the provider, with what it takes to come back kept in the browser."""
        address, flow = self._provider.begin()
        if len(next) <= _LONGEST_KEPT:
            flow = replace(flow, following=own_path(next))
        response = RedirectResponse(address, 303)
        set_flow(response, sealed(flow, self._doorway.secret()), seconds=FLOW_SECONDS)
        return response

    def come_back(self, request: Request, code: str = "", state: str = "") -> Response:
        """Back from it: signed in, if all that comes back fits what was sent."""
        flow = opened(flow_of(request), state, secret=self._doorway.secret(), now=time.time())
        claims = self._provider.finish(code, flow)
        account = self._elsewhere.account_of(claims)
        cookie = self._doorway.sign_ins.cookie_of(account, client_of(request))
        response = _signed(self._doorway.sign_ins, request, cookie, following=flow.following)
        clear_flow(response)
        return response


def _signed_in(sign_ins: SignIns, request: Request) -> tuple[Session, Account] | None:
    cookie = our_cookie(request.headers)
    return None if cookie is None else sign_ins.session_of(cookie)


def _signed(sign_ins: SignIns, request: Request, cookie: Cookie, *, following: str) -> Response:
    """On, with a cookie that nobody knew before; the session that was shown until now ends."""
    before = _signed_in(sign_ins, request)
    if before is not None:
        sign_ins.end(before[0])
    response = RedirectResponse(following, 303)
    seconds = (cookie.session.ends_at_ms - cookie.session.began_at_ms) // 1_000
    set_session(response, cookie.value, seconds=seconds)
    return response


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
