"""What stands in an address, read strictly: known keys once each, ids as data, numbers as plain digits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.requests import Request

from tacit.data.validation import escaped
from tacit.entrypoints.api.aliases import UNVERSIONED
from tacit.entrypoints.api.cursors import place_of
from tacit.entrypoints.api.texts import checked_id, checked_text
from tacit.errors import BadInput
from tacit.serving.budgets import current_budget

MAX_LIMIT = 1_000
MAX_ITEMS = 1_000
_ENCODED = ("/api/", *(alias.partition("{")[0] for alias in UNVERSIONED if "{" in alias))
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:&="
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Parameter:
    """One key of a query.

    Attributes:
        name: The key.
        description: What it does, for the interface's description.
        schema: Its JSON schema.
        is_repeatable: Whether it may stand there more than once.
    """

    name: str
    description: str
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})
    is_repeatable: bool = False

    def as_openapi(self) -> dict[str, object]:
        schema = {"type": "array", "items": dict(self.schema)} if self.is_repeatable else dict(self.schema)
        return {
            "name": self.name,
            "in": "query",
            "required": False,
            "description": self.description,
            "schema": schema,
        }


LIMIT = Parameter(
    "limit", "The most items to return.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10}
)
EXCLUDE = Parameter("exclude", "Id of an item to leave out; repeat it for several.", is_repeatable=True)
CATEGORY = Parameter(
    "category", "The only category to recommend from; repeated, items must belong to all of them.", is_repeatable=True
)
ASSIGN_IDS = Parameter(
    "assign_ids",
    "Give an event without `event_id` one of ours; sent again, it is another event.",
    {"type": "boolean", "default": False},
)
CURSOR = Parameter(
    "cursor", "Where a page of the whole list by id begins: empty for the first, else `next_cursor` of the one before."
)
QUERY = Parameter("query", "Beginning of a title, or of a word in it; case and accents do not matter.")


def documented(*parameters: Parameter) -> dict[str, Any]:
    """What the interface's description says of a query."""
    return {"parameters": [parameter.as_openapi() for parameter in parameters]}


@dataclass(frozen=True)
class Query:
    """A query, once its keys are known to be in order; values are checked as they are taken."""

    values: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, request: Request, *known: Parameter) -> Query:
        """Read a request's query.

        Raises:
            BadInput: `encoding_invalid`, `field_unknown`, `parameter_repeated`, `too_many_items`.
        """
        values: dict[str, list[str]] = {}
        for key, value in _pairs(request.scope["query_string"]):
            values.setdefault(key, []).append(value)
        names, is_any_repeated = [parameter.name for parameter in known], False
        for key, given in values.items():
            if key not in names:
                raise field_unknown(key, names)
            is_any_repeated |= len(given) > 1
        for parameter in known if is_any_repeated else ():
            if len(values.get(parameter.name, ())) > 1 and not parameter.is_repeatable:
                raise BadInput(
                    "parameter_repeated",
                    f"{parameter.name} stands there more than once.",
                    field=parameter.name,
                    fix="Give it once.",
                )
        return cls(values)

    def limit(self, default: int = 10) -> int:
        """How many items; a plain whole number from 1 to 1000.

        Raises:
            BadInput: `limit_range`.
        """
        given = self.values.get("limit")
        if given is None:
            return default
        if not _WHOLE_NUMBER.fullmatch(given[0]):
            raise limit_range()
        return checked_limit(int(given[0]))

    def list_limit(self) -> int:
        """The same for a list that says so where it is cut, which it is while room is scarce.

        Raises:
            BadInput: `limit_range`.
        """
        return current_budget().fitted(self.limit())

    def excluded(self) -> frozenset[str]:
        """The ids to leave out, at most 1000."""
        given = self.values.get("exclude", ())
        if len(given) > MAX_ITEMS:
            raise too_many_items("exclude", len(given))
        return frozenset(checked_id(value, "exclude") for value in given)

    def category(self) -> str | None:
        """The one category asked for, if any is."""
        given = self.values.get("category")
        return None if given is None else checked_id(given[0], "category")

    def flag(self, name: str) -> bool:
        """A yes or no; no where nothing is given.

        Raises:
            BadInput: `flag_invalid`.
        """
        given = self.values.get(name, ("false",))[0]
        if given not in ("true", "false"):
            raise BadInput("flag_invalid", f"{name} is neither true nor false.", field=name, fix="Send true or false.")
        return given == "true"

    def is_paged(self) -> bool:
        """Whether the whole list is asked for, page by page.

        Raises:
            BadInput: `parameters_conflict` if it is to be searched as well.
        """
        if "cursor" in self.values and "query" in self.values:
            detail = "A search has no pages, so that query and cursor cannot stand together."
            raise BadInput("parameters_conflict", detail, field="cursor", fix="Send one of them.")
        return "cursor" in self.values

    def place(self) -> str:
        """The id behind which a page begins; empty for the first.

        Raises:
            BadInput: `cursor_invalid`.
        """
        return place_of(self.values.get("cursor", ("",))[0])

    def text(self) -> str:
        """What to search for; empty where nothing is given."""
        return checked_text(self.values.get("query", ("",))[0], "query")


