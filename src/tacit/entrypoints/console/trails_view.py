"""The trails as the console shows them: what is looked for, what is found, and whether a chain holds (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlencode

from tacit.bootstrap.trails import Finding
from tacit.entrypoints.console.spelling import at_ms, number, value_text
from tacit.entrypoints.console.wording import moment
from tacit.errors import BadInput
from tacit.security.accesses import Decision, KeptAccess, Kind
from tacit.security.audit_chain import AuditLink
from tacit.security.chains import Head, Trail
from tacit.security.trail_questions import AccessQuestion, ActQuestion

PAGE = 50
"""Rows of a page."""
KINDS: Mapping[str, str] = {
    "personal": "Of one user",
    "administrative": "Administrative",
    "list": "A list",
    "event": "Events",
    "trail": "The trail itself",
}
"""What a kind of access is called on a page."""
DECISIONS: Mapping[str, str] = {"allowed": "Allowed", "refused": "Refused", "failed": "Failed"}
"""What a decision is called."""
TRAILS: Mapping[Trail, str] = {"audit": "Administrative trail", "accesses": "Trail of accesses"}
"""What a trail is called."""

Told = tuple[str, str, str]
"""Something that a row tells: its name, what is shown of it, and the whole."""

_LONGEST = 200
_DIGEST = 32
_MOST_TOLD = 160


@dataclass(frozen=True)
class Sought:
    """What somebody looks for in a trail, as the address of the page says it; every part may be empty.

    Attributes:
        fields: By the names of the form.
        before: The place before which the page begins; empty for the first.
    """

    fields: Mapping[str, str]
    before: str = ""

    def get(self, name: str) -> str:
        return self.fields.get(name, "")

    def address(self, path: str, *, before: int | None = None) -> str:
        """The page of the same question, from a place on."""
        asked = {name: value for name, value in self.fields.items() if value}
        if before is not None:
            asked["before"] = str(before)
        return f"{path}?{urlencode(asked)}" if asked else path

    @property
    def is_narrow(self) -> bool:
        """Whether anything is looked for at all."""
        return any(self.fields.values())

    @property
    def place(self) -> int | None:
        """Before which place the page begins.

        Raises:
            BadInput: `cursor_invalid`.
        """
        if not self.before:
            return None
        if not (self.before.isascii() and self.before.isdecimal() and len(self.before) < 18):
            raise BadInput("cursor_invalid", "This is no place in the trail.", field="before", fix="Begin anew.")
        return int(self.before)


@dataclass(frozen=True)
class ActRow:
    """An entry of the administrative trail."""

    sequence: int
    action: str
    action_text: str
    actor: str
    subject: str
    at_ms: float | None
    facts: tuple[Told, ...]
    digest: str


@dataclass(frozen=True)
class AccessRow:
    """A row of the trail of accesses."""

    sequence: int
    at_ms: int
    kind: str
    call: str
    principal: str
    client: str
    subject: str
    decision: str
    status: int
    request_id: str
    facts: tuple[Told, ...]
    digest: str


@dataclass(frozen=True)
class Verified:
    """What came of going through one trail.

    Attributes:
        title: Which trail.
        trail: The same, as commands call it.
        rows: How many there are.
        first_broken: The first that is not what was written; `None` if it is whole.
        heads: How many heads noted elsewhere it was held against.
        broken: That row as it stands there now, where it is an entry of the administrative trail.
    """

    title: str
    trail: Trail
    rows: int
    first_broken: int | None
    heads: int
    broken: ActRow | None = None


def act_question(sought: Sought) -> ActQuestion:
    """What is looked for in the administrative trail.

    Raises:
        BadInput: `time_invalid`, `text_too_long`.
    """
    since, until = (_moment(sought, name) for name in ("since", "until"))
    return ActQuestion(
        action=_text(sought, "action"),
        actor=_text(sought, "actor"),
        subject=_text(sought, "subject"),
        since=None if since is None else since.isoformat(timespec="milliseconds"),
        until=None if until is None else until.isoformat(timespec="milliseconds"),
    )


def access_question(sought: Sought) -> AccessQuestion:
    """What is looked for in the trail of accesses.

    Raises:
        BadInput: `time_invalid`, `text_too_long`, `choice_unknown`.
    """
    since, until = (_moment(sought, name) for name in ("since", "until"))
    return AccessQuestion(
        kind=cast("Kind | None", _choice(sought, "kind", KINDS)),
        decision=cast("Decision | None", _choice(sought, "decision", DECISIONS)),
        principal=_text(sought, "actor"),
        user_id=_text(sought, "user"),
        since_ms=None if since is None else round(since.timestamp() * 1_000),
        until_ms=None if until is None else round(until.timestamp() * 1_000),
    )


def act_row(link: AuditLink) -> ActRow:
    """An entry of the administrative trail."""
    entry = link.entry
    said = entry.action.replace("_", " ")
    return ActRow(
        link.sequence,
        entry.action,
        said[:1].upper() + said[1:],
        entry.actor,
        entry.subject,
        at_ms(entry.at),
        told(entry.facts),
        link.digest,
    )


def access_row(row: KeptAccess) -> AccessRow:
    """A row of the trail of accesses."""
    return AccessRow(
        row.sequence,
        row.at_ms,
        KINDS.get(row.kind, row.kind),
        f"{row.method} {row.route}".removeprefix("- ").strip(),
        row.principal,
        row.client.removeprefix("-"),
        row.subject,
        row.decision,
        row.status,
        row.request_id,
        _facts(row.facts),
        row.digest,
    )


def verified_rows(found: Sequence[Finding], links: Sequence[AuditLink]) -> tuple[Verified, ...]:
    """What came of going through the trails.

    Args:
        found: Of each trail.
        links: The administrative one, to show the entry at which it breaks.
    """
    by_place = {link.sequence: link for link in links}
    return tuple(
        Verified(
            TRAILS[each.trail],
            each.trail,
            each.rows,
            each.first_broken,
            each.heads,
            act_row(by_place[each.first_broken]) if each.trail == "audit" and each.first_broken in by_place else None,
        )
        for each in found
    )


def head_rows(heads: Sequence[Head]) -> tuple[tuple[str, int, str], ...]:
    """The heads as they may be noted elsewhere: trail, length, digest of the last row."""
    return tuple((TRAILS[each.trail], each.sequence, each.digest) for each in heads)


def _moment(sought: Sought, name: str) -> datetime | None:
    """A time of the form, in UTC; a day alone is its beginning as `since`, and its end as `until`."""
    text = sought.get(name)
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        found = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        return found + timedelta(days=1) if name == "until" and len(text) == len("2026-01-31") else found
    except (ValueError, OverflowError) as error:
        fix = "Write a day, as 2026-01-31, or a time, as 2026-01-31T12:00."
        raise BadInput("time_invalid", f"{ascii(text)[:40]} is no time.", field=name, fix=fix) from error


def _text(sought: Sought, name: str) -> str | None:
    text = sought.get(name)
    if len(text) > _LONGEST or "\0" in text:
        raise BadInput("text_too_long", f"{name} has more than {_LONGEST} characters.", field=name, fix="Say less.")
    return text or None


def _choice(sought: Sought, name: str, choices: Mapping[str, str]) -> str | None:
    text = sought.get(name)
    if text and text not in choices:
        fix = f"Choose one of: {', '.join(choices)}."
        raise BadInput("choice_unknown", f"There is no {name} of that name.", field=name, fix=fix)
    return text or None


def told(facts: Mapping[str, object]) -> tuple[Told, ...]:
    """What a row tells beside the rest: digests by their beginning, times as times."""
    return tuple(_told(name, value) for name, value in facts.items())


def _told(name: str, value: object) -> Told:
    if name.endswith("_ms"):
        at = moment(number(value))
        return name.removesuffix("_ms").replace("_", " "), at, at
    text = value_text(value)
    is_digest = len(text) >= _DIGEST and not set(text) - set("0123456789abcdef")
    return name.replace("_", " "), f"{text[:12]}…" if is_digest else text[:_MOST_TOLD], text


def _facts(text: str) -> tuple[Told, ...]:
    try:
        said = json.loads(text)
    except ValueError:
        return (("facts", text, text),)
    return told(said) if isinstance(said, dict) else ()
