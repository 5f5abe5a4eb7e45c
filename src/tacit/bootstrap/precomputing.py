"""Everybody's lists made beforehand, wired: the job that makes them, and the server that has them at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.repeating import now_ms, repeated
from tacit.data.interfaces import Progress, silent

if TYPE_CHECKING:
    from tacit.adapters.precomputed import PrecomputedFolder
    from tacit.errors import Refused
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.precomputed import PrecomputedShelf

LOOK_SECONDS = 5.0
"""How long after a job made lists, or a version began to answer, they are at hand."""


def precomputed_folder(app: App) -> PrecomputedFolder:
    """Where an installation keeps them."""
    from tacit.adapters.precomputed import PrecomputedFolder

    return PrecomputedFolder(app.settings.home / "precomputed")


def precompute(
    app: App, *, number: int | None = None, count: int | None = None, progress: Progress = silent
) -> Mapping[str, object]:
    """Make everybody's list by a version, the champion unless one is named; lists of versions that went are removed.

    Only whose history is long enough for a personal list has one.  Where there is no champion, nothing is made.

    Raises:
        NotFound: There is no such version.
        Refused: `space_low`; what the registry says of a version that does not verify.
    """
    from tacit.bootstrap.app import check_space
    from tacit.data.catalog_merging import all_entries, hidden
    from tacit.models.recommender.lists import lists_for_all

    folder, champion = precomputed_folder(app), app.registry.champion(MODEL)
    if number is None and champion is None:
        return {"version": None, "users": 0}
    check_space(app.settings.home)
    chosen = number if number is not None or champion is None else champion.number
    length = app.settings.retraining.precompute_count if count is None else count
    with app.registry.held(MODEL, chosen or 0) as (version, _):
        model = app.workload.load(version.folder)
    rows = (model.item_rows.get(item_id) for item_id in hidden(all_entries(app.catalog), now_ms()))
    least = app.settings.coldstart.personal_from
    off = [row for row in rows if row is not None]
    chunks = lists_for_all(model, length, min_interactions=least, hidden=off, progress=progress)
    users = folder.write(version.manifest_digest, chunks, count=length)
    keep = [each.manifest_digest for each in app.versions.versions(MODEL) if each.pruned_at is None]
    removed = folder.prune(keep)
    return {"version": f"{version.name}/{version.number}", "users": users, "count": length, "removed": removed}


@contextmanager
def having_precomputed(app: App, pool: ModelPool) -> Iterator[PrecomputedShelf]:
    """Have the lists of the version that answers at hand for as long as a server runs."""
    import structlog

    from tacit.serving.precomputed import PrecomputedShelf

    def failed(error: Refused) -> None:
        structlog.get_logger(__name__).warning("precomputed_refused", code=error.code, detail=error.detail)

    shelf = PrecomputedShelf(precomputed_folder(app), failed=failed)
    look = repeated(lambda: shelf.refresh(pool.loaded), name="precomputed", every_seconds=LOOK_SECONDS)
    with look:
        yield shelf
