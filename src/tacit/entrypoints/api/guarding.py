"""What each route takes: named at the route itself, and looked for in every route before an application starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.requests import Request

from tacit.data.catalog_edits import user_unknown
from tacit.entrypoints.api.callers import REFUSAL
from tacit.entrypoints.api.checkpoints import OUTSIDE, PRINCIPAL
from tacit.entrypoints.api.checkpoints import Scope as Asked
from tacit.entrypoints.api.parameters import is_encoded, path_id
from tacit.errors import Forbidden, Misconfigured, TacitError
from tacit.security.accesses import Kind, kind_of_call
from tacit.security.credentials import credentials_missing
from tacit.security.key_wishes import USER_SCOPES
from tacit.security.principals import NOBODY, Principal, Scope

PUBLIC = frozenset(
    {
        ("GET", "/live"),
        ("GET", "/livez"),
        ("GET", "/ready"),
        ("GET", "/readyz"),
        ("GET", "/startupz"),
        ("GET", "/health"),
        ("GET", "/docs/docs.js"),
        ("GET", "/docs/docs.css"),
        ("GET", "/static/storefront/{digest}/{name}"),
        ("GET", "/static/console/{digest}/{name}"),
        ("GET", "/.well-known/security.txt"),
        ("POST", "/api/v1/auth/token"),
        ("POST", "/api/v1/auth/refresh"),
        ("POST", "/api/v1/auth/revoke"),
        ("GET", "/signin"),
        ("POST", "/signin"),
        ("GET", "/signin/oidc"),
        ("GET", "/signin/oidc/callback"),
        ("POST", "/signout"),
        ("GET", "/account"),
        ("POST", "/account/password"),
        ("POST", "/account/sign-ins"),
    }
)
"""The routes that ask nobody who they are; of all others, each says what it takes."""
_KINDS = "tacit_kinds"


class Requires:
    """What a route takes, as its dependency.

    A caller who is bound to one user is let through to that user alone: whoever else a path names is to them as if
    nobody had that id, and what is about everybody is refused.

    Args:
        scope: What a caller needs.
        writing: What they need for any method but GET, where that is something else.
        everyone: Whether the answer is about many users at once.

    Attributes:
        scopes: What it takes to read, and what to change something.
    """

    def __init__(self, scope: Scope, *, writing: Scope | None = None, everyone: bool = False) -> None:
        self.scopes: tuple[Scope, Scope] = scope, writing or scope
        self._everyone = everyone

    async def __call__(self, request: Request) -> None:
        self.check(request.scope)
        user_id = request.path_params.get("user_id")
        if user_id is not None and request.scope[PRINCIPAL].user_id is not None:
            check_user(request.scope, _as_kept(request.scope, user_id))

    def needed(self, method: str) -> Scope:
        """The scope for a method."""
        return self.scopes[is_writing(method)]

    def check(self, asked: Asked) -> None:
        """Let a request go on, whose scope names its route.

        Raises:
            TacitError: `address_forbidden` to who asks from elsewhere what operators ask; why nobody knows who asks;
                `credentials_missing` or `scope_missing` if they may not.
        """
        if asked.get(OUTSIDE) and kind_of(asked.get("route"), asked["method"]) == "administrative":
            raise _address_forbidden()
        refusal: TacitError | None = asked.get(REFUSAL)
        if refusal is not None:
            raise refusal
        principal: Principal = asked.get(PRINCIPAL, NOBODY)
        needed = self.needed(asked["method"])
        is_about_others = self._everyone or needed not in USER_SCOPES
        if not principal.may(needed) or (is_about_others and principal.user_id is not None):
            raise _denied(principal, needed)


def requires(scope: Scope, *, writing: Scope | None = None, everyone: bool = False) -> Dependency:
    """`Requires`, as a router's or a route's `dependencies` want it."""
    dependency: Dependency = Depends(Requires(scope, writing=writing, everyone=everyone))
    return dependency


def check_user(asked: Asked, user_id: str) -> None:
    """Let a request go on that is about a user.

    Raises:
        NotFound: `user_unknown` to who is bound to another, whether there is such a user or not.
        Unauthenticated: `credentials_missing` to who did not say who they are.
    """
    principal: Principal = asked.get(PRINCIPAL, NOBODY)
    if principal.may_touch(user_id):
        return
    if principal.kind == "anonymous":
        raise credentials_missing()
    raise user_unknown()


def guards_of(route: APIRoute | RouteContext) -> list[Requires]:
    """What a route takes; nothing where it names nothing."""
    dependant = getattr(route, "dependant", None)
    found = () if dependant is None else dependant.dependencies
    return [each.call for each in found if isinstance(each.call, Requires)]


def guard_of(route: APIRoute) -> Requires:
    """The same of a route that is answered past the framework.

    Raises:
        Misconfigured: `route_unguarded`.
    """
    found = guards_of(route)
    if len(found) != 1:
        raise _unguarded([route.path])
    return found[0]


def is_writing(method: str) -> bool:
    """Whether a method of HTTP is one that changes something."""
    return method not in ("GET", "HEAD")


def kind_of(route: Any, method: str) -> Kind | None:
    """What sort of call it is to ask a route, told by what it takes; without a route, the one that is guarded most."""
    if route is None:
        return "administrative"
    kinds: tuple[Kind | None, Kind | None] | None = getattr(route, _KINDS, None)
    if kinds is None:
        # Found out once for each route, and kept there: it is asked for with every request.
        kinds = _kinds_of(route)
        setattr(route, _KINDS, kinds)
    return kinds[is_writing(method)]


def _kinds_of(route: Any) -> tuple[Kind | None, Kind | None]:
    """The kinds of reading and of changing something."""
    guards, names_user = guards_of(route), "{user_id" in getattr(route, "path", "")
    if not guards:
        return None, None
    reading, writing = guards[-1].scopes
    return kind_of_call(reading, names_user=names_user), kind_of_call(writing, names_user=names_user)


def check_guarded(app: FastAPI) -> None:
    """Refuse to start an application with a route that says neither what it takes nor is open to everybody.

    Raises:
        Misconfigured: `route_unguarded`, naming them.
    """
    unguarded = sorted(set(_unguarded_routes(iter_route_contexts(app.routes))))
    if unguarded:
        raise _unguarded(unguarded)


def _unguarded_routes(routes: Iterable[RouteContext]) -> Iterator[str]:
    for route in routes:
        methods: Iterable[str] = route.methods or ("*",)
        if not guards_of(route):
            yield from (f"{method} {route.path}" for method in methods if (method, route.path) not in PUBLIC)


def _as_kept(asked: Asked, user_id: str) -> str:
    """A user's id in a path as ids are kept, and as the route will read it."""
    return path_id(user_id, "user_id") if is_encoded(asked["path"]) else user_id


def _address_forbidden() -> Forbidden:
    return Forbidden(
        "address_forbidden",
        "This address may not ask what operators ask.",
        fix="Ask from a network of the setting limits.operators_from.",
    )


def _denied(principal: Principal, needed: Scope) -> TacitError:
    if principal.kind == "anonymous":
        return credentials_missing()
    return Forbidden(
        "scope_missing",
        f"This takes the scope {needed}, for everybody's sake and not for one user's alone."
        if principal.may(needed)
        else f"This takes the scope {needed}, which these credentials do not have.",
        field="Authorization",
        fix="Use a key that has it: tacit keys create --scope …",
        context={"scope": needed},
    )


def _unguarded(routes: list[str]) -> Misconfigured:
    return Misconfigured(
        "route_unguarded",
        f"Nobody said who may use: {', '.join(routes)}.",
        field="routes",
        fix="Name what they take with `requires(…)`, on the router or the route, or list them as PUBLIC.",
    )
