"""How each part of a serving process stands, gathered for those who operate it."""

from __future__ import annotations

import os
import time
from typing import Any

from tacit.bootstrap.app import App
from tacit.bootstrap.serving import Serving
from tacit.bootstrap.workers import workers_standing


def components(app: App, parts: Serving) -> dict[str, Any]:
    """Every part by name, as plain values; nothing is asked that could be away, so that this always answers."""
    return {
        "process": _process(parts),
        "model": _model(parts),
        "registry": _registry(parts),
        "events": _events(parts),
        "exposures": _exposures(parts),
        "workers": workers_standing(app.in_force),
    }


def _process(parts: Serving) -> dict[str, Any]:
    from tacit.adapters.processes import resident_bytes

    return {"pid": os.getpid(), "role": parts.role, "resident_bytes": resident_bytes(os.getpid())}


def _model(parts: Serving) -> dict[str, Any]:
    loaded, refused = parts.pool.loaded, parts.pool.refused
    return {
        "version": None if loaded is None else loaded.label,
        "loaded_seconds_ago": None if loaded is None else round(max(0.0, time.time() - loaded.loaded_at), 1),
        "refused": None if refused is None else {"version": refused.number, "code": refused.code},
    }


def _registry(parts: Serving) -> dict[str, Any]:
    lost = parts.pool.lost
    return {"lost": None if lost is None else lost.code, "lost_since_ms": parts.pool.lost_since_ms}


def _events(parts: Serving) -> dict[str, Any] | None:
    """Of events that another process takes, nothing is known here."""
    if parts.role == "reader":
        return None
    state = parts.intake.state()
    return {
        "refusal": state.refusal,
        "lag": state.lag,
        "hindrance": state.hindrance,
        "is_space_low": state.is_space_low,
    }


def _exposures(parts: Serving) -> dict[str, int]:
    from tacit.monitoring import metrics as catalogue

    read = parts.metrics.value
    return {each: int(read(catalogue.EXPOSURES, outcome=each)) for each in ("recorded", "written", "dropped")}
