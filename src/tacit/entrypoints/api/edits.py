"""Edits of many items or users in one call: read entry by entry, kept together, answered one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, params
from starlette.responses import Response

from tacit.data.catalog_edits import Edit, Settled, check_size
from tacit.entrypoints.api.catalogue_schemas import EditedBody, edits_body
from tacit.entrypoints.api.parameters import Query, field_unknown
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import (
    JSON_LINES,
    kind_of,
    lines_of,
    media_type_of,
    parse_value,
    read_json_or_lines,
)
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput, TacitError

Kind = Literal["item", "user"]
Act = Callable[[Sequence[Edit]], Sequence[Settled]]
"""Settles edits: one answer for each, in their order."""

OUTCOMES = ("created", "changed", "unchanged", "deleted", "rejected")

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": EditedBody, "description": "All are kept"},
    207: {"model": EditedBody, "description": "Some are kept and some are not: see each"},
    **problems(400, 413, 415, 422, 503, 507),
}


@dataclass(frozen=True)
class BulkEdit:
    """A way to edit a whole collection.

    Attributes:
        method: Of HTTP.
        description: What it does, for the interface's description.
        read: Makes an edit of a JSON value, or raises.
        act: Settles edits.
        entry: The JSON schema of an entry, for the interface's description.
        example: An entry, likewise.
    """

    method: Literal["PUT", "PATCH", "DELETE"]
    description: str
    read: Callable[[object], Edit]
    act: Act
    entry: dict[str, Any]
    example: object


@dataclass(frozen=True)
class _Sent:
    """One entry of a call: whose it says it is, and the edit, or why there is none."""

    subject: str | None
    edit: Edit | TacitError


def add_bulk_edits(
    routes: APIRouter, kind: Kind, ways: Sequence[BulkEdit], *, guards: Sequence[params.Depends] = ()
) -> None:
    """Add the routes that edit a collection, with what they take where the router does not say it."""
    for way in ways:
        routes.add_api_route(
            "",
            _handler(kind, way),
            methods=[way.method],
            name=f"{way.method.lower()}_{kind}s",
            description=way.description,
            response_model=EditedBody,
            responses=_ANSWERS,
            dependencies=guards,
            openapi_extra={"requestBody": edits_body(f"{kind}s", way.entry, way.example)},
        )


def done(settled: Sequence[Settled]) -> str:
    """What became of the one edit of a call.

    Raises:
        TacitError: Why it was not kept.
    """
    (fate,) = settled
    if isinstance(fate, TacitError):
        raise fate
    return fate


def _handler(kind: Kind, way: BulkEdit) -> Callable[..., Response]:
    # Not `async`: a write waits for the disk, which a worker thread may do.
    def edit_many(request: Request, body: Annotated[bytes, Depends(read_json_or_lines)]) -> Response:
        Query.of(request)
        values = _values(body, f"{kind}s", is_lines=media_type_of(request) == JSON_LINES)
        check_size(len(values))
        sent = [_sent(value, kind, way.read) for value in values]
        results = _results(sent, way.act, name=f"{kind}_id")
        counts = Counter(result["outcome"] for result in results)
        told = {"results": results, "received": len(sent), **{name: counts[name] for name in OUTCOMES}}
        return json_response(told, status=207 if counts["rejected"] else 200)

    return edit_many


def _results(sent: Sequence[_Sent], act: Act, *, name: str) -> list[dict[str, Any]]:
    """What became of each entry, once those that are in order are settled."""
    edits = [each.edit for each in sent if isinstance(each.edit, Edit)]
    settled = iter(act(edits) if edits else ())
    results = []
    for at, each in enumerate(sent):
        fate = next(settled) if isinstance(each.edit, Edit) else each.edit
        facts = {**fate.as_dict(), "outcome": "rejected"} if isinstance(fate, TacitError) else {"outcome": fate}
        results.append({**facts, "index": at, name: each.subject})
    return results


def _values(body: bytes, name: str, *, is_lines: bool) -> list[object]:
    """The entries of a body, or why one of its lines is none."""
    if is_lines:
        lines = lines_of(body)
        # Too many are not even read.
        check_size(len(lines))
        return [_line(line) for line in lines]
    value = parse_value(body)
    if isinstance(value, dict) and name in value:
        for key in value:
            if key != name:
                raise field_unknown(key, (name,))
        value = value[name]
    if not isinstance(value, list):
        detail = f"The body is {kind_of(value)}; it must be an array, or an object with one as {name}."
        raise BadInput("type", detail, field=name)
    return value


def _line(line: bytes) -> object:
    try:
        return parse_value(line)
    except BadInput as error:
        return error


def _sent(value: object, kind: Kind, read: Callable[[object], Edit]) -> _Sent:
    if isinstance(value, TacitError):
        return _Sent(None, value)
    try:
        edit = read(value)
    except BadInput as error:
        return _Sent(_subject(value, f"{kind}_id"), error)
    return _Sent(edit.subject, edit)


def _subject(value: object, name: str) -> str | None:
    """Whose an entry says it is that cannot be kept, if that id is in order."""
    given = value.get(name) if isinstance(value, dict) else value
    try:
        return checked_id(given, name) if isinstance(given, str) else None
    except BadInput:
        return None
