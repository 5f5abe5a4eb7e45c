"""What was set aside: why, mended by hand, let go, or forgotten for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from tacit.data.ingestion import QuarantinedEvent
from tacit.data.quarantine import Chosen, Quarantine, as_sent
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.errors import ERROR, status_of
from tacit.entrypoints.api.strict_json import parse_object
from tacit.entrypoints.console.forms import Form, Sent, whole_number
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.errors import BadInput, Refused

QUARANTINE = f"{ROOT}/data/quarantine"
PAGE = 25


def quarantine_pages(frame: ConsolePages, quarantine: Quarantine) -> APIRouter:
    """The pages over a quarantine."""
    pages, router = QuarantinePages(frame, quarantine), frame.router()
    shown(router, "/data/quarantine", pages.listed)
    shown(router, "/data/quarantine/{quarantine_id}", pages.entry)
    acted(router, "/data/quarantine/release", pages.release)
    acted(router, "/data/quarantine/purge", pages.purge)
    acted(router, "/data/quarantine/{quarantine_id}/fix", pages.fix)
    return router


class QuarantinePages:
    """Lists entries, shows one, and does what an operator decides."""

    def __init__(self, frame: ConsolePages, quarantine: Quarantine) -> None:
        self._frame, self._quarantine = frame, quarantine

    def listed(self, request: Request, reason: str = "", cursor: str = "") -> Response:
        """Entries, the oldest first, a page at a time."""
        behind = whole_number(cursor, "cursor", "The place in the list") if cursor else 0
        page = self._quarantine.page(limit=PAGE, cursor=behind, reason=reason or None)
        return self._frame.page(
            request,
            "quarantine.html",
            here="data",
            entries=page.entries,
            reasons=[("all", QUARANTINE)] + [(name, _address(reason=name)) for name in sorted(page.reasons)],
            reason=reason,
            of_reason=page.reasons.get(reason, 0),
            total=sum(page.reasons.values()),
            next=_address(reason=reason, cursor=page.next_cursor) if page.next_cursor else "",
            first=_address(reason=reason) if behind else "",
        )

    def entry(self, request: Request, quarantine_id: str) -> Response:
        """One entry: what was sent, why it is here, and what would be applied in its place."""
        return self._shown(request, self._quarantine.entry(_number(quarantine_id)))

    def fix(self, request: Request, quarantine_id: str, form: Sent) -> Response:
        """Keeps a corrected event in place of the one that was sent; shown again, with the reason, if it is none."""
        number = _number(quarantine_id)
        text = form.asked("event", "The event")
        try:
            said = parse_object(text.encode("utf-8", "surrogatepass"))
            self._quarantine.fix(number, said, actor=actor_of(request), is_whole=True)
        except (BadInput, Refused) as problem:
            request.scope[ERROR] = problem
            return self._shown(request, self._quarantine.entry(number), text=text, problem=problem)
        if form.text("then") == "release":
            return self._released(request, Chosen((number,)))
        return self._frame.done(f"{QUARANTINE}/{number}", "The correction is kept; release it to have it applied.")

    def release(self, request: Request, form: Sent) -> Response:
        """Lets held events be applied."""
        return self._released(request, _chosen(form))

    def purge(self, request: Request, form: Sent) -> Response:
        """Forgets what events said, for good."""
        try:
            count = self._quarantine.purge(_chosen(form), actor=actor_of(request))
        except BadInput as problem:
            return self._frame.refused(QUARANTINE, problem)
        said = f"{_events(count)} purged: what {'it' if count == 1 else 'they'} said is gone, and counts as rejected."
        return self._frame.done(QUARANTINE, said)

    def _released(self, request: Request, chosen: Chosen) -> Response:
        count = self._quarantine.release(chosen, actor=actor_of(request))
        if not count:
            return self._frame.done(QUARANTINE, "Nothing of that was held any more.")
        return self._frame.done(QUARANTINE, f"{_events(count)} released: applied within seconds, each once.")

    def _shown(
        self, request: Request, entry: QuarantinedEvent, *, text: str = "", problem: BadInput | Refused | None = None
    ) -> Response:
        sent = as_sent(entry.logged.event)
        mended = None if entry.mended is None else as_sent(entry.mended)
        return self._frame.page(
            request,
            "quarantined.html",
            here="data",
            status=200 if problem is None else status_of(problem),
            entry=entry,
            sent=_pretty(sent),
            mended=None if mended is None else _pretty(mended),
            text=text or _pretty(mended or sent),
            problem=problem,
        )


def _chosen(form: Form) -> Chosen:
    ids = tuple(whole_number(each, "id", "An entry") for each in form.all("id"))
    return Chosen(ids, form.text("reason") or None)


def _number(text: str) -> int:
    return whole_number(text, "quarantine_id", "The number of the entry")


def _events(count: int) -> str:
    return f"{count:,} {'event was' if count == 1 else 'events were'}"


def _address(**asked: object) -> str:
    said = {name: value for name, value in asked.items() if value}
    return f"{QUARANTINE}?{urlencode(said)}" if said else QUARANTINE


def _pretty(said: Mapping[str, object]) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False)
