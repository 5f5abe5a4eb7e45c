"""What a page says once: of what was just done, carried over the redirect that follows every act."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import Request, Response

from tacit.security.session_checker import COOKIE

FLASH = f"{COOKIE}-said"
"""Name of the cookie that carries it: the browser sends it to us alone, and no script reads it."""

_SECONDS = 60
_MOST = 1_000

Tone = Literal["good", "bad"]


@dataclass(frozen=True)
class Flash:
    """A sentence, and whether it tells of something done or of why it was not."""

    said: str
    tone: Tone = "good"
    fix: str | None = None


def put_flash(response: Response, flash: Flash) -> None:
    """Have the next page say it."""
    raw = json.dumps([flash.said[:_MOST], flash.tone, (flash.fix or "")[:_MOST]]).encode()
    _set(response, base64.urlsafe_b64encode(raw).decode(), seconds=_SECONDS)


def flash_of(request: Request) -> Flash | None:
    """What is to be said on this page; nothing where a cookie is not one of ours."""
    kept = request.cookies.get(FLASH)
    if not kept:
        return None
    try:
        said, tone, fix = json.loads(base64.urlsafe_b64decode(kept))
    except ValueError:
        return None
    if not all(isinstance(each, str) for each in (said, fix)) or tone not in ("good", "bad"):
        return None
    return Flash(said, cast("Tone", tone), fix or None)


def clear_flash(response: Response) -> None:
    """It has been said."""
    _set(response, "", seconds=0)


def _set(response: Response, value: str, *, seconds: int) -> None:
    response.set_cookie(FLASH, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")
