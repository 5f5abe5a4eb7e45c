"""The shapes of what goes over the wire at the catalogue's door, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.data.catalog_edits import MAX_EDITS
from tacit.data.catalog_fields import MAX_CHOSEN_ITEMS, MAX_MOODS, MAX_TITLE_BYTES, MAX_WORDS


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PreferencesBody(_Body):
    """What somebody chose when asked."""

    items: list[str] = Field(description="Items they like.")
    categories: list[str] = Field(description="Categories they like.")
    moods: list[str] = Field(description="Moods they like, in words of their own or of the catalogue's tags.")


class UserBody(_Body):
    """What we know of a user."""

    user_id: str
    labels: dict[str, Any]
    preferences: PreferencesBody
    interactions: int = Field(description="With how many items the version that answers has seen them.")
    updated_at: str | None = Field(description="When something was last said of them here; null if nothing was.")


class UsersBody(_Body):
    """A page of users by id."""

    users: list[UserBody]
    next_cursor: str | None = Field(description="Where the next page begins; null behind the last one.")


class EditOutcomeBody(BaseModel):
    """What became of one entry."""

    model_config = ConfigDict(extra="allow", strict=True)

    index: int = Field(description="Its place in what was sent, from 0; lines without content do not count.")
    item_id: str | None = Field(default=None, description="The item, if its id is in order.")
    user_id: str | None = Field(default=None, description="The user, if the id is in order.")
    outcome: Literal["created", "changed", "unchanged", "deleted", "rejected"]
    code: str | None = Field(default=None, description="Why it was not kept.")
    detail: str | None = None
    field: str | None = None
    fix: str | None = None


class EditedBody(_Body):
    """What became of the entries of a call; `received` is the sum of the five others."""

    results: list[EditOutcomeBody]
    received: int
    created: int = Field(description="New ones.")
    changed: int
    unchanged: int = Field(description="They said what was said before.")
    deleted: int
    rejected: int = Field(description="Not kept; all others are.")


def _words(said: str, most: int) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": {"type": "string"}, "maxItems": most, "description": said}


_LABELS = {"type": ["object", "null"], "description": "Further facts; at most 16 KiB."}
_PREFERENCES: dict[str, Any] = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "items": _words("Ids of items they like.", MAX_CHOSEN_ITEMS),
        "categories": _words("Categories they like.", MAX_WORDS),
        "moods": _words("Moods they like.", MAX_MOODS),
    },
}
_ITEM_FIELDS: dict[str, Any] = {
    "title": {
        "type": ["string", "null"],
        "description": f"What a person calls it; at most {MAX_TITLE_BYTES} bytes. Null: what an import said.",
    },
    "categories": _words("Broad groups, most typical first. Null: what an import said.", MAX_WORDS),
    "tags": _words("Free words, most frequent first. Null: what an import said.", MAX_WORDS),
    "labels": _LABELS,
    "available": {"type": ["boolean", "null"], "default": True, "description": "Whether it may be shown."},
    "expires_at": {
        "type": ["string", "integer", "null"],
        "description": "When it may no longer be shown: ISO 8601 with a zone, or milliseconds since 1970.",
    },
}
_USER_FIELDS: dict[str, Any] = {"labels": _LABELS, "preferences": _PREFERENCES}


def _body(schema: dict[str, Any], example: object, *, description: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema, "example": example}
    return {"required": True, "description": description, "content": {"application/json": content}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def edits_body(name: str, entry: dict[str, Any], example: object) -> dict[str, Any]:
    """Many entries as the body of a request."""
    described = f"An array of {name}, or an object with one as `{name}`; each names its `{name[:-1]}_id`."
    listed = {"type": "array", "items": entry, "minItems": 1, "maxItems": MAX_EDITS}
    wrapped = {"required": [name], **_object({name: listed})}
    body = _body({"anyOf": [listed, wrapped]}, [example], description=described)
    lines = {"schema": {"type": "string", "description": "One entry a line."}}
    return {**body, "content": {**body["content"], "application/x-ndjson": lines}}


def _named(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    """An object that names its item or user."""
    name = f"{kind}_id"
    return {"required": [name], **_object({name: {"type": "string"}, **properties})}


def removal_entry(kind: str) -> dict[str, Any]:
    """What names one that is to be removed."""
    return {"anyOf": [{"type": "string", "description": f"Id of the {kind}."}, _named(kind, {})]}


ITEM_ENTRY = _named("item", _ITEM_FIELDS)
"""An item among many."""

USER_ENTRY = _named("user", _USER_FIELDS)
"""A user among many."""

ITEM_BODY = {
    "requestBody": _body(
        _object(_ITEM_FIELDS),
        {"title": "…", "categories": ["…"], "available": True},
        description="What is said of the item; what is null holds as if nothing was said.",
    )
}
"""An item as the body of a request."""

USER_BODY = {"requestBody": _body(_object(_USER_FIELDS), {"labels": {}}, description="What is said of the user.")}
"""A user as the body of a request."""

PREFERENCES_BODY = {
    "requestBody": _body(
        {**_PREFERENCES, "type": "object"},
        {"items": ["…"], "categories": ["…"], "moods": ["…"]},
        description="All that the user chose; it takes the place of what they chose before.",
    )
}
"""A choice as the body of a request."""
