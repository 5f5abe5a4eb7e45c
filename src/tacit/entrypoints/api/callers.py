"""Who asks: found in a request's head, once, before anything else looks at the request.

A credential that does not hold is only remembered here: what is open to everybody (whether we live, the page to sign in
at) looks at none, and every other route refuses it before it does anything.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal
from urllib.parse import unquote_to_bytes

from starlette.requests import Request, cookie_parser

from tacit.bootstrap import App
from tacit.bootstrap.callers import followed
from tacit.bootstrap.overload import keeping_to
from tacit.entrypoints.api.checkpoints import BUDGET, PRINCIPAL, Again, Checkpoint, Scope, freely
from tacit.entrypoints.api.deadlines import deadline_exceeded
from tacit.entrypoints.api.pools import Pool
from tacit.errors import BadInput, TacitError
from tacit.security.credentials import (
    ANONYMOUS,
    CookieChecker,
    CredentialChecker,
    LastingChecker,
    credentials_invalid,
    credentials_missing,
)
from tacit.security.keys import PREFIX
from tacit.security.principals import LOCAL, NOBODY, Principal
from tacit.serving.budgets import Budget, current_budget, spending

Mode = Literal["open", "optional", "required"]

REFUSAL = "tacit.refusal"
"""Where the scope holds why nobody knows who asks, for the routes that must know it."""

_IN_ADDRESS = (b"&api_key=", b"&access_token=", b"&token=", PREFIX.encode())
"""What a credential in the query looks like.  Addresses end up in logs of proxies and histories of browsers."""

_THREADS, _MOST_AT_ONCE = 8, 256
"""For who must be asked about elsewhere, and may hang; apart from the threads of those who are let in."""


class Identified:
    """A checkpoint that finds out who asks.

    What is sent is looked at whatever the mode: who sends a key is known by it where nobody had to, and a key that does
    not hold is refused rather than taken for none.

    Args:
        checkers: Each is asked in turn, until one says that a credential is of its kind.
        mode: What becomes of who sends none, asked each time.
        cookies: The same for what browsers send.

    Attributes:
        mode: As given.
        is_immediate: Whether none of those who know credentials ever waits; who knows cookies may.
    """

    def __init__(
        self,
        checkers: Sequence[CredentialChecker],
        *,
        mode: Callable[[], Mode],
        cookies: Sequence[CookieChecker] = (),
    ) -> None:
        self._checkers = checkers
        self._cookies = {each.cookie: each for each in cookies}
        self.mode = mode
        self.is_immediate = all(each.is_immediate for each in checkers)
        self._slow_cookies = tuple(each.cookie.encode() for each in cookies if not each.is_immediate)
        self._pool = Pool("callers", threads=_THREADS, bound=_MOST_AT_ONCE, keeping=keeping_to)

    async def enter(self, scope: Scope) -> None:
        try:
            if self.is_immediate and not _has_cookie(scope, self._slow_cookies):
                scope[PRINCIPAL] = self._principal(scope)
            else:
                scope[PRINCIPAL] = await _in_time(self._pool, self._principal, scope)
        except TacitError as refusal:
            scope[PRINCIPAL], scope[REFUSAL] = NOBODY, refusal

    def lasting(self, scope: Scope) -> Again | None:
        found = [*_sent(scope)]
        if REFUSAL in scope or len(found) > 1 or _has_cookie(scope, self._slow_cookies):
            return None
        if not found:
            mode = self.mode()
            return lambda: b"" if self.mode() == mode else None
        holds_on = self._lasting(found[0][0])
        return None if holds_on is None else lambda: b"" if holds_on() else None

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""

    def _principal(self, scope: Scope) -> Principal:
        if scope["query_string"] and _is_in_address(scope["query_string"]):
            raise credentials_invalid()
        found = [*_sent(scope), *self._sent_cookies(scope)]
        if not found:
            return _nobody_said(self.mode())
        if len(found) > 1:
            raise _ambiguous()
        [(credential, checkers)] = found
        for checker in self._checkers if checkers is None else checkers:
            principal = checker.principal(credential)
            if principal is not None:
                return principal
        raise credentials_invalid()

    def _lasting(self, credential: str) -> Callable[[], bool] | None:
        for checker in self._checkers:
            if isinstance(checker, LastingChecker):
                holds_on = checker.lasting(credential)
                if holds_on is not None:
                    return holds_on
        return None

    def _sent_cookies(self, scope: Scope) -> Iterator[tuple[str, Sequence[CredentialChecker]]]:
        if not self._cookies:
            return
        for name, value in scope["headers"]:
            if name == b"cookie":
                given = cookie_parser(value.decode("latin-1"))
                yield from ((given[each], [checker]) for each, checker in self._cookies.items() if each in given)


class Everybody:
    """A checkpoint that takes whoever asks for whoever is at this machine: for tests, and where nobody is asked."""

    is_immediate = True

    async def enter(self, scope: Scope) -> None:
        scope[PRINCIPAL] = LOCAL

    def lasting(self, scope: Scope) -> Again | None:
        return freely

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""


OPEN_DOOR: Sequence[Checkpoint] = (Everybody(),)
"""The checkpoints of an application that asks nobody."""


@contextmanager
def identified(
    app: App, *, more: Sequence[CredentialChecker] = (), cookies: Sequence[CookieChecker] = ()
) -> Iterator[Identified]:
    """The checkpoint of a server, by its settings, its keys and the switch.

    Args:
        app: The platform.
        more: Who else knows credentials.
        cookies: Who knows cookies.
    """
    chosen = app.settings.auth.mode
    with followed(app.keys.ring) as ring:
        yield Identified([ring, *more], mode=lambda: "required" if ring.is_required else chosen, cookies=cookies)


def principal_of(request: Request) -> Principal:
    """Who asks; nobody, where it was not found out."""
    principal: Principal = request.scope.get(PRINCIPAL, NOBODY)
    return principal


def actor_of(request: Request) -> str:
    """How the audit trail names who asks."""
    return principal_of(request).name


def _sent(scope: Scope) -> Iterator[tuple[str, None]]:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            yield value.decode("latin-1").strip(), None
        elif name == b"authorization":
            scheme, _, credential = value.decode("latin-1").strip().partition(" ")
            # Another scheme is for somebody before us, such as a proxy that asks for a password.
            if scheme.lower() == "bearer":
                yield credential.strip(), None


def _has_cookie(scope: Scope, names: Sequence[bytes]) -> bool:
    """Whether one of these cookies may be there; those of other sites on the same host are nothing to us."""
    return any(key == b"cookie" and any(name in value for name in names) for key, value in scope["headers"])


def is_cookie_at_fault(scope: Scope) -> bool:
    """Whether who asks is not known because a cookie, and nothing else that was sent, did not hold."""
    refusal: TacitError | None = scope.get(REFUSAL)
    if refusal is None or refusal.code != "credentials_invalid":
        return False
    return not _is_in_address(scope["query_string"]) and not any(_sent(scope))


async def _in_time(pool: Pool, ask: Callable[[Scope], Principal], scope: Scope) -> Principal:
    """Who asks, found out in a thread that is left behind when the request's time is over.

    Raises:
        Unavailable: `deadline_exceeded` then; `overloaded` where too many wait already.
    """
    budget: Budget = scope.get(BUDGET) or current_budget()
    try:
        with spending(budget):
            async with asyncio.timeout(None if budget.left == math.inf else budget.left):
                found: Principal = await pool.run(ask, scope)
    except TimeoutError as late:
        raise deadline_exceeded() from late
    return found


def _nobody_said(mode: Mode) -> Principal:
    if mode == "required":
        raise credentials_missing()
    return LOCAL if mode == "open" else ANONYMOUS


def _is_in_address(query: bytes) -> bool:
    read = b"&" + (unquote_to_bytes(query) if b"%" in query else query)
    return any(sign in read for sign in _IN_ADDRESS)


def _ambiguous() -> BadInput:
    return BadInput(
        "credentials_ambiguous",
        "The request says in more than one way who asks.",
        field="Authorization",
        fix="Send one credential, once: `Authorization: Bearer KEY`, or `X-API-Key`, or a session.",
    )
