"""Commands on background jobs: see them, ask for one, run them here, end one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, say, show, table
from tacit.jobs.job import KINDS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.jobs.interfaces import JobRunner
    from tacit.jobs.job import Job
    from tacit.rollout.training_desk import TrainingDesk

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
Given = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Parameters, as in `factors=64 iterations=8`.")
]


def job_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    jobs = typer.Typer(help="See what is done in the background, and ask for it.", no_args_is_help=True)
    command(jobs, "list")(list_jobs)
    command(jobs, "show")(show_job)
    command(jobs, "logs")(show_log)
    command(jobs, "submit")(submit)
    command(jobs, "run")(run_jobs)
    command(jobs, "cancel")(cancel)
    app.add_typer(jobs, name="jobs")


def list_jobs(
    asked: Asked,
    *,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 20,
) -> None:
    """List the latest jobs, newest first."""
    from tacit.jobs.kinds import checked_kind
    from tacit.rollout.training_desk import described

    wanted = None if kind is None else checked_kind(kind)
    with asked.opened() as app:
        found = app.jobs.store.jobs(limit=limit, kind=wanted)
    show({"jobs": [described(job) for job in found]}, lambda: _told_list(found), is_json=asked.is_json)


def show_job(asked: Asked, job: JobId) -> None:
    """Show a job: what was asked, where it stands, and what it brought."""
    with asked.opened() as app:
        _show(app.jobs.job(job), asked)


def show_log(asked: Asked, job: JobId) -> None:
    """Show what a job said."""
    with asked.opened() as app:
        text = app.jobs.log(app.jobs.job(job))
    show({"job_id": job, "log": text}, lambda: [text.rstrip("\n")], is_json=asked.is_json)


def submit(
    asked: Asked,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of: {', '.join(KINDS)}.")],
    parameters: Given = None,
) -> None:
    """Ask for a job; a server on the same home begins it within seconds, or else a Celery worker."""
    from tacit.bootstrap.jobs import job_teller
    from tacit.jobs.kinds import checked_kind

    wanted, given = checked_kind(kind), _parameters(parameters or ())
    with asked.opened() as app, job_teller(app) as runner:
        job = _desk(app, runner).ask(wanted, given, actor=actor())
    _show(job, asked, told=f"Next: tacit jobs show {job.job_id}; where no server runs: tacit jobs run")


def run_jobs(
    asked: Asked,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="A job to ask for and run; else all that is due or waits.")
    ] = None,
    parameters: Given = None,
) -> None:
    """Run jobs here and now, without a server: one that is asked for, or what is due and what waits."""
    from tacit.bootstrap.jobs import job_host, job_keeper, job_teller
    from tacit.jobs.job import Order
    from tacit.jobs.kinds import checked_kind

    with asked.opened() as app, job_teller(app) as runner:
        host = job_host(app)
        if kind is None:
            job_keeper(app, runner).tick()
            ran = list(_run_all(app, host.run))
        else:
            job = app.jobs.ask(Order(checked_kind(kind), _parameters(parameters or ()), "person", actor()))
            ran = [_run_to_the_end(app, job, host.run)]
    _show_ran(ran, asked)


def cancel(asked: Asked, job: JobId) -> None:
    """End a job: at once if it waits, within seconds if it runs."""
    with asked.opened() as app:
        _show(app.jobs.cancel(job, actor=actor()), asked)


Run = Callable[[str], "Job | None"]


def _desk(app: App, runner: JobRunner) -> TrainingDesk:
    from tacit.bootstrap import MODEL
    from tacit.rollout.training_desk import TrainingDesk

    return TrainingDesk(app.jobs, runner, app.registry, MODEL)


def _run_all(app: App, run: Run) -> Iterator[Job]:
    """All that waits, one after the other; what somebody else begins first is theirs."""
    seen: set[str] = set()
    while waiting := [job.job_id for job in app.jobs.waiting() if job.job_id not in seen]:
        seen.add(waiting[0])
        ran = run(waiting[0])
        if ran is not None:
            yield ran


def _run_to_the_end(app: App, job: Job, run: Run) -> Job:
    """One try of a job, here or wherever else it was begun first; Ctrl-C cancels it."""
    try:
        while True:
            ran = run(job.job_id)
            found = ran or app.jobs.job(job.job_id)
            if ran is not None or not found.is_alive or found.start_after_ms > app.jobs.clock():
                return found
            time.sleep(0.5)
    except KeyboardInterrupt:
        app.jobs.cancel(job.job_id, actor=actor())
        raise


def _parameters(pairs: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.strip():
            raise typer.BadParameter("write NAME=VALUE, for example factors=64", param_hint="NAME=VALUE")
        found[name.strip()] = _read(text.strip())
    return found


def _read(text: str) -> object:
    """A number where it is one, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else text


def _show(job: Job, asked: Asked, *, told: str = "") -> None:
    from tacit.rollout.training_desk import described

    about = described(job)
    show(about, lambda: [facts(_for_a_person(about)), *([told] if told else [])], is_json=asked.is_json)


def _show_ran(ran: Sequence[Job], asked: Asked) -> None:
    from tacit.rollout.training_desk import described

    show({"jobs": [described(job) for job in ran]}, lambda: _told_list(ran), is_json=asked.is_json)
    failed = [job for job in ran if job.state != "succeeded"]
    for job in failed:
        if job.problem is not None:
            say(f"tacit: {job.order.kind}: {job.problem.code}: {job.problem.detail}")
        say(f"  See: tacit jobs logs {job.job_id}")
    if failed:
        raise typer.Exit(exits.REFUSED)


def _told_list(jobs: Sequence[Job]) -> Iterator[RenderableType]:
    if not jobs:
        yield "There are none."
        return
    rows = [
        (
            job.job_id,
            job.order.kind,
            job.state,
            job.order.why,
            job.order.actor,
            _moment(job.queued_at_ms),
            job.tries,
            job.step if job.problem is None else job.problem.code,
        )
        for job in jobs
    ]
    yield table(("job", "kind", "state", "why", "asked by", "asked", "tries", "about"), rows, numbers=("tries",))


def _for_a_person(about: dict[str, object]) -> dict[str, object]:
    shown = {
        name.removesuffix("_ms"): _moment(value) if name.endswith("_ms") else value for name, value in about.items()
    }
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in shown.items()}


def _moment(at_ms: object) -> str | None:
    if not isinstance(at_ms, int):
        return None
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")
