"""The route by which events come in: one, a batch, or a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as _quoted
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.event_validation import Problem, check_size
from tacit.data.intake import EventDoor, Fate, StoredTogether, Taken
from tacit.data.texts import normal_form
from tacit.entrypoints.api.callers import principal_of
from tacit.entrypoints.api.guarding import check_user, requires
from tacit.entrypoints.api.parameters import ASSIGN_IDS, Query, documented, field_unknown
from tacit.entrypoints.api.rendering import written
from tacit.entrypoints.api.schemas import EVENTS_BODY, TakenEventsBody, problems
from tacit.entrypoints.api.strict_json import (
    JSON_LINES,
    kind_of,
    lines_of,
    media_type_of,
    parse_lines,
    parse_value,
    read_json_or_lines,
)
from tacit.errors import BadInput, TacitError, Unavailable

SOURCE = "api"
"""How events that come this way are counted."""

_COUNTED: dict[Fate, str] = {
    "stored": "stored",
    "duplicate": "deduplicated",
    "quarantined": "quarantined",
    "rejected": "rejected",
}
"""Under which name of an answer each fate is added up."""

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": TakenEventsBody, "description": "All were here before"},
    202: {"model": TakenEventsBody, "description": "All are durable now"},
    207: {"model": TakenEventsBody, "description": "Of a batch, some are and some are not: see each"},
    **problems(400, 409, 413, 415, 422, 503, 507),
}


@dataclass(frozen=True)
class Sent:
    """What a request brings.

    Attributes:
        events: JSON values, or why a line is none.
        is_batch: Whether each is answered by itself; one bad event that comes alone fails the request.
    """

    events: Sequence[object]
    is_batch: bool


def event_routes(intake: EventDoor) -> APIRouter:
    """The route over an intake."""
    routes = APIRouter(prefix="/api/v1", tags=["events"], dependencies=[requires("events:write")])

    # Not `async`: making events durable waits for the disk, which a worker thread may do.
    @routes.post(
        "/events",
        status_code=202,
        response_model=TakenEventsBody,
        responses=_ANSWERS,
        openapi_extra={**documented(ASSIGN_IDS), "requestBody": EVENTS_BODY},
    )
    def take_events(request: Request, body: Annotated[bytes, Depends(read_json_or_lines)]) -> Response:
        """Takes events; those answered `stored` or `duplicate` are durable, whatever happens next.

        An event's `event_id` is what makes a repetition harmless: send an event again, unchanged, until it is answered.
        With `assign_ids=true` an event may come without one and is given one of ours; sent again, it counts again.
        """
        return taken_response(intake, request, body)

    return routes


def taken_response(intake: EventDoor, request: Request, body: bytes) -> Response:
    """Take the events in a request's body; what is answered.

    Raises:
        TacitError: Why nothing was taken, or the only event that came was not.
    """
    assign_ids = Query.of(request, ASSIGN_IDS).flag("assign_ids")
    is_lines = media_type_of(request) == JSON_LINES
    if not assign_ids and principal_of(request).user_id is None:
        plain = intake.take_plain(body, is_lines=is_lines, source=SOURCE)
        if plain is not None:
            return answer_to(plain)
    sent = parse_events(body, is_lines=is_lines)
    _check_users(request, sent.events)
    taken = intake.take(sent.events, source=SOURCE, assign_ids=assign_ids)
    if not sent.is_batch and taken[0].problem is not None:
        raise _as_error(taken[0], taken[0].problem)
    return answer_to(taken)


def _check_users(request: Request, events: Sequence[object]) -> None:
    """Have who is bound to one user send that user's events alone; with one of another's among them, none is taken."""
    if principal_of(request).user_id is None:
        return
    for event in events:
        user_id = event.get("user_id") if isinstance(event, dict) else None
        # What is none is judged with the event.
        if isinstance(user_id, str):
            check_user(request.scope, normal_form(user_id))


def taken_together(intake: EventDoor, bodies: Sequence[bytes]) -> list[Response | TacitError | None]:
    """Take in the events that come alone among several requests, in one go; each request's answer, or its error.

    A request that brings a batch is left to be taken by itself, and has no answer here: its events would hold up all
    the others.  No request's fate depends on another's, but that two which say the same at once count as one after the
    other.

    Args:
        intake: Takes them.
        bodies: What each request says, in JSON and without parameters; at most as many as a batch may have.
    """
    plain = _plain_answers(intake, bodies)
    if plain is not None:
        return plain
    answers: list[Response | TacitError | None] = [None] * len(bodies)
    alone: dict[int, object] = {}
    for place, body in enumerate(bodies):
        try:
            sent = parse_events(body, is_lines=False)
        except TacitError as error:
            answers[place] = error
        else:
            if not sent.is_batch:
                alone[place] = sent.events[0]
    for place, answer in zip(alone, _answers_to(intake, list(alone.values())), strict=True):
        answers[place] = answer
    return answers


def _plain_answers(intake: EventDoor, bodies: Sequence[bytes]) -> list[Response | TacitError | None] | None:
    """The same where every body is one plain event, read as the lines of one; `None` where one needs a closer look."""
    lines = b"\n".join(bodies)
    # A line without anything is no event, and one body on two lines none that is plain.
    if not all(body.startswith(b"{") for body in bodies) or lines.count(b"\n") != len(bodies) - 1:
        return None
    try:
        taken = intake.take_plain(lines, is_lines=True, source=SOURCE)
    except TacitError as error:
        return [error] * len(bodies)
    if taken is None:
        return None
    if isinstance(taken, StoredTogether):
        return [_answer_to_plain(StoredTogether([event_id])) for event_id in taken.ids]
    return [_answer_to_one(each) for each in taken]


def _answer_to_one(taken: Taken) -> Response | TacitError:
    return answer_to([taken]) if taken.problem is None else _as_error(taken, taken.problem)


def _answers_to(intake: EventDoor, events: Sequence[object]) -> list[Response | TacitError]:
    """What each of some events is answered that came alone."""
    if not events:
        return []
    try:
        taken = intake.take(events, source=SOURCE)
    except TacitError as error:
        return [error] * len(events)
    return [_answer_to_one(each) for each in taken]


def parse_events(body: bytes, *, is_lines: bool) -> Sent:
    """The events in a body.

    Raises:
        BadInput: What is wrong with the JSON; `field_unknown` or `type` if it is no batch; `batch_size` of lines, so
            that too many are not even read.
    """
    if is_lines:
        lines = lines_of(body)
        check_size(len(lines))
        return Sent(parse_lines(lines) or [_line(line) for line in lines], is_batch=True)
    value = parse_value(body)
    if isinstance(value, dict) and "events" in value:
        value = _listed(value)
    return Sent(value, is_batch=True) if isinstance(value, list) else Sent([value], is_batch=False)


def answer_to(taken: Sequence[Taken]) -> Response:
    """What became of events, as the answer to whoever sent them."""
    if isinstance(taken, StoredTogether):
        return _answer_to_plain(taken)
    fates = Counter([each.fate for each in taken])
    counts = "".join([f',"{name}":{fates[fate]}' for fate, name in _COUNTED.items()])
    results = ",".join([_result(index, each) for index, each in enumerate(taken)])
    body = f'{{"results":[{results}],"received":{len(taken)}{counts}}}'
    return Response(body.encode(), status_of_all(taken), media_type="application/json")


def _answer_to_plain(taken: StoredTogether) -> Response:
    """The same, where all that came was stored; put together at once."""
    size = len(taken)
    results = ",".join(
        [f'{{"index":{index},"event_id":{_quoted(each)},"outcome":"stored"}}' for index, each in enumerate(taken.ids)]
    )
    counts = f'"received":{size},"stored":{size},"deduplicated":0,"quarantined":0,"rejected":0'
    return Response(f'{{"results":[{results}],{counts}}}'.encode(), 202, media_type="application/json")


def status_of_all(taken: Sequence[Taken]) -> int:
    """202 if all are stored now, 200 if all were before, else 207: each says for itself."""
    fates = {each.fate for each in taken}
    return 202 if fates == {"stored"} else 200 if fates == {"duplicate"} else 207


def _line(line: bytes) -> object:
    try:
        return parse_value(line)
    except BadInput as error:
        return Problem.of(error)


def _listed(value: dict[str, object]) -> list[object]:
    for name in value:
        if name != "events":
            raise field_unknown(name, ("events",))
    events = value["events"]
    if not isinstance(events, list):
        raise BadInput("type", f"events is {kind_of(events)}; it must be an array.", field="events")
    return events


def _result(index: int, taken: Taken) -> str:
    problem = taken.problem
    if problem is None and taken.event_id is not None:
        # Nearly every event; the encoder itself would take as long for it as storing it does.
        return f'{{"index":{index},"event_id":{_quoted(taken.event_id)},"outcome":"{taken.fate}"}}'
    facts = {} if problem is None else problem.as_error().as_dict()
    return written({**facts, "index": index, "event_id": taken.event_id, "outcome": taken.fate})


def _as_error(taken: Taken, problem: Problem) -> TacitError:
    kind = Unavailable if problem.code == "quarantine_unavailable" else BadInput
    facts = {**(problem.context or {}), "outcome": taken.fate, "event_id": taken.event_id}
    return kind(problem.code, problem.detail, field=problem.field, fix=problem.fix, context=facts)