def is_encoded(path: str) -> bool:
    """Whether the door leaves a path percent-encoded, for its route to read with `path_id`.

    So it is with the interface's own and with those that are answered by the same functions: read twice, one id would
    stand for another.
    """
    return path.startswith(_ENCODED)


def path_id(raw: str, name: str) -> str:
    """The id in a part of a path that is still percent-encoded, whatever it holds.

    Raises:
        BadInput: `encoding_invalid`, or what is wrong with the id.
    """
    try:
        return checked_id(unquote_to_bytes(raw).decode() if "%" in raw or not raw.isascii() else raw, name)
    except UnicodeDecodeError as error:
        raise _not_utf8(name) from error


def checked_limit(limit: int) -> int:
    """Raises `limit_range` unless from 1 to 1000."""
    if not 1 <= limit <= MAX_LIMIT:
        raise limit_range()
    return limit


def limit_range() -> BadInput:
    problem = f"The limit must be a whole number from 1 to {MAX_LIMIT}."
    return BadInput("limit_range", problem, field="limit", fix=f"Ask for 1 to {MAX_LIMIT}, or leave it out.")


def too_many_items(name: str, count: int) -> BadInput:
    problem = f"{name} has {count} items; the most are {MAX_ITEMS}."
    return BadInput("too_many_items", problem, field=name, fix="Name fewer.")


def field_unknown(name: str, known: Sequence[str]) -> BadInput:
    """A key that nobody reads, and what may have been meant."""
    near = difflib.get_close_matches(name[:64], known, n=3)
    taken = ", ".join(known) or "none"
    return BadInput(
        "field_unknown",
        f"'{escaped(name)}' is not a field here.",
        field=escaped(name),
        fix=f"Did you mean {' or '.join(near)}?" if near else f"The fields are: {taken}.",
        context={"near": near},
    )


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    if raw.translate(None, _PLAIN) == b"" and raw.count(b"&") < MAX_ITEMS:
        # Nothing in it stands for anything else.
        parts = (part.partition("=") for part in raw.decode("ascii").split("&") if part)
        return [(key, value) for key, _, value in parts]
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2 * MAX_ITEMS, separator="&"
        )
    except UnicodeDecodeError as error:
        raise _not_utf8("query") from error
    except ValueError as error:
        raise BadInput("too_many_items", "The query has too many parts.", field="query", fix="Name fewer.") from error


def _not_utf8(name: str) -> BadInput:
    problem = f"{name} is not UTF-8, percent-encoded."
    return BadInput("encoding_invalid", problem, field=name, fix="Encode it as UTF-8 first, then percent-encode.")
