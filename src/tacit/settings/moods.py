"""The settings of moods."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Moods(BaseModel):
    """Moods, charts and discovery."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
