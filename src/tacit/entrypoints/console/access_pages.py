"""The console's pages on who may ask: API keys, and blocks of those who may not."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.texts import checked_id, checked_text
from tacit.entrypoints.console.access_view import (
    BLOCK_SECONDS,
    LIFETIMES,
    OVERLAPS,
    ROLES_SAID,
    SCOPES_SAID,
    block_row,
    key_row,
    wish_said,
)
from tacit.entrypoints.console.forms import Sent
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.errors import BadInput, NotFound, Refused, Unavailable
from tacit.security.guard_desk import GuardDesk
from tacit.security.key_desk import Issued, KeyDesk
from tacit.security.key_wishes import overlap_ms, wish_of
from tacit.security.principals import Scope

_HERE = "access"
_PATH = f"{ROOT}/access"
_SCOPE: Scope = "security:admin"
_BLOCKS_LISTED = 200


class KeyPages:
    """The pages on keys.

    Args:
        pages: What they are made with.
        desk: Where keys are looked after.
        mode: Whether callers must say who they are, by the settings.
    """

    def __init__(self, pages: ConsolePages, desk: KeyDesk, *, mode: str) -> None:
        self._pages, self._desk, self._mode = pages, desk, mode

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/access", self.keys, scope=_SCOPE)
        shown(routes, "/access/keys/{key_id}", self.key, scope=_SCOPE)
        acted(routes, "/access", self.create, scope=_SCOPE)
        acted(routes, "/access/required", self.require, scope=_SCOPE)
        acted(routes, "/access/keys/{key_id}", self.rotate, scope=_SCOPE)
        acted(routes, "/access/keys/{key_id}/revoke", self.revoke, scope=_SCOPE)
        return routes

    def keys(self, request: Request, all: str = "") -> Response:  # noqa: A002 - the name in the address
        """The keys that hold; all there ever were, if that is asked."""
        return self._listed(request, is_all=bool(all))

    def key(self, request: Request, key_id: str) -> Response:
        """One key: what it allows, until when, and how much it is used."""
        return self._one(request, checked_id(key_id, "key_id"), issued=None)

    def create(self, request: Request, form: Sent) -> Response:
        """Makes a key; the page that answers is the only place where it ever stands."""
        try:
            wish = wish_of(wish_said(form), now_ms=self._desk.now_ms())
            issued = self._desk.create(wish, actor=actor_of(request))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(_PATH, refusal)
        return self._one(request, issued.key.key_id, issued=issued, status=201)

    def rotate(self, request: Request, key_id: str, form: Sent) -> Response:
        """Gives a key another secret, told once; the old one holds beside it for as long as was said."""
        checked = checked_id(key_id, "key_id")
        try:
            overlap = overlap_ms(form.text("overlap") or "1d", now_ms=self._desk.now_ms())
            issued = self._desk.rotate(checked, overlap_ms=overlap, actor=actor_of(request))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/keys/{checked}", refusal)
        return self._one(request, checked, issued=issued)

    def revoke(self, request: Request, key_id: str, form: Sent) -> Response:
        """Ends a key for good."""
        checked = checked_id(key_id, "key_id")
        back = f"{_PATH}/keys/{checked}"
        try:
            reason = checked_text(form.asked("reason", "The reason"), "reason")
            key = self._desk.revoke(checked, reason=reason, actor=actor_of(request))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(back, refusal)
        return self._pages.done(back, f"{key.name} is revoked: here at once, everywhere within five seconds.")

    def require(self, request: Request, form: Sent) -> Response:
        """Has everybody say who they are, or leaves that to the settings again."""
        try:
            reason = checked_text(form.asked("reason", "The reason"), "reason")
            is_required = form.text("required") == "yes"
            self._desk.require(is_required, reason=reason, actor=actor_of(request))
        except (BadInput, Unavailable) as refusal:
            return self._pages.refused(_PATH, refusal)
        said = "Everybody must say who they are." if is_required else "The settings decide again who must."
        return self._pages.done(_PATH, f"{said} Every server follows within five seconds.")

    def _listed(self, request: Request, *, is_all: bool) -> Response:
        uses, now_ms = self._desk.uses(), self._desk.now_ms()
        rows = [key_row(each, uses.get(each.key_id), now_ms=now_ms) for each in self._desk.all_keys()]
        return self._pages.page(
            request,
            "access_keys.html",
            here=_HERE,
            rows=[row for row in rows if is_all or row.is_active],
            ended=sum(not row.is_active for row in rows),
            is_all=is_all,
            scopes=SCOPES_SAID,
            roles=ROLES_SAID,
            lifetimes=LIFETIMES,
            mode=self._mode,
            is_required=self._desk.is_required(),
        )

    def _one(self, request: Request, key_id: str, *, issued: Issued | None, status: int = 200) -> Response:
        key = self._desk.key(key_id)
        return self._pages.page(
            request,
            "access_key.html",
            here=_HERE,
            status=status,
            row=key_row(key, self._desk.uses().get(key_id), now_ms=self._desk.now_ms()),
            secret=None if issued is None else issued.text,
            scopes=SCOPES_SAID,
            overlaps=OVERLAPS,
        )


class BlockPages:
    """The page on blocks.

    Args:
        pages: What it is made with.
        desk: Where people are kept out, and let in again.
    """

    def __init__(self, pages: ConsolePages, desk: GuardDesk) -> None:
        self._pages, self._desk = pages, desk

    def router(self) -> APIRouter:
        """The page as routes."""
        routes = self._pages.router()
        shown(routes, "/access/blocks", self.blocks, scope=_SCOPE)
        acted(routes, "/access/blocks", self.block, scope=_SCOPE)
        acted(routes, "/access/blocks/{block_id}/review", self.review, scope=_SCOPE)
        acted(routes, "/access/strict", self.be_strict, scope=_SCOPE)
        return routes

    def blocks(self, request: Request, all: str = "") -> Response:  # noqa: A002 - the name in the address
        """Who is kept out, why and until when; those that are over too, if that is asked."""
        now_ms = self._desk.clock_ms()
        found = self._desk.blocks(limit=_BLOCKS_LISTED, holding=not all)
        return self._pages.page(
            request,
            "access_blocks.html",
            here=_HERE,
            rows=[block_row(each, now_ms=now_ms) for each in found],
            is_all=bool(all),
            is_strict=self._desk.is_strict(),
            lengths=BLOCK_SECONDS,
        )

    def block(self, request: Request, form: Sent) -> Response:
        """Keeps a caller out for a while."""
        try:
            seconds = form.number("seconds", "How long")
            made = self._desk.block(
                form.text("caller"), seconds=seconds, reason=form.text("reason"), actor=actor_of(request)
            )
        except (BadInput, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/blocks", refusal)
        return self._pages.done(
            f"{_PATH}/blocks", f"{made.caller} is kept out. Every server follows within two seconds."
        )

    def review(self, request: Request, block_id: str, form: Sent) -> Response:
        """Says what came of looking at a block again, and lifts it where that was wrong."""
        decision = "lifted" if form.text("decision") == "lifted" else "kept"
        try:
            reviewed = self._desk.review(
                checked_id(block_id, "block_id"),
                decision="lifted" if decision == "lifted" else "kept",
                finding=form.text("reason"),
                actor=actor_of(request),
            )
        except (BadInput, NotFound, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/blocks", refusal)
        said = "is let in again" if decision == "lifted" else "stays out, and it is noted why"
        return self._pages.done(f"{_PATH}/blocks", f"{reviewed.caller} {said}.")

    def be_strict(self, request: Request, form: Sent) -> Response:
        """Makes every limit a fraction of itself, or what it was."""
        is_strict = form.text("strict") == "yes"
        try:
            self._desk.be_strict(is_strict, actor=actor_of(request), reason=form.text("reason"))
        except (BadInput, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/blocks", refusal)
        said = "Every limit is a fraction of itself." if is_strict else "The limits are what they were."
        return self._pages.done(f"{_PATH}/blocks", f"{said} Every server follows within two seconds.")
