"""What is given up first where there is no room for all, and who works on it; told from a request's head.

This says how soon something is refused under load, never who may do it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache


class Priority(IntEnum):
    """The higher, the sooner given up."""

    VITAL = 0
    """Health, who somebody is, and events: what would be missed most, and is cheap or durable."""
    LISTS = 1
    """The lists of users."""
    OTHERS = 2
    """What is asked of the catalogue, of many at once, or by pages."""
    LAST = 3
    """What operators ask, exports, whole lists, and changes of the catalogue."""


POOLS = ("health", "vital", "answers", "pages", "operators")
"""Who works on what: each has threads of its own, so that one that is stuck is in nobody's way."""


@dataclass(frozen=True)
class RequestClass:
    """How a request is treated.

    Attributes:
        priority: When it is given up.
        pool: Who works on it.
    """

    priority: Priority
    pool: str


HEALTH = RequestClass(Priority.VITAL, "health")
"""Never refused: whoever is told nothing restarts us, or sends requests elsewhere."""
VITAL = RequestClass(Priority.VITAL, "vital")
LISTS = RequestClass(Priority.LISTS, "answers")
OTHERS = RequestClass(Priority.OTHERS, "answers")
PAGES = RequestClass(Priority.OTHERS, "pages")
LAST = RequestClass(Priority.LAST, "operators")

_HEALTH = re.compile(r"/(?:livez|readyz|startupz|healthz|health|live|ready)/?")
# Whole paths, for an id may be any word: a user called `bulk` waits no longer for it.
_VITAL = re.compile(r"/api/v1/(?:events|auth/[^/]+)")
_DOORS = frozenset({"/signin", "/signout"})
"""Where browsers sign in and out: as `auth/` is for programs."""
_DEEDS = frozenset({"/start", "/acts", "/opinion", "/you/forget"})
"""Where the forms of the storefront's pages lead."""
_LIST = re.compile(
    r"/api/v1/(?:(?:sessions/)?recommendations|users/[^/]+/recommendations|recommendations/user/[^/]+)|/recommend/[^/]+"
)
_OTHER = re.compile(r"/api/v1/(?:recommendations/bulk|rerank|users/[^/]+/(?:rerank|preferences|hidden(?:/[^/]+)?))")
_READING = re.compile(
    r"/api/v1/(?:popular|discover|items(?:/[^/]+(?:/similar)?)?|charts(?:/[^/]+)?|moods(?:/[^/]+(?:/recommendations)?)?)"
    r"|/(?:mood|similar)/[^/]+|/top-charts|/random"
)


def class_of(method: str, path: str) -> RequestClass:
    """The class of a request.

    Args:
        method: As sent.
        path: As sent, without its query.
    """
    return _known_class(method, path) if len(path) <= 64 else _class_of(method, path)


def _class_of(method: str, path: str) -> RequestClass:
    if _HEALTH.fullmatch(path):
        return HEALTH
    if _VITAL.fullmatch(path) or (method == "POST" and path in _DOORS):
        return VITAL
    if _LIST.fullmatch(path):
        return LISTS
    is_reading = method in ("GET", "HEAD")
    if _OTHER.fullmatch(path) or (is_reading and _READING.fullmatch(path)):
        return OTHERS
    is_page = is_reading or path in _DEEDS
    is_operators = path.startswith(("/api/", "/console/")) or path == "/console"
    return PAGES if is_page and not is_operators else LAST


# What is asked most is asked again and again: health, events, charts, the lists of those who are here now.
_known_class = lru_cache(maxsize=4_096)(_class_of)
