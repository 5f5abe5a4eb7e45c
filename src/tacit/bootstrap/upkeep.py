"""Looking after versions: what stays deployable, what comes from elsewhere, and what the ledger tells."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.pruning import prune, prune_quietly
from tacit.errors import BadInput, NotFound, Unavailable

if TYPE_CHECKING:
    from tacit.registry.retention import PruningReport
    from tacit.registry.versions import Manifest, Version
    from tacit.rollout.version_desk import VersionDesk


def version_desk(app: App) -> VersionDesk:
    """What is known of versions, over the platform."""
    from tacit.rollout.version_desk import VersionDesk

    return VersionDesk(app.registry, app.versions, app.audit, name=MODEL, plan=app.traffic_plan)


def prune_versions(app: App, *, actor: str, is_dry: bool = False) -> PruningReport:
    """Make metadata of the versions that need not stay deployable, or say which would be."""
    return prune(app.retention, app.settings, app.traffic_plan, name=MODEL, actor=actor, is_dry=is_dry)


def export_version(app: App, number: int, path: Path, *, actor: str) -> Manifest:
    """Write a version into one file, wholly or not at all.

    Raises:
        BadInput: `file_exists`, or `file_unwritable`.
        NotFound, Refused: What `Exchange.write` says.
    """
    if path.exists():
        raise BadInput("file_exists", f"{path} is there already.", field="file", fix="Name a file that is not there.")
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            manifest = app.exchange.write(stream, MODEL, number, actor=actor)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(scratch, path)  # unlike a renaming, refused where somebody was first
    except FileExistsError as error:
        raise BadInput("file_exists", f"{path} is there already.", field="file") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(scratch).unlink()
    return manifest


def import_version(app: App, path: Path, *, actor: str) -> Version:
    """Take in a version that another installation exported; it becomes neither champion nor challenger.

    Raises:
        NotFound: `file_missing`.
        BadInput, Refused: What `Exchange.read` says.
        Unavailable: `file_unreadable`.
    """
    most = app.settings.registry.import_limit_mib * 2**20
    if path.exists() and not path.is_file():
        # A device or a pipe may have no end, and tells no size that the limit could be held against.
        raise BadInput("bundle_invalid", f"{path} is not a plain file.", field="file", fix="Name the file.")
    try:
        with path.open("rb") as stream:
            version = app.exchange.read(stream, MODEL, actor=actor, most_bytes=most)
    except FileNotFoundError as error:
        raise NotFound("file_missing", f"There is no file {path}.", field="file", fix="Name one there is.") from error
    except OSError as error:
        problem = f"{path} cannot be read, or its content not be kept: {error.strerror}."
        raise Unavailable("file_unreadable", problem, field="file") from error
    prune_quietly(app.retention, app.settings, app.traffic_plan, name=MODEL, actor=actor)
    return version


def _unwritable(path: Path, error: OSError) -> BadInput:
    problem = f"{path} cannot be written: {error.strerror}."
    return BadInput("file_unwritable", problem, field="file", fix="Name a file in a folder that you may write to.")
