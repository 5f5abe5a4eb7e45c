"""The settings of accounts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Accounts(BaseModel):
    """People who sign in, and the tokens they are given."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
