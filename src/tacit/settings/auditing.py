"""The settings of the audit trail."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Audit(BaseModel):
    """What is written down of who read and changed what."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    access: Literal["none", "personal", "all"] = "personal"
    """Which calls leave a row each: none, those on what is kept of a user or administrative, or lists and events too.
    """
    capacity: int = Field(default=10_000, ge=1, le=1_000_000)
    """How many rows may wait to be written; what comes beyond is dropped and counted."""
    flush_seconds: float = Field(default=0.5, gt=0, le=1)
    """Longest that a row waits."""
    head_file: Path | None = None
    """File that the heads of both trails are added to, better on another machine's disk; unset, none is."""
    head_seconds: float = Field(default=3_600.0, ge=1, le=604_800)
    """How often they are."""
