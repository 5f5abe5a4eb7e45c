"""Reading the form that a page of ours sent: whole, bounded, and from nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from fastapi import Request

from tacit.entrypoints.api.same_origin import check_origin
from tacit.entrypoints.api.strict_json import media_type_of
from tacit.errors import BadInput


async def form_pairs(request: Request, *, most_bytes: int, most_fields: int) -> Sequence[tuple[str, str]]:
    """Name and value of each field, in the page's order.

    Raises:
        Forbidden: `origin_foreign`.
        BadInput: `body_too_large`, `media_type`, `request_malformed`.
    """
    check_origin(request.method, request.headers)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise BadInput("body_too_large", f"The form is larger than {most_bytes} bytes.", field="body")
    if body and media_type_of(request) != "application/x-www-form-urlencoded":
        raise BadInput("media_type", "This takes what a form sends.", field="Content-Type")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=most_fields, errors="strict")
    except ValueError as error:
        raise BadInput("request_malformed", "The form cannot be read.", field="body") from error
