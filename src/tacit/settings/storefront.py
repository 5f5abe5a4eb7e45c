"""The settings of the storefront: whether somebody who is not signed in is known next time."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class StorefrontChoices(BaseModel):
    """The pages for everybody."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    visitors: bool = True
    """Whether somebody who is not signed in may choose and act on the pages, known by a cookie from their first choice
    on; not where `auth.mode` is `required`.

    What they do counts like every event: off, pages can be looked at without signing in, and nothing is taken.
    """
    visitor_days: int = Field(default=180, ge=1, le=400)
    """For how many days after their first choice a visitor is known."""
