"""An OpenID Connect provider: asked on hosts of its own alone, and believed only if all is right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import jwt
import structlog

from tacit.errors import Unavailable
from tacit.security.elsewhere import FLOW_SECONDS, Flow, oidc_refused

ALGORITHMS: Mapping[str, tuple[str, ...]] = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
"""What a key of each type may sign with; a key that is a shared secret is no key here."""
KEPT_SECONDS = 3_600.0
"""How long what the provider says of itself counts."""
AGAIN_SECONDS = 60.0
"""How often its keys are asked for anew when a token names one that is not among them."""
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 1_000_000
SKEW_SECONDS = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OidcClient:
    """What we are to a provider.

    Attributes:
        issuer: Who it is, exactly as it says itself.
        client_id: What it calls us.
        client_secret: What we show it; `None` where the code's proof is enough.
        redirect: Where it sends people back to.
        hosts: Hosts that its endpoints may be on, beside the issuer's own.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    redirect: str
    hosts: frozenset[str] = frozenset()


class OidcProvider:
    """An `IdentityProvider` (of `tacit.security.elsewhere`) by authorization code with PKCE.

    Args:
        client: What we are to it.
        clock: Tells the time in seconds since 1970.
        http: Asks it; its timeouts bound every call.
    """

    def __init__(
        self,
        client: OidcClient,
        *,
        clock: Callable[[], float] = time.time,
        http: httpx2.Client | None = None,
    ) -> None:
        self._client, self._clock = client, clock
        self._http = http or httpx2.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._hosts = client.hosts | {str(urlsplit(client.issuer).netloc)}
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self) -> tuple[str, Flow]:
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        joint = "&" if urlsplit(address).query else "?"
        return f"{address}{joint}{urlencode(asked)}", Flow(state, nonce, verifier, int(self._clock()) + FLOW_SECONDS)

    def finish(self, code: str, flow: Flow) -> Mapping[str, object]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect,
            "client_id": self._client.client_id,
            "code_verifier": flow.verifier,
        }
        if self._client.client_secret is not None:
            form["client_secret"] = self._client.client_secret
        answer = self._asked("POST", self._endpoint("token_endpoint"), data=form)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > 16_384:
            raise oidc_refused()
        try:
            return self._claims(token, flow.nonce)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.warning("id_token_refused", why=type(error).__name__)
            raise oidc_refused() from error

    def _claims(self, token: str, nonce: str) -> Mapping[str, object]:
        header = jwt.get_unverified_header(token)
        jwk = self._key(header.get("kid"))
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS.get(str(jwk.get("kty")), ()) or jwk.get("alg", algorithm) != algorithm:
            raise ValueError("the token's algorithm is not its key's")
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(jwk, algorithm).key,
            [algorithm],
            audience=self._client.client_id,
            issuer=self._client.issuer,
            leeway=SKEW_SECONDS,
            options={"require": ["iss", "aud", "sub", "exp", "iat", "nonce"]},
        )
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self._client.client_id) != self._client.client_id or (parties[1:] and "azp" not in claims):
            raise ValueError("the token is another party's")
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise ValueError("the token answers another question")
        if self._clock() - claims["iat"] > FLOW_SECONDS + SKEW_SECONDS:
            raise ValueError("the token is old")
        return claims

    def _key(self, kid: object) -> dict[str, Any]:
        address = self._endpoint("jwks_uri")
        for oldest in (KEPT_SECONDS, AGAIN_SECONDS):
            keys = self._document(address, oldest).get("keys")
            found = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
            fitting = [key for key in found if key.get("kid") == kid and key.get("use", "sig") == "sig"]
            if len(fitting) == 1 and (kid is not None or len(found) == 1):
                return fitting[0]
        raise ValueError("the token's key is none of the provider's")

    def _endpoint(self, name: str) -> str:
        """Where the provider does something, as it says itself, if that is on a host of its own."""
        address = f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration"
        said = self._document(address, KEPT_SECONDS)
        endpoint = said.get(name)
        if said.get("issuer") != self._client.issuer or not isinstance(endpoint, str):
            raise _unavailable("it says something else of itself than what it is here")
        parts, own = urlsplit(endpoint), urlsplit(self._client.issuer)
        if parts.netloc not in self._hosts or parts.scheme not in {"https", own.scheme}:
            raise _unavailable(f"its {name} is on a host that is none of its own")
        return endpoint

    def _document(self, address: str, oldest: float) -> dict[str, Any]:
        """What stands at an address, no older than so many seconds."""
        with self._lock:
            kept = self._kept.get(address)
            if kept is None or time.monotonic() - kept[0] > oldest:
                kept = self._kept[address] = (time.monotonic(), self._asked("GET", address))
            return kept[1]

    def _asked(self, method: str, address: str, **given: Any) -> dict[str, Any]:
        try:
            with self._http.stream(method, address, **given) as answer:
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise _unavailable("its answer is too large")
                said = json.loads(bytes(body)) if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError, RecursionError) as error:
            raise _unavailable(type(error).__name__) from error
        if answer.status_code in (400, 401, 403) and method == "POST":
            raise oidc_refused()
        if not isinstance(said, dict):
            raise _unavailable(f"it answers with status {answer.status_code}, or with what is no object")
        return said


def _unavailable(why: str) -> Unavailable:
    log.warning("oidc_failed", why=why)
    return Unavailable("oidc_unavailable", f"The identity provider cannot be used now: {why}.", fix="Try again later.")
