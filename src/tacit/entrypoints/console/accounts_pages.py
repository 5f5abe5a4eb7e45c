"""The console's pages on people: their accounts, what they may, and where they are signed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.texts import checked_id
from tacit.entrypoints.console.access_view import ROLES_SAID, account_row, sign_in_rows
from tacit.entrypoints.console.forms import Sent
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.errors import BadInput, NotFound, Refused, Unavailable
from tacit.security.account_desk import AccountDesk
from tacit.security.principals import Scope
from tacit.security.sign_ins import SignIns

_HERE = "access"
_PATH = f"{ROOT}/access/accounts"
_SCOPE: Scope = "security:admin"


class AccountPages:
    """The pages.

    Args:
        pages: What they are made with.
        desk: Where accounts are made and changed.
        sign_ins: Knows where people are signed in.
    """

    def __init__(self, pages: ConsolePages, desk: AccountDesk, sign_ins: SignIns) -> None:
        self._pages, self._desk, self._sign_ins = pages, desk, sign_ins

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/access/accounts", self.accounts, scope=_SCOPE)
        shown(routes, "/access/accounts/{account}", self.account, scope=_SCOPE)
        acted(routes, "/access/accounts", self.create, scope=_SCOPE)
        acted(routes, "/access/accounts/{account}/role", self.set_role, scope=_SCOPE)
        acted(routes, "/access/accounts/{account}/lock", self.lock, scope=_SCOPE)
        acted(routes, "/access/accounts/{account}/unlock", self.unlock, scope=_SCOPE)
        acted(routes, "/access/accounts/{account}/password", self.set_password, scope=_SCOPE)
        acted(routes, "/access/accounts/{account}/sign-ins", self.end_sign_ins, scope=_SCOPE)
        return routes

    def accounts(self, request: Request) -> Response:
        """All accounts, by login."""
        rows = [account_row(each, len(self._sign_ins.of_account(each.account_id))) for each in self._desk.all()]
        return self._pages.page(request, "access_accounts.html", here=_HERE, rows=rows, roles=ROLES_SAID)

    def account(self, request: Request, account: str) -> Response:
        """One account, and where its person is signed in."""
        found = self._desk.found(checked_id(account, "account"))
        sessions = self._sign_ins.of_account(found.account_id)
        return self._pages.page(
            request,
            "access_account.html",
            here=_HERE,
            row=account_row(found, len(sessions)),
            sign_ins=sign_in_rows(sessions),
            roles=ROLES_SAID,
        )

    def create(self, request: Request, form: Sent) -> Response:
        """Makes an account."""
        user = form.text("user_id")
        try:
            made = self._desk.create(
                form.asked("login", "The login"),
                _password(form.all("password")),
                role=form.text("role"),
                actor=actor_of(request),
                user_id=checked_id(user, "user_id") if user else None,
            )
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(_PATH, refusal)
        return self._pages.done(f"{_PATH}/{made.account_id}", f"{made.login} may sign in.")

    def set_role(self, request: Request, account: str, form: Sent) -> Response:
        """Changes what somebody may; they sign in anew."""
        role, actor = form.text("role"), actor_of(request)
        return self._changed(
            account, lambda which: self._desk.set_role(which, role, actor=actor), f"They may what a {role} may."
        )

    def lock(self, request: Request, account: str, form: Sent) -> Response:
        """Lets nobody sign in with an account any more, and ends its sign-ins."""
        del form  # it has been checked where it came from
        actor = actor_of(request)
        return self._changed(
            account, lambda which: self._desk.disable(which, actor=actor), "It is locked, and its sign-ins are over."
        )

    def unlock(self, request: Request, account: str, form: Sent) -> Response:
        """Lets somebody sign in again."""
        del form
        actor = actor_of(request)
        return self._changed(account, lambda which: self._desk.enable(which, actor=actor), "They may sign in again.")

    def set_password(self, request: Request, account: str, form: Sent) -> Response:
        """Gives an account another password, and ends its sign-ins."""
        actor, password = actor_of(request), _password(form.all("password"))
        return self._changed(
            account,
            lambda which: self._desk.set_password(which, password, actor=actor),
            "The password is another, and all sign-ins with the old one are over.",
        )

    def end_sign_ins(self, request: Request, account: str, form: Sent) -> Response:
        """Ends every sign-in of an account."""
        del form
        actor = actor_of(request)
        return self._changed(
            account, lambda which: self._desk.end_sign_ins(which, actor=actor), "They are signed out everywhere."
        )

    def _changed(self, account: str, act: Callable[[str], object], said: str) -> Response:
        found = self._desk.found(checked_id(account, "account"))
        back = f"{_PATH}/{found.account_id}"
        try:
            act(found.account_id)
        except (BadInput, NotFound, Refused, Unavailable) as refusal:
            return self._pages.refused(back, refusal)
        return self._pages.done(back, said)


def _password(sent: Sequence[str]) -> str:
    """A password as it was typed, spaces and all; empty if it was not sent, or more than once."""
    return sent[0] if len(sent) == 1 else ""
