"""The route by which somebody asks what came of the lists that were shown."""

from __future__ import annotations

import json
import time

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Parameter, Query, documented
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.texts import checked_id
from tacit.rollout.outcome_questions import WAYS, OutcomeDesk, moment_of

_SINCE = Parameter("since", "Lists shown since then: `24h`, `7d`, or a time in ISO 8601 with its zone; else 24 hours.")
_BY = Parameter("by", "By what to count them.", {"type": "string", "enum": list(WAYS), "default": "source"})
_SPLIT = Parameter("split", "With `by=arm`, whose arms; else those of the split in force.")


class OutcomesBody(BaseModel):
    """What came of some lists."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lists: int = Field(description="Lists shown.")
    clicked: int = Field(description="Of these, those from which something was chosen.")
    clicks: int = Field(description="Events of positive weight that name one of them, and an item on it.")
    watch_seconds: float = Field(description="Sum of their watch time.")
    users: int = Field(description="Users who were shown one.")
    ctr: float | None = Field(description="`clicked / lists`; null where there are no lists.")


class OutcomesAnswer(BaseModel):
    """What came of the lists that were shown."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: str
    since_ms: int
    split_id: str | None
    outcomes: dict[str, OutcomesBody]
    anonymous: dict[str, OutcomesBody] = Field(
        description="With `by=source`, the same of lists shown to nobody known; their users are 0."
    )


def outcome_routes(desk: OutcomeDesk) -> APIRouter:
    """The route over what is known of outcomes."""
    routes = APIRouter(prefix="/api/v1/outcomes", tags=["outcomes"], dependencies=[requires("operations:read")])

    @routes.get(
        "",
        response_model=OutcomesAnswer,
        responses=problems(422, 503),
        openapi_extra=documented(_SINCE, _BY, _SPLIT),
    )
    def outcomes(request: Request) -> Response:
        """What came of the lists that were shown, by source, version or arm; an event counts for the list it names."""
        query = Query.of(request, _SINCE, _BY, _SPLIT)
        [since], [by] = query.values.get("since", ("24h",)), query.values.get("by", ("source",))
        split = query.values.get("split", (None,))[0]
        moment = moment_of(since, now_ms=int(time.time() * 1_000))
        answer = desk.ask(by, since_ms=moment, split_id=None if split is None else checked_id(split, "split"))
        body = json.dumps(answer.as_dict(), allow_nan=False, separators=(",", ":")).encode()
        return Response(body, media_type="application/json")

    return routes
