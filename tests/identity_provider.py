"""An OpenID Connect provider of our own on loopback: real signatures, and mistakes when asked for them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

CLIENT_ID, CLIENT_SECRET = "tacit-here", "s3cret"


@dataclass
class Provider:
    """The provider and what it is told to get wrong.

    Attributes:
        claims: What its ID tokens say beside what they must.
        changes: What replaces, or with `None` removes, what they would say.
        header: The same of their headers.
        document: The same of what it says of itself.
        asked: Every path that was asked for.
        status: Of every answer but redirects.
        key: Signs.
    """

    address: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"email": "Ann@example.org", "email_verified": True})
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    kid: str = "k1"
    key: Any = field(default_factory=lambda: generate_private_key(SECP256R1()))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            **self.document,
        }

    def published(self) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**jwk, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def redirect(self, asked: dict[str, str]) -> str:
        """Somebody has signed in here: back with a code, of which the rest is remembered."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchanged(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        shown = (form.get("client_id"), form.get("client_secret"), form.get("grant_type"))
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        if shown != (CLIENT_ID, CLIENT_SECRET, "authorization_code"):
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        said = {"iss": self.address, "aud": CLIENT_ID, "sub": "ann-1", "iat": now, "exp": now + 300, "nonce": nonce}
        whole = {**said, **self.claims, **self.changes}
        header = {"kid": self.kid, "alg": "ES256", **self.header}
        algorithm = header.pop("alg")
        key = None if algorithm == "none" else b"k" * 32 if algorithm == "HS256" else self.key
        return jwt.encode({name: value for name, value in whole.items() if value is not None}, key, algorithm, header)


@contextmanager
def identity_provider() -> Iterator[Provider]:
    """One that answers for as long as it is entered."""
    provider = Provider()

    class Door(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if parts.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(303)
                self.send_header("Location", provider.redirect(asked))
                self.end_headers()
                return
            documents = {"/.well-known/openid-configuration": provider.described, "/keys": provider.published}
            self._say(provider.status, documents[parts.path]())

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, said = provider.exchanged({name: values[0] for name, values in parse_qs(body).items()})
            self._say(status if provider.status == 200 else provider.status, said)

        def _say(self, status: int, said: dict[str, Any]) -> None:
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
