"""The routes by which somebody looks after quarantine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.quarantine import MAX_PAGE, Chosen, Quarantine, described
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import MAX_ITEMS, Parameter, Query, documented, field_unknown, too_many_items
from tacit.entrypoints.api.quarantine_schemas import (
    CHOSEN_BODY,
    FIX_BODY,
    PURGE_BODY,
    WHOLE_BODY,
    PurgedBody,
    QuarantineBody,
    QuarantinedBody,
    ReleasedBody,
)
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput

_LARGEST = 2**63 - 1
_CURSOR = Parameter("cursor", "Only entries behind this one; `next_cursor` of the page before.", {"type": "integer"})
_REASON = Parameter("reason", "Only what was set aside for this reason.")
_LIMIT = Parameter(
    "limit", "The most entries to return.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100}
)
_BODIES = problems(400, 404, 409, 413, 415, 422, 503)


def quarantine_routes(quarantine: Quarantine) -> APIRouter:
    """The routes over a quarantine."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/quarantine", tags=["quarantine"], dependencies=[guard])
    _add_reading(routes, quarantine)
    _add_fixing(routes, quarantine)
    _add_deciding(routes, quarantine)
    return routes


def _add_reading(routes: APIRouter, quarantine: Quarantine) -> None:
    @routes.get(
        "",
        response_model=QuarantineBody,
        responses=problems(422, 503),
        openapi_extra=documented(_LIMIT, _CURSOR, _REASON),
    )
    def list_quarantine(request: Request) -> Response:
        """Events that were set aside, the oldest first, and how many there are for each reason."""
        query = Query.of(request, _LIMIT, _CURSOR, _REASON)
        reason = query.values.get("reason", (None,))[0]
        page = quarantine.page(
            limit=query.limit(100),
            cursor=_number(query.values.get("cursor", ("0",))[0], "cursor", least=0),
            reason=None if reason is None else checked_id(reason, "reason"),
        )
        entries = [described(entry) for entry in page.entries]
        return _response({"entries": entries, "next_cursor": page.next_cursor, "reasons": page.reasons})

    @routes.get("/{quarantine_id}", response_model=QuarantinedBody, responses=problems(404, 422, 503))
    def quarantine_entry(request: Request, quarantine_id: str) -> Response:
        """One event that was set aside: where it came from, why it is here, and what would be applied in its place."""
        Query.of(request)
        return _response(described(quarantine.entry(_number(quarantine_id, "quarantine_id"))))


def _add_fixing(routes: APIRouter, quarantine: Quarantine) -> None:
    @routes.patch("/{quarantine_id}", response_model=QuarantinedBody, responses=_BODIES, openapi_extra=FIX_BODY)
    def fix_fields(request: Request, quarantine_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Corrects fields of a held event, `null` leaving one out; released, the corrected one is applied."""
        Query.of(request)
        number = _number(quarantine_id, "quarantine_id")
        return _response(described(quarantine.fix(number, parse_object(body), actor=actor_of(request))))

    @routes.put("/{quarantine_id}", response_model=QuarantinedBody, responses=_BODIES, openapi_extra=WHOLE_BODY)
    def fix_whole(request: Request, quarantine_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Puts another event in the place of a held one; released, that one is applied."""
        Query.of(request)
        number = _number(quarantine_id, "quarantine_id")
        return _response(described(quarantine.fix(number, parse_object(body), actor=actor_of(request), is_whole=True)))


def _add_deciding(routes: APIRouter, quarantine: Quarantine) -> None:
    @routes.post("/release", response_model=ReleasedBody, responses=_BODIES, openapi_extra=CHOSEN_BODY)
    def release_entries(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Lets held events be applied, each once, within a second; releasing one again changes nothing."""
        Query.of(request)
        chosen = _chosen(_known(parse_object(body), ("ids", "reason")))
        return _response({"released": quarantine.release(chosen, actor=actor_of(request))})

    @routes.post("/purge", response_model=PurgedBody, responses=_BODIES, openapi_extra=PURGE_BODY)
    def purge_entries(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Forgets for good what events say; `confirm` must be true."""
        Query.of(request)
        said = _known(parse_object(body), ("ids", "reason", "confirm"))
        chosen = _chosen(said)
        if said.get("confirm") is not True:
            raise BadInput(
                "confirmation_missing", "What is purged is gone for good.", field="confirm", fix="Send it as true."
            )
        return _response({"purged": quarantine.purge(chosen, actor=actor_of(request))})


def _chosen(said: Mapping[str, object]) -> Chosen:
    reason = said.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise BadInput("type", f"reason is {kind_of(reason)}; it must be a string.", field="reason")
    return Chosen(_numbers(said.get("ids")), None if reason is None else checked_id(reason, "reason"))


def _numbers(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(type(each) is int for each in value):
        raise BadInput("type", "ids is not an array of whole numbers.", field="ids", fix="Send numbers of entries.")
    if len(value) > MAX_ITEMS:
        raise too_many_items("ids", len(value))
    if not all(1 <= each <= _LARGEST for each in value):
        raise _no_number("ids", 1)
    return tuple(value)


def _known(said: dict[str, object], names: tuple[str, ...]) -> Mapping[str, object]:
    for name in said:
        if name not in names:
            raise field_unknown(name, names)
    return said


def _number(text: str, name: str, *, least: int = 1) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= _LARGEST):
        raise _no_number(name, least)
    return int(text)


def _no_number(name: str, least: int) -> BadInput:
    detail = f"{name} must be a whole number of at least {least}, in digits."
    return BadInput("value_range", detail, field=name, fix="See the list for the numbers there are.")


def _response(body: object) -> Response:
    # In ASCII: in quarantine may be what UTF-8 cannot say.
    content: Any = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, media_type="application/json")
