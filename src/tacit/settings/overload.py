"""The settings of overload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Overload(BaseModel):
    """What is given up first where there is more to do than can be done."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
