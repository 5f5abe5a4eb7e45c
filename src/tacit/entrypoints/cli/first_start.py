"""What an empty home goes through before it can serve: data, training, the gate, promotion."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.data.imports import ImportReport
from tacit.data.interfaces import Progress
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.errors import BadInput, Refused, TacitError, Unavailable

if TYPE_CHECKING:
    from tacit.bootstrap import App
    from tacit.rollout.candidates import Candidate

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """Something that was done, and how long it took."""

    name: str
    said: str
    seconds: float


@dataclass
class Steps:
    """What was done so far; each step is told when it is over."""

    tell: Tell
    done: list[Step] = field(default_factory=list)

    @contextmanager
    def timed(self, name: str) -> Iterator[tuple[Progress, list[str]]]:
        """A step under way: its progress, and the sentences that say what came of it."""
        started = time.monotonic()
        sentences: list[str] = []
        with shown_progress() as progress:
            yield progress, sentences
        step = Step(name, "; ".join(sentences), round(time.monotonic() - started, 2))
        self.done.append(step)
        self.tell(f"{step.name:<9} {step.said} ({step.seconds:.1f} s)")


def make_ready(app: App, steps: Steps) -> None:
    """Bring a home without a champion to where it can serve; one with a champion is left as it is.

    Raises:
        Refused: `gate_not_passed` if what was trained may reach nobody.
        TacitError: What importing and training raise.
    """
    from tacit.bootstrap import MODEL

    if app.registry.champion(MODEL) is not None:
        if app.settings.data is not None:
            _mention_unused(app, app.settings.data, steps.tell)
        return
    dataset = _imported(app, steps)
    candidate = _trained(app, dataset, steps)
    number = candidate.version.number
    if candidate.verdict.outcome != "pass":
        raise Refused(
            "gate_not_passed",
            f"There is no champion, and the verdict on {MODEL}/{number} is {candidate.verdict.outcome}: "
            + " ".join(candidate.verdict.reasons),
            fix=f"Import more data, or promote it all the same: tacit promote {number} --force --reason …",
            context={"verdict": candidate.verdict.outcome, "reasons": list(candidate.verdict.reasons)},
        )
    with steps.timed("promoted") as (_, said):
        app.promote(number, actor=actor(), reason="first version of this home")
        said.append(f"{MODEL}/{number} is the champion")


def _imported(app: App, steps: Steps) -> str | None:
    """The dataset to train on; `None` for the one the settings choose."""
    if app.settings.data is None and app.history.datasets():
        return None
    name, path = _found_data(app, steps)
    with steps.timed("imported") as (progress, said):
        report = app.import_data(name, path, actor=actor(), progress=progress)
        said.append(_account(report))
    return app.settings.dataset or report.dataset


def _found_data(app: App, steps: Steps) -> tuple[str, Path]:
    """A reader's name, and what it is to read: what the settings name, else a publisher's, else an invented one."""
    if app.settings.data is not None:
        return "auto", app.settings.data
    if app.settings.download:
        try:
            with steps.timed("fetched") as (progress, said):
                path = app.publisher.fetch(app.publication, progress)
                said.append(app.publication.title)
        except (BadInput, Refused, Unavailable) as problem:
            steps.tell(f"{'fetched':<9} nothing: {problem.detail}")
        else:
            return app.publication.reader, path
    return "auto", _invented(app, steps)


def _invented(app: App, steps: Steps) -> Path:
    from tacit.data import synthetic

    with steps.timed("invented") as (progress, said):
        progress("inventing a listening community", 0.0)
        path = synthetic.generate(app.publisher.folder / synthetic.DATASET)
        said.append("a synthetic listening community, labelled as such")
    return path


def _trained(app: App, dataset: str | None, steps: Steps) -> Candidate:
    with steps.timed("trained") as (progress, said):
        candidate = app.train(dataset, actor=actor(), progress=progress)
        metric, baseline = app.workload.primary_metric, app.workload.primary_baseline
        ours = candidate.run.evaluation.metrics[metric]
        theirs = candidate.run.baselines[baseline].metrics[metric]
        version = f"{candidate.version.name}/{candidate.version.number}"
        said += [f"{version}, {metric} {ours:.4f} against {theirs:.4f} of {baseline}"]
        said += [f"verdict {candidate.verdict.outcome}"]
    return candidate


def _mention_unused(app: App, path: Path, tell: Tell) -> None:
    """Say so if the data named is not what is being served."""
    from tacit.data.readers import detect

    try:
        is_known = detect(path).dataset(path) in app.history.datasets()
    except TacitError as problem:
        tell(f"note: {path} is not imported: {problem.detail.splitlines()[0]}")
        return
    if not is_known:
        source = shlex.quote(str(path))
        tell(f"note: {path} is not imported; to use it: tacit import auto --from {source} && tacit train --promote")


def _account(report: ImportReport) -> str:
    aside = sum(report.quarantined.values())
    return (
        f"{report.dataset}: {report.read:,} rows read, {report.accepted:,} accepted, {report.merged:,} merged, "
        f"{aside:,} quarantined; {report.users:,} users, {report.items:,} items"
    )
