"""The routes by which a program signs in, stays so, and signs out; they ask nobody who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.account_schemas import (
    REFRESH_BODY,
    REVOKE_BODY,
    SIGN_IN_BODY,
    RevokedBody,
    TokensBody,
)
from tacit.entrypoints.api.asking import client_of
from tacit.entrypoints.api.parameters import Query, field_unknown
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.errors import BadInput
from tacit.security.sign_ins import SignIns, Tokens

_BODIES = problems(400, 401, 413, 415, 422, 429, 503)


def token_routes(sign_ins: SignIns) -> APIRouter:
    """The routes over sign-ins."""
    routes = APIRouter(prefix="/api/v1/auth", tags=["auth"])

    @routes.post("/token", response_model=TokensBody, responses=_BODIES, openapi_extra=SIGN_IN_BODY)
    def sign_in(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Signs in with login and password: a token to ask with for minutes, and one to get the next pair with."""
        Query.of(request)
        given = texts_of(body, ("login", "password"))
        return _response(sign_ins.tokens(given["login"], given["password"], client_of(request)))

    @routes.post("/refresh", response_model=TokensBody, responses=_BODIES, openapi_extra=REFRESH_BODY)
    def refresh(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Exchanges a refresh token for the next pair; one that is shown a second time ends all that came of it."""
        Query.of(request)
        given = texts_of(body, ("refresh_token",))
        return _response(sign_ins.refreshed(given["refresh_token"], client_of(request)))

    @routes.post("/revoke", response_model=RevokedBody, responses=_BODIES, openapi_extra=REVOKE_BODY)
    def revoke(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Signs out, here or everywhere; the answer is the same whether there was anything to revoke or not."""
        Query.of(request)
        said = known_fields(parse_object(body), ("refresh_token", "everywhere"))
        sign_ins.revoke(text_of(said, "refresh_token"), everywhere=flag_of(said, "everywhere") or False)
        return json_response({"revoked": True})

    return routes


def _response(given: Tokens) -> Response:
    return json_response(
        {
            "access_token": given.access,
            "token_type": "Bearer",
            "expires_in": given.access_seconds,
            "refresh_token": given.refresh,
            "refresh_expires_in": given.refresh_seconds,
        }
    )


def known_fields(said: Mapping[str, object], known: tuple[str, ...]) -> Mapping[str, object]:
    """An object, if it has no other fields.

    Raises:
        BadInput: `field_unknown`.
    """
    for name in said:
        if name not in known:
            raise field_unknown(name, list(known))
    return said


def text_of(said: Mapping[str, object], name: str) -> str:
    """A text that must be there.

    Raises:
        BadInput: `field_missing`, `type`.
    """
    if name not in said:
        raise BadInput("field_missing", f"{name} is missing.", field=name, fix="Send it as a string.")
    value = said[name]
    if not isinstance(value, str):
        raise BadInput("type", f"{name} is {kind_of(value)}; it must be a string.", field=name)
    return value


def flag_of(said: Mapping[str, object], name: str) -> bool | None:
    """A truth value that may be there.

    Raises:
        BadInput: `type`.
    """
    value = said.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadInput("type", f"{name} is {kind_of(value)}; it must be true or false.", field=name)
    return value


def texts_of(body: bytes, names: tuple[str, ...]) -> Mapping[str, str]:
    """An object of texts that must all be there, and nothing else."""
    said = known_fields(parse_object(body), names)
    return {name: text_of(said, name) for name in names}
