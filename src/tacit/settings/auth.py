"""The settings of auth."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Auth(BaseModel):
    """Who may ask: keys, accounts, tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
