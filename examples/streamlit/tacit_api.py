"""What the page asks of Tacit's interface: moods, charts, likenesses, draws, a search, and one kind of event."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2

ADDRESS = "http://127.0.0.1:8000"


class ApiError(Exception):
    """Tacit refused, or was not reached; the text is for whoever looks at the page."""


@dataclass(frozen=True)
class TacitApi:
    """Asks one installation.

    Attributes:
        address: Where it serves.
        key: What is sent to say who asks, where that is needed.
    """

    address: str = field(default_factory=lambda: os.environ.get("TACIT_URL", ADDRESS))
    key: str | None = field(default_factory=lambda: os.environ.get("TACIT_API_KEY"), repr=False)

    def moods(self) -> list[dict[str, Any]]:
        """Every mood that anything suits."""
        return [each for each in self._get("/moods")["moods"] if each["empty_because"] is None]

    def for_mood(self, mood: str, *, user_id: str | None, limit: int) -> dict[str, Any]:
        """What suits a mood, for somebody or for nobody in particular."""
        return self._get(f"/moods/{mood}/recommendations", limit=limit, user_id=user_id)

    def named(self, prefix: str) -> list[dict[str, Any]]:
        """Items whose title begins so, or a word in it; well-known ones for no letters at all."""
        found: list[dict[str, Any]] = self._get("/items", query=prefix or None, limit=20)["items"]
        return found

    def similar(self, item_id: str, *, limit: int) -> dict[str, Any]:
        """What is like an item."""
        return self._get(f"/items/{quote(item_id, safe='')}/similar", limit=limit)

    def chart(self, *, is_trending: bool, category: str | None, limit: int) -> dict[str, Any]:
        """What most people know, or what rises."""
        path = "/charts/trending" if is_trending else "/charts"
        return self._get(path, category=category, limit=limit)

    def discover(self, *, user_id: str | None, limit: int) -> dict[str, Any]:
        """Something drawn at random."""
        return self._get("/discover", user_id=user_id, limit=limit)

    def like(self, user_id: str, item_id: str, recommendation_id: str) -> None:
        """Say that somebody likes an item of a list."""
        event = {
            "event_id": uuid.uuid4().hex,
            "user_id": user_id,
            "item_id": item_id,
            "type": "like",
            "recommendation_id": recommendation_id,
        }
        self._ask("POST", "/events", json=event)

    def _get(self, path: str, **given: object) -> dict[str, Any]:
        said = {name: str(value) for name, value in given.items() if value is not None}
        answer: dict[str, Any] = self._ask("GET", path, params=said)
        return answer

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        try:
            answer = httpx2.request(method, f"{self.address}/api/v1{path}", headers=headers, timeout=10, **more)
        except httpx2.HTTPError as error:
            raise ApiError(f"Tacit cannot be reached at {self.address}. Start it with `tacit up`.") from error
        if answer.is_success:
            return answer.json()
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        raise ApiError(problem.get("detail") or f"Tacit answered {answer.status_code}.")
