"""The settings of answering."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Answering(BaseModel):
    """How lists are made of what was found: rules, diversity, exploration."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    diversity: float = Field(default=0.0, ge=0, le=1)
    """How diverse users' lists are that ask for nothing else: 0 is the best items, 1 looks at likeness alone.

    What it costs and gains is measured by `python -m benchmarks diversity`.
    """
    explore: float = Field(default=0.0, ge=0, le=1)
    """How probable it is, for each place of a user's list, that chance gives it to an item from further down.

    What was shown is kept with how probable it was, so that lists of another make can be judged by it later.
    """
