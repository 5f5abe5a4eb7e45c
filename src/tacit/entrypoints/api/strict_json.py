"""JSON bodies, read so that nothing is guessed, doubled, overflowed or nested beyond reason."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import NoReturn

from starlette.requests import Request

from tacit.data.validation import escaped
from tacit.errors import BadInput

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
MAX_BODY_BYTES = 1_000_000
BODY = "tacit.body"
"""Where a request's scope holds its body, once it was read whole."""
MAX_DEPTH = 200
MAX_FIELDS = 1_000
_MAX_DIGITS = 100
_SAFE_DIGITS = 19
"""Fewer than these fit into 64 bits whatever they are."""
_SPACE = b" \t\r\n"
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_NO_MARKS_NOR_ENDS = bytes(set(range(256)) - set(b'[]{}"\n'))
_TAKEN_OUT = (b"{}", b"{}", b"[]", b"{}")
"""Pairs of brackets without content that `_is_shallow` takes out before it counts, one level each: of a batch, all."""
_INT64 = range(-(2**63), 2**63)

# A string that never ends counts as one to the end, so that the search stays linear.
_BETWEEN_BRACKETS = re.compile(r'(?:[^\[\]{}"]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))++', re.DOTALL)
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


async def read_json_body(request: Request) -> bytes:
    """The bytes of a JSON body, never more of them in memory than are allowed.

    Raises:
        BadInput: `media_type`, `content_encoding`, `encoding_unsupported`, `body_too_large`.
    """
    _check_headers(request, (JSON,))
    return await _bytes_of(request)


async def read_json_or_lines(request: Request) -> bytes:
    """The same of a body that may be in JSON Lines as well."""
    _check_headers(request, (JSON, JSON_LINES))
    return await _bytes_of(request)


def media_type_of(request: Request) -> str:
    """What a request declares its body to be, without the options."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _bytes_of(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and (len(declared) > 9 or int(declared) > MAX_BODY_BYTES):
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    request.scope[BODY] = whole = bytes(body)
    return whole


def parse_object(body: bytes) -> dict[str, object]:
    """The JSON object in a body.

    Raises:
        BadInput: `body_empty`, `json_bom`, `encoding_unsupported`, `encoding_invalid`, `json_depth`, `json_invalid`
            (with the offset), `json_number`, `number_not_finite`, `number_out_of_range`, `json_duplicate_key`,
            `too_many_fields`, or `type` if it is something else.
    """
    value = parse_value(body)
    if not isinstance(value, dict):
        raise BadInput("type", f"The body is {kind_of(value)}; it must be an object.", field="body")
    return value


def parse_value(body: bytes) -> object:
    """The JSON value in a body, whatever it is.

    Raises:
        BadInput: As `parse_object`, but for `type`.
    """
    text = _decoded(body)
    if not _is_shallow(body):
        _check_depth(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise BadInput(
            "json_invalid",
            f"The body is not JSON: {error.msg} at character {error.pos}.",
            context={"offset": error.pos},
        ) from error


def lines_of(body: bytes) -> list[bytes]:
    """The lines of a body in JSON Lines, those without content left out; each is a body of its own.

    Raises:
        BadInput: `body_empty`, if none is left.
    """
    lines = [line for line in body.split(b"\n") if line.strip(_SPACE)]
    if not lines:
        raise _empty()
    return lines


def parse_lines(lines: Sequence[bytes]) -> list[object] | None:
    """What each of some lines says, read at once, where every one is an object with no other inside and no backslash.

    `None` where that is not so, or where one of them is wrong: then each is to be read by itself.

    Such a line has one pair of brackets and an even number of quotes, so that it ends outside of whatever it opened.
    Lines with commas between them therefore hold at least as many values as there are lines, and as many only if each
    holds one.
    """
    text = b"\n".join(lines)
    marks = text.translate(None, _NO_MARKS_NOR_ENDS).replace(b'""', b"")
    if b"\\" in text or marks != b"\n".join([b"{}"] * len(lines)):
        return None
    try:
        values: list[object] = _DECODER.decode(f"[{b','.join(lines).decode()}]")
    except (BadInput, ValueError):
        return None
    return values if len(values) == len(lines) else None


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return kinds.get(type(value), "an object")


def _check_headers(request: Request, media_types: Sequence[str]) -> None:
    if request.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise BadInput(
            "content_encoding", "The body must not be compressed.", field="Content-Encoding", fix="Send it as it is."
        )
    media_type, _, options = request.headers.get("content-type", "").partition(";")
    if media_type_of(request) not in media_types:
        raise BadInput(
            "media_type",
            f"The body is declared as '{escaped(media_type)}'; it must be JSON.",
            field="Content-Type",
            fix=f"Send Content-Type: {' or '.join(media_types)}.",
        )
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", options, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _unsupported()


def _decoded(body: bytes) -> str:
    if not body.strip(_SPACE):
        raise _empty()
    if body.startswith(codecs.BOM_UTF8):
        raise BadInput("json_bom", "The body begins with a byte order mark.", field="body", fix="Leave it out.")
    if body.startswith(_OTHER_ENCODINGS) or b"\0" in body[:4]:
        raise _unsupported()
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            "encoding_invalid", f"The body is not UTF-8 at byte {error.start}.", context={"offset": error.start}
        ) from error


def _is_shallow(body: bytes) -> bool:
    """Whether a body is certainly not too deep, found without looking at its characters one by one; else unknown.

    Without a backslash, what stands inside a string is told by the parity of the quotes before it, and taking out two
    that stand next to each other changes no parity.  What is left are the brackets outside of strings.
    """
    if b"\\" in body:
        return False
    marks = body.translate(None, _NO_MARKS).replace(b'""', b"")
    if b'"' in marks:
        return False
    for pair in _TAKEN_OUT:
        marks = marks.replace(pair, b"")
    return len(marks) <= MAX_DEPTH - len(_TAKEN_OUT)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BETWEEN_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadInput("json_depth", f"The body is nested deeper than {MAX_DEPTH} levels.", field="body")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_FIELDS:
        raise BadInput("too_many_fields", f"An object has {len(pairs)} fields; the most are {MAX_FIELDS}.")
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadInput("json_duplicate_key", f"'{escaped(twice)}' stands there twice.", field=escaped(twice))
    return found


def _whole(digits: str) -> int:
    if len(digits) < _SAFE_DIGITS:
        return int(digits)
    if len(digits) > _MAX_DIGITS:
        raise BadInput("json_number", f"A number has {len(digits)} digits.")
    number = int(digits)
    if number not in _INT64:
        raise _out_of_range()
    return number


def _decimal(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _out_of_range()
    return number


def _constant(name: str) -> NoReturn:
    raise BadInput("number_not_finite", f"{name} is not a number that JSON knows.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_float=_decimal, parse_constant=_constant)


def _empty() -> BadInput:
    return BadInput("body_empty", "The body is empty.", field="body", fix="Send a JSON object.")


def _out_of_range() -> BadInput:
    return BadInput("number_out_of_range", "A number is too large for 64 bits.")


def _too_large() -> BadInput:
    problem = f"The body is larger than {MAX_BODY_BYTES} bytes."
    return BadInput("body_too_large", problem, field="body", fix="Send less at once.")


def _unsupported() -> BadInput:
    return BadInput("encoding_unsupported", "The body is not in UTF-8.", field="body", fix="Send UTF-8.")
