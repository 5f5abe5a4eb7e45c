"""The shapes of accounts and tokens over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RoleName = Literal["reader", "writer", "operator", "admin"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TokensBody(_Body):
    """What somebody who signed in asks with from now on."""

    access_token: str = Field(description="To be sent as `Authorization: Bearer …`.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds that the access token lasts.")
    refresh_token: str = Field(description="Good for one exchange for the next pair; keep it secret.")
    refresh_expires_in: int = Field(description="Seconds within which it must be exchanged.")


class RevokedBody(_Body):
    """What was asked to be revoked is."""

    revoked: Literal[True]


class AccountBody(_Body):
    """Somebody who signs in; the password is nowhere shown."""

    account_id: str
    login: str
    role: RoleName
    is_disabled: bool
    user_id: str | None = Field(description="The only user they may read and write for; null for no such bound.")
    signs_in: Literal["password", "elsewhere"] = Field(description="Whether with a password, or at a provider.")
    created_at_ms: int


class AccountsBody(_Body):
    """All accounts, by login."""

    accounts: list[AccountBody]


class EndedBody(_Body):
    """How many sign-ins were ended."""

    sign_ins_ended: int


_TEXT: dict[str, Any] = {"type": "string"}
_ROLE: dict[str, Any] = {"type": "string", "enum": ["reader", "writer", "operator", "admin"]}


def _described(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_PASSWORD = {"type": "string", "format": "password"}
SIGN_IN_BODY = _described({"login": _TEXT, "password": _PASSWORD}, "login", "password")
REFRESH_BODY = _described({"refresh_token": _TEXT}, "refresh_token")
REVOKE_BODY = _described({"refresh_token": _TEXT, "everywhere": {"type": "boolean", "default": False}}, "refresh_token")
CREATE_BODY = _described(
    {"login": _TEXT, "password": _PASSWORD, "role": _ROLE, "user_id": _TEXT}, "login", "password", "role"
)
CHANGE_BODY = _described({"role": _ROLE, "password": _PASSWORD, "is_disabled": {"type": "boolean"}})
