"""The console's pages on A/B tests: which there are, what each knows by now, and how one is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.errors import status_of
from tacit.entrypoints.console.ab_view import METRICS, MOST_ARMS, ab_row, ab_sheet, plan_said
from tacit.entrypoints.console.forms import Sent, whole_number
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.entrypoints.console.resting import Rested
from tacit.errors import BadInput, NotFound, Refused, TacitError, Unavailable
from tacit.rollout.ab_desk import AbDesk
from tacit.rollout.ab_report import AbReport
from tacit.rollout.version_desk import VersionDesk

_HERE = "experiments"
_PATH = f"{ROOT}/experiments/tests"
_USUAL = {
    "arm_1": "control",
    "share_1": "50",
    "arm_2": "candidate",
    "share_2": "50",
    "metric": "ctr",
    "harm_limit": "5",
    "expected_effect": "10",
    "min_users": "200",
    "max_days": "28",
    "history_days": "28",
}
"""What the form of a new test says before anybody fills it in."""


class AbPages:
    """The pages.

    Args:
        pages: What they are made with.
        desk: Where A/B tests are.
        versions: What is known of versions, for whoever chooses one.
    """

    def __init__(self, pages: ConsolePages, desk: AbDesk, versions: VersionDesk) -> None:
        self._pages, self._desk, self._versions = pages, desk, versions
        # A report goes through every list of a test; whoever looks at it live need not have it read each time.
        self._report: Rested[int, AbReport] = Rested(desk.report)

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/experiments/tests", self.tests)
        shown(routes, "/experiments/tests/new", self.plan)
        shown(routes, "/experiments/tests/{number}", self.test)
        shown(routes, "/experiments/tests/{number}/live", self.live)
        acted(routes, "/experiments/tests/new", self.create)
        acted(routes, "/experiments/tests/{number}/start", self.start)
        acted(routes, "/experiments/tests/{number}/stop", self.stop)
        return routes

    def tests(self, request: Request) -> Response:
        """All tests, the latest first."""
        rows = [ab_row(each) for each in self._desk.tests()]
        return self._pages.page(request, "ab_tests.html", here=_HERE, rows=rows, is_on=self._desk.is_on)

    def test(self, request: Request, number: str) -> Response:
        """One test, and what is known of it by now."""
        place = _number(number)
        facts = self._known(place)
        return self._pages.page(request, "ab_test.html", here=_HERE, live=f"{_PATH}/{place}/live", **facts)

    async def live(self, request: Request, number: str) -> Response:
        """Keeps that page told."""
        place = _number(number)
        return self._pages.stream(
            request, self._pages.part(request, "ab-report", "_ab_report.html", facts=lambda: self._known(place))
        )

    def plan(self, request: Request) -> Response:
        """Where a test is planned."""
        return self._planned(request, _USUAL, ())

    def create(self, request: Request, form: Sent) -> Response:
        """Writes a test down; nobody is divided before it is started."""
        try:
            made = self._desk.create(plan_said(form), actor=actor_of(request))
        except (BadInput, NotFound, Refused) as refusal:
            return self._planned(request, dict(form.fields), form.all("guardrail"), problem=refusal)
        said = "It is written down. Nobody is divided before it is started."
        return self._pages.done(f"{_PATH}/{made.number}", said)

    def start(self, request: Request, number: str, form: Sent) -> Response:
        """Divides users from now on."""
        del form  # it has been checked where it came from
        place = _number(number)
        try:
            self._desk.start(place, actor=actor_of(request))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/{place}", refusal)
        self._report.forget()
        return self._pages.done(f"{_PATH}/{place}", "Users are divided from now on. Servers follow within a second.")

    def stop(self, request: Request, number: str, form: Sent) -> Response:
        """Divides users no longer; what was counted stays."""
        place = _number(number)
        try:
            self._desk.stop(place, reason=form.text("reason"), actor=actor_of(request))
        except (BadInput, Refused, Unavailable) as refusal:
            return self._pages.refused(f"{_PATH}/{place}", refusal)
        self._report.forget()
        return self._pages.done(f"{_PATH}/{place}", "It is stopped: the champion answers everybody again.")

    def _known(self, number: int) -> Mapping[str, Any]:
        return {"sheet": ab_sheet(self._report(number), now_ms=self._pages.clock_ms())}

    def _planned(
        self,
        request: Request,
        values: Mapping[str, str],
        guardrails: Sequence[str],
        *,
        problem: TacitError | None = None,
    ) -> Response:
        passed = [
            int(str(row["number"]))
            for row in reversed(self._versions.overview())
            if row["verdict"] == "pass" and row["pruned_at"] is None
        ]
        return self._pages.page(
            request,
            "ab_new.html",
            here=_HERE,
            status=200 if problem is None else status_of(problem),
            values=values,
            guardrails=guardrails,
            problem=problem,
            metrics=METRICS,
            places=range(1, MOST_ARMS + 1),
            versions=passed,
        )


def _number(text: str) -> int:
    return whole_number(text, "number", "The number of a test")
