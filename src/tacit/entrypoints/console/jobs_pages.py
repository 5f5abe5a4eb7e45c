"""What is done in the background: seen as it goes, asked for, and ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.errors import ERROR, status_of
from tacit.entrypoints.console.forms import Form, Sent
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.entrypoints.console.live import Source, Told
from tacit.errors import BadInput, NotFound, Refused
from tacit.jobs.job import KINDS, Job, Kind
from tacit.jobs.kinds import PARAMETERS, checked_kind
from tacit.rollout.training_desk import TrainingDesk

JOBS = f"{ROOT}/jobs"
SHOWN = 50
LOG_CHARACTERS = 64_000
"""How much of a log a page begins with: the end of it."""


@dataclass(frozen=True)
class Wish:
    """A kind of job as one asks for it.

    Attributes:
        kind: It.
        label: What it is called on a button.
        said: What it does.
    """

    kind: Kind
    label: str
    said: str


WISHES: tuple[Wish, ...] = (
    Wish("train", "Train", "A candidate is trained on what is known now, judged by the gate, and reaches nobody."),
    Wish("full_refit", "Refit from nothing", "The same from the first factor on, with everything decided anew."),
    Wish("search", "Search settings", "Settings are tried on a validation fold, and the best of them is trained."),
    Wish("evaluate", "Evaluate", "A version is scored on the hold-out as it is now, beside the baselines."),
    Wish("precompute", "Precompute lists", "Everybody's list is made beforehand, for when there is no other way."),
)
HINTS: Mapping[str, str] = {
    "dataset": "Name of the dataset; unset, the one in the settings, or the latest.",
    "factors": "Length of the vectors; unset, a rule chooses it from the data.",
    "iterations": "How often both sides are solved, at most.",
    "alpha": "Mean confidence weight of an interaction; unset, a rule chooses it.",
    "regularization": "Strength of the regularisation; unset, a rule chooses it.",
    "seed": "Of the first item factors; the same one gives the same factors.",
    "warm_start": "Number of a version to start from, or champion.",
    "minutes": "For how long settings are tried.",
    "trials": "How many are tried, at most.",
    "version": "Number of a version; unset, the champion.",
    "count": "Items of each list.",
}


def job_pages(frame: ConsolePages, desk: TrainingDesk) -> APIRouter:
    """The pages over a desk."""
    pages, router = JobPages(frame, desk), frame.router()
    shown(router, "/jobs", pages.listed)
    shown(router, "/jobs/live", pages.live)
    shown(router, "/jobs/new", pages.wished)
    shown(router, "/jobs/{job_id}", pages.job)
    shown(router, "/jobs/{job_id}/live", pages.follow)
    acted(router, "/jobs", pages.ask)
    acted(router, "/jobs/{job_id}/cancel", pages.cancel)
    return router


class JobPages:
    """Lists jobs, follows one, and takes orders."""

    def __init__(self, frame: ConsolePages, desk: TrainingDesk) -> None:
        self._frame, self._desk = frame, desk

    def listed(self, request: Request, kind: str = "") -> Response:
        """The latest jobs, newest first."""
        chosen = checked_kind(kind) if kind else None
        live = f"{JOBS}/live?{urlencode({'kind': kind})}" if kind else f"{JOBS}/live"
        kinds = [("all", JOBS), *((each.replace("_", " "), f"{JOBS}?kind={each}") for each in KINDS)]
        current = kind.replace("_", " ") or "all"
        return self._frame.page(
            request, "jobs.html", here="jobs", live=live, kinds=kinds, kind=current, **self._listed(chosen)
        )

    async def live(self, request: Request, kind: str = "") -> Response:
        """The same as they go on."""
        chosen = checked_kind(kind) if kind else None
        part = self._frame.part(request, "job-list", "_job_list.html", facts=lambda: self._listed(chosen))
        return self._frame.stream(request, part)

    def wished(self, request: Request, kind: str = "train") -> Response:
        """Where a job is asked for: what it does, and what it may be told."""
        return self._asked(request, checked_kind(kind), Form())

    def ask(self, request: Request, form: Sent) -> Response:
        """Queues a job, and leads to where it is followed."""
        kind = checked_kind(form.text("kind"))
        try:
            job = self._desk.ask(kind, parameters_of(kind, form), actor=actor_of(request))
        except (BadInput, NotFound, Refused) as problem:
            request.scope[ERROR] = problem
            return self._asked(request, kind, form, problem=problem)
        return self._frame.done(
            f"{JOBS}/{job.job_id}", "It is queued, and begun as soon as there is somebody to run it."
        )

    def job(self, request: Request, job_id: str) -> Response:
        """One job: where it stands, what it brought, and what it says."""
        found = self._desk.book.job(job_id)
        log = self._desk.book.log(found)[-LOG_CHARACTERS:]
        return self._frame.page(
            request,
            "job.html",
            here="jobs",
            live=f"{JOBS}/{job_id}/live" if found.is_alive else "",
            job=found,
            log=log,
        )

    async def follow(self, request: Request, job_id: str) -> Response:
        """The same as it goes on; over when it is."""

        def facts() -> Mapping[str, object]:
            return {"job": self._desk.book.job(job_id)}

        part = self._frame.part(request, "job-state", "_job_state.html", facts=facts)
        return self._frame.stream(request, part, self._log(job_id))

    def cancel(self, request: Request, job_id: str, form: Sent) -> Response:
        """Ends a job: at once if it waits, within seconds if it runs."""
        del form  # it has been checked where it came from
        try:
            job = self._desk.book.cancel(job_id, actor=actor_of(request))
        except Refused as refused:
            return self._frame.refused(f"{JOBS}/{job_id}", refused)
        said = "It is cancelled." if job.state == "cancelled" else "It is asked to end, and does within seconds."
        return self._frame.done(f"{JOBS}/{job_id}", said)

    def _listed(self, kind: Kind | None) -> dict[str, Any]:
        return {"jobs": self._desk.jobs(limit=SHOWN, kind=kind)}

    def _asked(
        self, request: Request, kind: Kind, form: Form, *, problem: BadInput | NotFound | Refused | None = None
    ) -> Response:
        return self._frame.page(
            request,
            "job_new.html",
            here="jobs",
            status=200 if problem is None else status_of(problem),
            wish=next(each for each in WISHES if each.kind == kind),
            wishes=[(each.label, f"{JOBS}/new?kind={each.kind}") for each in WISHES],
            fields=[(name, HINTS[name], form.text(name)) for name in PARAMETERS[kind]],
            problem=problem,
        )

    def _log(self, job_id: str) -> Source:
        """What the log says beyond what was told; each event is named by how much that is."""
        book = self._desk.book

        def read(last: str) -> Sequence[Told]:
            job = book.job(job_id)
            text = book.log(job)
            known = int(last) if last.isascii() and last.isdecimal() and len(last) < 12 else -1
            # A log that is shorter than what was told of it began anew: another try, or its first half went.
            anew = known < 0 or len(text) < known
            fresh = text[-LOG_CHARACTERS:] if anew else text[known:]
            told = [Told("log", {"id": "job-log", "text": fresh, "anew": anew}, str(len(text)))] if fresh else []
            return told if job.is_alive else [*told, Told("over", {})]

        return read


def parameters_of(kind: Kind, form: Form) -> dict[str, object]:
    """What a form says of a job's parameters; what was left empty is not given."""
    said = {name: form.text(name) for name in PARAMETERS[kind]}
    return {name: _value(name, text) for name, text in said.items() if text}


def took(job: Job, now_ms: int) -> float | None:
    """Seconds that a job's last try took, or has taken so far."""
    if job.started_at_ms is None:
        return None
    return ((job.ended_at_ms or now_ms) - job.started_at_ms) / 1_000


def _value(name: str, text: str) -> object:
    if name == "dataset" or (name == "warm_start" and not text.isdecimal()):
        return text
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
