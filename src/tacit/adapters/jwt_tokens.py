"""Access tokens as JWTs: Ed25519 alone, headers that nobody reads, and every claim wanted exactly as we write it."""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, get_args

import jwt

from tacit.adapters.token_keys import TokenKey, TokenKeys
from tacit.security.access_tokens import AccessClaims, token_invalid
from tacit.security.principals import Role

ALGORITHM, TYPE = "EdDSA", "at+jwt"
LONGEST_SECONDS = 900
"""No token is given out, or believed, for longer."""
SKEW_SECONDS = 30
"""How far two clocks may be apart."""
MOST_CHARACTERS = 2_048
_AGAIN_SECONDS = 0.05

_PARTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}", re.ASCII)
_ROLES: tuple[Role, ...] = get_args(Role)
_OPTIONS: Any = {
    "require": ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "role"],
    "strict_aud": True,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False),
}


class JwtMint:
    """A `TokenMint` for one installation.

    Headers are written in one way, and compared as a whole with what we would have written: what else may stand in
    one (`jku`, `jwk`, `x5u`, `crit`, another `alg`) has no say, and leads nowhere.

    Args:
        keys: Sign and verify.
        installation: Names this installation: its tokens are by it, and for it.
        seconds: How long a token lasts, 900 at most.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(
        self, keys: TokenKeys, installation: str, *, seconds: int = 600, clock: Callable[[], float] = time.time
    ) -> None:
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"a token lasts from 1 to {LONGEST_SECONDS} seconds")
        self._keys, self._name, self._clock = keys, f"tacit:{installation}", clock
        self._seconds = seconds
        self._headers: dict[str, str] = {}

    @property
    def seconds(self) -> int:
        return self._seconds

    def issue(self, claims: AccessClaims) -> str:
        key, now = self._keys.signing(), int(self._clock())
        payload: dict[str, object] = {
            "iss": self._name,
            "aud": self._name,
            "sub": claims.account_id,
            "sid": claims.session_id,
            "role": claims.role,
            "iat": now,
            "nbf": now,
            "exp": now + self._seconds,
            "jti": uuid.uuid4().hex,
        }
        if claims.user_id is not None:
            payload["uid"] = claims.user_id
        return _signed(payload, key)

    def read(self, token: str) -> AccessClaims:
        key = self._key_of(token)
        try:
            # The times are judged by our own clock, just below.
            payload = jwt.decode(
                token,
                key.public,
                [ALGORITHM],
                audience=self._name,
                issuer=self._name,
                options=_OPTIONS,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise token_invalid() from error
        if not self._is_timely(payload):
            raise token_invalid()
        return _claims(payload)

    def _key_of(self, token: str) -> TokenKey:
        if len(token) > MOST_CHARACTERS or not _PARTS.fullmatch(token) or not _is_canonical(token[-86:]):
            raise token_invalid()
        header = token.partition(".")[0]
        for known in (self._keys.verifying, self._just_made):
            for key in known():
                if header == self._header(key):
                    return key
        raise token_invalid()

    def _just_made(self) -> tuple[TokenKey, ...]:
        """The keys as they are now: another process may have signed with a new one a moment ago."""
        return self._keys.verifying(oldest=_AGAIN_SECONDS)

    def _header(self, key: TokenKey) -> str:
        """How the header of a token is written that this key signs."""
        if key.kid not in self._headers:
            self._headers[key.kid] = _signed({}, key).partition(".")[0]
        return self._headers[key.kid]

    def _is_timely(self, payload: Mapping[str, Any]) -> bool:
        issued, begins, ends = (payload[name] for name in ("iat", "nbf", "exp"))
        if any(type(each) is not int for each in (issued, begins, ends)):
            return False
        now = self._clock()
        is_short = 0 < ends - issued <= LONGEST_SECONDS
        return is_short and bool(max(issued, begins) - SKEW_SECONDS <= now < ends + SKEW_SECONDS)


def _signed(payload: Mapping[str, Any], key: TokenKey) -> str:
    return jwt.encode(dict(payload), key.private, ALGORITHM, headers={"typ": TYPE, "kid": key.kid})


def _claims(payload: Mapping[str, Any]) -> AccessClaims:
    account, session, user = (payload.get(name) for name in ("sub", "sid", "uid"))
    roles = [role for role in _ROLES if role == payload["role"]]
    if not (isinstance(account, str) and account and isinstance(session, str) and session and roles):
        raise token_invalid()
    if user is not None and not isinstance(user, str):
        raise token_invalid()
    return AccessClaims(account, session, roles[0], user)


def _is_canonical(signature: str) -> bool:
    """Whether this is the one way to write these bytes: the last character has bits that no byte takes."""
    raw = base64.urlsafe_b64decode(signature + "==")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == signature
