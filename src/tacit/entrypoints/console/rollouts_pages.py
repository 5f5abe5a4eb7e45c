"""The console's pages on rollouts: the one under way, live, and how those before it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from tacit.bootstrap import App
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.console.forms import Form, Sent, whole_number
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.entrypoints.console.rollouts_view import live_rollout, rollout_row, step_rows
from tacit.errors import BadInput, NotFound, Refused, Unavailable
from tacit.rollout.rollout_desk import Opening, RolloutDesk, Status, check_given
from tacit.rollout.rollouts import Advance, Rollout
from tacit.rollout.version_desk import VersionDesk

LISTED = 50
"""Rollouts in the list of those before."""
_HERE = "rollouts"
_PATH = f"{ROOT}/rollouts"


class RolloutPages:
    """The pages.

    Args:
        pages: What they are made with.
        app: The platform.
        desk: What people do with rollouts, in a process that counts what they abort.
        versions: What is known of versions, for whoever chooses one.
    """

    def __init__(self, pages: ConsolePages, app: App, desk: RolloutDesk, *, versions: VersionDesk) -> None:
        self._pages, self._app, self._desk, self._versions = pages, app, desk, versions

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/rollouts", self.overview)
        shown(routes, "/rollouts/live", self.live)
        shown(routes, "/rollouts/{rollout_id}", self.rollout)
        acted(routes, "/rollouts", self.start)
        acted(routes, "/rollouts/{rollout_id}/advance", self.advance)
        acted(routes, "/rollouts/{rollout_id}/abort", self.abort)
        return routes

    def overview(self, request: Request) -> Response:
        """The rollout under way, and those before it."""
        return self._pages.page(
            request,
            "rollouts.html",
            here=_HERE,
            live=f"{_PATH}/live",
            candidates=self._candidates(),
            course=self._app.settings.rollout,
            **self._now(),
            **self._before(),
        )

    async def live(self, request: Request) -> Response:
        """Keeps that page told: the stage with its numbers, what may be done with it, and how it ended."""
        return self._pages.stream(
            request,
            self._pages.part(request, "rollout", "_rollout.html", facts=self._now),
            self._pages.part(request, "rollout-acts", "_rollout_acts.html", facts=self._now),
            self._pages.part(request, "rollouts-before", "_rollouts_before.html", facts=self._before),
        )

    def rollout(self, request: Request, rollout_id: str) -> Response:
        """One rollout: how it came to where it is, with what each step rests on."""
        status = self._desk.status(_number(rollout_id))
        return self._pages.page(
            request,
            "rollout.html",
            here=_HERE,
            row=rollout_row(status.rollout),
            rollout=live_rollout(status, self._app.traffic_plan()),
            steps=step_rows(status.history),
            course=status.rollout.course,
        )

    def start(self, request: Request, form: Sent) -> Response:
        """Begins to bring a version to users."""
        try:
            made = self._desk.start(_opening(form, actor_of(request)))
        except (BadInput, NotFound, Refused, Unavailable) as refusal:
            return self._pages.refused(_PATH, refusal)
        said = f"Version {made.version} is on its way: {_first(made)}."
        return self._pages.done(_PATH, said)

    def advance(self, request: Request, rollout_id: str, form: Sent) -> Response:
        """Carries a rollout on to its next step, or to all users at once."""
        is_all = form.text("to") == "all"
        act = self._desk.promote if is_all else self._desk.advance
        said = "All users meet it now." if is_all else "It was carried on."
        return self._decided(request, rollout_id, form, act=act, said=said)

    def abort(self, request: Request, rollout_id: str, form: Sent) -> Response:
        """Ends a rollout: all users meet the champion of before."""
        said = "It was ended; the champion of before answers everybody."
        return self._decided(request, rollout_id, form, act=self._desk.abort, said=said)

    def _decided(
        self, request: Request, rollout_id: str, form: Form, *, act: Callable[..., Rollout], said: str
    ) -> Response:
        try:
            check_given(form.text("reason"))
            act(_number(rollout_id), actor=actor_of(request), reason=form.text("reason"))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(_PATH, refusal)
        return self._pages.done(_PATH, said)

    def _now(self) -> Mapping[str, Any]:
        """The rollout under way as it is now; `None` while there is none."""
        status = self._status()
        if status is None:
            return {"rollout": None, "steps": ()}
        return {"rollout": live_rollout(status, self._app.traffic_plan()), "steps": step_rows(status.history)}

    def _before(self) -> Mapping[str, Any]:
        """Those that are over, the latest first."""
        listed = self._desk.rollouts(limit=LISTED)
        return {"earlier": [rollout_row(each) for each in listed if each.is_over]}

    def _status(self) -> Status | None:
        under_way = self._desk.under_way()
        return None if under_way is None else self._desk.status(under_way.rollout_id)

    def _candidates(self) -> list[tuple[int, str]]:
        """Versions that may be brought to users, the latest first, each with its verdict."""
        return [
            (int(str(row["number"])), str(row["verdict"]))
            for row in reversed(self._versions.overview())
            if row["pruned_at"] is None and "champion" not in str(row["aliases"])
        ]


def _opening(form: Form, actor: str) -> Opening:
    steps = form.text("steps")
    advance: Advance | None = None
    if form.text("advance"):
        advance = "manual" if form.text("advance") == "manual" else "automatic"
    return Opening(
        form.number("version", "The version"),
        actor,
        form.text("reason"),
        advance,
        _steps(steps) if steps else None,
        form.is_on("force"),
    )


def _steps(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.replace("%", "").split(","))
    except ValueError as error:
        fix = "Write percentages with commas between them, as 5, 25, 100."
        raise BadInput("steps_invalid", "The steps are no numbers.", field="steps", fix=fix) from error


def _first(rollout: Rollout) -> str:
    if rollout.state == "shadow":
        return "it is asked in secret first"
    return "it was good until lately, and goes back to all users at once"


def _number(text: str) -> int:
    return whole_number(text, "rollout_id", "The number of a rollout")
