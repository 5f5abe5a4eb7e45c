"""The settings of workers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Workers(BaseModel):
    """How many processes answer, and what happens to one that ends."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
