"""The settings of answering."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answering(BaseModel):
    """How lists are made of what was found: rules, diversity, exploration."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
