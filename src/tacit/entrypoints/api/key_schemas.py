"""The shapes of what goes over the wire about API keys, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.security.principals import ROLES, SCOPES


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SecretBody(_Body):
    """A secret of a key that holds; the secret itself is told nobody."""

    made_at: str
    ends_at: str | None = Field(description="Until when it holds beside the one that took its place; null for good.")


class KeyBody(_Body):
    """An API key, as far as anybody may know it without having it."""

    key_id: str = Field(description="Names it, in the audit trail too, where who asks with it is `key:` and this.")
    name: str
    owner: str
    state: Literal["active", "expired", "revoked"]
    role: str | None = Field(description="The role that it was made with, if it was not by scopes.")
    scopes: list[str]
    user_id: str | None = Field(description="The only user it may read and write for; null for no such bound.")
    exempt: bool = Field(description="Whether limits are only counted for it.")
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    secrets: list[SecretBody]
    uses: int = Field(description="Requests that it was sent with, up to some seconds ago.")
    last_used_at: str | None


class KeysBody(_Body):
    """All keys, the newest first."""

    keys: list[KeyBody]


class IssuedBody(KeyBody):
    """A key that was just made or rotated."""

    key: str = Field(description="What its holder sends as `Authorization: Bearer …`; it is told here and never again.")


class RequiredBody(_Body):
    """Whether everybody must say who they are."""

    required: bool


_TEXT: dict[str, Any] = {"type": "string"}
_REASON = {**_TEXT, "description": "Why, for the audit trail."}


def _described(properties: dict[str, Any], *, example: object, required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


CREATE_BODY = _described(
    {
        "name": {**_TEXT, "minLength": 1, "maxLength": 100, "description": "What it is for."},
        "owner": {**_TEXT, "minLength": 1, "maxLength": 100, "description": "Who is asked when it misbehaves."},
        "role": {**_TEXT, "enum": list(ROLES), "description": "What it allows; or else `scopes`."},
        "scopes": {"type": "array", "minItems": 1, "items": {**_TEXT, "enum": list(SCOPES)}},
        "user_id": {**_TEXT, "description": "The only user it may read and write for."},
        "expires": {**_TEXT, "description": "`90d`, `24h`, or a time in ISO 8601 with its zone; else never."},
        "exempt": {"type": "boolean", "default": False, "description": "Whether limits are only counted for it."},
    },
    example={"name": "web shop", "role": "reader", "expires": "90d"},
    required=["name"],
)
ROTATE_BODY = _described(
    {"overlap": {**_TEXT, "default": "1d", "description": "For how long the old secret holds too: `1d`, at most 30d."}},
    example={"overlap": "1d"},
    required=[],
)
REVOKE_BODY = _described({"reason": _REASON}, example={"reason": "found in a repository"}, required=[])
REQUIRED_BODY = _described(
    {"required": {"type": "boolean"}, "reason": _REASON},
    example={"required": True, "reason": "under attack"},
    required=["required"],
)
