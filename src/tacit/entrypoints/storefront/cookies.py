"""The cookies by which a browser stays signed in, and finds its way back from signing in elsewhere."""

from __future__ import annotations

from fastapi import Request, Response

from tacit.security.session_checker import COOKIE

FLOW_COOKIE = f"{COOKIE}-flow"
"""Name of the second."""


def set_session(response: Response, value: str, *, seconds: int) -> None:
    """Have a browser send this with everything it asks of us, until it is over."""
    _set(response, COOKIE, value, seconds=seconds)


def clear_session(response: Response) -> None:
    """Have a browser forget it."""
    _set(response, COOKIE, "", seconds=0)


def set_flow(response: Response, value: str, *, seconds: int) -> None:
    """Have a browser keep what it takes to come back from signing in elsewhere."""
    _set(response, FLOW_COOKIE, value, seconds=seconds)


def clear_flow(response: Response) -> None:
    """Have a browser forget that."""
    _set(response, FLOW_COOKIE, "", seconds=0)


def flow_of(request: Request) -> str:
    """What it kept; empty if nothing."""
    return request.cookies.get(FLOW_COOKIE, "")


def _set(response: Response, name: str, value: str, *, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
