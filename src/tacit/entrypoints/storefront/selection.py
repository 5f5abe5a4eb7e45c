"""What a visitor has selected, as it stands in the address of a page, and the addresses that follow from it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from tacit.errors import BadInput

MAX_LIKES = 50
MAX_ID_LENGTH = 4096
MAX_QUERY_LENGTH = 100
MAX_MOODS = 12
MAX_MOOD_LENGTH = 100

_UNSHOWN = frozenset({"Cc", "Cs"})
"""Unicode's control characters and halves of pairs."""


@dataclass(frozen=True)
class Selection:
    """Likes, moods and a category; the whole state of a page, so that a link shares it and the back button undoes it.

    Attributes:
        likes: Ids of the items picked, in the order picked, each once.
        category: The category the list is narrowed to.
        moods: Names of the moods picked, likewise.
        is_start: Whether the page is the one where picks are begun or changed, whoever looks at it.
    """

    likes: tuple[str, ...] = ()
    category: str | None = None
    moods: tuple[str, ...] = ()
    is_start: bool = False

    def liking(self, item_id: str) -> Selection:
        return replace(self, likes=(*(like for like in self.likes if like != item_id), item_id))

    def without(self, item_id: str) -> Selection:
        return replace(self, likes=tuple(like for like in self.likes if like != item_id))

    def within(self, category: str | None) -> Selection:
        return replace(self, category=category)

    def toggled(self, mood: str) -> Selection:
        """With a mood, or without it if it is picked."""
        without = tuple(each for each in self.moods if each != mood)
        return replace(self, moods=without if mood in self.moods else (*self.moods, mood))

    @property
    def cleared(self) -> Selection:
        return replace(self, likes=(), moods=())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is picked."""
        return not self.likes and not self.moods

    @property
    def home(self) -> str:
        """The page with these picks and their recommendations."""
        return _address("/start" if self.is_start else "/", self._fields())

    @property
    def start(self) -> str:
        """The page where these picks are changed, for somebody whose own list stands on the first one."""
        return _address("/start", self._fields())

    def similar(self, item_id: str) -> str:
        """The page of items like one item, from which these picks can be returned to."""
        return _address(f"/alike/{quote(item_id, safe='')}", self._fields())

    def listener(self, user_id: str) -> str:
        """The page of somebody with a history, narrowed to this category."""
        return _address(f"/listener/{quote(user_id, safe='')}", Selection(category=self.category)._fields())

    def _fields(self) -> list[tuple[str, str]]:
        category = [("category", self.category)] if self.category else []
        moods = (("mood", mood) for mood in self.moods)
        return [*(("like", like) for like in self.likes), *moods, *category]


def selection_of(
    likes: Sequence[str], category: str | None, moods: Sequence[str] = (), *, is_start: bool = False
) -> Selection:
    """Read a selection from a query; what is empty counts as absent, as a form without script sends it.

    Raises:
        BadInput: `likes_too_many`, or `text_malformed` for an id or category that cannot be one.
    """
    distinct = tuple(dict.fromkeys(plain_text(like, field="like") for like in likes if like))
    if len(distinct) > MAX_LIKES:
        raise BadInput(
            "likes_too_many",
            f"There are {len(distinct)} picks in this address, and at most {MAX_LIKES} can be used at once.",
            field="like",
            fix="Remove some of them.",
        )
    picked = tuple(dict.fromkeys(plain_text(mood, field="mood", max_length=MAX_MOOD_LENGTH) for mood in moods if mood))
    within = plain_text(category, field="category") if category else None
    return Selection(distinct, within, picked[:MAX_MOODS], is_start)


def plain_text(text: str, *, field: str, max_length: int = MAX_ID_LENGTH) -> str:
    """The text, if it can be an id or a name at all.

    Raises:
        BadInput: `text_malformed` if it is too long or holds characters that cannot be shown.
    """
    if len(text) > max_length or any(unicodedata.category(character) in _UNSHOWN for character in text):
        raise BadInput(
            "text_malformed",
            f"The {field} in this address is too long (over {max_length} characters) or holds control characters.",
            field=field,
            fix="Go back to the first page and pick again.",
        )
    return text


def with_fields(address: str, fields: Sequence[tuple[str, str]]) -> str:
    """An address of ours with further fields behind those it has."""
    path, _, query = address.partition("?")
    return f"{path}?{'&'.join(filter(None, (query, urlencode(fields))))}"


def _address(path: str, fields: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(fields)}" if fields else path
