"""The console's pages on versions: which there are, what each is, how two compare, and who was champion when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from tacit.bootstrap import MODEL, App
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.console.compare_view import compared
from tacit.entrypoints.console.forms import Sent, whole_number
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.entrypoints.console.versions_view import VersionRow, move_rows, version_row, version_sheet
from tacit.errors import BadInput, Refused, TacitError, Unavailable
from tacit.registry.versions import Manifest
from tacit.rollout.rollout_desk import check_given
from tacit.rollout.version_desk import VersionDesk

PAGE = 25
"""Versions of a page of the list; every one of them has its manifest verified."""
_HERE = "models"


class ModelPages:
    """The pages.

    Args:
        pages: What they are made with.
        app: The platform.
        desk: What is known of versions.
    """

    def __init__(self, pages: ConsolePages, app: App, desk: VersionDesk) -> None:
        self._pages, self._app, self._desk = pages, app, desk

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/models", self.versions)
        shown(routes, "/models/history", self.history)
        shown(routes, "/models/compare", self.compare)
        shown(routes, "/models/{number}", self.version)
        shown(routes, "/models/{number}/card", self.card)
        acted(routes, "/models/rollback", self.roll_back)
        acted(routes, "/models/{number}/promote", self.promote)
        return routes

    def versions(self, request: Request, before: str = "") -> Response:
        """Every version, the latest first."""
        overview = list(reversed(self._desk.overview()))
        bound = whole_number(before, "before", "The place in the list") if before else None
        earlier = [row for row in overview if bound is None or int(str(row["number"])) < bound]
        rows = tuple(map(self._row, earlier[:PAGE]))
        ways = self._ways(overview)
        following = f"{ROOT}/models?before={rows[-1].number}" if len(earlier) > PAGE else ""
        return self._pages.page(
            request,
            "models.html",
            here=_HERE,
            rows=rows,
            count=len(overview),
            following=following,
            first=f"{ROOT}/models" if bound else "",
            **ways,
        )

    def version(self, request: Request, number: str, files: str = "") -> Response:
        """One version: what the gate found, what it scored, what it learnt from and how, and its files."""
        place = _number(number)
        version = self._app.registry.version(MODEL, place)
        overview = list(reversed(self._desk.overview()))
        row = next(row for row in overview if row["number"] == version.number)
        manifest, problem = self._manifest(version.number)
        return self._pages.page(
            request,
            "model.html",
            here=_HERE,
            row=version_row(row, manifest, problem=None if problem is None else problem.detail),
            sheet=None if manifest is None else version_sheet(manifest),
            manifest_digest=version.manifest_digest,
            checked=self._files_checked(version.number) if files == "verify" else None,
            under_way=self._app.rollouts.desk.under_way(),
            **self._ways(overview),
        )

    def card(self, number: str) -> Response:
        """A version's model card in Markdown, once every byte that is kept of it has been verified."""
        place = _number(number)
        self._app.registry.verify(MODEL, place)
        card = self._app.registry.version(MODEL, place).folder / "model_card.md"
        try:
            text = card.read_text(encoding="utf-8")
        except OSError as error:
            raise Unavailable("artifact_unreadable", "The model card cannot be read.", field="number") from error
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse(text, headers=headers, media_type="text/markdown; charset=utf-8")

    def compare(self, request: Request, first: str = "", second: str = "") -> Response:
        """Two versions side by side."""
        overview = self._desk.overview()
        numbers = [int(str(row["number"])) for row in overview]
        ours, theirs = self._chosen(overview, first, second)
        found = None
        if ours is not None and theirs is not None:
            found = compared(*(self._app.registry.manifest(MODEL, each) for each in (ours, theirs)))
        return self._pages.page(
            request,
            "model_compare.html",
            here=_HERE,
            numbers=list(reversed(numbers)),
            first=ours,
            second=theirs,
            found=found,
        )

    def history(self, request: Request, chain: str = "") -> Response:
        """Every move of the champion, the latest first; gone through, if that was asked."""
        check = self._desk.check() if chain == "verify" else None
        broken = None if check is None or check.broken is None else check.broken.sequence
        moves = move_rows(self._desk.history(), broken=broken)
        return self._pages.page(request, "model_history.html", here=_HERE, moves=moves, check=check)

    def promote(self, request: Request, number: str, form: Sent) -> Response:
        """Makes a version the champion; refused with the gate's reasons where it did not pass, unless forced."""
        place = _number(number)
        back = f"{ROOT}/models/{place}"
        try:
            reason = _reason(form.text("reason"))
            made = self._app.promote(place, actor=actor_of(request), force=form.is_on("force"), reason=reason)
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(back, refusal)
        instead = f" instead of version {made.replaced}" if made.replaced else ""
        forced = f", although its verdict is {made.verdict}" if made.forced else ""
        said = f"Version {made.number} is the champion{instead}{forced}. Servers follow within a second."
        return self._pages.done(back, said)

    def roll_back(self, request: Request, form: Sent) -> Response:
        """Returns to the champion before this one."""
        try:
            reason = _reason(form.text("reason"))
            made = self._app.rollback(actor=actor_of(request), reason=reason)
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(f"{ROOT}/models", refusal)
        passed = "".join(f" Passed over version {each.number}: {each.detail}" for each in made.skipped)
        said = f"Version {made.restored} is the champion again, instead of version {made.number}.{passed}"
        return self._pages.done(f"{ROOT}/models/history", said)

    def _row(self, row: dict[str, object]) -> VersionRow:
        manifest, problem = self._manifest(int(str(row["number"])))
        return version_row(row, manifest, problem=None if problem is None else problem.detail)

    def _manifest(self, number: int) -> tuple[Manifest | None, TacitError | None]:
        """A version's manifest; or why it cannot be trusted, which is to be seen rather than to hide the list."""
        try:
            return self._app.registry.manifest(MODEL, number), None
        except (Refused, Unavailable) as problem:
            return None, problem

    def _files_checked(self, number: int) -> str:
        """What is not as it was signed, of every byte that is kept; empty where all of it is."""
        try:
            self._app.registry.verify(MODEL, number)
        except (Refused, Unavailable) as problem:
            return problem.detail
        return ""

    @staticmethod
    def _ways(overview: Sequence[dict[str, object]]) -> dict[str, Any]:
        """Who is champion, and who a rollback would return to."""
        return {"reigning": _of_role(overview, "champion"), "previous": _of_role(overview, "previous")}

    @staticmethod
    def _chosen(overview: Sequence[dict[str, object]], first: str, second: str) -> tuple[int | None, int | None]:
        """The two to compare: those asked for, else the champion and the latest beside it."""
        numbers = [int(str(row["number"])) for row in overview]
        champion = _of_role(overview, "champion")
        latest = next((each for each in reversed(numbers) if each != champion), None)
        ours = _number(first) if first else champion
        return ours, _number(second) if second else latest


def _of_role(overview: Sequence[dict[str, object]], role: str) -> int | None:
    for row in overview:
        aliases = row["aliases"]
        if isinstance(aliases, list) and role in aliases:
            return int(str(row["number"]))
    return None


def _number(text: str) -> int:
    return whole_number(text, "number", "The number of a version")


def _reason(text: str) -> str:
    """Why, for ledger and trail; on the console nobody moves the champion without a word."""
    check_given(text)
    return text
