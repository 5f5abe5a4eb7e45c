"""The console's pages on the ledger of runs: what was tried, one run, and several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from tacit.entrypoints.api.texts import checked_id
from tacit.entrypoints.console.curves import drawn_curve
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown
from tacit.entrypoints.console.runs_view import MOST_COMPARED, run_row, run_sheet, runs_compared
from tacit.errors import BadInput, NotFound
from tacit.models.experiments.interfaces import RunStore
from tacit.models.experiments.runs import Run

LISTED = 100
"""Runs in the list."""
_HERE = "experiments"
_Asked = Annotated[list[str] | None, Query()]


class RunPages:
    """The pages.

    Args:
        pages: What they are made with.
        store: The ledger.
    """

    def __init__(self, pages: ConsolePages, store: RunStore) -> None:
        self._pages, self._store = pages, store

    def router(self) -> APIRouter:
        """The pages as routes."""
        routes = self._pages.router()
        shown(routes, "/experiments", self.runs)
        shown(routes, "/experiments/compare", self.compare)
        shown(routes, "/experiments/runs/{run_id}", self.run)
        return routes

    def runs(self, request: Request, experiment: str = "") -> Response:
        """The latest runs, of one experiment if it is named, and what was chosen among them."""
        asked = checked_id(experiment, "experiment") if experiment else None
        found = self._store.runs(experiment=asked, limit=LISTED)
        names = sorted({run.experiment for run in (found if asked is None else self._store.runs(limit=LISTED))})
        return self._pages.page(
            request,
            "runs.html",
            here=_HERE,
            rows=[run_row(run) for run in found],
            experiments=[("All", f"{ROOT}/experiments"), *((name, self._of(name)) for name in names)],
            current=experiment or "All",
            choices=self._store.choices(experiment=asked, limit=5),
            most=MOST_COMPARED,
            is_cut=len(found) == LISTED,
        )

    def run(self, request: Request, run_id: str) -> Response:
        """One run: what decided it, what it scored along the way and at the end, what it cost."""
        sheet = run_sheet(self._found(run_id))
        curves = [drawn for title, points in sheet.curves if (drawn := drawn_curve(title, points)) is not None]
        heads = [(name, "num") for name in sheet.baselines]
        return self._pages.page(request, "run.html", here=_HERE, sheet=sheet, curves=curves, heads=heads)

    def compare(self, request: Request, run: _Asked = None) -> Response:
        """Several runs side by side."""
        asked = list(dict.fromkeys(run or ()))
        if not 2 <= len(asked) <= MOST_COMPARED:
            detail = f"{len(asked)} runs were chosen; from 2 to {MOST_COMPARED} can be laid side by side."
            raise BadInput("runs_number", detail, field="run", fix="Tick some in the list, and compare them.")
        found: Sequence[Run] = [self._found(each) for each in asked]
        return self._pages.page(request, "runs_compare.html", here=_HERE, found=runs_compared(found))

    def _found(self, run_id: str) -> Run:
        found = self._store.run(checked_id(run_id, "run_id"))
        if found is None:
            raise NotFound("run_unknown", "There is no such run.", field="run_id", fix="The list has those there are.")
        return found

    @staticmethod
    def _of(name: str) -> str:
        return f"{ROOT}/experiments?experiment={quote(name, safe='')}"
