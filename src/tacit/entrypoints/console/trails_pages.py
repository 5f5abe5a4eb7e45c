"""The console's pages on the trails: who did what to the platform, who asked for what, and whether the record holds."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tacit.bootstrap import App
from tacit.bootstrap.guarding import heads_of
from tacit.bootstrap.trails import verified
from tacit.entrypoints.console.forms import Sent
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.entrypoints.console.trails_view import (
    DECISIONS,
    KINDS,
    PAGE,
    Sought,
    access_question,
    access_row,
    act_question,
    act_row,
    head_rows,
    verified_rows,
)
from tacit.errors import BadInput
from tacit.security.chains import head_line
from tacit.security.principals import Scope

_HERE = "audit"
_PATH = f"{ROOT}/audit"
_SCOPE: Scope = "security:admin"
_KNOWN_ACTIONS = 400
"""Of so many latest entries, the actions are offered to whoever looks for one."""
_FIELDS = ("action", "actor", "subject", "user", "kind", "decision", "since", "until")


class TrailPages:
    """The pages.

    Args:
        pages: What they are made with.
        app: The platform.
    """

    def __init__(self, pages: ConsolePages, app: App) -> None:
        self._pages, self._app = pages, app

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/audit", self.acts, scope=_SCOPE)
        shown(routes, "/audit/accesses", self.accesses, scope=_SCOPE)
        shown(routes, "/audit/chain", self.chain, scope=_SCOPE)
        shown(routes, "/audit/head", self.head, scope=_SCOPE)
        acted(routes, "/audit/chain", self.verify, scope=_SCOPE)
        return routes

    def acts(self, request: Request) -> Response:
        """The administrative trail, the latest first, as far as it fits what is looked for."""
        sought = _sought(request)
        page = self._app.audit.page(act_question(sought), before=sought.place, limit=PAGE)
        known = sorted({entry.action for entry in self._app.audit.entries(limit=_KNOWN_ACTIONS)})
        return self._pages.page(
            request,
            "audit.html",
            here=_HERE,
            sought=sought,
            rows=[act_row(each) for each in page.rows],
            following=_following(sought, _PATH, page.next_before),
            first=sought.address(_PATH) if sought.before else "",
            known=known,
        )

    def accesses(self, request: Request) -> Response:
        """The trail of accesses, likewise; users stand there under pseudonyms."""
        sought, path = _sought(request), f"{_PATH}/accesses"
        page = self._app.accesses.page(access_question(sought), before=sought.place, limit=PAGE)
        return self._pages.page(
            request,
            "audit_accesses.html",
            here=_HERE,
            sought=sought,
            rows=[access_row(each) for each in page.rows],
            following=_following(sought, path, page.next_before),
            first=sought.address(path) if sought.before else "",
            kinds=KINDS,
            decisions=DECISIONS,
            written=self._app.settings.audit.access,
        )

    def chain(self, request: Request) -> Response:
        """Where both trails are gone through, and their heads stand."""
        return self._chained(request, None)

    def verify(self, request: Request, form: Sent) -> Response:
        """Goes through both trails, held against heads that were noted elsewhere if some are given."""
        noted = "\n".join(form.all("heads")).replace("\r", "")
        try:
            return self._chained(request, noted if noted.strip() else "")
        except BadInput as refusal:
            return self._pages.refused(f"{_PATH}/chain", refusal)

    def head(self) -> Response:
        """The heads of both trails as a file, to be kept on another machine."""
        lines = "".join(head_line(each) + "\n" for each in heads_of(self._app))
        headers = {
            "Content-Disposition": 'attachment; filename="tacit-heads.jsonl"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(lines, media_type="application/x-ndjson", headers=headers)

    def _chained(self, request: Request, noted: str | None) -> Response:
        """The page, with what came of going through the trails where that was asked."""
        found = None if noted is None else verified(self._app, noted or None)
        is_broken = found is not None and any(each.first_broken is not None for each in found)
        return self._pages.page(
            request,
            "audit_chain.html",
            here=_HERE,
            found=None if found is None else verified_rows(found, self._app.audit.links() if is_broken else ()),
            heads=head_rows(heads_of(self._app)),
            head_file=self._app.settings.audit.head_file,
        )


def _sought(request: Request) -> Sought:
    asked = request.query_params
    return Sought({name: asked.get(name, "").strip() for name in _FIELDS}, asked.get("before", ""))


def _following(sought: Sought, path: str, before: int | None) -> str:
    return "" if before is None else sought.address(path, before=before)
