"""What somebody wants of a new key, checked before it is made (pure)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from tacit.errors import BadInput
from tacit.security.principals import ROLES, SCOPES, Role, Scope

FIELDS = ("name", "owner", "role", "scopes", "user_id", "expires", "exempt")
USER_SCOPES: frozenset[Scope] = frozenset({"lists:read", "users:read", "events:write"})
"""What somebody may who is bound to one user: the rest is about everybody."""

MAX_OVERLAP_MS = 30 * 86_400_000
_MAX_TEXT = 100
_MAX_USER_BYTES = 256
_AHEAD = re.compile(r"([1-9][0-9]{0,4})([smhdw])", re.ASCII)
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key to be made; the fields are those of `ApiKey`."""

    name: str
    owner: str
    scopes: frozenset[Scope]
    role: Role | None = None
    user_id: str | None = None
    expires_at_ms: int | None = None
    is_exempt: bool = False


def wish_of(said: Mapping[str, object], *, now_ms: int, owner: str = "") -> KeyWish:
    """A wish as a caller says it.

    Args:
        said: By the names of `FIELDS`; `null` is as if it were left out.
        now_ms: The moment it is said.
        owner: Who owns the key unless somebody is named.

    Raises:
        BadInput: `field_unknown`, `field_missing`, `type`, `value_range`, `role_unknown`, `scope_unknown`,
            `scopes_doubled`, `scope_unbindable`, `timestamp_unit`.
    """
    for name in said:
        if name not in FIELDS:
            raise BadInput(
                "field_unknown", f"{ascii(name)[:64]} is no field of a key.", fix="Send: " + ", ".join(FIELDS)
            )
    scopes, role = _scopes(said)
    user_id = None if said.get("user_id") is None else _user_id(said["user_id"])
    if user_id is not None and not scopes <= USER_SCOPES:
        raise _unbindable(scopes - USER_SCOPES)
    expires, exempt = said.get("expires"), said.get("exempt", False)
    if not isinstance(exempt, bool):
        raise _wrong_type("exempt", "true or false")
    return KeyWish(
        _text(said.get("name"), "name"),
        owner if said.get("owner") is None else _text(said["owner"], "owner"),
        scopes,
        role,
        user_id,
        None if expires is None else moment_ahead(expires, now_ms=now_ms, field="expires"),
        exempt,
    )


def moment_ahead(value: object, *, now_ms: int, field: str) -> int:
    """The moment that somebody means by `90d`, `24h`, or a time to come in ISO 8601 with a zone.

    Raises:
        BadInput: `timestamp_unit`, or `value_range` for a time that is past.
    """
    text = value if isinstance(value, str) else ""
    if ahead := _AHEAD.fullmatch(text):
        return now_ms + int(ahead[1]) * _MILLISECONDS[ahead[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        detail = f"{field} is neither a while nor a time with a zone."
        raise BadInput("timestamp_unit", detail, field=field, fix="Write 90d, 24h, or 2027-01-31T12:00:00Z.")
    at_ms = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000)
    if at_ms <= now_ms:
        raise BadInput("value_range", f"{field} is past.", field=field, fix="Name a time to come.")
    return at_ms


def overlap_ms(value: object, *, now_ms: int) -> int:
    """How long a key's old secret holds beside its new one, in milliseconds; `0` for not at all.

    Raises:
        BadInput: `timestamp_unit`, or `value_range` beyond 30 days.
    """
    if value == "0":
        return 0
    span = moment_ahead(value, now_ms=now_ms, field="overlap") - now_ms
    if span > MAX_OVERLAP_MS:
        raise BadInput("value_range", "overlap is longer than 30 days.", field="overlap", fix="Write at most 30d.")
    return span


def _scopes(said: Mapping[str, object]) -> tuple[frozenset[Scope], Role | None]:
    role, scopes = said.get("role"), said.get("scopes")
    if (role is None) == (scopes is None):
        code = "field_missing" if role is None else "scopes_doubled"
        detail = "A key needs either a role or scopes."
        raise BadInput(code, detail, field="role", fix=f"Send one of them; roles are {', '.join(ROLES)}.")
    if role is not None:
        if not isinstance(role, str) or role not in ROLES:
            raise BadInput(
                "role_unknown", "There is no such role.", field="role", fix=f"Send one of: {', '.join(ROLES)}."
            )
        named = cast("Role", role)
        return ROLES[named], named
    if not isinstance(scopes, Sequence) or isinstance(scopes, str) or not scopes:
        raise _wrong_type("scopes", "an array of scopes")
    if not all(isinstance(each, str) and each in SCOPES for each in scopes):
        fix = f"Send some of: {', '.join(SCOPES)}."
        raise BadInput("scope_unknown", "There is no such scope.", field="scopes", fix=fix)
    return frozenset(cast("Sequence[Scope]", scopes)), None


def _text(value: object, field: str) -> str:
    if value is None:
        raise BadInput("field_missing", f"{field} is missing.", field=field, fix="Say what the key is for.")
    if not isinstance(value, str):
        raise _wrong_type(field, "a string")
    text = unicodedata.normalize("NFC", value).strip()
    if not text or len(text) > _MAX_TEXT or not text.isprintable():
        detail = f"{field} is empty, longer than {_MAX_TEXT} characters, or holds what cannot be shown."
        raise BadInput("value_range", detail, field=field, fix="Send a short text.")
    return text


def _user_id(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type("user_id", "a string")
    # As ids are kept everywhere, or the key would be bound to somebody who cannot be asked for.
    user_id = unicodedata.normalize("NFC", value)
    if not user_id.strip() or not user_id.isprintable() or len(user_id.encode("utf-8", "replace")) > _MAX_USER_BYTES:
        detail = "user_id is empty, too long, or holds what no id may hold."
        raise BadInput("value_range", detail, field="user_id", fix="Send the id of a user.")
    return user_id


def _unbindable(scopes: frozenset[Scope]) -> BadInput:
    return BadInput(
        "scope_unbindable",
        f"A key for one user cannot hold {', '.join(sorted(scopes))}: that is about everybody.",
        field="scopes",
        fix=f"Give it some of: {', '.join(sorted(USER_SCOPES))}, or the role reader.",
    )


def _wrong_type(field: str, wanted: str) -> BadInput:
    return BadInput("type", f"{field} must be {wanted}.", field=field)
