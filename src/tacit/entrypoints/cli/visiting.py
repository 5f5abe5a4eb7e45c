"""What simulated visitors ask of a running platform, beyond what the client offers, and what they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from tacit.client import AsyncTacitClient, Item, Recommendations
from tacit.client import answers as read
from tacit.client.requests import Params, Question
from tacit.errors import Refused, TacitError

Value = TypeVar("Value")

PAGE = 500
PAGES = 4
"""Of the catalogue that visitors know something of; a larger one is known in part."""


@dataclass(frozen=True)
class Surroundings:
    """What there is to ask for.

    Attributes:
        items: Of the catalogue, by id, at most `PAGE * PAGES`; none is hidden.
        moods: Those that something suits.
        known: Users whom the platform knows; none where the key may not see them.
    """

    items: Mapping[str, Item]
    moods: Sequence[str]
    known: Sequence[str]


class Visitors(AsyncTacitClient):
    """The platform as visitors use it."""

    async def look_around(self, users: int) -> Surroundings:
        """What there is, and so many users whom the platform knows, at most a page, if it tells.

        Raises:
            TacitError: The platform is not there, or does not answer who asks with this key.
            Refused: `catalogue_empty`.
        """
        items = await self._catalogue()
        if not items:
            detail = "There is nothing in the catalogue that may be shown, so nobody would come."
            raise Refused("catalogue_empty", detail, fix="Run `tacit up`, or import something and train.")
        moods = await self._get("/api/v1/moods", _moods)
        return Surroundings({item.item_id: item for item in items}, moods, await self._known(users))

    async def for_mood(self, mood: str, user_id: str | None) -> Recommendations:
        """What suits a mood."""
        path = f"/api/v1/moods/{quote(mood, safe='')}/recommendations"
        return await self._get(path, read.recommendations, _for(user_id))

    async def discover(self, user_id: str | None) -> Recommendations:
        """Something drawn."""
        return await self._get("/api/v1/discover", read.recommendations, _for(user_id))

    async def chart(self, *, is_trending: bool) -> Recommendations:
        """What most users met, or what rises."""
        return await self._get(f"/api/v1/charts{'/trending' if is_trending else ''}", read.recommendations)

    async def for_session(self, item_ids: Sequence[str]) -> Recommendations:
        """What somebody without a name may like next."""
        body = json.dumps({"session": list(item_ids), "limit": 10}).encode()
        question = Question("POST", "/api/v1/sessions/recommendations", read.recommendations, body=body)
        return await self._ask(question)

    async def search(self, text: str) -> Sequence[Item]:
        """Items whose title begins so."""
        items, _ = await self._get("/api/v1/items", _page, (("query", text),))
        return items

    async def _get(self, path: str, reader: Callable[[Any], Value], params: Params = ()) -> Value:
        return await self._ask(Question("GET", path, reader, params))

    async def _catalogue(self) -> list[Item]:
        found: list[Item] = []
        cursor: str | None = ""
        for _ in range(PAGES):
            if cursor is not None:
                params = (("cursor", cursor), ("limit", str(PAGE)))
                items, cursor = await self._get("/api/v1/items", _page, params)
                found += [item for item in items if item.available]
        return found

    async def _known(self, users: int) -> Sequence[str]:
        try:
            return await self._get("/api/v1/users", _users, (("limit", str(min(users, PAGE))),))
        except TacitError:
            return ()  # a key that may not see all users is as good for everything else


def _for(user_id: str | None) -> Params:
    return () if user_id is None else (("user_id", user_id),)


def _page(body: Any) -> tuple[list[Item], str | None]:
    return [read.item(each) for each in body["items"]], body.get("next_cursor")


def _moods(body: Any) -> list[str]:
    return [str(each["mood"]) for each in body["moods"] if each["items"]]


def _users(body: Any) -> list[str]:
    return [str(each["user_id"]) for each in body["users"]]
