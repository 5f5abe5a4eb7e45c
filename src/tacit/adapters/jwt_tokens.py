"""Access tokens as JWTs: Ed25519 alone, headers that nobody reads, and every claim wanted exactly as we write it."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
MOST_KNOWN = 4_096
"""How many tokens are known again without their signature being verified once more."""
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
        self._known = _KnownTokens(MOST_KNOWN)

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
        known = self._known.find(token)
        if known is None or not self._is_verifying(known.kid):
            known = self._verified(token)
        if not self._is_timely(*known.times):
            raise token_invalid()
        return known.claims

    def _verified(self, token: str) -> _Verified:
        """What a token says, its times still to be judged; remembered, for only who holds one that we signed gets here.

        Raises:
            Unauthenticated: `token_invalid`.
        """
        key = self._key_of(token)
        try:
            # The times are judged by our own clock.
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
        verified = _Verified(key.kid, _times(payload), _claims(payload))
        self._known.keep(token, verified)
        return verified

    def _is_verifying(self, kid: str) -> bool:
        return any(key.kid == kid for key in self._keys.verifying())

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

    def _is_timely(self, issued: int, begins: int, ends: int) -> bool:
        now = self._clock()
        is_short = 0 < ends - issued <= LONGEST_SECONDS
        return is_short and bool(max(issued, begins) - SKEW_SECONDS <= now < ends + SKEW_SECONDS)


@dataclass(frozen=True)
class _Verified:
    """What a token says whose signature held.

    Attributes:
        kid: Names the key that signed it.
        times: When it was issued, begins and ends.
        claims: The rest.
    """

    kid: str
    times: tuple[int, int, int]
    claims: AccessClaims


class _KnownTokens:
    """Tokens that were verified, by their digests, so that none can be read out of here; the latest to be shown."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, _Verified] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, token: str) -> _Verified | None:
        digest = _digest(token)
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
            return found

    def keep(self, token: str, verified: _Verified) -> None:
        with self._lock:
            self._kept[_digest(token)] = verified
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _digest(token: str) -> bytes:
    # What is longer than any token differs from all that are kept, however much of it is looked at.
    return hashlib.sha256(token[: MOST_CHARACTERS + 1].encode("utf-8", "surrogatepass")).digest()


def _signed(payload: Mapping[str, Any], key: TokenKey) -> str:
    return jwt.encode(dict(payload), key.private, ALGORITHM, headers={"typ": TYPE, "kid": key.kid})


def _times(payload: Mapping[str, Any]) -> tuple[int, int, int]:
    issued, begins, ends = (payload[name] for name in ("iat", "nbf", "exp"))
    if any(type(each) is not int for each in (issued, begins, ends)):
        raise token_invalid()
    return issued, begins, ends


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
