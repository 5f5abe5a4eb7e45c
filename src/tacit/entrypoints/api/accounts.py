"""The routes by which somebody looks after accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.account_schemas import CHANGE_BODY, CREATE_BODY, AccountBody, AccountsBody, EndedBody
from tacit.entrypoints.api.asking import asking
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Query, path_id
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.entrypoints.api.tokens import flag_of, known_fields, text_of
from tacit.errors import BadInput
from tacit.security.account_desk import AccountDesk
from tacit.security.accounts import account_as_dict

_BODIES = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


def account_routes(desk: AccountDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(prefix="/api/v1/accounts", tags=["accounts"], dependencies=[requires("security:admin")])
    _add_reading(routes, desk)
    _add_changing(routes, desk)
    return routes


def _add_reading(routes: APIRouter, desk: AccountDesk) -> None:
    @routes.get("", response_model=AccountsBody, responses=problems(401, 403, 422, 503))
    def list_accounts(request: Request) -> Response:
        """Lists all accounts, by login."""
        Query.of(request)
        return json_response({"accounts": [account_as_dict(each) for each in desk.all()]})

    @routes.get("/{account}", response_model=AccountBody, responses=problems(401, 403, 404, 422, 503))
    def show_account(request: Request, account: str) -> Response:
        """Shows an account, by its id or its login."""
        Query.of(request)
        return json_response(account_as_dict(desk.found(path_id(account, "account"))))


def _add_changing(routes: APIRouter, desk: AccountDesk) -> None:
    @routes.post("", status_code=201, response_model=AccountBody, responses=_BODIES, openapi_extra=CREATE_BODY)
    def create_account(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Makes an account."""
        Query.of(request)
        said = known_fields(parse_object(body), ("login", "password", "role", "user_id"))
        user = checked_id(text_of(said, "user_id"), "user_id") if said.get("user_id") is not None else None
        login, password, role = (text_of(said, name) for name in ("login", "password", "role"))
        made = desk.create(login, password, role=role, actor=asking(request).name, user_id=user)
        return json_response(account_as_dict(made), status=201)

    @routes.patch("/{account}", response_model=AccountBody, responses=_BODIES, openapi_extra=CHANGE_BODY)
    def change_account(request: Request, account: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Changes one thing: role, password, or whether it is disabled; all but enabling ends the sign-ins."""
        Query.of(request)
        said = known_fields(parse_object(body), ("role", "password", "is_disabled"))
        if len(said) != 1:
            raise BadInput("fields_conflict", f"The body has {len(said)} fields; change one at a time.", field="body")
        actor, disabled = asking(request).name, flag_of(said, "is_disabled")
        account = path_id(account, "account")
        if "role" in said:
            return json_response(account_as_dict(desk.set_role(account, text_of(said, "role"), actor=actor)))
        if "password" in said:
            return json_response(account_as_dict(desk.set_password(account, text_of(said, "password"), actor=actor)))
        act = desk.disable if disabled else desk.enable
        return json_response(account_as_dict(act(account, actor=actor)))

    @routes.post("/{account}/revoke", response_model=EndedBody, responses=problems(401, 403, 404, 422, 503))
    def end_sign_ins(request: Request, account: str) -> Response:
        """Ends all sign-ins of an account."""
        Query.of(request)
        return json_response(
            {"sign_ins_ended": desk.end_sign_ins(path_id(account, "account"), actor=asking(request).name)}
        )
